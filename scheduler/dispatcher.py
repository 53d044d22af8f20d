"""Starts what is due, each due time once, however many dispatchers there are and whenever they are killed.

A claim is one transaction: lock the jobs that are due, passing over those that another dispatcher holds, write a row
for each due time, and move the jobs on to their next one. A row that says "claimed" is a promise to start: its job's id
in RQ follows from it, and RQ takes an id once. Who claimed enqueues; should it die of it, whoever comes next sees the
lease run out and does the same again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Max, Subquery

from monitoring import broker, bulk
from scheduler.models import FireState, OverlapPolicy, ScheduledFire, ScheduledJob
from scheduler.planning import Plan, plan
from scheduler.starting import close_ended, start_fires

logger = logging.getLogger("quarterdeck.dispatcher")

BATCH = 100
"""How many jobs, and about how many due times, one claim deals with: it must be enqueued well within its lease."""
LEASE = timedelta(seconds=1)
"""How long a claim is left to whoever made it. One who is merely slow is overtaken, and nothing is started twice."""
LONGEST_SLEEP_SECONDS = 5.0
GATHER_SECONDS = 0.1
"""After a small claim: wait for company, so that many jobs a second cost tens of transactions and not hundreds."""
SMALL_CLAIM = 50
_NEXT = ("next_due_at", "next_run_at", "last_due_at", "run_count")


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """When there will be something to do."""

    next_run_at: datetime | None
    leased_at: datetime | None
    """The oldest lease of a claim that has not been enqueued."""

    def seconds_left(self, now: datetime) -> float:
        """How long nothing has to be done; 0 or less: now."""
        moments = [self.next_run_at, self.leased_at and self.leased_at + LEASE]
        return min([LONGEST_SLEEP_SECONDS, *((moment - now).total_seconds() for moment in moments if moment)])


def look_ahead() -> Outlook:
    """One query on two indexes, however many jobs there are."""
    claimed = ScheduledFire.objects.claimed().order_by("leased_at").values("leased_at")[:1]
    due = ScheduledJob.objects.active().order_by("next_run_at").annotate(leased_at=Subquery(claimed))
    first = due.values_list("next_run_at", "leased_at").first()
    if first is None:  # no job will ever be due, but a claim may be left
        return Outlook(next_run_at=None, leased_at=claimed.values_list("leased_at", flat=True).first())
    return Outlook(next_run_at=first[0], leased_at=first[1])


class Dispatcher:
    """One of any number."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock

    def turn(self) -> float:
        """Does what there is to do; returns the seconds until there may be more.

        Raises BrokerError without claiming anything while Redis is away: what is due then is caught up with later, by
        the jobs' misfire policies.
        """
        now = self.clock()
        outlook = look_ahead()
        left = outlook.seconds_left(now)
        if left > 0:
            return left
        broker.ping()
        if outlook.leased_at and outlook.leased_at + LEASE <= now:
            start_fires(take_over(now), again=True)
        if outlook.next_run_at and outlook.next_run_at <= now:
            fires = claim(now)
            start_fires(fires)
            if len(fires) < SMALL_CLAIM:
                return GATHER_SECONDS
        return 0.0

    def catch_up(self) -> None:
        """Turn after turn until nothing is left of what is due by the clock, which had better stand still."""
        while look_ahead().seconds_left(self.clock()) <= 0:
            self.turn()


def claim(now: datetime) -> list[ScheduledFire]:
    """Claims due jobs, at most BATCH, and returns the fires to be started."""
    due = ScheduledJob.objects.active().filter(next_run_at__lte=now).order_by("next_run_at")
    close_ended(list(due.only("pk", "overlap_policy")[:BATCH]))
    with transaction.atomic():
        jobs = lock_due(due)
        plans = make_plans(jobs, now)
        fires = write_fires(plans)
        move_on(jobs[: len(plans)], plans)
    return fires


def lock_due(due: object) -> list[ScheduledJob]:
    """Locks due jobs, passing over those that others hold; on SQLite the transaction itself is the lock."""
    return list(due.select_for_update(skip_locked=True)[:BATCH])  # type: ignore[attr-defined]  # a query set


def make_plans(jobs: Sequence[ScheduledJob], now: datetime) -> list[Plan]:
    """What to do about each job, or the first of them: those that have much to catch up with leave less for others.

    A job that cannot be read is not due any more, and the others go on.
    """
    strict = [job.pk for job in jobs if job.overlap_policy != OverlapPolicy.ALLOW]
    running: dict[int, datetime] = {}
    if strict:
        open_fires = ScheduledFire.objects.open().filter(job__in=strict)
        running = dict(open_fires.values_list("job").annotate(due=Max("due_at")))
    plans: list[Plan] = []
    left = BATCH
    for job in jobs:
        if left <= 0:
            break
        try:
            plans.append(plan(job, now, running_since=running.get(job.pk)))
            left -= len(plans[-1].fires)
        except Exception:  # one bad row must not stop the schedule of all others
            logger.exception("the job %s cannot be scheduled and is left alone until it is edited", job.name)
            plans.append(Plan(last_due_at=job.next_due_at))
    return plans


def write_fires(plans: Sequence[Plan]) -> list[ScheduledFire]:
    """Adds the rows of the due times and returns those that are to be started."""
    fires = [fire for each in plans for fire in each.fires]
    bulk.insert(ScheduledFire, fires)
    return [fire for fire in fires if fire.state == FireState.CLAIMED]


def move_on(jobs: Sequence[ScheduledJob], plans: Sequence[Plan]) -> None:
    """Moves the jobs on to their next due times."""
    for job, each in zip(jobs, plans, strict=True):
        job.next_due_at, job.next_run_at = each.next_due_at, each.next_run_at
        job.last_due_at = each.last_due_at or job.last_due_at
        job.run_count += each.started
    bulk.update(ScheduledJob, jobs, _NEXT)


def take_over(now: datetime) -> list[ScheduledFire]:
    """Claims that nobody enqueued within their lease, with a new lease."""
    with transaction.atomic():
        left = ScheduledFire.objects.claimed().filter(leased_at__lte=now - LEASE).order_by("leased_at")
        fires = list(left.select_for_update(skip_locked=True, of=("self",)).select_related("job")[:BATCH])
        for fire in fires:
            fire.leased_at = now
        bulk.update(ScheduledFire, fires, ("leased_at",))
    if fires:
        logger.warning("%d fires that somebody left unfinished are started now", len(fires))
    return fires
