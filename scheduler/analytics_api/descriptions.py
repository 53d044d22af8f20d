"""What the OpenAPI document says of analytics."""

from __future__ import annotations

from monitoring.api_descriptions import READING, Surface
from scheduler.analytics_api import examples, serializers
from scheduler.workflow_api.serializers import WorkflowRefusal

_SURFACE = Surface(name="analytics", tag="Analytics", errors=examples.ERRORS, shape=WorkflowRefusal)

performance = _SURFACE.reads(
    "performance",
    "How well everything goes",
    "Of all tasks on RQ, of which each attempt of a workflow's step is one: how those of the last 1, 4 and 24 hours "
    "ended, how long they took, and a score.\n\n"
    "The score is 100 · (0.5 · completion rate of the last hour + 0.3 · share of queues with a living worker + "
    "0.2 · (1 - backlog trend)). The backlog trend is the share of the waiting tasks that has come on top since an "
    "hour ago, 0 if no more wait than then.\n\n"
    "Everything comes from counts and histograms kept while recording: percentiles are within 2 %. An answer is kept "
    f"for {serializers.PERFORMANCE_TTL_SECONDS} seconds in the process that gave it; `cache_info` says whether this "
    "one was, `generated_at` when it was made.",
    answer=serializers.PerformanceAnswer,
    example=examples.PERFORMANCE,
    errors=READING,
)
bottlenecks = _SURFACE.reads(
    "bottlenecks",
    "What is slow, what fails, what waits",
    "At most ten rows of each, worst first: the slowest tasks (workflows by handler; with no handler asked for, other "
    "tasks by type), the slowest steps, errors grouped by what they have in common, how long runs had waited in their "
    "queues, and what follows from the numbers.\n\n"
    "Recommendations: `raise_timeout` if the 95th percentile of a step exceeds 80 % of its time limit; `retries_help` "
    "if more than half of a step's retries succeed, `retries_are_vain` if none does; `add_workers` if a queue's wait "
    "grows and no worker that listens is idle. Each needs five runs or retries, and says its numbers.\n\n"
    "The period begins with the hour that it begins in. What was never run is an empty list, also for a handler that "
    f"does not exist. An answer is kept for {serializers.BOTTLENECKS_TTL_SECONDS} seconds, by its parameters, in the "
    "process that gave it.",
    asks=[serializers.BottlenecksQuery],
    answer=serializers.BottlenecksAnswer,
    example=examples.BOTTLENECKS,
    errors=(400, *READING),
)
