"""Cuts a span of time into what the rollups hold ready (whole days, whole hours) and what is left (broken hours)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q

from monitoring.models import Span

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(9900, 1, 1, tzinfo=UTC)
"""Nothing is recorded outside; inside, a day can be added without leaving the calendar."""
NEVER = Q(pk__in=[])
"""Matches no row, and Django knows: it sends no query."""

Interval = tuple[datetime, datetime]
"""From, inclusive, to, exclusive."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """What a span of time consists of."""

    days: Interval | None
    hours: tuple[Interval, ...]
    broken: tuple[Interval, ...]
    """Parts of hours, for which rows have to be read: two at most, each shorter than an hour."""

    @property
    def cells(self) -> Q:
        """The condition on cells of a rollup."""
        condition = Q() if self.days is None else Q(span=Span.DAY, start__gte=self.days[0], start__lt=self.days[1])
        for begin, end in self.hours:
            condition |= Q(span=Span.HOUR, start__gte=begin, start__lt=end)
        return condition or NEVER

    def rows(self, column: str) -> Q:
        """The condition on rows, by their time in ``column``."""
        condition = Q()
        for begin, end in self.broken:
            condition |= Q(**{f"{column}__gte": begin, f"{column}__lt": end})
        return condition or NEVER


def pieces(start: datetime | None, end: datetime | None) -> Pieces:
    """The pieces of [start, end); None is the beginning or the end of time."""
    start, end = max(start or EARLIEST, EARLIEST), min(end or LATEST, LATEST)
    if start >= end:
        return Pieces(days=None, hours=(), broken=())
    first_hour, last_hour = _next(start, HOUR), _begin(end, HOUR)
    if first_hour >= last_hour:
        inside = first_hour == last_hour and start < first_hour < end
        cut = ((start, first_hour), (first_hour, end)) if inside else ((start, end),)
        return Pieces(days=None, hours=(), broken=cut)
    broken = tuple(cut for cut in ((start, first_hour), (last_hour, end)) if cut[0] < cut[1])
    first_day, last_day = _next(first_hour, DAY), _begin(last_hour, DAY)
    if first_day >= last_day:
        return Pieces(days=None, hours=((first_hour, last_hour),), broken=broken)
    hours = tuple(piece for piece in ((first_hour, first_day), (last_day, last_hour)) if piece[0] < piece[1])
    return Pieces(days=(first_day, last_day), hours=hours, broken=broken)


def begin_of_hour(moment: datetime) -> datetime:
    """When the UTC hour of a moment begins."""
    return moment.replace(minute=0, second=0, microsecond=0)


def begin_of_day(moment: datetime) -> datetime:
    """When the UTC day of a moment begins."""
    return begin_of_hour(moment).replace(hour=0)


def _begin(moment: datetime, unit: timedelta) -> datetime:
    return begin_of_hour(moment) if unit == HOUR else begin_of_day(moment)


def _next(moment: datetime, unit: timedelta) -> datetime:
    begin = _begin(moment, unit)
    return begin if begin == moment else begin + unit
