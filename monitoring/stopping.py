"""How a process that runs until it is told to stop learns of it."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType


class StopRequest:
    """SIGTERM or SIGINT, as something that a loop asks for and waits for.

    A pipe and not a threading.Event: a handler that sets an Event while the main thread enters ``wait`` can deadlock.
    """

    def __init__(self) -> None:
        self.came = False
        self._reading, self._writing = os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until it comes, at most ``seconds``; returns whether it came."""
        select.select([self._reading], [], [], seconds)
        return self.came

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        os.write(self._writing, b".")
