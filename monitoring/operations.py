"""Verbs over all tasks that match a filter: a few at once, many in the background.

``count_matching_verb`` is the dry run: an exact count that costs the same however many tasks there are. Up to AT_ONCE
tasks are dealt with in the request. For more, an Operation is stored, with the tasks that match at that moment, and
``manage.py operate`` carries it out (``monitoring.chunks``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from audit import roles
from audit.trail import Actor, NotAllowedNow, audited
from monitoring import labels, statistics
from monitoring.actions import VERBS, Result, Verb, move_to, narrowed, perform
from monitoring.filters import TaskFilter
from monitoring.models import Task
from monitoring.statuses import Status
from monitoring.stored_operations import GOING, Operation, OperationTask

AT_ONCE = 1_000
"""The most tasks that are dealt with while somebody waits for the answer."""
ACTED_ON = (
    "job_id", "queue", "status", "task_type", "kind", "handler", "origin_reference", "attempts", "retry_count",
    "arguments", "error_group",
)  # fmt: skip
"""What verbs need to know of a task."""


def count_matching_verb(verb: Verb, asked: Mapping[str, Any]) -> int:
    """How many of the tasks that a TaskFilter with the input ``asked`` finds allow the verb; raises BadFilter."""
    wanted = TaskFilter(labels.resolved(asked)).values().get("status") or Status
    counts = statistics.counts_matching(asked)
    return sum(counts[status] for status in Status if status in wanted and status in verb.allowed)


def act_on_matching(
    verb: Verb, asked: Mapping[str, Any], *, by: Actor, action: str = "", reason: str = ""
) -> list[Result] | Operation:
    """Does the verb to the tasks that match and allow it, or has it done; see ``actions.perform`` for what it raises.

    Returns a result for each task, or for more than AT_ONCE the operation that will see to them. Raises BadFilter.
    """
    require(verb, asked, by=by, action=action, reason=reason)
    oldest_first = matching(verb, asked).only(*ACTED_ON).order_by("created_at", "pk")
    tasks = list(oldest_first[: AT_ONCE + 1])
    statuses = TaskFilter(asked).values().get("status") or Status
    if len(tasks) > AT_ONCE:
        return begin_operation(verb, asked, by=by, action=action, reason=reason)
    return perform(narrowed(verb, statuses), tasks, by=by, action=action, reason=reason) if tasks else []


def begin_operation(
    verb: Verb, asked: Mapping[str, Any], *, by: Actor, action: str = "", reason: str = "", try_first: int = 0
) -> Operation:
    """Stores an operation over the tasks that match now; raises NotPermitted, BadFilter, NotAllowedNow if none does.

    With ``try_first`` so many are tried before the rest, and the rest is left alone if one of them fails again.
    """
    values = storable(asked)
    with audited(
        "operation.start",
        by=by,
        needs=roles.OPERATE,
        queue=values.get("queue", ""),
        reason=reason,
        details={"verb": verb.name, "asked": values, "try_first": try_first},
    ) as deed:
        now = datetime.now(UTC)
        with transaction.atomic():
            operation = Operation.objects.create(
                verb=verb.name, move_to=verb.to, asked=values, action=action or verb.action, reason=reason,
                actor=by.name, source=by.source, address=by.address, try_first=try_first,
                created_at=now, due_at=now,
            )  # fmt: skip
            operation.total = _remember(operation, matching(verb, asked))
            if not operation.total:
                raise NotAllowedNow(f"There is nothing to {verb.name} now.")
            operation.save(update_fields=["total"])
        deed.target = str(operation.pk)
        deed.details["total"] = operation.total
    return operation


def stop_operation(operation: Operation, *, by: Actor, reason: str = "") -> None:
    """Asks that an operation end after the chunk in hand; raises NotPermitted, and NotAllowedNow once it is over."""
    with audited("operation.stop", by=by, needs=roles.OPERATE, target=str(operation.pk), reason=reason):
        going = Operation.objects.filter(pk=operation.pk, state__in=GOING, stop_asked_by="")
        if not going.update(stop_asked_by=by.name, due_at=datetime.now(UTC)):
            operation.refresh_from_db()
            raise NotAllowedNow("It is over already." if operation.is_over else "It has been asked to stop already.")


def verb_of(operation: Operation) -> Verb:
    """The verb that an operation does, to tasks in the statuses that were asked for; raises actions.NoSuchQueue."""
    verb = move_to(operation.move_to) if operation.move_to else VERBS[operation.verb]
    return narrowed(verb, operation.asked.get("status") or Status)


def matching(verb: Verb, asked: Mapping[str, Any]) -> QuerySet[Task]:
    """The tasks that match and allow the verb; raises BadFilter."""
    return TaskFilter(labels.resolved(asked)).matching().filter(status__in=verb.allowed)


def require(verb: Verb, asked: Mapping[str, Any], *, by: Actor, action: str, reason: str) -> None:
    """Raises NotPermitted for an actor who may not, with one row in the trail for all that was asked for."""
    if not by.may(roles.OPERATE):
        values = storable(asked)
        with audited(
            action or verb.action,
            by=by,
            needs=roles.OPERATE,
            queue=values.get("queue", ""),
            reason=reason,
            details={"asked": values},
        ):
            pass


def storable(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A filter's input as JSON can hold it, without what was left empty; raises BadFilter."""
    values = TaskFilter(asked).values()
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _remember(operation: Operation, tasks: QuerySet[Task]) -> int:
    """Writes down the tasks of an operation, oldest first, and returns how many; one statement for any number."""
    order = Window(RowNumber(), order_by=[F("created_at").asc(), F("pk").asc()])
    numbered = tasks.order_by().annotate(position=order).values("position", "pk", "job_id", "queue")
    try:
        select, parameters = numbered.query.sql_with_params()
    except EmptyResultSet:  # the filter contradicts itself
        return 0
    columns = '"operation_id", "position", "task_id", "job_id", "queue"'
    table = OperationTask._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({columns}) SELECT %s, found.* FROM ({select}) AS found',  # noqa: S608  # names only
            [operation.pk, *parameters],
        )
        return int(cursor.rowcount)
