"""The example answers of the workflows in the monitoring API."""

from __future__ import annotations

from typing import Any

from monitoring.monitoring_api import examples as tasks

WORKFLOW_ID = "7f3de727-66b8-4124-a288-296b2479f9a9"

_WORKFLOW: dict[str, Any] = {
    "id": WORKFLOW_ID,
    "name": "fulfil_order",
    "description": "From a paid cart to a parcel.",
    "status": "RUNNING",
    "total_steps": 4,
    "completed_steps": 2,
    "progress": 50.0,
    "current_step": "pack",
    "final_step_id": "ship",
    "origin_instance": "deck-1",
    "origin_zone": "eu",
    "origin_tenant_id": None,
    "created_at": "2026-04-13T15:42:05.901000Z",
    "started_at": "2026-04-13T15:42:06.100000Z",
    "completed_at": None,
    "duration_ms": None,
}
PAGE = {"items": [{**_WORKFLOW, "has_error": False}], "total": 81, "page": 1, "page_size": 50, "pages": 2}
DETAIL = {
    **_WORKFLOW,
    "canvas_task_id": None,
    "origin_reference": "order-2207",
    "config": {
        "handler": "shop.fulfil_order@1.0.0",
        "context": {"order": "2207"},
        "tags": [],
        "priority": 0,
        "resume_count": 0,
    },
    "webhook_url": None,
    "updated_at": "2026-04-13T15:42:08.600000Z",
    "error_message": None,
    "errors": [],
    "steps": [
        {
            "id": "e1521730-ede2-4025-b108-821c20b3dd61",
            "step_id": "charge",
            "task_type": "charge",
            "status": "COMPLETED",
            "task_id": tasks.TASK_ID,
            "dependencies": ["reserve"],
            "input_mappings": [{"input": "total", "from": "results.reserve.total"}],
            "config": {"queue": "payments", "timeout_seconds": 360, "inputs": {"total": 4990}},
            "started_at": "2026-04-13T15:42:06.400000Z",
            "completed_at": "2026-04-13T15:42:07.450000Z",
            "duration_ms": 1050.0,
            "error_message": None,
            "retry_count": 0,
            "max_retries": 4,
            "result": {"receipt": "r-81"},
        }
    ],
}
STATS = {
    "total_workflows": 81,
    "by_status": {"PENDING": 1, "RUNNING": 3, "PAUSED": 0, "COMPLETED": 70, "FAILED": 5, "CANCELLED": 2},
    "workflows_last_hour": 4,
    "workflows_last_24h": 33,
    "avg_steps_per_workflow": 7.25,
}
ERRORS = {**tasks.ERRORS, 404: ("There is no such workflow.", {"detail": "Workflow not found"})}
