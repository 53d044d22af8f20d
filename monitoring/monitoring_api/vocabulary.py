"""This surface's words, and the kinds of fields that speak them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import serializers

from monitoring.api_fields import Word
from monitoring.labels import shown_type_of
from monitoring.models import Task
from monitoring.statuses import Status

STATUS_WORDS = {
    Status.SCHEDULED: "PENDING",
    Status.DEFERRED: "PENDING",
    Status.QUEUED: "PENDING",
    Status.RUNNING: "EXECUTING",
    Status.COMPLETED: "COMPLETED",
    Status.FAILED: "FAILED",
    Status.CANCELLED: "CANCELLED",
}
STATUS_CHOICES = list(dict.fromkeys(STATUS_WORDS.values()))
SORT_WORDS = {
    "created_at": "created",
    "started_at": "started",
    "completed_at": "completed",
    "status": "status",
    "task_type": "shown_type",
    "duration_ms": "elapsed",
}
ORDER_WORDS = {"asc": False, "desc": True}


class StatusWord(Word):
    """A status; asked for, it means each of ours that share the word."""

    def __init__(self, **options: Any) -> None:
        meanings = {word: tuple(ours for ours in Status if STATUS_WORDS[ours] == word) for word in STATUS_CHOICES}
        super().__init__(meanings, **options)

    def to_representation(self, value: Any) -> str:
        return STATUS_WORDS[value]


class ShownType(serializers.CharField):
    """What a task is called: its declared kind, else the short name of its type."""

    def __init__(self, **options: Any) -> None:
        super().__init__(source="*", **options)

    def to_representation(self, value: Any) -> str:
        return shown_type_of(value.kind, value.task_type)


class Elapsed(serializers.FloatField):
    """The milliseconds from start to completion, null unless both are known."""

    def __init__(self, **options: Any) -> None:
        super().__init__(source="*", allow_null=True, **options)

    def to_representation(self, value: Any) -> Any:
        task: Task = value
        if task.started_at is None or task.completed_at is None:
            return None
        return (task.completed_at - task.started_at).total_seconds() * 1000


def in_our_words(counts: Mapping[Status, int]) -> dict[str, int]:
    """Counts by this surface's words for statuses, all of them, zeros included."""
    return {word: _sum(counts, word) for word in STATUS_CHOICES}


def _sum(counts: Mapping[Status, int], word: str) -> int:
    ours: Iterable[Status] = (status for status in Status if STATUS_WORDS[status] == word)
    return sum(counts.get(status, 0) for status in ours)
