"""The list of scheduled jobs: which, in which order, how many there are of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, F, Q, QuerySet, TextChoices

from scheduler.models import ScheduledJob, ScheduleType
from scheduler.registry import NotRunnable, find

OVERDUE_AFTER = timedelta(seconds=10)
"""A job that is due for longer than this has been forgotten: dispatchers start what is due within a second."""
NOT_LISTED = ("args", "kwargs", "description", "tags", "created_by")


class Kind(TextChoices):
    """What a job can be found by. A job may be of several kinds: active, failing and overdue."""

    ACTIVE = "active", "Active"
    FAILING = "failing", "Failing"
    OVERDUE = "overdue", "Overdue"
    PAUSED = "paused", "Paused"
    DISABLED = "disabled", "Disabled"
    ENDED = "ended", "Ended"


ORDERS = {
    "name": (F("name"),),
    "next": (F("next_run_at"),),
    "last": (F("last_executed_at"),),
    "failures": (F("consecutive_failures"),),
    "queue": (F("queue"),),
}
"""The columns that jobs are sorted by; the name decides between equals."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of the list."""

    search: str = ""
    """Part of the name, in any case."""
    queue: str = ""
    kind: Kind | None = None
    schedule_type: ScheduleType | None = None


def matching(wanted: Wanted, now: datetime) -> QuerySet[ScheduledJob]:
    """The jobs that are wanted."""
    jobs = _of_any_kind(wanted)
    return jobs if wanted.kind is None else jobs.filter(_is(wanted.kind, now))


def counts(wanted: Wanted, now: datetime) -> Mapping[Kind | None, int]:
    """How many there are of each kind, and of any (None), whichever kind is wanted; one query."""
    numbers = _of_any_kind(wanted).aggregate(
        any=Count("pk"), **{kind.value: Count("pk", filter=_is(kind, now)) for kind in Kind}
    )
    return {None: numbers["any"], **{kind: numbers[kind.value] for kind in Kind}}


def in_order(jobs: QuerySet[ScheduledJob], order: str, *, descending: bool) -> QuerySet[ScheduledJob]:
    """Sorted; what has no value comes last either way."""
    (column,) = ORDERS[order]
    if order in ("name", "queue", "failures"):  # never null: said plainly, so that an index is used
        sorting = column.desc() if descending else column.asc()
    else:
        sorting = column.desc(nulls_last=True) if descending else column.asc(nulls_last=True)
    return jobs.order_by(sorting, *(() if order == "name" else ("name",)))


def page_of(jobs: QuerySet[ScheduledJob], first: int, last: int) -> list[ScheduledJob]:
    """The rows from ``first`` to before ``last``; the ids first, so that a deep page reads no row of those before."""
    ids = list(jobs.values_list("pk", flat=True)[first:last])
    by_id = ScheduledJob.objects.defer(*NOT_LISTED).in_bulk(ids)
    return [by_id[pk] for pk in ids if pk in by_id]


def is_overdue(job: ScheduledJob, now: datetime | None = None) -> bool:
    """Whether it should have been started, and no dispatcher has come by."""
    now = now or datetime.now(UTC)
    return bool(
        job.is_enabled and not job.is_paused and job.next_run_at is not None and now - job.next_run_at > OVERDUE_AFTER
    )


def state_of(job: ScheduledJob, now: datetime | None = None) -> Kind:
    """The one kind that says most of whether it will be started; that it fails is told beside it."""
    if not job.is_enabled:
        return Kind.DISABLED
    if job.is_paused:
        return Kind.PAUSED
    if job.next_run_at is None:
        return Kind.ENDED
    return Kind.OVERDUE if is_overdue(job, now) else Kind.ACTIVE


def problem_of(job: ScheduledJob) -> str:
    """Why it cannot be started: its handler is gone. Empty if it can."""
    try:
        find(job.handler)
    except NotRunnable as error:
        return str(error)
    return ""


def _of_any_kind(wanted: Wanted) -> QuerySet[ScheduledJob]:
    jobs = ScheduledJob.objects.all()
    if "\x00" in wanted.search + wanted.queue:  # no name has one, and PostgreSQL refuses to be asked
        return jobs.none()
    if wanted.search:
        jobs = jobs.filter(name__icontains=wanted.search)
    if wanted.queue:
        jobs = jobs.filter(queue=wanted.queue)
    return jobs if wanted.schedule_type is None else jobs.filter(_of_type(wanted.schedule_type))


def _of_type(schedule_type: ScheduleType) -> Q:
    """As ``ScheduledJob.schedule_type`` tells them."""
    return {
        ScheduleType.CRON: ~Q(cron=""),
        ScheduleType.ONE_TIME: Q(cron="", run_at__isnull=False),
        ScheduleType.INTERVAL: Q(cron="", run_at__isnull=True),
    }[schedule_type]


def _is(kind: Kind, now: datetime) -> Q:
    goes_on = Q(is_enabled=True, is_paused=False)
    return {
        Kind.ACTIVE: goes_on & Q(next_run_at__isnull=False),
        Kind.FAILING: Q(consecutive_failures__gt=0),
        Kind.OVERDUE: goes_on & Q(next_run_at__lt=now - OVERDUE_AFTER),
        Kind.PAUSED: Q(is_enabled=True, is_paused=True),
        Kind.DISABLED: Q(is_enabled=False),
        Kind.ENDED: goes_on & Q(next_run_at__isnull=True),
    }[kind]
