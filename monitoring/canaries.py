"""Tries a few tasks of an operation before the rest: it goes on if they succeed, and stops if one fails again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from monitoring.actions import id_of_copy
from monitoring.inbox import task_id_for
from monitoring.models import Task
from monitoring.statuses import OVER, Status
from monitoring.stored_operations import Operation, State

LOOK_SECONDS = 0.5
"""How often those that were tried are looked at."""
GONE = "GONE"
"""What is told of one that was removed while it was watched."""
_SEEN_COLUMNS = ("status", "retry_count", "error_group", "error_type")


def release(operation: Operation, tasks: Sequence[Task]) -> None:
    """Has tasks watched that were just started again. Without any, the next ones are tried."""
    operation.tried = [
        {
            "task": str(task.pk),
            "copy": str(task_id_for(id_of_copy(task))),  # where Redis had forgotten the job
            "retries": task.retry_count,
            "error_group": task.error_group,
            "status": "",
        }
        for task in tasks
    ]


def watch(operation: Operation) -> None:
    """Looks how those that were tried do, and decides once that can be told."""
    rows = Task.objects.only(*_SEEN_COLUMNS).in_bulk(
        [UUID(one[key]) for one in operation.tried for key in ("task", "copy")]
    )
    for one in operation.tried:
        _look(one, rows)
    failed = [one for one in operation.tried if one["status"] == Status.FAILED]
    if failed:
        operation.end(State.STOPPED, _verdict(operation, failed))
    elif any(one["status"] not in (*OVER, GONE) for one in operation.tried):
        operation.look_again_in(LOOK_SECONDS)
    elif any(one["status"] == Status.COMPLETED for one in operation.tried):
        operation.state = State.RUNNING
    else:
        operation.end(State.STOPPED, "None of those that were tried ran to its end.")


def _look(one: dict[str, Any], rows: dict[Any, Task]) -> None:
    copy, task = rows.get(UUID(one["copy"])), rows.get(UUID(one["task"]))
    if copy is not None:
        one["task"] = one["copy"]
        one["status"], one["new_error_group"] = copy.status, copy.error_group
    elif task is None:
        one["status"] = GONE
    elif task.retry_count > one["retries"]:  # the recorder has heard of the retry
        one["status"], one["new_error_group"] = task.status, task.error_group


def _verdict(operation: Operation, failed: Sequence[dict[str, Any]]) -> str:
    same = sum(one["new_error_group"] == one["error_group"] for one in failed)
    which = f"{len(failed)} of the {len(operation.tried)} tried"
    if same:
        return f"The same error came back: {which} failed again."
    return f"Another error came: {which} failed."
