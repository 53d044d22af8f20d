"""Carries out stored operations, a chunk of tasks at a time.

A chunk is one SQL transaction around one deed in Redis: lock the operation's row, do the verb under a receipt, write
the trail's rows, the counts and the new position. Killed before the commit, all of SQL is as before and the lock is
gone; whoever takes it up again asks Redis with the same receipt and is told what was done, so each task is dealt with
once and has one outcome. Processes take turns on the row's lock; the operation that has been due longest goes first.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet

from audit import roles
from audit.trail import Actor, actor_named
from monitoring import broker, canaries
from monitoring.actions import NoSuchQueue, Result, perform
from monitoring.models import Task
from monitoring.operations import ACTED_ON, verb_of
from monitoring.stored_operations import GOING, Operation, State

logger = logging.getLogger("quarterdeck.operations")

CHUNK = 500
REASONS = 20
"""So many different refusals are kept with their counts; the trail has them all."""
TROUBLE_SECONDS = 30
"""An operation that breaks is left for so long, so that others get their turns."""


def advance() -> bool:
    """Does the next chunk of the operation that is due; returns whether there was one. May raise BrokerError."""
    if not _due().exists():  # without a transaction, which on SQLite would keep others from writing
        return False
    with transaction.atomic():
        # SQLite locks no rows: there the transaction holds the one lock on writing.
        operation = _due().select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).first()
        if operation is None:  # others work on all of them
            return False
        receipt = receipt_of(operation)
        try:
            with transaction.atomic():
                _go_on(operation, receipt)
        except (broker.BrokerError, DatabaseError):
            raise
        except Exception:
            logger.exception("operation %s broke and is tried again in %s s", operation.pk, TROUBLE_SECONDS)
            operation.refresh_from_db()
            operation.look_again_in(TROUBLE_SECONDS)
        if operation.is_over:
            operation.tasks.all().delete()  # what became of each stands in the trail
        operation.save()
    broker.throw_away(receipt)
    return True


def receipt_of(operation: Operation) -> str:
    """The key under which Redis notes what was done for the chunk in hand."""
    return f"quarterdeck:operation:{operation.pk}:{operation.position}"


def _due() -> QuerySet[Operation]:
    """The operations that want something done now, the longest due first."""
    return Operation.objects.filter(state__in=GOING, due_at__lte=datetime.now(UTC)).order_by("due_at")


def _go_on(operation: Operation, receipt: str) -> None:
    by = actor_named(operation.actor, source=operation.source, address=operation.address)
    if broker.answers(receipt):  # somebody was killed: what Redis has done is written down, whatever is wanted now
        by = replace(by, permissions=frozenset(roles.ALL))
    elif operation.stop_asked_by:
        return operation.end(State.STOPPED, f"{operation.stop_asked_by} stopped it.")
    if not by.may(roles.OPERATE):
        return operation.end(State.STOPPED, f"{operation.actor} may not act on tasks any more.")
    operation.due_at = datetime.now(UTC)
    operation.started_at = operation.started_at or operation.due_at
    if operation.state == State.WAITING:
        operation.state = State.TRYING if operation.try_first else State.RUNNING
    if operation.tried and operation.state == State.TRYING:
        canaries.watch(operation)
    else:
        _do_chunk(operation, by, receipt)
    if not operation.is_over and not operation.left and not (operation.tried and operation.state == State.TRYING):
        operation.end(State.FINISHED)
    return None


def _do_chunk(operation: Operation, by: Actor, receipt: str) -> None:
    try:
        verb = verb_of(operation)
    except NoSuchQueue as reason:
        return operation.end(State.STOPPED, str(reason))
    tasks = _next_tasks(operation, operation.try_first if operation.state == State.TRYING else CHUNK)
    results = perform(
        verb, tasks, by=by, reason=operation.reason, action=operation.action, details={"operation": operation.pk},
        receipt=receipt,
    )  # fmt: skip
    _count(operation, results)
    if operation.state == State.TRYING:
        canaries.release(operation, [result.task for result in results if not result.error])
    return None


def _next_tasks(operation: Operation, size: int) -> list[Task]:
    """The next tasks as they are now. One that has no row any more has no status."""
    left = operation.tasks.filter(position__gt=operation.position).order_by("position")
    chosen = list(left.values_list("task_id", "job_id", "queue")[:size])
    known = Task.objects.only(*ACTED_ON).in_bulk([task_id for task_id, *_ in chosen])
    return [
        known.get(task_id) or Task(id=task_id, job_id=job_id, queue=queue, status="")
        for task_id, job_id, queue in chosen
    ]


def _count(operation: Operation, results: Sequence[Result]) -> None:
    errors = [result.error for result in results if result.error]
    operation.position += len(results)
    operation.done += len(results) - len(errors)
    operation.refused += len(errors)
    reasons = Counter(operation.refusals)
    for error in errors:
        if error in reasons or len(reasons) < REASONS:
            reasons[error] += 1
    operation.refusals = dict(reasons)
