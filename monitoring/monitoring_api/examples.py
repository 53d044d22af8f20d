"""The example answers of this surface."""

from __future__ import annotations

from typing import Any

TASK_ID = "5e2d80c4-cbbf-48d0-96f2-af6041348ea7"
NOW = "2026-04-13T15:42:10.120000Z"

_TASK: dict[str, Any] = {
    "id": TASK_ID,
    "task_type": "GENERATION",
    "provider_type": "fal",
    "status": "COMPLETED",
    "progress": 100.0,
    "origin_instance": "deck-1",
    "origin_zone": "eu",
    "origin_tenant_id": None,
    "created_at": "2026-04-13T15:42:05.901000Z",
    "started_at": "2026-04-13T15:42:06.100000Z",
    "completed_at": "2026-04-13T15:42:08.600000Z",
    "duration_ms": 2500.0,
}
TASK_PAGE = {"items": [{**_TASK, "has_error": False}], "total": 1234, "page": 1, "page_size": 50, "pages": 25}
TASK_DETAIL = {
    **_TASK,
    "origin_reference": "order-2207",
    "updated_at": "2026-04-13T15:42:08.600000Z",
    "queue_name": "media",
    "priority": 0,
    "celery_task_id": TASK_ID,
    "service_task_id": "req_81c2",
    "executor_type": None,
    "executor_instance": None,
    "config": {"steps": 30},
    "webhook_url": None,
    "errors": None,
    "retry_count": 0,
    "is_resumed": False,
    "resume_attempt_count": 0,
    "last_resume_attempt": None,
    "service_requests": [{"service": "fal", "status": 200}],
    "task_data": {"prompt": "a harbour at dawn", "width": 1024, "height": 768},
}
TASK_MEDIA = {
    "task_id": TASK_ID,
    "inputs": [],
    "outputs": [{"name": "result", "path": "out/1.png", "url": "/media/out/1.png", "media_type": "image"}],
}
STATS = {
    "total_tasks": 1234,
    "by_status": {"PENDING": 13, "EXECUTING": 5, "COMPLETED": 1150, "FAILED": 45, "CANCELLED": 21},
    "by_provider": {"fal": 1000},
    "by_task_type": {"GENERATION": 1000, "send_receipt": 234},
    "tasks_last_hour": 18,
    "tasks_last_24h": 310,
}
_LINE = {
    "hour": "2025-01-15T10:00:00Z", "queue": "media", "enqueued": 120, "completed": 112, "failed": 4, "cancelled": 1,
    "waiting": 1, "running": 1, "lost": 1, "difference": 0,
}  # fmt: skip
LEDGER = {
    "lines": [_LINE],
    "total": 1,
    "page": 1,
    "page_size": 100,
    "totals": {**_LINE, "hour": None, "queue": ""},
    "balanced": True,
    "lost": [
        {
            "task_id": "3f0a5a6e-92a4-4f0e-9d43-0c1a7f2a9b11",
            "job_id": "3f0a5a6e-92a4-4f0e-9d43-0c1a7f2a9b11",
            "queue": "media",
            "task_type": "shop.media.resize",
            "was": "QUEUED",
            "evidence": "emptied",
            "details": {"redis_started": "2025-01-15T10:31:02+00:00", "memory_policy": "noeviction"},
            "missing_since": "2025-01-15T10:31:30Z",
            "found_at": "2025-01-15T10:31:35Z",
        }
    ],
    "created_after": "2025-01-14T10:40:00Z",
    "created_before": "2025-01-15T10:40:00Z",
    "timestamp": "2025-01-15T10:40:00Z",
}
QUEUES = {
    "queues": [
        {
            "name": "media",
            "depth": 3,
            "active_workers": 2,
            "active_tasks": 1,
            "reserved_tasks": 0,
            "avg_wait_time_ms": 182.4,
            "tasks_completed_last_hour": 57,
        }
    ],
    "total_pending": 3,
    "total_active": 1,
    "timestamp": NOW,
}
WORKERS = {
    "workers": [
        {
            "name": "deck-1-a4c1e9",
            "queues": ["default", "media"],
            "concurrency": 1,
            "active_tasks": 1,
            "utilization_pct": 72.5,
            "has_capacity": False,
            "tasks_completed_total": 4021,
            "tasks_per_minute": 6.2,
            "memory_mb": 118.4,
        }
    ],
    "total_workers": 1,
    "total_capacity": 1,
    "total_active": 1,
    "total_utilization_pct": 72.5,
    "workers_at_capacity": 1,
    "timestamp": NOW,
}
HEALTH = {
    "healthy": True,
    "total_workers": 2,
    "workers_with_capacity": 1,
    "queues_with_workers": ["default", "media"],
    "queues_without_workers": [],
    "timestamp": NOW,
}

# What each error means, and one of its bodies.
ERRORS: dict[int, tuple[str, dict[str, Any]]] = {
    401: (
        "No token, a malformed or expired one, another scheme, or an account that is no longer active.",
        {"detail": "Not authenticated"},
    ),
    403: (
        "The account has no role that may read this.",
        {"detail": "Your account has no role that may read this. Ask an administrator for the viewer role."},
    ),
    404: ("There is no such task.", {"detail": "Task not found"}),
    422: (
        "A parameter cannot be used.",
        {
            "detail": [
                {
                    "loc": ["query", "page"],
                    "msg": "Ensure this value is greater than or equal to 1.",
                    "type": "greater_than_equal",
                }
            ]
        },
    ),
    429: ("Too many requests.", {"detail": "Too many requests. Try again in 3 seconds."}),
    503: (
        "The database or, for queues and workers, Redis cannot be reached.",
        {"detail": "The database cannot be reached or is busy. Nothing was changed; try again in a few seconds."},
    ),
}
