"""What is deleted for its age, kind by kind: which rows are old, in which order they go, and what goes with them.

Every kind has its own age (``RETENTION_DAYS``), and an age ends at the beginning of a UTC day: cells of the rollups are
then either of rows that are all there, or of the past that the rollups alone remember. ``pruning`` does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from django.conf import settings
from django.db.models import F, Max, Model, Q, QuerySet

from monitoring.retention_models import Pruned


class Walk(Protocol):
    """Finds old rows, each of them once, without a lock."""

    def next(self, limit: int) -> list[Any]:
        """The keys of the next rows; none when all were told."""


def nothing(*_: Any) -> None:
    """What a kind does that has nothing to lock, or nothing to take from anywhere."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Rows that have an age in common."""

    name: str
    """As settings and commands have it."""
    title: str
    model: type[Model]
    aged_by: str
    """The column from which age counts."""
    rule: str
    """Which rows go, as a person reads it."""
    old: Callable[[datetime], Q]
    """The condition on rows that go when what is older than a moment does."""
    walk: Callable[[Kind, datetime], Walk]
    lock: Callable[[], Any] = nothing
    """Keeps those out who would change the rows or what counts them, until the transaction ends."""
    forget: Callable[[Sequence[Any]], None] | None = None
    """Takes rows out of what counts them, in the transaction that deletes them and before it does."""
    counted: tuple[str, ...] = ()
    """The columns that ``forget`` reads; all if none are named."""
    document: Callable[[Any], dict[str, Any]] | None = None
    """A row for the archive, where its columns alone do not tell it."""

    @property
    def rows(self) -> QuerySet[Any]:
        """All rows of the kind, also those that stay."""
        return self.model._default_manager.order_by()

    @property
    def days(self) -> int:
        """How many days they are kept; 0 is for ever."""
        return int(settings.RETENTION_DAYS[self.name])

    def before(self, now: datetime) -> datetime | None:
        """The moment of which everything older goes now; None if nothing does."""
        if not self.days:
            return None
        begin_of_today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return begin_of_today - timedelta(days=self.days)


_kinds: dict[str, Kind] = {}


def keep_for_a_time(kinds: Iterable[Kind]) -> None:
    """Declares kinds; each app does so for its own once it is ready."""
    _kinds.update({kind.name: kind for kind in kinds})


def kinds() -> list[Kind]:
    """Every kind there is."""
    return list(_kinds.values())


def pruned_before(name: str) -> datetime | None:
    """Rows of the kind that are older may be gone; None if none ever went."""
    return Pruned.objects.filter(kind=name).values_list("before", flat=True).first()


class KeyWalk:
    """Along a key that grows with time, up to the last old row; rows in between that are not old are passed over."""

    def __init__(self, kind: Kind, before: datetime) -> None:
        self.old = kind.rows.filter(kind.old(before)).order_by("pk")
        self.last = kind.rows.filter(kind.old(before)).aggregate(last=Max("pk"))["last"]
        self.after: Any = None

    def next(self, limit: int) -> list[Any]:
        """See Walk."""
        if self.last is None:
            return []
        rows = self.old.filter(pk__lte=self.last)
        keys = list(
            (rows if self.after is None else rows.filter(pk__gt=self.after)).values_list("pk", flat=True)[:limit]
        )
        self.after = keys[-1] if keys else self.after
        return keys


class TimeWalk:
    """Along an index on a time and the id, for keys that do not grow with time.

    In the reverse of the order of EmptyLastIndex, which serves only exactly that.
    """

    def __init__(self, kind: Kind, before: datetime, column: str = "") -> None:
        self.column = column or kind.aged_by
        order = [F(name).asc(nulls_first=True) for name in (self.column, "id")]
        self.old = kind.rows.filter(kind.old(before)).order_by(*order)
        self.since: datetime | None = None
        self.told: set[Any] = set()

    def next(self, limit: int) -> list[Any]:
        """See Walk."""
        rows = self.old if self.since is None else self.old.filter(**{f"{self.column}__gte": self.since})
        found = [
            row for row in rows.values_list("pk", self.column)[: limit + len(self.told)] if row[0] not in self.told
        ]
        if found:
            self.since = found[-1][1]
            self.told = {key for key, at in found if at == self.since}
        return [key for key, _ in found]
