"""The ways from a task list to others: tabs, chips, headings to sort by, pages. Each is an address to share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from monitoring.pages.task_list import SIZES, TaskList

GREATEST_FIRST = ("created", "last_run")
"""Columns whose first click shows the greatest value first."""
COLUMNS = (
    ("Status", "status"),
    ("Type", "task_type"),
    ("Id", ""),
    ("Queue", "queue"),
    ("Created", "created"),
    ("Last run", "last_run"),
    ("Duration", ""),
    ("Attempts", ""),
)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A way to another list; without ``href`` only a label."""

    label: str
    href: str = ""
    is_current: bool = False
    status: str = ""
    count: int | None = None
    direction: str = ""
    """Of a heading by which the list is sorted: "ascending" or "descending"."""


class Paged(Protocol):
    """A list of which an address shows one page."""

    @property
    def page(self) -> int: ...
    @property
    def pages(self) -> int: ...
    @property
    def size(self) -> int: ...
    def link(self, **changes: Any) -> str: ...


def tabs(tasks: TaskList) -> list[Link]:
    """One per status or state, with exact counts, and one for all where there is such a list."""
    grouped = [
        Link(
            label=label,
            status=statuses[0],
            href=tasks.link(**{tasks.tab: word}),
            count=sum(tasks.counts[status] for status in statuses),
            is_current=any(status in tasks.statuses for status in statuses),
        )
        for word, label, statuses in tasks.tab_groups
    ]
    if tasks.queue:
        # Scheduled jobs are no tasks: they have a page of their own.
        return [*grouped, Link(label="Repeatable", href=tasks.link(state="repeatable"))]
    everything = Link(
        label="All", href=tasks.link(status=None), count=sum(tasks.counts.values()), is_current=not tasks.statuses
    )
    return [everything, *grouped]


def chips(tasks: TaskList) -> list[Link]:
    """The filters in use, but for one status, which its tab tells; each link removes one."""
    return [
        Link(label=f"{label}: {', '.join(values)}", href=tasks.link(**{name: None}))
        for name, label in tasks.labels.items()
        if (values := [value for value in tasks.parameters.getlist(name) if value])
        and (name in tasks.errors or name not in ("sort", tasks.tab) or len(values) > 1)
    ]


def problems(tasks: TaskList) -> list[tuple[str, str]]:
    """What is wrong with the filters: their names and sentences."""
    return [(tasks.labels.get(name, name), " ".join(sentences)) for name, sentences in tasks.errors.items()]


def headings(tasks: TaskList) -> list[Link]:
    """The table's columns; those that the list can be sorted by are links."""
    words = {order: word for word, order in tasks.sorts.items()}
    return [
        _heading(tasks, words, label, column) if column in words else Link(label=label) for label, column in COLUMNS
    ]


def _heading(tasks: TaskList, words: dict[str, str], label: str, column: str) -> Link:
    is_current = tasks.sort.removeprefix("-") == column
    descending = tasks.sort.startswith("-")
    turn_down = not descending if is_current else column in GREATEST_FIRST
    return Link(
        label=label,
        href=tasks.link(sort=words[f"-{column}" if turn_down else column]),
        direction=("descending" if descending else "ascending") if is_current else "",
    )


def pages(rows: Paged) -> list[Link]:
    """First, previous, next, last; without an address where there is nothing to go to."""
    targets = (("First", 1), ("Previous", rows.page - 1), ("Next", rows.page + 1), ("Last", rows.pages))
    return [
        Link(label=label, href=rows.link(page=page) if 1 <= page <= rows.pages and page != rows.page else "")
        for label, page in targets
    ]


def sizes(rows: Paged) -> list[Link]:
    """How many rows a page may show."""
    return [Link(label=str(size), href=rows.link(size=size), is_current=size == rows.size) for size in SIZES]
