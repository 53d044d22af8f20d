"""The shapes of answers about health."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

SERVICE = "quarterdeck"
PROBE_STATUSES = ("healthy", "unhealthy")
HEALTH_STATUSES = ("healthy", "degraded", "unhealthy")


class Alive(serializers.Serializer[Any]):
    """That the process answers."""

    alive = serializers.BooleanField(help_text="Always true: a process that is not does not answer.")
    timestamp = serializers.DateTimeField()
    service = serializers.CharField()


class Check(serializers.Serializer[Any]):
    """What one probe found."""

    status = serializers.ChoiceField(choices=PROBE_STATUSES)
    message = serializers.CharField(help_text="One sentence; what is wrong and what to do, if anything is.")
    response_time_ms = serializers.FloatField(help_text="How long the answer took, or was waited for.")


class RecorderCheck(Check):
    """What the recorder's probe found."""

    lag_seconds = serializers.FloatField(
        allow_null=True, help_text="The age of the oldest report that is not recorded; null if it could not be told."
    )


class Checks(serializers.Serializer[Any]):
    """All probes."""

    database = Check()
    redis = Check()
    migrations = Check()
    recorder = RecorderCheck()


class Readiness(serializers.Serializer[Any]):
    """Whether what Quarterdeck stands on answers."""

    ready = serializers.BooleanField()
    checks = Checks()
    failed_checks = serializers.ListField(child=serializers.CharField(), help_text="The names of those that failed.")


# --- Status -------------------------------------------------------------------------------------------------------


def _count(about: str = "") -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, help_text=about)


class TasksNow(serializers.Serializer[Any]):
    """Tasks, which are workflows, by state."""

    total = _count()
    pending = _count("Also paused ones.")
    in_progress = _count()
    complete = _count()
    error = _count()
    cancelled = _count()


class StepsNow(serializers.Serializer[Any]):
    """The steps of all tasks by state."""

    total = _count()
    pending = _count("Also those that are in a queue.")
    in_progress = _count("Those whose attempt is recorded as running.")
    complete = _count("Also skipped ones and those resolved by hand.")
    error = _count()
    cancelled = _count()


class RetriesNow(serializers.Serializer[Any]):
    """Steps whose last attempt failed."""

    retryable_errors = _count("They will be tried again; 10,000 means that many or more.")
    exhausted_retries = _count("They will not: no attempt is left, or the failure was for good.")
    in_backoff = _count("Those of the first that wait for their time; 10,000 means that many or more.")


class QueuesNow(serializers.Serializer[Any]):
    """Queues, as Redis has them."""

    total = _count()
    waiting = _count("Jobs that a worker could take.")
    running = _count()
    unattended = _count("Queues where jobs wait and no worker listens.")


class WorkersNow(serializers.Serializer[Any]):
    """Living workers."""

    total = _count()
    busy = _count()
    idle = _count("Those that would take a job now.")


class HealthMetrics(serializers.Serializer[Any]):
    """How much is going on; null is what could not be told in time."""

    tasks = TasksNow(allow_null=True)
    steps = StepsNow(allow_null=True)
    retries = RetriesNow(allow_null=True)
    queues = QueuesNow(allow_null=True)
    workers = WorkersNow(allow_null=True)


class DatabaseCheck(Check):
    """What the database's probe found."""

    engine = serializers.CharField(help_text="`postgresql` or `sqlite`.")


class RecorderNow(serializers.Serializer[Any]):
    """How the recorder keeps up."""

    lag_seconds = serializers.FloatField(allow_null=True, help_text="The age of the oldest report not recorded.")
    events_per_second = serializers.FloatField(
        allow_null=True, help_text="Reports recorded, over the last minute of samples; null without two samples."
    )
    stream_length = serializers.IntegerField(allow_null=True, help_text="Reports that wait to be recorded.")


class HealthStatus(serializers.Serializer[Any]):
    """How everything is, with figures."""

    healthy = serializers.BooleanField(help_text="Whether every check of `health/ready` is well.")
    status = serializers.ChoiceField(
        choices=HEALTH_STATUSES,
        help_text="`degraded`: every check is well, but jobs wait where no worker listens, or a figure is missing.",
    )
    metrics = HealthMetrics()
    database = DatabaseCheck()
    recorder = RecorderNow()
    timestamp = serializers.DateTimeField()
