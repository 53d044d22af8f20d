"""Where a page of a list lies, so that a deep one need not read what it skips.

A list in order is cut into stretches whose lengths the rollups know: the days and hours of creation, or the groups
that share a status, queue, type or next run. What lies before the page is skipped by adding up lengths, and rows are
stepped over inside of one stretch only, from its nearer end. Where the rollups do not know what is asked, the list is
one stretch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from django.db.models import Q, QuerySet, Sum
from django.db.models.lookups import IsNull

from monitoring import groups, statistics
from monitoring.filters import looks_like_id, narrow
from monitoring.groups import Group
from monitoring.models import Span, Task, TaskCount
from monitoring.orders import NULLABLE, SORT_COLUMNS, ordered
from monitoring.spans import DAY, HOUR
from monitoring.statuses import Status

NEAR = 2_000
"""So many rows are stepped over sooner than lengths are added up."""
LOOKUP = 8
"""What it costs SQLite to look at a task while it walks along their ids, in entries of an index read and sorted."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The tasks that a TaskFilter with ``values`` finds, ``total`` of them, in order."""

    values: Mapping[str, Any]
    total: int
    sort: str
    descending: bool
    status_words: Mapping[Status, str] | None = None

    def tasks(self) -> QuerySet[Task]:
        """The tasks, in no order."""
        return narrow(Task.objects.all(), self.values)

    def in_order(self, tasks: QuerySet[Task]) -> QuerySet[Task]:
        """Any tasks in the order of the list."""
        return ordered(tasks, self.sort, descending=self.descending, status_words=self.status_words)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Consecutive tasks of a list, in order, and which of them are on the page."""

    tasks: QuerySet[Task]
    length: int
    first: int
    """How many come before the page's first one."""
    last: int
    """How many there are up to the page's last one, that one included."""

    def ids(self) -> QuerySet[Any]:
        """The ids of those on the page; backwards if the end is nearer than the beginning."""
        ids = self.tasks.values_list("pk", flat=True)
        behind = self.length - self.last
        return ids.reverse()[behind : self.length - self.first] if behind < self.first else ids[self.first : self.last]


def whole(listing: Listing, first: int, last: int) -> list[Stretch]:
    """The list as one stretch, with the page from number ``first`` (0 is the first of all) to before ``last``."""
    return [Stretch(tasks=listing.in_order(listing.tasks()), length=listing.total, first=first, last=last)]


def stretches(listing: Listing, first: int, last: int) -> list[Stretch]:
    """The stretches that the page touches, three at most."""
    if looks_like_id(listing.values.get("search", "")):  # the rollups know no ids, and such a list is short
        return whole(listing, first, last)
    sort, descending = listing.sort, listing.descending
    if sort == "created":
        found = _by_time(listing, first, last)
    elif sort == "next_run":
        found = _grouped(listing, groups.by_next_run(listing.values, listing.total, descending=descending), first, last)
    elif sort == "shown_type":
        found = _grouped(listing, groups.by_shown_type(listing.values, descending=descending), first, last)
    elif sort in NULLABLE:
        found = [] if descending else _by_presence(listing, first, last)
    else:
        words = (listing.status_words or {}) if sort == "status" else {}
        found = _grouped(listing, groups.by_word(listing.values, sort, words, descending=descending), first, last)
    return found or whole(listing, first, last)


# --- Pieces of known length ---------------------------------------------------------------------------------------


class Piece(Protocol):
    """Some consecutive tasks."""

    @property
    def length(self) -> int:
        """How many."""


AnyPiece = TypeVar("AnyPiece", bound=Piece)


def touched(pieces: Sequence[AnyPiece], first: int, last: int) -> tuple[list[AnyPiece], int]:
    """The pieces that hold the tasks from number ``first`` to before ``last``, and how many tasks lie before them."""
    found: list[AnyPiece] = []
    before = begin = 0
    for piece in pieces:
        end = begin + piece.length
        if end <= first:
            before = end
        elif begin < last and piece.length:
            found.append(piece)
        begin = end
    return found, before


# --- Groups -------------------------------------------------------------------------------------------------------


