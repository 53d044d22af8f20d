"""Verbs over all tasks that match a filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit import roles
from audit.trail import Actor, audited
from monitoring import labels, statistics
from monitoring.actions import Result, Verb, perform
from monitoring.filters import TaskFilter
from monitoring.models import Task
from monitoring.statuses import Status

AT_ONCE = 1_000
"""The most tasks that are dealt with while somebody waits for the answer."""
ACTED_ON = (
    "job_id", "queue", "status", "task_type", "kind", "handler", "origin_reference", "attempts", "retry_count",
    "arguments",
)  # fmt: skip
"""What verbs need to know of a task."""


def count_matching_verb(verb: Verb, asked: Mapping[str, Any]) -> int:
    """How many of the tasks that a TaskFilter with the input ``asked`` finds allow the verb; raises BadFilter."""
    wanted = TaskFilter(labels.resolved(asked)).values().get("status") or Status
    counts = statistics.counts_matching(asked)
    return sum(counts[status] for status in Status if status in wanted and status in verb.allowed)


def act_on_matching(
    verb: Verb, asked: Mapping[str, Any], *, by: Actor, action: str = "", reason: str = ""
) -> list[Result] | Any:
    """Does the verb to the tasks that match and allow it."""
    if not by.may(roles.OPERATE):
        with audited(action or verb.action, by=by, needs=roles.OPERATE, queue=asked.get("queue", ""), reason=reason):
            pass
    matching = TaskFilter(labels.resolved(asked)).matching().filter(status__in=verb.allowed)
    tasks = list(matching.only(*ACTED_ON).order_by("created_at", "pk"))
    return perform(verb, tasks, by=by, action=action, reason=reason) if tasks else []


__all__ = ["ACTED_ON", "AT_ONCE", "Task", "act_on_matching", "count_matching_verb"]
