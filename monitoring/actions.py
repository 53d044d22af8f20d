"""What operators do to tasks. Every button, API and admin action calls these verbs, and each lives here once.

A verb checks whether the actor may and whether the task's state allows it, then asks RQ, and ends in the operators'
trail, refused or not. Its answer is "asked": the row changes when RQ says so. Each verb takes many tasks at once, with
an outcome for each; the functions named for one task raise what stood in the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import uuid5

from audit import roles
from audit.models import Outcome
from audit.trail import Actor, Deed, NotAllowedNow, NotPermitted, audited, write_down
from monitoring import broker, callables, job_scripts
from monitoring.models import Queue, Task
from monitoring.redaction import MASK, mask_value
from monitoring.statuses import FROM_RQ, UNFINISHED, WAITING, Status


class NoSuchQueue(ValueError):
    """No task was ever seen in a queue of that name."""


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One thing that can be done to tasks."""

    name: str
    """As a button says it, and as addresses have it."""
    past: str
    """As a message says it: "48 retried"."""
    action: str
    """As the trail says it."""
    allowed: frozenset[Status]
    """The statuses in which it can be asked for."""
    ask: Callable[..., list[str]]
    """Asks RQ for jobs by id, and under a ``receipt``; a word of ``job_scripts`` for each."""
    to: str = ""
    """The queue, of the verb that moves to one."""

    def refusal(self, status: str, held: str = "") -> str:
        """Why it cannot be done to a task in this status ("" once it has no row any more); empty if it can."""
        if status in self.allowed:
            return ""
        if not status:
            return "It was removed meanwhile."
        return f"Cannot {self.name} a task that {_IS[Status(status)]}."


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a verb for one task."""

    task: Task
    outcome: Outcome
    error: str = ""
    """Why it was refused or failed."""


_IS = {
    Status.SCHEDULED: "is scheduled",
    Status.DEFERRED: "waits for others",
    Status.QUEUED: "is queued",
    Status.RUNNING: "is already running",
    Status.COMPLETED: "is completed",
    Status.FAILED: "has failed",
    Status.CANCELLED: "is cancelled",
}
_STANDS_IN_THE_WAY = {
    job_scripts.MISSING: "Redis no longer holds the job.",
    job_scripts.TAKEN: "A worker is just taking it.",
    job_scripts.LIMITED: "It has a rate limit, which only RQ can account for.",
}

CANCEL = Verb(name="cancel", past="cancelled", action="job.cancel", allowed=WAITING, ask=broker.cancel)
STOP = Verb(name="stop", past="told to stop", action="job.stop", allowed=frozenset({Status.RUNNING}), ask=broker.stop)
RETRY = Verb(
    name="retry", past="retried", action="job.retry", allowed=frozenset({Status.FAILED, Status.CANCELLED}),
    ask=broker.requeue,
)  # fmt: skip
REMOVE = Verb(
    name="remove", past="removed", action="job.remove", allowed=frozenset(Status) - {Status.RUNNING}, ask=broker.remove
)
END = Verb(
    name="end", past="cancelled or told to stop", action="job.cancel", allowed=UNFINISHED, ask=broker.cancel_or_stop
)
"""Cancels what waits and stops what runs: for many tasks, of which some will have been started meanwhile."""
VERBS = {verb.name: verb for verb in (CANCEL, STOP, RETRY, REMOVE, END)}


def move_to(queue: str) -> Verb:
    """The verb that moves queued tasks to another queue; raises NoSuchQueue."""
    if not Queue.objects.filter(name=queue).exists():
        raise NoSuchQueue(f"No queue has the name {queue[:100]!r}.")
    return Verb(
        name="move", past="moved", action="job.move", allowed=frozenset({Status.QUEUED}),
        ask=partial(broker.move, to=queue), to=queue,
    )  # fmt: skip


def narrowed(verb: Verb, statuses: Collection[str]) -> Verb:
    """The verb for tasks in these statuses alone: those that were meant, whoever was faster."""
    allowed = verb.allowed & set(statuses)
    if allowed == verb.allowed:
        return verb
    words = sorted(word for word, status in FROM_RQ.items() if status in allowed)
    return replace(verb, allowed=allowed, ask=partial(verb.ask, only=words))


def perform(
    verb: Verb,
    tasks: Sequence[Task],
    *,
    by: Actor,
    reason: str = "",
    action: str = "",
    details: Mapping[str, Any] | None = None,
    receipt: str = "",
    only_in: str = "",
) -> list[Result]:
    """Does the verb to each task, with a row of its own in the trail, and returns a result for each, in their order.

    ``action`` is the trail's word where a surface has one of its own (dlq.retry). Raises NotPermitted for an actor
    who may not, and BrokerError if Redis could not be asked; both stand in the trail. Two round trips at most, but for
    jobs that have to be started anew or stopped. Under a ``receipt`` it may be repeated: what was done is not done
    again, and has the result it had. ``only_in`` refuses tasks of other queues than that one.
    """

    def deed(task: Task, outcome: Outcome, error: str = "") -> Deed:
        return Deed(
            action=action or verb.action, by=by, queue=task.queue, target=task.job_id, reason=reason,
            outcome=outcome, error=error, details=dict(details or {}),
        )  # fmt: skip

    if not by.may(roles.OPERATE):
        refused = NotPermitted(roles.REFUSALS[roles.OPERATE])
        write_down([deed(task, Outcome.REFUSED, str(refused)) for task in tasks])
        raise refused
    answered = broker.answers(receipt)
    errors = {
        task.pk: error
        for task in tasks
        if task.job_id not in answered and (error := _out_of_place(task, only_in) or verb.refusal(task.status))
    }
    able = [task for task in tasks if task.pk not in errors]
    try:
        words = verb.ask([task.job_id for task in able], receipt=receipt)
        for task, word in zip(able, words, strict=True):
            if error := _error_of(verb, task, word, by):
                errors[task.pk] = error
            elif word != job_scripts.DONE:
                broker.note(receipt, task.job_id, job_scripts.DONE)
    except broker.BrokerError as error:
        write_down([deed(task, Outcome.FAILED, f"Redis could not be asked: {error}") for task in able])
        raise
    results = [_result(task, errors.get(task.pk, "")) for task in tasks]
    write_down([deed(result.task, result.outcome, result.error) for result in results])
    return results


def _result(task: Task, error: str) -> Result:
    return Result(task=task, outcome=Outcome.REFUSED if error else Outcome.SUCCESS, error=error)


def _out_of_place(task: Task, queue: str) -> str:
    return f"It is in the queue {task.queue}, not in {queue}." if queue and task.queue != queue else ""


def _error_of(verb: Verb, task: Task, word: str, by: Actor) -> str:
    """What stood in the way by RQ's account, which is newer than the row; empty if nothing did."""
    if word == job_scripts.DONE:
        return ""
    if word == job_scripts.MISSING and verb.name == RETRY.name:
        return _start_anew(task, by)
    status = FROM_RQ.get(word)
    refused = _STANDS_IN_THE_WAY.get(word) or (verb.refusal(status) if status else "")
    return refused or f"Its status in RQ is {word}."


