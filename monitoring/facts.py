"""What a report tells of a task besides its status. Every value came over the wire, so each is checked and bounded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from monitoring.inbox import Report
from monitoring.models import Task
from monitoring.redaction import clean_text, cut_text
from monitoring.statuses import OVER

UNKNOWN = "unknown"
OUTPUT_LIMIT = 65_536
LIST_LIMIT = 100
# What a producer may say of its job in meta["quarterdeck"], by the field it goes to.
DESCRIPTIVE_TEXTS = (
    "kind",
    "handler",
    "triggered_by",
    "origin_instance",
    "origin_zone",
    "origin_tenant_id",
    "origin_reference",
    "provider_type",
    "executor_type",
    "executor_instance",
    "service_task_id",
    "webhook_url",
)
_MAX_LENGTHS = {field.name: field.max_length or 255 for field in Task._meta.concrete_fields}
DESCRIPTIVE_DOCUMENTS = ("config", "task_data")


def merge(task: Task, report: Report) -> None:
    """Adds what the report tells besides the status: description, due time, progress, output, media."""
    if report.queue:
        task.queue = report.queue
    if report.function and task.task_type == UNKNOWN:
        task.task_type = report.function
    if report.due_at:
        task.scheduled_for = report.due_at
    if report.description and not task.arguments:
        _describe(task, report.description)
    if report.told and task.status not in OVER:
        _listen(task, report.told)


def _describe(task: Task, description: Mapping[str, Any]) -> None:
    """What the enqueuing side wrote down."""
    created = description.get("created")
    if isinstance(created, int | float) and not isinstance(created, bool) and 0 < created < task.created_at.timestamp():
        task.created_at = datetime.fromtimestamp(created, tz=UTC)
    task.arguments = _text(description.get("params"), 20_000)
    retries = description.get("retries")
    task.max_retries = min(retries, 2**31 - 1) if isinstance(retries, int) and retries > 0 else 0
    after = description.get("after")
    task.depends_on = [_text(job_id, 255) for job_id in after[:LIST_LIMIT]] if isinstance(after, list) else None
    meta = description.get("meta")
    if isinstance(meta, dict):
        _describe_from_meta(task, meta)


def _describe_from_meta(task: Task, meta: Mapping[str, Any]) -> None:
    for name in DESCRIPTIVE_TEXTS:
        if value := meta.get("task_type" if name == "kind" else name):
            setattr(task, name, _text(value, _MAX_LENGTHS[name]))
    for name in DESCRIPTIVE_DOCUMENTS:
        if isinstance(value := meta.get(name), dict):
            setattr(task, name, value)
    if isinstance(priority := meta.get("priority"), int):
        task.priority = max(-(2**31), min(priority, 2**31 - 1))
    if isinstance(scheduled_job := meta.get("scheduled_job"), int) and 0 < scheduled_job < 2**63:
        task.scheduled_job_id = scheduled_job
    try:
        task.retry_of = UUID(str(meta["retry_of"])) if meta.get("retry_of") else None
    except ValueError:
        task.retry_of = None


def _listen(task: Task, told: Mapping[str, Any]) -> None:
    """What a running task said of itself."""
    progress = told.get("progress")
    if isinstance(progress, int | float) and math.isfinite(progress):
        task.progress = max(0.0, min(100.0, float(progress)))
        task.progress_message = _text(told.get("message"), 500)
    if isinstance(output := told.get("output"), str):
        task.output = clean_text(task.output + output + "\n", OUTPUT_LIMIT)
    if isinstance(media := told.get("media"), dict):
        task.media = [*(task.media or []), media][:LIST_LIMIT]
    if isinstance(request := told.get("service_request"), dict):
        task.service_requests = [*(task.service_requests or []), request][:LIST_LIMIT]


def _text(value: Any, limit: int) -> str:
    return cut_text(str(value or ""), limit)
