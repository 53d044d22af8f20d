"""What people look at before they trust a schedule: its next fires, on the clock of its zone; and the list of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from scheduler import cron
from scheduler.actions import BadDefinition
from scheduler.definitions import mistakes_in_schedule
from scheduler.models import ScheduledJob
from scheduler.recurrence import jittered


@dataclass(frozen=True, kw_only=True)
class Upcoming:
    """One fire to come."""

    due_at: datetime
    run_at: datetime
    local_time: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A schedule in words, and its next fires."""

    words: str
    timezone: str
    upcoming: list[Upcoming]


def preview(job: ScheduledJob, *, count: int, now: datetime | None = None) -> Preview:
    """The next fires of a job as it stands, saved or not; those of a disabled or paused one as if it were not."""
    now = now or datetime.now(UTC)
    left = count if job.max_runs is None else min(count, max(0, job.max_runs - job.run_count))
    after = max(now, job.last_due_at or now)
    return Preview(
        words=job.in_words(),
        timezone=job.timezone,
        upcoming=[_upcoming(job, due) for due in islice(job.schedule.upcoming(after), left)],
    )


def checked_preview(job: ScheduledJob, *, count: int) -> Preview:
    """The preview of a schedule that was typed just now; raises BadDefinition with what is wrong with it."""
    if mistakes := mistakes_in_schedule(job):
        raise BadDefinition(mistakes)
    return preview(job, count=count)


def _upcoming(job: ScheduledJob, due: datetime) -> Upcoming:
    # Of a job that is not saved yet, the jitter is not known either: it follows from the job's id.
    seconds = 0 if job._state.adding else job.jitter_seconds
    local = due.astimezone(cron.zone(job.timezone))
    return Upcoming(
        due_at=due, run_at=jittered(due, job=job.uuid, seconds=seconds), local_time=local.isoformat(timespec="seconds")
    )


def page_of_jobs(
    *, search: str = "", is_enabled: bool | None = None, is_paused: bool | None = None, number: int, size: int
) -> tuple[Sequence[ScheduledJob], int]:
    """A page of jobs by name, and how many match in all; two queries."""
    jobs = ScheduledJob.objects.all()
    if search:
        jobs = jobs.filter(name__icontains=search)
    if is_enabled is not None:
        jobs = jobs.filter(is_enabled=is_enabled)
    if is_paused is not None:
        jobs = jobs.filter(is_paused=is_paused)
    total = jobs.count()
    offset = (number - 1) * size
    return ([] if offset >= total else list(jobs.order_by("name")[offset : offset + size])), total
