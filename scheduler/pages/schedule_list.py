"""The address of a list of schedules, read and answered: which, in which order, and the ways to other lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from monitoring.models import Queue
from monitoring.pages.list_links import Link
from monitoring.pages.task_list import SIZES, whole_number
from scheduler import executions, schedules
from scheduler.models import ScheduleType
from scheduler.pages.schedule_rows import ScheduleRow
from scheduler.schedules import ORDERS, Kind, Wanted

DEFAULT_SIZE = 50
LONGEST = 255
LABELS = {"search": "Name", "queue": "Queue", "kind": "Kind", "state": "State"}
GREATEST_FIRST = ("last", "failures")
"""Columns whose first click shows the greatest value first."""


@dataclass(frozen=True)
class Column:
    """A column of the table; without an order it cannot be sorted by."""

    label: str
    order: str = ""
    title: str = ""
    is_figure: bool = False


COLUMNS = (
    Column("Name", "name"),
    Column("Schedule"),
    Column("Queue", "queue"),
    Column("Next run", "next"),
    Column("Last run", "last"),
    Column("Failures", "failures", "Failures in a row", is_figure=True),
    Column("Late", "", "How much later than planned it was started the last time, or is due now", is_figure=True),
    Column("Last 30 runs"),
)


class ScheduleList:
    """One address. Words that are none leave it empty, with ``errors``; junk for page and size is the default."""

    noun = "schedules"
    tab = "state"

    def __init__(self, parameters: QueryDict, *, queue: str = "") -> None:
        self.parameters = parameters
        self.queue = queue
        """The one queue that it is of; empty for all, or for the one that the address names."""
        self.now = datetime.now(UTC)
        self.size = min(whole_number(parameters.get("size"), DEFAULT_SIZE), SIZES[-1])
        self.errors: dict[str, str] = {}
        self.kind = self._word("state", {kind.value: kind for kind in Kind})
        self.schedule_type = self._word("kind", {kind.value: kind for kind in ScheduleType})
        self.order, self.descending = self._sorting()
        self.wanted = Wanted(
            search=self._text("search"),
            queue=queue or self._text("queue"),
            kind=self.kind,
            schedule_type=self.schedule_type,
        )

    def _word(self, name: str, known: Mapping[str, Any]) -> Any:
        word = self.parameters.get(name, "").strip().lower()
        if word and word not in known:
            self.errors[name] = f"{word[:100]!r} is not known. Use one of: {', '.join(known)}."
        return known.get(word)

    def _text(self, name: str) -> str:
        text = self.parameters.get(name, "").strip()
        if len(text) > LONGEST:
            self.errors[name] = f"Must be at most {LONGEST} characters."
        return text

    def _sorting(self) -> tuple[str, bool]:
        word = self.parameters.get("sort", "")
        order = word.removeprefix("-")
        return (order, word.startswith("-")) if order in ORDERS else ("name", False)

    @property
    def path(self) -> str:
        """The list's address without its parameters."""
        return reverse("queue-repeatables", args=[self.queue]) if self.queue else reverse("schedules")

    @cached_property
    def counts(self) -> Mapping[Kind | None, int]:
        """How many there are of each kind, whichever is wanted; None is any."""
        return {} if self.errors else schedules.counts(self.wanted, self.now)

    @property
    def total(self) -> int:
        """How many match, exactly."""
        return self.counts.get(self.kind, 0)

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def page(self) -> int:
        """The page shown: the last one when the address asks for one past the end."""
        return min(whole_number(self.parameters.get("page"), 1), self.pages)

    @property
    def first(self) -> int:
        """The number of the page's first schedule, 0 when there is none."""
        return (self.page - 1) * self.size + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The number of the page's last schedule."""
        return min(self.page * self.size, self.total)

    @cached_property
    def rows(self) -> list[ScheduleRow]:
        """The page's schedules with their last runs; four queries, however many there are."""
        if not self.total:
            return []
        matching = schedules.matching(self.wanted, self.now)
        jobs = schedules.page_of(
            schedules.in_order(matching, self.order, descending=self.descending), self.first - 1, self.last
        )
        runs = executions.last_runs(jobs)
        return [ScheduleRow(job=job, runs=runs[job.pk], now=self.now) for job in jobs]

    @cached_property
    def queues(self) -> list[str]:
        """The names to choose a queue from, the chosen one among them even if it is unknown."""
        names = list(Queue.objects.values_list("name", flat=True))
        chosen = self.parameters.get("queue", "")
        return names if chosen in names or not chosen else [*names, chosen]

    def link(self, **changes: Any) -> str:
        """The address of this list with other parameters, on its first page unless ``page`` is given."""
        query = self.parameters.copy()
        for name, value in {"page": None, **changes}.items():
            query.pop(name, None)
            if value is not None:
                query[name] = str(value)
        return f"?{query.urlencode()}"

    # --- Ways to other lists --------------------------------------------------------------------------------------

    def tabs(self) -> list[Link]:
        """One per state with its count, and one for all."""
        everything = Link(
            label="All", href=self.link(state=None), count=self.counts.get(None), is_current=not self.kind
        )
        return [everything, *(self._tab(kind) for kind in Kind)]

    def _tab(self, kind: Kind) -> Link:
        return Link(
            label=str(kind.label),
            href=self.link(state=kind.value),
            count=self.counts.get(kind),
            is_current=kind is self.kind,
        )

    def chips(self) -> list[Link]:
        """The filters in use, but for the state, which its tab tells; each link removes one."""
        return [
            Link(label=f"{label}: {self._told(name, value)}", href=self.link(**{name: None}))
            for name, label in LABELS.items()
            if (value := self.parameters.get(name, "").strip()) and (name != "state" or name in self.errors)
        ]

    def _told(self, name: str, value: str) -> str:
        return str(self.schedule_type.label) if name == "kind" and self.schedule_type else value

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong with the filters: their names and sentences."""
        return [(LABELS[name], sentence) for name, sentence in self.errors.items()]

    def headings(self) -> list[tuple[Column, Link]]:
        """The table's columns; those that the list can be sorted by are links."""
        return [(column, self._heading(column)) for column in COLUMNS if not (self.queue and column.label == "Queue")]

    def _heading(self, column: Column) -> Link:
        if not column.order:
            return Link(label=column.label)
        is_current = column.order == self.order
        turn_down = not self.descending if is_current else column.order in GREATEST_FIRST
        return Link(
            label=column.label,
            href=self.link(sort=f"-{column.order}" if turn_down else column.order),
            direction=("descending" if self.descending else "ascending") if is_current else "",
        )