def _start_anew(task: Task, by: Actor) -> str:
    """Starts a new job from what was recorded of one that Redis has forgotten; answers why not, if so."""
    try:
        arguments = whole_arguments(task)
        # One id for all who try at once: the job is started once, and the others are told.
        _enqueue_copy(task, *arguments, by=by, job_id=id_of_copy(task))
    except (NotAllowedNow, callables.NotAllowed, broker.AlreadyEnqueued) as reason:
        return f"Redis no longer holds the job, and it cannot be started anew: {reason}"
    return ""


def id_of_copy(task: Task) -> str:
    """The id of the job that a retry starts instead of one that Redis has forgotten."""
    return str(uuid5(task.pk, f"again after {task.attempts} runs"))


# --- One task -----------------------------------------------------------------------------------------------------


def perform_on(task: Task, verb: Verb, *, by: Actor, reason: str = "", only_in: str = "") -> None:
    """Does a verb to one task; raises NotPermitted, NotAllowedNow or BrokerError."""
    result = perform(verb, [task], by=by, reason=reason, only_in=only_in)[0]
    if result.error:
        raise NotAllowedNow(result.error)


def cancel_task(task: Task, *, by: Actor, reason: str = "") -> None:
    """Asks RQ to cancel a task that waits; raises NotPermitted, NotAllowedNow or BrokerError."""
    perform_on(task, CANCEL, by=by, reason=reason)


