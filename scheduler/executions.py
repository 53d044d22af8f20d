"""What is asked about executions: lists, figures, the timeline. One function per question."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import TruncHour
from django.db.models.lookups import Exact

from monitoring.models import Task
from monitoring.redaction import clean_text
from monitoring.statuses import OVER, WAITING, Status
from monitoring.trends import success_rate
from scheduler.models import ScheduledFire, ScheduledFireQuerySet, ScheduledJob, newest_first

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MOST_UPCOMING = 10_000
TEXT_LIMIT = 65_536
_PICTURED = (
    *("job_id", "due_at", "run_at", "enqueued_at", "status", "started_at", "over_at"),
    *("task__status", "task__started_at", "task__completed_at"),
)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of a scheduled job, as its fire and, once the recorder has seen it, its task tell it."""

    fire: ScheduledFire
    task: Task | None

    @property
    def id(self) -> UUID | None:
        """The task's id, which is RQ's too."""
        return self.fire.task_id

    @property
    def status(self) -> str:
        """One of ours. Until the recorder has seen it, it waits."""
        if self.task is not None:
            return self.task.status
        return self.fire.status or Status.QUEUED

    @property
    def started_at(self) -> datetime | None:
        """The last start."""
        return self.task.started_at if self.task else self.fire.started_at

    @property
    def completed_at(self) -> datetime | None:
        """When it was over, however."""
        if self.task is not None and self.task.status in OVER:
            return self.task.completed_at
        return None if self.task else self.fire.over_at

    @property
    def duration(self) -> timedelta | None:
        """From the last start to the end; None until it is over, and if it never started."""
        if self.started_at is None or self.completed_at is None:
            return None
        return max(timedelta(), self.completed_at - self.started_at)

    @property
    def retry_count(self) -> int:
        """Automatic and manual retries of the same task."""
        return self.task.retry_count if self.task else 0

    @property
    def output(self) -> str | None:
        """What it wrote with report_output, else what it returned, as JSON."""
        if self.task is None:
            return None
        text = self.task.output or self.task.result
        return clean_text(text, TEXT_LIMIT) if text else None

    @property
    def error(self) -> str | None:
        """The error of the last failed run."""
        return clean_text(self.task.error, TEXT_LIMIT) if self.task and self.task.error else None


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How the scheduler does."""

    total_jobs: int
    enabled_jobs: int
    success_rate: float
    upcoming: int
    recent_failures: int


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """One hour of the timeline."""

    start: datetime
    completed: int
    failed: int
    running: int
    """Started before the hour's end, and not over by then."""


def find_execution(execution_id: UUID) -> Execution | None:
    """The execution with its job and task, whole; one query."""
    # Exact on the column, for the reason told in ScheduledFireQuerySet.executions.
    fires = ScheduledFire.objects.select_related("job", "task").filter(Exact(F("task_id"), execution_id))
    fire = fires.first()
    return of_fire(fire) if fire else None


def of_fire(fire: ScheduledFire) -> Execution:
    """The execution of a fire that was loaded with its task."""
    return Execution(fire=fire, task=fire.task if fire.task_id else None)


def page_of_executions(
    *,
    job: ScheduledJob | None = None,
    statuses: Sequence[Status] = (),
    started_from: datetime | None = None,
    started_to: datetime | None = None,
    number: int,
    size: int,
) -> tuple[list[Execution], int]:
    """A page, newest first, and how many there are in all; two queries."""
    fires = ScheduledFire.objects.executions()
    if job is not None:
        fires = fires.filter(job=job)
    if statuses:
        fires = _in_status(fires, statuses)
    for lookup, moment in (("gte", started_from), ("lte", started_to)):
        if moment is not None:
            # Of an execution that is over the fire knows it, of another one its task.
            over = Q(over_at__isnull=False, **{f"started_at__{lookup}": moment})
            fires = fires.filter(over | Q(over_at__isnull=True, **{f"task__started_at__{lookup}": moment}))
    total = fires.count()
    offset = (number - 1) * size
    if offset >= total:  # no query: the offset may be larger than a database can count
        return [], total
    rows = fires.for_list().order_by(*newest_first())[offset : offset + size]
    return [of_fire(fire) for fire in rows], total


def _in_status(fires: ScheduledFireQuerySet, statuses: Sequence[Status]) -> ScheduledFireQuerySet:
    chosen = set(statuses)
    wanted = Q(over_at__isnull=False, status__in=[status for status in chosen if status in OVER])
    if chosen & WAITING:  # also one that the recorder has not seen
        wanted |= Q(over_at__isnull=True) & (Q(task__status__in=WAITING) | Q(task__status__isnull=True))
    if Status.RUNNING in chosen:
        wanted |= Q(over_at__isnull=True, task__status=Status.RUNNING)
    return fires.filter(wanted)


