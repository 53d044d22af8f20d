"""The jobs that run while things break. Each leaves a line in a file, so that what ran twice can be told."""

from __future__ import annotations

import os
import time

from rq import get_current_job


def leave_a_line(path: str, key: str, seconds: float) -> str:
    """Takes its time, then adds its key to the file in one write, which the kernel keeps whole."""
    time.sleep(seconds)
    lines = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(lines, f"{key}\n".encode())
    finally:
        os.close(lines)
    return key


def leave_a_tick(path: str) -> str:
    """A run of the schedule: its key is RQ's id of the job, of which each due time has one."""
    job = get_current_job()
    return leave_a_line(path, job.id if job is not None else "", 0)
