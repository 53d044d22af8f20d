"""This surface's words, and the kinds of fields that speak them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rest_framework import serializers

from monitoring.redaction import mask_value
from monitoring.statuses import Status
from scheduler.models import Backoff, Cause, MisfirePolicy, OverlapPolicy, ScheduleType
from scheduler.truth import Verdict

STATUS_WORDS = {
    Status.SCHEDULED: "Pending",
    Status.DEFERRED: "Pending",
    Status.QUEUED: "Pending",
    Status.RUNNING: "Running",
    Status.COMPLETED: "Succeeded",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
}
STATUS_CHOICES = list(dict.fromkeys(STATUS_WORDS.values()))
SCHEDULE_TYPE_WORDS = {
    "Cron": ScheduleType.CRON,
    "Interval": ScheduleType.INTERVAL,
    "OneTime": ScheduleType.ONE_TIME,
}
OVERLAP_WORDS = {
    "Skip": OverlapPolicy.SKIP,
    "Allow": OverlapPolicy.ALLOW,
    "CancelRunning": OverlapPolicy.CANCEL_RUNNING,
}
MISFIRE_WORDS = {
    "Skip": MisfirePolicy.SKIP,
    "RunOnce": MisfirePolicy.RUN_ONCE,
    "RunAll": MisfirePolicy.RUN_ALL,
}
BACKOFF_WORDS = {
    "Fixed": Backoff.FIXED,
    "Linear": Backoff.LINEAR,
    "Exponential": Backoff.EXPONENTIAL,
}
CAUSE_WORDS = {"Schedule": Cause.SCHEDULE, "Trigger": Cause.TRIGGER, "Retry": Cause.RETRY}
VERDICT_WORDS = {
    "OnTime": Verdict.ON_TIME,
    "Late": Verdict.LATE,
    "Starting": Verdict.STARTING,
    "Overdue": Verdict.OVERDUE,
    "Overlapped": Verdict.OVERLAPPED,
    "Skipped": Verdict.SKIPPED,
    "Missed": Verdict.MISSED,
    "Cancelled": Verdict.CANCELLED,
}
SCHEDULE_CHOICES, OVERLAP_CHOICES, MISFIRE_CHOICES, BACKOFF_CHOICES, CAUSE_CHOICES, VERDICT_CHOICES = (
    list(words)
    for words in (SCHEDULE_TYPE_WORDS, OVERLAP_WORDS, MISFIRE_WORDS, BACKOFF_WORDS, CAUSE_WORDS, VERDICT_WORDS)
)


class StatusWord(serializers.ChoiceField):
    """A status; asked for, it means each of ours that share the word. Null where there is none yet."""

    default_error_messages = {"invalid_choice": "{input} is not known. Use one of: {known}."}

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=STATUS_CHOICES, **options)

    def to_internal_value(self, data: Any) -> Any:
        asked = str(data).strip().lower()
        meant = [ours for ours in Status if STATUS_WORDS[ours].lower() == asked]
        if not meant:
            self.fail("invalid_choice", input=repr(str(data)[:100]), known=", ".join(STATUS_CHOICES))
        return meant

    def to_representation(self, value: Any) -> Any:
        return STATUS_WORDS[value] if value else None


class Length(serializers.CharField):
    """A length of time as ``HH:MM:SS.fff``, with the days in front from one on: ``1.02:03:04.567``."""

    def to_representation(self, value: Any) -> Any:
        return None if value is None else length(value)


class Masked(serializers.JSONField):
    """Arguments as they may be shown: values called like a secret are masked."""

    def to_representation(self, value: Any) -> Any:
        return mask_value(value)


class TextOrEmpty(serializers.CharField):
    """A text that may be left out, empty or null, which all mean none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_blank=True, allow_null=True, **options)

    def to_internal_value(self, data: Any) -> str:
        return "" if data is None else super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation("" if data is None else data)


def length(span: timedelta) -> str:
    """As .NET's TimeSpan is written, with milliseconds."""
    milliseconds = round(span / timedelta(milliseconds=1))
    seconds, milliseconds = divmod(milliseconds, 1000)
    days, seconds = divmod(seconds, 86_400)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
    return f"{days}.{clock}" if days else clock
