"""The shapes of answers about health."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

SERVICE = "quarterdeck"
PROBE_STATUSES = ("healthy", "unhealthy")


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
