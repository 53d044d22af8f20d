"""Jobs that tests run on real workers."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from rq import Retry, get_current_job

from monitoring import reporting


def echo(value: Any = None) -> Any:
    return value


def fail(message: str = "boom") -> None:
    raise ValueError(message)


def fail_until(attempt: int) -> int:
    """Fails on the runs before ``attempt``, counted in the job's own meta."""
    job = get_current_job()
    assert job is not None
    job.meta["runs"] = job.meta.get("runs", 0) + 1
    job.save_meta()
    if job.meta["runs"] < attempt:
        raise ValueError(f"run {job.meta['runs']}")
    return int(job.meta["runs"])


def fail_and_then_sleep(seconds: float) -> None:
    """Fails on the first run and takes its time on the next."""
    fail_until(2)
    time.sleep(seconds)


def ask_for_retry(maximum: int = 1, interval: int = 0) -> Retry:
    return Retry(max=maximum, interval=interval)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def kill_horse() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_worker() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def report_everything() -> str:
    reporting.report_progress(40, "halfway")
    reporting.report_output("first line")
    reporting.report_output("second line")
    reporting.report_media("out/a.png", media_type="image")
    reporting.report_service_request("mailer", status=200, api_key="hidden-value")
    return "done"


def connect(user: str, password: str) -> str:
    return user
