"""The shapes of analytics, key by key as their contract has them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from monitoring.api_fields import Milliseconds
from monitoring.statuses import Status
from scheduler.performance import PERCENTILES, SPANS, Trend
from scheduler.performance import Performance as Numbers
from scheduler.queue_waits import TRENDS, Waiting
from scheduler.recommendations import Kind, Recommendation
from scheduler.slow_work import Slow

PERFORMANCE_TTL_SECONDS = 90
BOTTLENECKS_TTL_SECONDS = 120
LONGEST_HOURS = 720


class Share(serializers.FloatField):
    """From 0 to 1, with four decimals."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=1, **options)

    def to_representation(self, value: Any) -> Any:
        return round(float(value), 4)


def _text(limit: int, about: str) -> serializers.CharField:
    return serializers.CharField(required=False, allow_blank=True, max_length=limit, help_text=about)


class BottlenecksQuery(serializers.Serializer[Any]):
    namespace = _text(100, "Only tasks of this namespace.")
    name = _text(150, "Only tasks of handlers with this name.")
    version = _text(50, "Only tasks of handlers in this version.")
    period = serializers.IntegerField(
        default=24, min_value=1, max_value=LONGEST_HOURS, help_text="Hours to look back. It begins with a whole hour."
    )


class CacheInfo(serializers.Serializer[Any]):
    cached = serializers.BooleanField(help_text="Whether the answer was kept from an earlier request.")
    ttl_seconds = serializers.IntegerField(help_text="How long an answer is kept; `generated_at` says since when.")


# --- Performance --------------------------------------------------------------------------------------------------


class TrendFigures(serializers.Serializer[Any]):
    completion_rate = Share(help_text="Completed, of those that were completed or failed; 1 if none ended.")
    error_rate = serializers.SerializerMethodField(help_text="1 - completion_rate.")
    avg_duration_ms = Milliseconds(source="mean_ms", help_text="0 if none ended.")
    throughput_per_minute = Milliseconds(source="per_minute", help_text="Ended tasks a minute.")

    @extend_schema_field(Share())
    def get_error_rate(self, trend: Trend) -> float:
        return round(1 - trend.completion_rate, 4)


