"""This surface's words, and the kinds of fields that speak them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from monitoring.filter_fields import NotAMoment, parse_moment
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


class Word(serializers.ChoiceField):
    """One of this surface's words, in any case, for what we mean by it."""

    default_error_messages = {"invalid_choice": "{input} is not known. Use one of: {known}."}

    def __init__(self, meanings: Mapping[str, Any], **options: Any) -> None:
        super().__init__(choices=list(meanings), **options)
        self.meanings = meanings

    def to_internal_value(self, data: Any) -> Any:
        word = next((word for word in self.meanings if word.lower() == str(data).strip().lower()), None)
        if word is None:
            self.fail("invalid_choice", input=repr(str(data)[:100]), known=", ".join(self.meanings))
        return self.meanings[word]


class StatusWord(Word):
    """A status; asked for, it means each of ours that share the word."""

    def __init__(self, **options: Any) -> None:
        meanings = {word: [ours for ours in Status if STATUS_WORDS[ours] == word] for word in STATUS_CHOICES}
        super().__init__(meanings, **options)

    def to_representation(self, value: Any) -> str:
        return STATUS_WORDS[value]


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(serializers.Field):  # type: ignore[type-arg]  # the stubs' parameters do not exist at run time
    """A time, as parse_moment reads it."""

    def __init__(self, *, is_end: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.is_end = is_end

    def to_internal_value(self, data: Any) -> datetime:
        try:
            return parse_moment(str(data), is_end=self.is_end)
        except NotAMoment as error:
            raise serializers.ValidationError(str(error), code="datetime_parsing") from error


class TextOrNull(serializers.CharField):
    """A text that is null when there is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_representation(self, value: Any) -> Any:
        return value or None


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
