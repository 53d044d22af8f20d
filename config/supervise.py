"""supervisord with one difference: SIGHUP, the closing of its terminal, stops it.

supervisord itself takes SIGHUP for "read your configuration again", and would live on without a terminal.
Under nohup the signal stays ignored.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor


class Options(ServerOptions):  # type: ignore[misc]  # supervisor ships no types
    """supervisord's options, which also set its signals."""

    def setsignals(self) -> None:
        ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        super().setsignals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else self._hang_up)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self.signal_receiver.receive(signal.SIGTERM, frame)


def main(arguments: list[str]) -> None:
    """Supervises until it is told to stop."""
    options = Options()
    options.realize(arguments, doc=__doc__)
    options.first, options.test = True, False
    try:
        Supervisor(options).main()
    except ExitNow:
        options.close_logger()


if __name__ == "__main__":
    main(sys.argv[1:])