class Trends(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {name: TrendFigures() for name in SPANS}


class TaskStatistics(serializers.Serializer[Any]):
    total_tasks = serializers.IntegerField(
        help_text="Every task that ran or will run on RQ: each attempt of a step is one."
    )
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    retried = serializers.IntegerField(help_text="Retries of tasks, automatic and manual, since ever.")


class ProcessingTimes(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {f"p{percent}": Milliseconds(allow_null=True) for percent in PERCENTILES}


class Performance(serializers.Serializer[Any]):
    system_health_score = serializers.SerializerMethodField(help_text="From 0 to 100.")
    performance_trends = Trends(source="trends")
    task_statistics = serializers.SerializerMethodField()
    processing_times = serializers.SerializerMethodField(
        help_text="Milliseconds; of what was completed in the last 24 hours, by histograms, within 2 %. Null: nothing."
    )
    generated_at = serializers.DateTimeField(source="at")

    @extend_schema_field(serializers.FloatField(min_value=0, max_value=100))
    def get_system_health_score(self, found: Numbers) -> float:
        return round(found.score, 1)

    @extend_schema_field(TaskStatistics)
    def get_task_statistics(self, found: Numbers) -> dict[str, Any]:
        told = {
            "total_tasks": sum(found.by_status.values()),
            "completed": found.by_status[Status.COMPLETED],
            "failed": found.by_status[Status.FAILED],
            "retried": found.retries,
        }
        return dict(TaskStatistics(told).data)

    @extend_schema_field(ProcessingTimes)
    def get_processing_times(self, found: Numbers) -> dict[str, Any]:
        return dict(ProcessingTimes({f"p{percent}": ms for percent, ms in found.percentiles_ms.items()}).data)


class PerformanceAnswer(Performance):
    cache_info = CacheInfo()


# --- Bottlenecks --------------------------------------------------------------------------------------------------


class SlowTask(serializers.Serializer[Any]):
    task_name = serializers.CharField(source="task", help_text="The handler with its version; another task's type.")
    avg_duration_ms = Milliseconds(source="mean_ms", help_text="From start to end, of those completed or failed.")
    p95_duration_ms = serializers.SerializerMethodField()
    execution_count = serializers.IntegerField(source="count", help_text="Those that ended, however.")
    failure_rate = Share()

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_p95_duration_ms(self, slow: Slow) -> float | None:
        return _rounded(slow.times.percentile(95))


class SlowStep(serializers.Serializer[Any]):
    step_name = serializers.CharField(source="step")
    task_name = serializers.CharField(source="task", help_text="The handler with its version.")
    avg_duration_ms = Milliseconds(source="mean_ms", help_text="Of attempts that were completed or failed.")
    avg_wait_ms = Milliseconds(source="mean_wait_ms", allow_null=True, help_text="In the queue.")
    retry_rate = Share(help_text="The share of attempts that were not the first.")


class ErrorPattern(serializers.Serializer[Any]):
    error_type = serializers.CharField(help_text="The exception's class.")
    message = serializers.CharField(
        source="pattern", help_text="What they have in common: <n>, <text> stand for what varies."
    )
    frequency = serializers.IntegerField(source="count", help_text="Tasks that failed so in the period and still are.")
    affected_steps = serializers.ListField(
        source="steps", child=serializers.CharField(), help_text="Names of steps, and types of other tasks."
    )
    first_seen = serializers.DateTimeField(source="first_at", help_text="At all, not only in the period.")
    last_seen = serializers.DateTimeField(source="last_at")


class QueueWait(serializers.Serializer[Any]):
    queue = serializers.CharField()
    p50_ms = serializers.SerializerMethodField()
    p95_ms = serializers.SerializerMethodField()
    trend = serializers.ChoiceField(
        choices=TRENDS,
        help_text="The mean of the period's second half against that of the first: more or less by a fifth and 100 ms.",
    )

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_p50_ms(self, wait: Waiting) -> float | None:
        return _rounded(wait.times.percentile(50))

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_p95_ms(self, wait: Waiting) -> float | None:
        return _rounded(wait.times.percentile(95))


class Advice(serializers.Serializer[Any]):
    type = serializers.ChoiceField(choices=Kind.choices, source="kind")
    step = serializers.CharField(required=False, help_text="The step that it is about, if it is about one.")
    queue = serializers.CharField(required=False, help_text="The queue that it is about, if it is about one.")
    rationale = serializers.CharField(help_text="What it follows from, with the numbers.")
    current = serializers.FloatField(required=False, help_text="Seconds of the time limit, or workers.")
    suggested = serializers.FloatField(required=False)

    def to_representation(self, instance: Recommendation) -> dict[str, Any]:
        """Without what it does not speak of."""
        return {name: value for name, value in super().to_representation(instance).items() if value not in ("", None)}


class AnalysedScope(serializers.Serializer[Any]):
    namespace = serializers.CharField(required=False)
    name = serializers.CharField(required=False)
    version = serializers.CharField(required=False)


class Bottlenecks(serializers.Serializer[Any]):
    analysis_period = serializers.SerializerMethodField(help_text='"24 hours".')
    scope = AnalysedScope(help_text="What was given.")
    slowest_tasks = SlowTask(many=True, source="found.tasks")
    slowest_steps = SlowStep(many=True, source="found.steps")
    error_patterns = ErrorPattern(many=True, source="found.errors")
    queue_waits = QueueWait(many=True, source="found.waits")
    recommendations = Advice(many=True)
    generated_at = serializers.DateTimeField(source="found.at")

    def get_analysis_period(self, told: dict[str, Any]) -> str:
        return f"{told['hours']} hour{'s'[: told['hours'] != 1]}"


class BottlenecksAnswer(Bottlenecks):
    cache_info = CacheInfo()


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 2)
