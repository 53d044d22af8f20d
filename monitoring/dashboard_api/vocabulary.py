"""This surface's words, and the kinds of fields that speak them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.api_fields import Word
from monitoring.statuses import RunStatus, Status
from monitoring.trends import Period, Range

STATUS_WORDS = {
    Status.SCHEDULED: "WaitingQueue",
    Status.DEFERRED: "Pending",
    Status.QUEUED: "Queued",
    Status.RUNNING: "InProgress",
    Status.COMPLETED: "Completed",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
}
STATUS_CHOICES = list(STATUS_WORDS.values())
SORT_WORDS = {
    "CreatedAtUtc": "created",
    "LastExecutionUtc": "last_run",
    "NextRunUtc": "next_run",
    "Status": "status",
    "TaskType": "task_type",
    "QueueName": "queue",
}
RANGE_WORDS = {"Today": Range.TODAY, "Week": Range.WEEK, "Month": Range.MONTH, "All": Range.ALL}
PERIOD_WORDS = {
    "Last7Days": Period.LAST_7_DAYS,
    "Last30Days": Period.LAST_30_DAYS,
    "Last90Days": Period.LAST_90_DAYS,
}


class StatusWord(Word):
    """A status."""

    def __init__(self, **options: Any) -> None:
        super().__init__({word: status for status, word in STATUS_WORDS.items()}, **options)


class RunWord(StatusWord):
    """What became of a run: a status, with the same word for a failed run that was tried again."""

    def to_representation(self, value: Any) -> str:
        return super().to_representation(Status.FAILED if value == RunStatus.RETRIED else value)


class StatusWords(serializers.ListField):
    """Any of several statuses: the parameter may repeat, and each may hold several with commas between."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=StatusWord(), **options)

    def to_internal_value(self, data: Any) -> list[Any]:
        words = {word.strip().lower(): word.strip() for text in data for word in str(text).split(",")}
        return [self.child.run_validation(word) for word in words.values() if word]
