"""What the doctor looks at of this app."""

from __future__ import annotations

from collections.abc import Iterator

from monitoring.doctor import Line, ok, problem
from monitoring.redis_state import listeners
from scheduler.bell import CHANNEL


def dispatchers() -> Iterator[Line]:
    """Each sleeping dispatcher listens for the bell."""
    number = listeners(CHANNEL)
    if number:
        yield ok("dispatcher", f"{number:,} {'runs' if number == 1 else 'run'}.")
    else:
        yield problem(
            "dispatcher", "None runs: schedules do not fire, and workflows that wait for a time stand still.",
            "Start `python manage.py dispatch`.",
        )  # fmt: skip
