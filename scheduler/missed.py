"""Schedules that missed their time, for the overview: nobody has started them, or nobody could."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from monitoring.health import Concern
from scheduler.models import FireState, ScheduledFire
from scheduler.schedules import Kind, Wanted, matching

LATELY = timedelta(hours=1)
LOOKED_THROUGH = 1_000
"""So many of the newest due times are looked through for missed ones: a bound, and a look by the primary key."""
NAMED = 3


def overdue() -> Concern | None:
    """Jobs that are due and that no dispatcher has started; one query."""
    jobs = matching(Wanted(kind=Kind.OVERDUE), datetime.now(UTC)).order_by("next_run_at")
    names = list(jobs.values_list("name", flat=True)[: LOOKED_THROUGH + 1])
    if not names:
        return None
    is_are = "is" if len(names) == 1 else "are"
    return Concern(
        kind="schedules",
        what=f"{_count(names)} {is_are} overdue ({_some(names)}): no dispatcher has come by.",
        advice="Check that `python manage.py dispatch` runs and can reach the database.",
    )


def missed() -> Concern | None:
    """Jobs that could not be started at their time within the last hour; one query."""
    newest = ScheduledFire.objects.order_by("-pk").values("pk")[:LOOKED_THROUGH]
    fires = ScheduledFire.objects.filter(pk__in=newest, state=FireState.MISSED, due_at__gte=datetime.now(UTC) - LATELY)
    names = list(fires.order_by("job__name").values_list("job__name", flat=True).distinct())
    if not names:
        return None
    return Concern(
        kind="schedules",
        what=f"{_count(names)} missed {'its' if len(names) == 1 else 'their'} time in the last hour ({_some(names)}).",
        advice="Their pages say why; most often a handler no longer exists.",
    )


def _count(names: list[str]) -> str:
    number = f"{LOOKED_THROUGH:,} or more" if len(names) > LOOKED_THROUGH else f"{len(names):,}"
    return f"{number} schedule{'s'[: len(names) != 1]}"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - NAMED
    return ", ".join(name[:60] for name in listed[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