def stop_task(task: Task, *, by: Actor, reason: str = "") -> None:
    """Asks the worker of a running task to end it; raises as ``cancel_task``."""
    perform_on(task, STOP, by=by, reason=reason)


def retry_task(task: Task, *, by: Actor, reason: str = "") -> None:
    """Puts a failed or cancelled task back onto its queue; raises as ``cancel_task``.

    If Redis has forgotten the job, a new one is started from what was recorded, where that is whole and allowed.
    """
    perform_on(task, RETRY, by=by, reason=reason)


def remove_task(task: Task, *, by: Actor, reason: str = "") -> None:
    """Deletes a task's job from Redis and has the recorder delete its row; raises as ``cancel_task``."""
    perform_on(task, REMOVE, by=by, reason=reason)


def move_task(task: Task, *, to: str, by: Actor, reason: str = "") -> None:
    """Moves a queued task to the end of another queue; raises NoSuchQueue, and as ``cancel_task``."""
    perform_on(task, move_to(to), by=by, reason=reason)


def retry_task_with(task: Task, *, args: Sequence[Any], kwargs: dict[str, Any], by: Actor, reason: str = "") -> str:
    """Starts a task's function again with other arguments, as a new job, and returns its RQ id.

    Raises NotPermitted; NotAllowedNow while the task is not over, or when a masked value was left in the arguments;
    callables.NotAllowed if the function may not be started; BrokerError.
    """
    details = {"arguments": mask_value({"args": list(args), "kwargs": kwargs})}
    with audited(
        "job.retry_with",
        by=by,
        needs=roles.OPERATE,
        queue=task.queue,
        target=task.job_id,
        reason=reason,
        details=details,
    ) as deed:
        if not task.is_over:
            raise NotAllowedNow(f"Cannot run a task again that {_IS[Status(task.status)]}.")
        if MASK in json.dumps([args, kwargs], default=str):
            raise NotAllowedNow(f"The arguments still hold a masked value ({MASK}): write what it stands for.")
        job_id = _enqueue_copy(task, args, kwargs, by=by)
        deed.details["new_job_id"] = job_id
        return job_id


def whole_arguments(task: Task) -> tuple[list[Any], dict[str, Any]]:
    """The positional and named arguments that were recorded; raises NotAllowedNow if they are not all there."""
    try:
        document = json.loads(task.arguments)
        args, kwargs = list(document["args"]), dict(document["kwargs"])
    except (ValueError, KeyError, TypeError):
        raise NotAllowedNow("Its arguments were not recorded, or were too long to be kept whole.") from None
    if MASK in task.arguments or "…" in task.arguments:
        raise NotAllowedNow("Some of its arguments were masked or cut when they were recorded.")
    return args, kwargs


def _enqueue_copy(
    task: Task, args: Sequence[Any], kwargs: dict[str, Any], *, by: Actor, job_id: str | None = None
) -> str:
    told: dict[str, Any] = {"retry_of": str(task.pk), "triggered_by": by.name}
    told |= {name: value for name in ("handler", "origin_reference") if (value := getattr(task, name))}
    if task.kind:
        told["task_type"] = task.kind
    return broker.enqueue(task.task_type, queue_name=task.queue, args=args, kwargs=kwargs, meta=told, job_id=job_id)
