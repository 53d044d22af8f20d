"""What the OpenAPI document says of health and metrics."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer

from monitoring.api_descriptions import READING, Surface, success
from scheduler.health_api import examples, serializers
from scheduler.workflow_api.serializers import WorkflowRefusal

_SURFACE = Surface(name="health", tag="Health and metrics", errors=examples.ERRORS, shape=WorkflowRefusal)

live = _SURFACE.reads(
    "live",
    "Is the process alive?",
    "Answers as long as the web process does, whatever else is down. For anyone, without a login.",
    answer=serializers.Alive,
    example=examples.ALIVE,
    errors=(),
)
ready = _SURFACE.describes(
    "ready",
    "Is everything it stands on there?",
    "Asks the database, Redis, the migrations and the recorder at once, and answers within two seconds even if one of "
    "them hangs. The recorder fails when it is more than a minute behind. For anyone, without a login.",
    answers={
        200: success("All is well", serializers.Readiness, examples.READY),
        503: success("Something is wrong", serializers.Readiness, examples.NOT_READY),
    },
    errors=(),
)
status = _SURFACE.describes(
    "status",
    "How is everything, in figures?",
    "The checks of `health/ready` with figures: tasks (workflows), their steps and retries from the counts kept while "
    "writing, queues and workers from Redis, and how the recorder keeps up. Each figure has a time limit of its own, "
    "and all of them together take no more than 1.5 s after the login: what hangs is null. 503 if a check fails, with "
    "the same body; the error's shape only if the database does not even say who asks.",
    answers={
        200: success("All checks are well", serializers.HealthStatus, examples.STATUS),
        503: OpenApiResponse(
            PolymorphicProxySerializer(
                "UnhealthyStatus", [serializers.HealthStatus, WorkflowRefusal], resource_type_field_name=None
            ),
            "A check fails; or SYSTEM_NOT_READY, if the database does not answer at all.",
            examples=[
                OpenApiExample("answer", value=examples.UNHEALTHY_STATUS),
                OpenApiExample("error 503", value=examples.NO_ANSWER),
            ],
        ),
    },
    errors=(401, 403),
)
metrics = _SURFACE.describes(
    "metrics",
    "Figures for Prometheus",
    "Tasks by queue and status, status changes, run and waiting times as histograms by queue and type, workers by "
    "state, depths and oldest waiting jobs of queues, the recorder's and the scheduler's lag, workflows by status, and "
    "HTTP requests. The same figures from whichever web process is asked. "
    "Needs a login, or the bearer token of the setting METRICS_TOKEN; METRICS_PUBLIC opens it to anyone.",
    answers={
        (200, "text/plain"): OpenApiResponse(
            OpenApiTypes.STR,
            "In the text format of Prometheus",
            examples=[OpenApiExample("answer", value='quarterdeck_tasks{queue="mail",status="failed"} 3.0')],
        )
    },
    errors=READING,
)
