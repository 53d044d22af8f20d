"""What tests of the schedules' pages have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.test import Client

from audit.models import OperatorAction
from monitoring.statuses import Status
from scheduler.models import FireState, ScheduledFire, ScheduledJob
from tests.factories import make_task
from tests.reading_pages import BASE
from tests.scheduling import make_job

JSON: Any = {"headers": {"Accept": "application/json"}}
SCHEDULES = f"{BASE}/schedules"


def desk_of(user: User) -> Client:
    """The user's browser, logged in."""
    client = Client()
    client.force_login(user)
    return client


def schedule(name: str = "report", **fields: Any) -> ScheduledJob:
    """One that is due in a minute."""
    job = make_job(datetime.now(UTC), **{"name": name, **fields})
    if given := [column for column in fields if column.startswith("next_")]:
        for column in given:
            setattr(job, column, fields[column])
        job.save()
    return job


def address_of(job: ScheduledJob, end: str = "") -> str:
    """Its page."""
    return f"{SCHEDULES}/{job.uuid}{end}"


def make_runs(job: ScheduledJob, *statuses: Status, late: timedelta = timedelta()) -> list[ScheduledFire]:
    """Executions that ended so, a minute after one another, the last of them a minute ago."""
    begin = datetime.now(UTC) - timedelta(minutes=len(statuses))
    return [_make_run(job, begin + timedelta(minutes=number), status, late) for number, status in enumerate(statuses)]


def _make_run(job: ScheduledJob, at: datetime, status: Status, late: timedelta) -> ScheduledFire:
    task_id, started, ended = uuid4(), at + late, at + late + timedelta(seconds=5)
    make_task(
        id=task_id, status=status, scheduled_job=job, queue=job.queue, created_at=started, started_at=started,
        completed_at=ended, task_type="demo.tasks.echo",
    )  # fmt: skip
    return ScheduledFire.objects.create(
        job=job, due_at=at, run_at=at, state=FireState.STARTED, task_id=task_id, enqueued_at=started,
        started_at=started, over_at=ended, status=status,
    )  # fmt: skip


def trail(*columns: str) -> list[Any]:
    """The deeds on schedules, oldest first."""
    rows = OperatorAction.objects.filter(action__startswith="repeatable.").order_by("number")
    return list(rows.values_list(*(columns or ("action", "actor", "outcome"))))
