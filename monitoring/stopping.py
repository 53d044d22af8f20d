"""How a process that runs until it is told to stop learns of it."""

from __future__ import annotations

import logging
import os
import select
import signal
from types import FrameType

logger = logging.getLogger("quarterdeck.stopping")

PATIENCE_SECONDS = 3.5
"""How long what is under way may take to end; then servers that do not answer are left. Supervisors kill after 5 s."""


class StopRequest:
    """SIGTERM or SIGINT, as something that a loop asks for and waits for.

    A pipe and not a threading.Event: a handler that sets an Event while the main thread enters ``wait`` can deadlock.
    Whoever still waits for Redis or the database PATIENCE_SECONDS later is sent out by SystemExit, as a killed process
    would be, and with as little loss: what is not committed is done again by the next one.
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
        signal.signal(signal.SIGALRM, _leave)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)


def _leave(number: int, frame: FrameType | None) -> None:
    logger.warning("stopped without waiting any longer for Redis or the database")
    raise SystemExit(0)