def figures(now: datetime | None = None) -> Figures:
    """The figures of the last and the next 24 hours; three queries."""
    now = now or datetime.now(UTC)
    jobs = ScheduledJob.objects.aggregate(total=Count("pk"), enabled=Count("pk", filter=Q(is_enabled=True)))
    ended = ended_since(now - DAY)
    completed, failed = ended.get(Status.COMPLETED, 0), ended.get(Status.FAILED, 0)
    return Figures(
        total_jobs=jobs["total"],
        enabled_jobs=jobs["enabled"],
        success_rate=success_rate(completed, failed) if completed + failed else 100.0,
        upcoming=upcoming_fires(now, now + DAY),
        recent_failures=failed,
    )


def ended_since(start: datetime) -> dict[str, int]:
    """How many executions have ended since, by status."""
    ended = ScheduledFire.objects.filter(over_at__gte=start).exclude(status="").order_by()
    return dict(ended.values_list("status").annotate(total=Count("pk")))


def upcoming_fires(now: datetime, until: datetime) -> int:
    """How many due times of active jobs lie ahead, counted to MOST_UPCOMING; one query."""
    counted = 0
    known: dict[tuple[Any, ...], int] = {}
    soon = ScheduledJob.objects.active().filter(next_run_at__lte=until).order_by("next_run_at")
    for job in soon.defer("args", "kwargs", "description", "tags")[:MOST_UPCOMING]:
        left = MOST_UPCOMING - counted
        if job.max_runs is not None:
            left = min(left, max(0, job.max_runs - job.run_count))
        counted += min(left, _ahead(job, now, until, known))
        if counted >= MOST_UPCOMING:
            break
    return counted


def _ahead(job: ScheduledJob, now: datetime, until: datetime, known: dict[tuple[Any, ...], int]) -> int:
    """Many jobs share an expression: each is worked out once."""
    key = (job.cron, job.timezone, job.start_at, job.end_at) if job.cron else (job.pk,)
    if key not in known:
        known[key] = job.schedule.count(now, until, at_most=MOST_UPCOMING)
    return known[key]


def failing_jobs(threshold: int) -> list[ScheduledJob]:
    """The jobs whose last executions failed, so many in a row at least; most first. One query."""
    failing = ScheduledJob.objects.filter(consecutive_failures__gte=threshold)
    return list(failing.order_by("-consecutive_failures", "name"))


def timeline(hours: int, now: datetime | None = None, *, job: ScheduledJob | None = None) -> list[Bucket]:
    """The last hours, oldest first, empty ones too; the last is the one that has begun. Of one job or of all.

    Two queries.
    """
    fires = ScheduledFire.objects.all() if job is None else ScheduledFire.objects.filter(job=job)
    now = now or datetime.now(UTC)
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + HOUR
    starts = [end - (hours - index) * HOUR for index in range(hours)]
    ended: dict[tuple[datetime, str], int] = defaultdict(int)
    running: dict[datetime, int] = defaultdict(int)
    over = fires.filter(over_at__gte=starts[0]).exclude(status="").order_by()
    groups = over.values_list("status", TruncHour("over_at"), TruncHour("started_at")).annotate(total=Count("pk"))
    for status, over_hour, start_hour, total in groups:
        ended[over_hour, status] += total
        if start_hour is not None:
            _add_span(running, max(start_hour, starts[0]), over_hour, total)
    open_fires = fires.open().filter(task__status=Status.RUNNING).order_by()
    still = open_fires.values_list(TruncHour("task__started_at")).annotate(total=Count("pk"))
    for start_hour, total in still:
        if start_hour is not None:
            _add_span(running, max(start_hour, starts[0]), end, total)
    return [
        Bucket(
            start=start,
            completed=ended[start, Status.COMPLETED],
            failed=ended[start, Status.FAILED],
            running=running[start],
        )
        for start in starts
    ]


def _add_span(running: dict[datetime, int], first: datetime, over: datetime, total: int) -> None:
    """At the end of each hour from the one it started in to the one before it was over, an execution ran."""
    hour = first
    while hour < over:
        running[hour] += total
        hour += HOUR


def last_runs(jobs: Sequence[ScheduledJob], *, each: int = 30) -> Mapping[int, list[Execution]]:
    """The last executions of each job, oldest first, for a sparkline; two queries, however many jobs a page has.

    Of fires and tasks only what a picture needs is read: there are many.
    """
    of_job = ScheduledFire.objects.executions().filter(job=OuterRef("pk")).order_by("-due_at")
    first = Subquery(of_job.values("due_at")[each - 1 : each])
    starts = dict(ScheduledJob.objects.filter(pk__in=[job.pk for job in jobs]).values_list("pk", first))
    runs: dict[int, list[Execution]] = {job.pk: [] for job in jobs}
    if not starts:
        return runs
    wanted = [Q(job=pk, due_at__gte=start) if start else Q(job=pk) for pk, start in starts.items()]
    fires = ScheduledFire.objects.executions().select_related("task").only(*_PICTURED)
    for fire in fires.filter(reduce(or_, wanted)).order_by("due_at", "id"):
        runs[fire.job_id].append(of_fire(fire))
    return runs