def _grouped(listing: Listing, all_groups: Sequence[Group], first: int, last: int) -> list[Stretch]:
    """The first and the last group that the page touches, and as one stretch those between, which it holds whole."""
    found, begin = touched(all_groups, first, last)
    made = []
    for together in (found[:1], found[1:-1], found[1:][-1:]):
        if together:
            length = sum(group.length for group in together)
            ends = max(first - begin, 0), min(last - begin, length)
            made.append(_stretch(listing, together, length, *ends))
            begin += length
    return made


def _stretch(listing: Listing, together: Sequence[Group], length: int, first: int, last: int) -> Stretch:
    if len(together) > 1:
        condition = Q()
        for group in together:
            condition |= group.condition
        return Stretch(tasks=listing.in_order(listing.tasks().filter(condition)), length=length, first=first, last=last)
    (group,) = together
    condition = group.condition
    steps = min(last, length - first) * listing.total / length
    if group.unindexed and not listing.values and steps * LOOKUP < length:
        condition = group.unindexed
    tasks = listing.tasks().filter(condition).order_by("-id" if listing.descending else "id")
    return Stretch(tasks=tasks, length=length, first=first, last=last)


def _by_presence(listing: Listing, first: int, last: int) -> list[Stretch]:
    """Smallest first means for an index empty ones first; the list has them last."""
    column: Any = SORT_COLUMNS[listing.sort]
    tasks = listing.tasks().order_by(column.asc(nulls_first=True), "id")
    absent = tasks.filter(IsNull(column, True))
    present = listing.total - absent.count()
    made = []
    if first < present:
        having = tasks.filter(IsNull(column, False))
        made.append(Stretch(tasks=having, length=present, first=first, last=min(last, present)))
    if last > present:
        ends = max(first - present, 0), last - present
        made.append(Stretch(tasks=absent, length=listing.total - present, first=ends[0], last=ends[1]))
    return made


# --- Time ---------------------------------------------------------------------------------------------------------


class Interval(NamedTuple):
    """The tasks created from ``begin`` to before ``end``."""

    begin: datetime
    end: datetime
    length: int


def _by_time(listing: Listing, first: int, last: int) -> list[Stretch]:
    """The hours that hold the page: first the days are looked for, then their hours."""
    is_near = min(first, listing.total - last) < NEAR
    if is_near or not listing.values.keys() <= statistics.NAMES | statistics.SPAN:
        return []
    coarse, before = touched(sorted(_coarse(listing), reverse=listing.descending), first, last)
    finer = sorted(_finer(listing, coarse), reverse=listing.descending)
    found, between = touched(finer, first - before, last - before)
    if not found:
        return []
    before += between
    begin, end = min(one.begin for one in found), max(one.end for one in found)
    tasks = listing.in_order(listing.tasks().filter(created_at__gte=begin, created_at__lt=end))
    length = sum(one.length for one in found)
    return [Stretch(tasks=tasks, length=length, first=first - before, last=last - before)]


def _coarse(listing: Listing) -> Iterator[Interval]:
    """The list's days; at the ends of a span of time hours and parts of hours."""
    cut = statistics.span_of(listing.values)
    yield from _counted(listing, cut.cells)
    for begin, end in cut.broken:
        yield Interval(begin, end, listing.tasks().filter(created_at__gte=begin, created_at__lt=end).count())


def _finer(listing: Listing, coarse: Sequence[Interval]) -> Iterator[Interval]:
    """The same with days cut into hours."""
    hours = Q()
    for interval in coarse:
        if interval.end - interval.begin == DAY:
            hours |= Q(span=Span.HOUR, start__gte=interval.begin, start__lt=interval.end)
        else:
            yield interval
    if hours:
        yield from _counted(listing, hours)


def _counted(listing: Listing, cells: Q) -> Iterator[Interval]:
    counts = statistics.narrowed(TaskCount.objects.filter(cells), listing.values)
    for span, start, length in counts.values_list("span", "start").annotate(n=Sum("count")):
        yield Interval(start, start + (DAY if span == Span.DAY else HOUR), length)
