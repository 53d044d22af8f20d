"""How much memory a process of this machine holds, from /proc. Where there is none, nobody knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

PROC = Path("/proc")
_CLOCK_TOLERANCE = timedelta(seconds=2)


def resident_mb(pid: int, *, born_at: datetime) -> float | None:
    """The resident memory of a process and its children in MiB; None if it is not there.

    ``born_at`` tells it from a later process with the same pid: it had started by then.
    """
    try:
        if pid <= 0 or _started_at(pid) > born_at + _CLOCK_TOLERANCE:
            return None
        resident = _resident_bytes(pid)
    except (OSError, ValueError):
        return None
    return round((resident + sum(_bytes_if_there(child) for child in _children(pid))) / 2**20, 1)


def _started_at(pid: int) -> datetime:
    # Fields are counted behind the command's name, which may hold spaces; see proc_pid_stat(5) and proc_stat(5).
    ticks = int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
    boot = next(line for line in (PROC / "stat").read_text().splitlines() if line.startswith("btime "))
    return datetime.fromtimestamp(int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK"), tz=UTC)


def _resident_bytes(pid: int) -> int:
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _bytes_if_there(pid: int) -> int:
    try:
        return _resident_bytes(pid)
    except (OSError, ValueError):  # it has ended meanwhile
        return 0


def _children(pid: int) -> Iterator[int]:
    for file in (PROC / str(pid) / "task").glob("*/children"):
        try:
            yield from map(int, file.read_text().split())
        except OSError:  # the thread has ended meanwhile
            continue
