"""Demo work. The functions here may be started by anyone who may run tasks."""

from __future__ import annotations

import time
from typing import Any


def echo(value: Any) -> Any:
    """Returns its argument."""
    return value


def sleep_for(seconds: float) -> str:
    """Sleeps, for trying out what runs long."""
    time.sleep(seconds)
    return f"slept for {seconds} s"


def fail_with(message: str) -> None:
    """Fails with the message."""
    raise RuntimeError(message)
