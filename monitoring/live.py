"""Announces what was recorded to whoever watches. A hint only: the rows are the truth."""

from __future__ import annotations

import asyncio
import logging
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from channels.layers import get_channel_layer

from monitoring import wording
from monitoring.redaction import clean_text

if TYPE_CHECKING:
    from audit.models import StatusChange
    from monitoring.models import Task
    from monitoring.batch import Batch

logger = logging.getLogger("quarterdeck.live")

CHANGES = "changes"
"""The group that gets every status change, as messages of type ``task.changes``."""
PROGRESS = "progress"
"""The group that gets progress of running tasks, as messages of type ``task.progress``."""
EVENTS_PER_MESSAGE = 100
PARAMETERS_LIMIT = 4_000
ERROR_LIMIT = 4_000


def announce(batch: Batch) -> None:
    """Tells the groups what a batch changed; a failure is logged and costs nothing, pages catch up from SQL."""
    events = [_event(batch.tasks[change.task_id], change) for change in batch.changes]
    progress = [_progress(batch.tasks[task_id]) for task_id in batch.told]
    try:
        for group, kind, news in ((CHANGES, "task.changes", events), (PROGRESS, "task.progress", progress)):
            for start in range(0, len(news), EVENTS_PER_MESSAGE):
                _send(group, {"type": kind, "events": news[start : start + EVENTS_PER_MESSAGE]})
    except Exception as error:
        logger.warning("live updates could not be sent (%s: %s); pages will catch up", type(error).__name__, error)


def _event(task: Task, change: StatusChange) -> dict[str, Any]:
    return {
        "task_id": str(task.id),
        "at": change.changed_at.isoformat(),
        "status": str(change.new_status),
        "task_type": task.task_type,
        "handler": task.handler or task.task_type,
        "queue": task.queue,
        "parameters": clean_text(task.arguments, PARAMETERS_LIMIT),
        "message": wording.message_for(change.new_status, error=change.error, scheduled_for=task.scheduled_for),
        "error": clean_text(change.error, ERROR_LIMIT) or None,
    }


def _progress(task: Task) -> dict[str, Any]:
    return {"task_id": str(task.id), "progress": task.progress, "message": task.progress_message}


def _send(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    asyncio.run_coroutine_threadsafe(layer.group_send(group, message), _loop()).result(timeout=5)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One event loop in a thread of its own: a loop per message would mean a connection per message."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="announcer", daemon=True).start()
    return loop
