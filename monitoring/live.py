"""Announces what was recorded to whoever watches. A hint only: the rows are the truth.

Two groups of the channel layer hear it. Every message names its announcer and has a number that counts up by one in
its group, so a listener notices when one got lost and can send its watchers back to SQL.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from channels.layers import get_channel_layer

from audit.models import StatusChange
from monitoring import wording
from monitoring.redaction import clean_text, cut_text
from monitoring.statuses import Status

if TYPE_CHECKING:
    from monitoring.batch import Batch
    from monitoring.models import Task
    from monitoring.transitions import Change

logger = logging.getLogger("quarterdeck.live")

CHANGES = "changes"
"""The group that gets every status change, as messages of type ``task.changes``."""
PROGRESS = "progress"
"""The group that gets progress of running tasks, as messages of type ``task.progress``."""
EVENTS_PER_MESSAGE = 100
PARAMETERS_LIMIT = 4_000
ERROR_LIMIT = 4_000
SENDING_SECONDS = 5.0

_ANNOUNCER = uuid4().hex
_NUMBERS = {CHANGES: itertools.count(), PROGRESS: itertools.count()}

Message = dict[str, Any]


def announce(batch: Batch) -> None:
    """Tells the groups what a batch changed. Never raises: a failure is logged, and pages catch up from SQL."""
    sending: Future[None] | None = None
    try:
        messages = [*_changes(batch), *_progress(batch)]
        if messages:
            sending = asyncio.run_coroutine_threadsafe(_send(messages), _loop())
            sending.result(timeout=SENDING_SECONDS)
    except Exception as error:  # the batch is committed: whatever is wrong here must not look like a failed batch
        if sending:
            sending.cancel()
        logger.warning("live updates could not be sent (%s: %s); pages will catch up", type(error).__name__, error)


def newest_change() -> str:
    """The stream id of the newest recorded status change, empty before the first one."""
    recorded = StatusChange.objects.exclude(stream_id="").order_by("-id")  # the newest row by primary key
    return recorded.values_list("stream_id", flat=True).first() or ""


def _changes(batch: Batch) -> list[Message]:
    # A task that was removed in the same batch has nothing left to show.
    kept = [(task, change) for change in batch.changes if (task := batch.tasks.get(change.task_id))]
    return _messages(CHANGES, "task.changes", [_event(task, change) for task, change in kept])


def _progress(batch: Batch) -> list[Message]:
    running = [task for task_id in batch.told if (task := batch.tasks[task_id]).status == Status.RUNNING]
    news = [{"task_id": str(task.id), "progress": task.progress, "message": task.progress_message} for task in running]
    return _messages(PROGRESS, "task.progress", news)


def _messages(group: str, kind: str, events: Sequence[dict[str, Any]]) -> list[Message]:
    return [
        {
            "type": kind,
            "group": group,
            "announcer": _ANNOUNCER,
            "number": next(_NUMBERS[group]),
            "events": events[start : start + EVENTS_PER_MESSAGE],
        }
        for start in range(0, len(events), EVENTS_PER_MESSAGE)
    ]


def _event(task: Task, change: Change) -> dict[str, Any]:
    return {
        "task_id": str(task.id),
        "stream_id": change.stream_id,
        "at": change.changed_at.isoformat(),
        "status": str(change.new_status),
        "task_type": task.task_type,
        "handler": task.handler or task.task_type,
        "queue": task.queue,
        "parameters": _bounded_json(task.arguments),
        "message": wording.message_for(change.new_status, error=change.error, scheduled_for=task.scheduled_for),
        "error": clean_text(change.error, ERROR_LIMIT) or None,
    }


def _bounded_json(document: str) -> str:
    """The document if it is short, else its beginning as a text inside JSON, so that whoever parses it can."""
    if len(document) <= PARAMETERS_LIMIT:
        return document
    return json.dumps({"cut": cut_text(document, PARAMETERS_LIMIT // 2)}, ensure_ascii=False)


async def _send(messages: Sequence[Message]) -> None:
    layer = get_channel_layer()
    for message in messages:
        await layer.group_send(message["group"], message)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One event loop in a thread of its own: a loop per message would mean a connection per message."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="announcer", daemon=True).start()
    return loop
