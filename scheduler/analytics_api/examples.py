"""What the OpenAPI document shows of the answers of analytics."""

from __future__ import annotations

from typing import Any

from scheduler.workflow_api import examples as workflow_examples


def _trend(completion_rate: float, avg_duration_ms: float, throughput_per_minute: float) -> dict[str, float]:
    return {
        "completion_rate": completion_rate,
        "error_rate": round(1 - completion_rate, 4),
        "avg_duration_ms": avg_duration_ms,
        "throughput_per_minute": throughput_per_minute,
    }


PERFORMANCE: dict[str, Any] = {
    "system_health_score": 97.4,
    "performance_trends": {
        "1h": _trend(0.981, 412.51, 38.2),
        "4h": _trend(0.9792, 405.13, 36.9),
        "24h": _trend(0.985, 398.02, 31.47),
    },
    "task_statistics": {"total_tasks": 812_330, "completed": 799_120, "failed": 11_904, "retried": 8_021},
    "processing_times": {"p50": 201.94, "p95": 1_480.27, "p99": 4_102.6},
    "generated_at": "2025-01-15T10:00:00Z",
    "cache_info": {"cached": False, "ttl_seconds": 90},
}
BOTTLENECKS: dict[str, Any] = {
    "analysis_period": "24 hours",
    "scope": {"namespace": "shop"},
    "slowest_tasks": [
        {
            "task_name": "shop.fulfil_order@1.0.0",
            "avg_duration_ms": 5_210.4,
            "p95_duration_ms": 9_822.15,
            "execution_count": 1_204,
            "failure_rate": 0.0183,
        }
    ],
    "slowest_steps": [
        {
            "step_name": "charge",
            "task_name": "shop.fulfil_order@1.0.0",
            "avg_duration_ms": 1_420.75,
            "avg_wait_ms": 88.2,
            "retry_rate": 0.0712,
        }
    ],
    "error_patterns": [
        {
            "error_type": "GatewayTimeout",
            "message": "GatewayTimeout: no answer for order <n>",
            "frequency": 61,
            "affected_steps": ["charge"],
            "first_seen": "2025-01-02T07:12:44.120000Z",
            "last_seen": "2025-01-15T09:58:03.500000Z",
        }
    ],
    "queue_waits": [{"queue": "payments", "p50_ms": 41.02, "p95_ms": 890.4, "trend": "rising"}],
    "recommendations": [
        {
            "type": "add_workers",
            "queue": "payments",
            "rationale": "The mean wait in payments grew from 52 ms in the first half of the period to 310 ms in the "
            "second, 14 jobs wait now, and none of its 2 workers is idle.",
            "current": 2.0,
            "suggested": 3.0,
        },
        {
            "type": "retries_help",
            "step": "charge",
            "rationale": "58 of 64 retries of charge (shop.fulfil_order@1.0.0) succeeded: most of its failures pass. "
            "Let it wait for what it needs, by RetryAfter or a longer backoff, rather than fail first.",
        },
    ],
    "generated_at": "2025-01-15T10:00:00Z",
    "cache_info": {"cached": True, "ttl_seconds": 120},
}
ERRORS = {
    **{status: workflow_examples.ERRORS[status] for status in (401, 403, 429)},
    400: (
        "INVALID_PARAMETER: a parameter cannot be used.",
        workflow_examples.error(
            "INVALID_PARAMETER",
            "period: Ensure this value is less than or equal to 720.",
            {"period": ["Ensure this value is less than or equal to 720."]},
        ),
    ),
    503: (
        "ANALYTICS_UNAVAILABLE: Redis or the database cannot be reached. SYSTEM_NOT_READY: nor is it known who asks.",
        workflow_examples.error("ANALYTICS_UNAVAILABLE", "Redis cannot be reached, so nothing can be analysed now."),
    ),
}
