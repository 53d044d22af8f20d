"""The one filter over the operators' trail: its page, JSON and CSV ask with the same object.

What it reads is bounded whatever the trail's length. One of action, status, queue and target is answered by an index.
A text, or several of them at once, are looked for row by row, in the next WINDOW rows only: the page says where it
stopped, and goes on from there when asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from django.db.models import Max, Q, QuerySet

from audit.models import OperatorAction, Outcome

WINDOW = 100_000
TEXT_LIMIT = 1_000
SUCCESS, FAILED = "success", "failed"
OUTCOMES = {SUCCESS: (Outcome.SUCCESS,), FAILED: (Outcome.REFUSED, Outcome.FAILED)}
"""What a status means on the wire: a refusal is a failure there."""
PARAMETERS = {"action": "action", "status": "status", "queue": "queue", "target": "job_id", "q": "q"}
"""The filter's fields, and what addresses call them."""
_LAST = 2**63 - 1
_TEXTS = ("action", "source", "queue", "target", "actor", "error", "reason")


class BadTrailFilter(ValueError):
    """A value that the filter refuses; ``field`` is its name, the text says what it must be."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class TrailPage:
    """Deeds, newest first, and where to go on."""

    deeds: list[OperatorAction]
    next_before: int | None
    """Older ones may match below this number; None at the end of the trail."""
    looked: int | None = None
    """How many rows were looked at, where fewer than wanted were found in a WINDOW; else None."""


@dataclass(frozen=True, kw_only=True)
class TrailFilter:
    """Which deeds are asked for; empty values ask for all."""

    action: str = ""
    """Exactly this one, e.g. job.retry."""
    status: str = ""
    """"success" or "failed"."""
    queue: str = ""
    target: str = ""
    """Exactly this one: a job's id, a schedule's."""
    q: str = ""
    """A text that stands anywhere in a deed, in capitals or not."""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Self:
        """The filter that an address asks for; raises BadTrailFilter."""
        asked = cls(**{name: parameters.get(word, "").strip() for name, word in PARAMETERS.items()})
        if asked.status not in ("", *OUTCOMES):
            raise BadTrailFilter("status", "Must be success or failed.")
        if len(asked.q) > TEXT_LIMIT:
            raise BadTrailFilter("q", f"Must have {TEXT_LIMIT:,} characters at most.")
        return asked

    def page(self, *, limit: int, before: int | None = None) -> TrailPage:
        """The newest matching deeds below the number ``before``; two queries, three for failures."""
        start = min(before or _LAST, self._newest() + 1)
        floor = max(0, start - 1 - WINDOW) if self._is_looked_for else 0
        rows = self._matching().filter(number__lt=start, number__gt=floor)
        found = self._newest_of(rows, limit + 1)
        if len(found) > limit:
            return TrailPage(deeds=found[:limit], next_before=found[limit - 1].number)
        return TrailPage(deeds=found, next_before=floor + 1 if floor else None, looked=WINDOW if floor else None)

    def every(self, *, at_once: int) -> Iterator[list[OperatorAction]]:
        """All matching deeds, newest first, in parts; the trail may grow meanwhile."""
        page = self.page(limit=at_once)
        yield page.deeds
        while page.next_before:
            page = self.page(limit=at_once, before=page.next_before)
            yield page.deeds

    @property
    def _is_looked_for(self) -> bool:
        """Whether no one index answers it."""
        return bool(self.q) or sum(map(bool, (self.action, self.status, self.queue, self.target))) > 1

    def _matching(self) -> QuerySet[OperatorAction]:
        rows = OperatorAction.objects.all()
        names = {name: value for name in ("action", "queue", "target") if (value := getattr(self, name))}
        if "\x00" in "".join((*names.values(), self.q)):  # stands in no row, and PostgreSQL refuses to look for it
            return rows.none()
        rows = rows.filter(**names)
        return rows.filter(_holds(self.q)) if self.q else rows

    def _newest_of(self, rows: QuerySet[OperatorAction], limit: int) -> list[OperatorAction]:
        """Each outcome by itself: to find two in one query, SQLite reads and sorts all rows that have either."""
        in_order = rows.order_by("-number")
        if not self.status:
            return list(in_order[:limit])
        found = [row for outcome in OUTCOMES[self.status] for row in in_order.filter(outcome=outcome)[:limit]]
        return sorted(found, key=lambda row: -row.number)[:limit]

    def _newest(self) -> int:
        newest: int | None = OperatorAction.objects.aggregate(newest=Max("number"))["newest"]
        return newest or 0


def deeds_on(target: str, limit: int) -> list[OperatorAction]:
    """The newest deeds on one target, newest first."""
    return list(OperatorAction.objects.filter(target=target).order_by("-number")[:limit])


def removal_of(target: str) -> OperatorAction | None:
    """Who removed it last, None if nobody did."""
    removals = OperatorAction.objects.filter(target=target, action__endswith=".remove", outcome=Outcome.SUCCESS)
    return removals.order_by("-number").first()


def _holds(text: str) -> Q:
    condition = Q()
    for column in _TEXTS:
        condition |= Q(**{f"{column}__icontains": text})
    # Details are JSON in ASCII.
    in_json = "".join(sign if sign.isascii() else json.dumps(sign)[1:-1] for sign in text)
    return condition | Q(details__icontains=in_json)
