"""Ties a process to its parent's life, so that a SIGKILL of the parent leaves nobody behind.

Linux can do it (``PR_SET_PDEATHSIG`` in prctl(2)); on other systems the functions here do nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(parent_pid: int, number: signal.Signals) -> None:
    """Has the kernel send this process the signal when its parent ends, in whatever way."""
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before the call
        os.kill(os.getpid(), number)


SUPERVISOR = "QUARTERDECK_SUPERVISOR"
"""The variable in which ``manage.py up`` tells its processes the supervisor's pid."""


def end_with_supervisor() -> None:
    """Stops this process when the supervisor that ``manage.py up`` became ends; elsewhere it does nothing."""
    # Taken out of the environment: what a task starts is no child of the supervisor.
    if pid := os.environ.pop(SUPERVISOR, ""):
        end_with_parent(int(pid), signal.SIGTERM)
