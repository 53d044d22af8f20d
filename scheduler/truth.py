"""The truth table of a job: when it was to start, and what became of each of those times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper, F, Q, Sum, TextChoices

from scheduler.executions import Execution, of_fire
from scheduler.models import FireState, ScheduledFire, ScheduledFireQuerySet, ScheduledJob, newest_first
from scheduler.recurrence import jittered

ON_TIME = timedelta(seconds=1)
"""Started up to so much later is on time."""
MOST_OVERDUE = 100


class Verdict(TextChoices):
    """What became of a due time."""

    ON_TIME = "ontime", "On time"
    LATE = "late", "Late"
    STARTING = "starting", "Being started"
    OVERDUE = "overdue", "Overdue"  # it has passed, and no dispatcher has come by
    OVERLAPPED = "overlapped", "Overlapped"
    SKIPPED = "skipped", "Skipped by policy"
    MISSED = "missed", "Missed"
    CANCELLED = "cancelled", "Cancelled"


_VERDICTS = {
    FireState.CLAIMED: Verdict.STARTING,
    FireState.CANCELLED: Verdict.CANCELLED,
    FireState.OVERLAPPED: Verdict.OVERLAPPED,
    FireState.SKIPPED: Verdict.SKIPPED,
    FireState.MISSED: Verdict.MISSED,
}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One due time, or several that share one fate."""

    fire: ScheduledFire
    verdict: Verdict

    @property
    def lateness(self) -> timedelta | None:
        """How much later than planned it was put on its queue; None if it was not."""
        if self.fire.enqueued_at is None:
            return None
        return max(timedelta(), self.fire.enqueued_at - self.fire.run_at)

    @property
    def execution(self) -> Execution | None:
        """What was started."""
        return of_fire(self.fire) if self.fire.task_id else None


def overdue(job: ScheduledJob, now: datetime | None = None) -> list[Line]:
    """The due times that have passed and that no dispatcher has dealt with, newest first; no query."""
    now = now or datetime.now(UTC)
    due = job.next_due_at
    if due is None or not job.is_enabled or job.is_paused:
        return []
    lines = []
    for each in islice(chain([due], job.schedule.upcoming(due)), MOST_OVERDUE):
        run_at = jittered(each, job=job.uuid, seconds=job.jitter_seconds)
        if now - run_at < ON_TIME:
            break
        fire = ScheduledFire(job=job, due_at=each, run_at=run_at, reason="No dispatcher has come by yet.")
        lines.append(Line(fire=fire, verdict=Verdict.OVERDUE))
    return lines[::-1]


def page_of_lines(
    job: ScheduledJob, *, verdicts: tuple[Verdict, ...] = (), number: int, size: int
) -> tuple[list[Line], int]:
    """A page of the truth table, newest first, and how many lines there are in all; two queries.

    What is overdue stands at the top of the first page, beside its lines.
    """
    fires = _of_verdicts(job.fires.all(), verdicts) if verdicts else job.fires.all()
    total = fires.count()
    top = overdue(job) if number == 1 and (not verdicts or Verdict.OVERDUE in verdicts) else []
    offset = (number - 1) * size
    if offset >= total:
        return top, total
    rows = fires.for_list().order_by(*newest_first())[offset : offset + size]
    return [*top, *(Line(fire=fire, verdict=verdict_of(fire)) for fire in rows)], total


def summary(job: ScheduledJob, *, since: datetime) -> dict[Verdict, int]:
    """How many due times since then came to what; two queries."""
    counts = dict.fromkeys(Verdict, 0)
    late = Q(enqueued_at__gt=_planned_end())
    rows = job.fires.filter(due_at__gte=since).order_by()
    for state, total in rows.values_list("state").annotate(total=Sum("count")):
        counts[_VERDICTS.get(state, Verdict.ON_TIME)] += total
    counts[Verdict.LATE] = rows.filter(late, state=FireState.STARTED).count()
    counts[Verdict.ON_TIME] -= counts[Verdict.LATE]
    counts[Verdict.OVERDUE] = len(overdue(job))
    return counts


def verdict_of(fire: ScheduledFire) -> Verdict:
    """What became of a due time."""
    if fire.state in _VERDICTS:
        return _VERDICTS[FireState(fire.state)]
    is_late = fire.enqueued_at is not None and fire.enqueued_at - fire.run_at > ON_TIME
    return Verdict.LATE if is_late else Verdict.ON_TIME


def _of_verdicts(fires: ScheduledFireQuerySet, verdicts: tuple[Verdict, ...]) -> ScheduledFireQuerySet:
    late = Q(enqueued_at__gt=_planned_end())
    wanted = Q(state__in=[state for state, verdict in _VERDICTS.items() if verdict in verdicts])
    if Verdict.LATE in verdicts:
        wanted |= Q(state=FireState.STARTED) & late
    if Verdict.ON_TIME in verdicts:
        wanted |= Q(state=FireState.STARTED) & ~late
    return fires.filter(wanted)


def _planned_end() -> Any:
    return ExpressionWrapper(F("run_at") + ON_TIME, output_field=DateTimeField())
