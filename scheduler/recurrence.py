"""When a scheduled job is due: arithmetic only, the same in every process that asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from uuid import UUID

from scheduler import cron

LATEST = datetime(9990, 1, 1, tzinfo=UTC)
"""Nothing is due later: sums of times must not leave what a datetime can hold."""
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a job's definition says of time. One of ``cron``, ``interval_seconds`` and ``run_at`` is given."""

    cron: str = ""
    timezone: str = "UTC"
    interval_seconds: int | None = None
    run_at: datetime | None = None
    start_at: datetime | None = None
    end_at: datetime | None = None
    anchor: datetime
    """Intervals are counted from here, or from ``start_at``: a grid, so that no delay ever adds up."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first due time after a moment, in UTC; None when there is none any more."""
        if self.start_at and moment < self.start_at:
            moment = self.start_at - _INSTANT  # the start itself may be due
        due = self._next(moment)
        if due is None or due > (self.end_at or LATEST):
            return None
        return due

    def _next(self, moment: datetime) -> datetime | None:
        if self.cron:
            return cron.next_moment(self.cron, self.timezone, moment)
        if self.run_at:
            return self.run_at if self.run_at > moment else None
        if not self.interval_seconds:
            return None
        return self._next_on_grid(moment, timedelta(seconds=self.interval_seconds))

    def _next_on_grid(self, moment: datetime, step: timedelta) -> datetime | None:
        if self.start_at and moment < self.start_at:
            return self.start_at
        origin = self.start_at or self.anchor
        steps = (moment - origin) // step + 1
        try:
            return origin + max(steps, 1) * step
        except OverflowError:
            return None

    def upcoming(self, after: datetime) -> Iterator[datetime]:
        """Every due time after a moment, in order."""
        due = self.next_after(after)
        while due is not None:
            yield due
            due = self.next_after(due)

    def count(self, after: datetime, until: datetime, *, at_most: int) -> int:
        """How many due times lie after a moment and not after another, counted to ``at_most``."""
        if self.interval_seconds and not self.cron and not self.run_at:
            first = self.next_after(after)
            last = min(until, self.end_at or until)
            if first is None or first > last:
                return 0
            return min(at_most, (last - first) // timedelta(seconds=self.interval_seconds) + 1)
        counted = 0
        for due in islice(self.upcoming(after), at_most):
            if due > until:
                break
            counted += 1
        return counted


def jittered(due: datetime, *, job: UUID, seconds: int) -> datetime:
    """When a due time is to be started: up to ``seconds`` later, by the job and the time alone."""
    if not seconds:
        return due
    digest = sha256(f"{job}{due.isoformat()}".encode()).digest()
    return due + timedelta(milliseconds=int.from_bytes(digest[:8]) % (seconds * 1000 + 1))
