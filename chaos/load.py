"""``python -m chaos.load <rate> <seconds of each job> <effects> <accepted>``: enqueues jobs until it is told to stop.

What Redis has accepted is written down, one id a line: only those can be lost. An id whose enqueueing failed may still
have reached Redis before the answer was lost; it is written down with a question mark, may be there, and may not.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from threading import Event
from uuid import uuid4

SCHEDULE = "Every second"
DELAYED, DELAY_SECONDS = 5, 8.0
"""Every fifth job waits for its time, so that there is always something in Redis that could be lost."""


def main(rate: float, job_seconds: float, effects: str, accepted: Path) -> None:
    """Enqueues at the rate, counted from the start: what an outage held up is not caught up with."""
    from django.db import connection

    from chaos.jobs import leave_a_line
    from monitoring import broker

    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    schedule(effects)
    name = f"{leave_a_line.__module__}.{leave_a_line.__name__}"
    number = 0
    with accepted.open("w", buffering=1) as ids:
        while not stopping.wait(1 / rate):
            job_id, number = str(uuid4()), number + 1
            delay = DELAY_SECONDS if number % DELAYED == 0 else 0.0
            try:
                broker.enqueue(name, args=(effects, job_id, job_seconds), job_id=job_id, delay_seconds=delay)
                ids.write(f"{job_id}\n")
            except broker.BrokerError:
                ids.write(f"?{job_id}\n")
    connection.close()  # the database may have been away meanwhile
    pause_schedule()


def schedule(effects: str) -> None:
    """Has a job fire every second, each due time once, however late."""
    from audit.trail import process
    from scheduler.actions import create_job
    from scheduler.models import MisfirePolicy, OverlapPolicy

    definition = {
        "name": SCHEDULE,
        "handler": "chaos.jobs.leave_a_tick",
        "kwargs": {"path": effects},
        "interval_seconds": 1,
        "overlap_policy": OverlapPolicy.ALLOW,
        "misfire_policy": MisfirePolicy.RUN_ALL,
    }
    create_job(definition, by=process("chaos"))


def pause_schedule() -> None:
    """Nothing is due any more."""
    from audit.trail import process
    from scheduler.actions import pause_job
    from scheduler.models import ScheduledJob

    pause_job(ScheduledJob.objects.get(name=SCHEDULE), by=process("chaos"))


if __name__ == "__main__":
    import django

    django.setup()
    main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
