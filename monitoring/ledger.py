"""The ledger: what came in of each queue and hour equals what became of it, and what was lost is named.

One side is counted as tasks come in, the other as their statuses change; both by the recorder, in its transaction. The
cost is that of the hours and queues that are asked for, however many tasks there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, F, QuerySet, Sum

from monitoring.health import Concern
from monitoring.ledger_models import JOB_LOST, ArrivalCount, LostTask
from monitoring.models import Span, Task, TaskCount
from monitoring.statuses import WAITING, Status

LONGEST = timedelta(days=31)
USUAL = timedelta(hours=24)
NEWEST_LOST = 100
"""How many lost tasks are told of one by one."""


@dataclass(kw_only=True)
class Line:
    """The tasks of a queue that were created in an hour, and where they are now."""

    start: datetime | None
    """The beginning of the UTC hour; None of a sum."""
    queue: str
    """Empty of the sum of all."""
    enqueued: int = 0
    completed: int = 0
    failed: int = 0
    """Without those that were lost."""
    cancelled: int = 0
    waiting: int = 0
    running: int = 0
    lost: int = 0

    @property
    def difference(self) -> int:
        """What is enqueued and nowhere else. Anything but 0 is a mistake of Quarterdeck's."""
        found: int = sum(getattr(self, place) for place in PLACES)
        return self.enqueued - found

    def add(self, other: Line) -> None:
        """Adds another line's figures."""
        for name in ("enqueued", *PLACES):
            setattr(self, name, getattr(self, name) + getattr(other, name))


PLACES = ("completed", "failed", "cancelled", "waiting", "running", "lost")
"""Where a task can be."""
_PLACE_OF: dict[str, str] = {
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
    Status.RUNNING: "running",
    **dict.fromkeys(WAITING, "waiting"),
}


def lines(start: datetime, end: datetime, queue: str = "") -> list[Line]:
    """Every line of hours that begin in the range, newest first; of one queue, or of all. Three queries."""
    when = {"start__gte": start, "start__lt": end, **({"queue": queue} if queue else {})}
    found: dict[tuple[datetime, str], Line] = {}

    def line_of(start: datetime, queue: str) -> Line:
        return found.setdefault((start, queue), Line(start=start, queue=queue))

    for at, name, count in ArrivalCount.objects.filter(**when).values_list("start", "queue", "count"):
        line_of(at, name).enqueued = count
    counted = TaskCount.objects.filter(span=Span.HOUR, **when).order_by()
    ever = Sum(F("count") + F("pruned"))  # also what was deleted for its age: it came in, and it ended
    for at, name, status, total in counted.values_list("start", "queue", "status").annotate(total=ever):
        line = line_of(at, name)
        setattr(line, _PLACE_OF[status], getattr(line, _PLACE_OF[status]) + total)
    gone = lost_tasks(start, end, queue).order_by().values_list("created_hour", "queue").annotate(total=Count("pk"))
    for at, name, total in gone:
        line = line_of(at, name)
        line.lost, line.failed = total, line.failed - total  # their rows have failed
    return sorted((line for line in found.values() if _says_anything(line)), key=_newest_first)


def _says_anything(line: Line) -> bool:
    return bool(line.enqueued or any(getattr(line, place) for place in PLACES))


def _newest_first(line: Line) -> tuple[float, str]:
    return (-line.start.timestamp() if line.start else 0.0, line.queue)


def lost_tasks(start: datetime, end: datetime, queue: str = "") -> QuerySet[LostTask]:
    """What was lost of the tasks created in hours of the range and did not go on, newest loss first."""
    which = {"created_hour__gte": start, "created_hour__lt": end, **({"queue": queue} if queue else {})}
    return LostTask.objects.filter(recovered_at=None, **which).order_by("-found_at", "-pk")


def loss_of(task: Task) -> LostTask | None:
    """What is known of why the task was lost; None if it was not, or has gone on.

    At most one query, and none for a task that failed of an exception: what RQ and the comparison say has no class.
    """
    if task.status != Status.FAILED or task.error_type not in ("", JOB_LOST):
        return None
    return LostTask.objects.filter(task_id=task.pk, recovered_at=None).first()


def sum_of(some: Iterable[Line]) -> Line:
    """All of them together."""
    total = Line(start=None, queue="")
    for line in some:
        total.add(line)
    return total


def by_queue(some: Iterable[Line]) -> list[Line]:
    """A sum for each queue, by name."""
    sums: dict[str, Line] = defaultdict(lambda: Line(start=None, queue=""))
    for line in some:
        sums[line.queue].queue = line.queue
        sums[line.queue].add(line)
    return sorted(sums.values(), key=lambda line: line.queue)


def concern() -> Concern | None:
    """Tasks that were lost in the last day, for ``health.look_also``."""
    count = LostTask.objects.filter(recovered_at=None, found_at__gt=datetime.now(UTC) - USUAL).count()
    if not count:
        return None
    tasks = "1 task was" if count == 1 else f"{count:,} tasks were"
    return Concern(
        kind="lost",
        what=f"{tasks} lost in the last 24 hours: killed while running, or gone from Redis.",
        advice="The ledger names each with what is known of the reason. Retry what is still needed.",
    )
