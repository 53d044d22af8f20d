"""What people do to scheduled jobs and their executions. Every button, API and admin action calls these verbs.

Each runs inside ``audited`` and leaves its row in the trail, refused or not. Waking the dispatchers follows the commit.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, transaction

from audit import roles
from audit.trail import Actor, NotAllowedNow, audited
from monitoring import actions, broker, starts
from monitoring.models import Task
from monitoring.redaction import mask_value
from monitoring.statuses import WAITING, Status
from scheduler import bell
from scheduler.definitions import EDITABLE_FIELDS, SCHEDULE_FIELDS, Mistakes, mistakes_in
from scheduler.models import Cause, FireState, ScheduledFire, ScheduledJob
from scheduler.planning import set_next
from scheduler.registry import NotRunnable, find
from scheduler.starting import start_fires

logger = logging.getLogger("quarterdeck.scheduler")


class BadDefinition(NotAllowedNow):
    """The definition of a job cannot be used."""

    def __init__(self, mistakes: Mistakes) -> None:
        super().__init__(" ".join(f"{name}: {' '.join(sentences)}" for name, sentences in mistakes.items()))
        self.mistakes = mistakes


class NameTaken(NotAllowedNow):
    """Another job has that name."""


class CannotRetry(NotAllowedNow):
    """There is no such execution, or it has not failed."""


# --- Jobs ---------------------------------------------------------------------------------------------------------


def create_job(fields: Mapping[str, Any], *, by: Actor) -> ScheduledJob:
    """Makes a job of the EDITABLE_FIELDS given; raises NotPermitted, BadDefinition or NameTaken."""
    job = ScheduledJob(created_by=by.name)
    with audited("repeatable.create", by=by, needs=roles.MANAGE, target=str(job.uuid)) as deed:
        _assign(job, fields)
        deed.queue, deed.details = job.queue, _told(job)
        _check(job)
        set_next(job, datetime.now(UTC))
        with transaction.atomic():
            _check_name(job)
            _save(job)
    transaction.on_commit(bell.ring)
    return job


def update_job(job: ScheduledJob, changes: Mapping[str, Any], *, by: Actor) -> ScheduledJob:
    """Gives a job other values for some of the EDITABLE_FIELDS; raises as ``create_job``.

    Arguments that come back as they are shown, with values masked, stay as they are.
    """
    with (
        audited("repeatable.update", by=by, needs=roles.MANAGE, target=str(job.uuid), queue=job.queue) as deed,
        transaction.atomic(),
    ):
        job = _locked(job)
        before = copy(job)
        _assign(job, {name: value for name, value in changes.items() if not _is_masked(job, name, value)})
        changed = [name for name in EDITABLE_FIELDS if getattr(job, name) != getattr(before, name)]
        deed.queue, deed.details = job.queue, {"changed": changed, **_told(job)}
        _check(job, stored=before)
        if "name" in changed:
            _check_name(job)
        if set(changed) & set(SCHEDULE_FIELDS):
            set_next(job, datetime.now(UTC))
        job.updated_at = datetime.now(UTC)
        _save(job, update_fields=[*EDITABLE_FIELDS, "updated_at", "next_due_at", "next_run_at"])
    transaction.on_commit(bell.ring)
    return job


def delete_job(job: ScheduledJob, *, by: Actor, reason: str = "") -> None:
    """Deletes a job and the record of its due times; its executions stay as tasks.

    Raises NotPermitted, or NotAllowedNow if somebody else has deleted it meanwhile.
    """
    with (
        audited(
            "repeatable.remove", by=by, needs=roles.MANAGE, target=str(job.uuid), queue=job.queue, reason=reason
        ) as deed,
        transaction.atomic(),
    ):
        deed.details = {"name": job.name}
        _locked(job).delete()


def pause_job(job: ScheduledJob, *, by: Actor, reason: str = "") -> ScheduledJob:
    """Has a job not be started until it is resumed; raises NotPermitted, or NotAllowedNow if it is paused."""
    return _hold(job, True, by, reason)


def resume_job(job: ScheduledJob, *, by: Actor, reason: str = "") -> ScheduledJob:
    """Has a paused job be started again, from its next due time on; raises NotPermitted or NotAllowedNow."""
    return _hold(job, False, by, reason)


def _hold(job: ScheduledJob, paused: bool, by: Actor, reason: str) -> ScheduledJob:
    action = "repeatable.pause" if paused else "repeatable.resume"
    with audited(action, by=by, needs=roles.OPERATE, target=str(job.uuid), queue=job.queue, reason=reason) as deed:
        deed.details = {"name": job.name}
        with transaction.atomic():
            job = _locked(job)
            if job.is_paused == paused:
                raise NotAllowedNow("The job is paused already." if paused else "The job is not paused.")
            job.is_paused = paused
            if not paused:
                set_next(job, datetime.now(UTC))
            job.save(update_fields=["is_paused", "next_due_at", "next_run_at"])
    transaction.on_commit(bell.ring)
    return job


# --- Executions ---------------------------------------------------------------------------------------------------


def trigger_job(job: ScheduledJob, *, by: Actor, reason: str = "") -> ScheduledFire:
    """Starts a job now, also a paused or disabled one; its schedule goes on as it was.

    Raises NotPermitted, or NotAllowedNow if its handler is gone. With Redis away it is started once that is back.
    """
    with audited(
        "repeatable.run", by=by, needs=roles.OPERATE, target=str(job.uuid), queue=job.queue, reason=reason
    ) as deed:
        deed.details = {"name": job.name}
        try:
            find(job.handler)
        except NotRunnable as error:
            raise NotAllowedNow(str(error)) from error
        fire = _claim_by_hand(job, Cause.TRIGGER, by)
        deed.details["execution"] = str(fire.task_id)
    return fire


def cancel_execution(fire: ScheduledFire, *, by: Actor, reason: str = "") -> ScheduledFire:
    """Keeps an execution from starting, or asks its worker to end it; raises NotPermitted or NotAllowedNow.

    The answer has ``cancel_requested_at`` set; a running one goes on until its worker says that it has ended.
    """
    with transaction.atomic():
        claimed = ScheduledFire.objects.claimed().filter(pk=fire.pk)
        if by.may(roles.OPERATE) and claimed.update(state=FireState.CANCELLED, **_cancelled()):
            fire.state, fire.status = FireState.CANCELLED, Status.CANCELLED
            fire.over_at = fire.cancel_requested_at = datetime.now(UTC)
            _write_cancelled(fire, by, reason)
            return fire
    # Without a row the recorder has not seen it yet: what there is to know of it, Redis knows.
    task = fire.task or Task(pk=fire.task_id, job_id=str(fire.task_id), queue=fire.job.queue)
    (status,) = starts.statuses([task.job_id])
    task.status = status or task.status  # Redis is ahead of the row
    if fire.over_at is not None or not task.status:
        with audited("execution.cancel", by=by, needs=roles.OPERATE, target=str(fire.task_id), reason=reason):
            raise NotAllowedNow("Cannot cancel an execution that is over.")
    verb = actions.STOP if task.status == Status.RUNNING else actions.CANCEL
    (result,) = actions.perform(verb, [task], by=by, reason=reason, action="execution.cancel")
    if result.error:
        raise NotAllowedNow(result.error)
    if task.status in WAITING:
        task.status = fire.status = Status.CANCELLED  # RQ has done it; the row follows
    fire.cancel_requested_at = datetime.now(UTC)
    ScheduledFire.objects.filter(pk=fire.pk).update(cancel_requested_at=fire.cancel_requested_at)
    return fire


def retry_execution(fire: ScheduledFire | None, *, by: Actor, target: str = "", reason: str = "") -> ScheduledFire:
    """Starts a failed execution's job once more, with the same arguments; raises NotPermitted or CannotRetry.

    None is an execution that does not exist (``target`` is what was asked for): that, too, stands in the trail.
    """
    with audited(
        "execution.retry",
        by=by,
        needs=roles.OPERATE,
        target=str(fire.task_id) if fire else target,
        queue=fire.job.queue if fire else "",
        reason=reason,
    ) as deed:
        if fire is None:
            raise CannotRetry("There is no such execution.")
        status = fire.task.status if fire.task else fire.status
        if status != Status.FAILED:
            is_now = Status(status).label.lower() if status else "pending"
            raise CannotRetry(f"Only a failed execution can be retried; this one is {is_now}.")
        try:
            find(fire.job.handler)
            arguments = _arguments_of(fire)
        except (NotRunnable, NotAllowedNow) as error:
            raise CannotRetry(str(error)) from error
        again = _claim_by_hand(fire.job, Cause.RETRY, by, retry_of=fire.task_id, arguments=arguments)
        deed.details["execution"] = str(again.task_id)
    return again


def _arguments_of(fire: ScheduledFire) -> list[Any] | None:
    """The arguments that an execution had; None if they are the job's own still, which is kept unmasked."""
    if fire.arguments is not None or fire.job.updated_at <= fire.due_at:
        return fire.arguments
    if fire.task is None:
        raise NotAllowedNow("The job was edited since, and what the execution was given is not kept any more.")
    return list(actions.whole_arguments(fire.task))


def _claim_by_hand(job: ScheduledJob, cause: Cause, by: Actor, **fields: Any) -> ScheduledFire:
    """Writes the intent, then starts it; if Redis is away, a dispatcher does that later."""
    now = datetime.now(UTC)
    fire = ScheduledFire(
        job=job, due_at=now, run_at=now, leased_at=now, cause=cause, state=FireState.CLAIMED, task_id=uuid4(),
        triggered_by=by.name[:100], **fields,
    )  # fmt: skip
    with transaction.atomic():
        _locked(job)
        fire.save(force_insert=True)
    try:
        start_fires([fire])
    except broker.BrokerError as error:
        logger.warning(
            "execution %s is started once Redis is back: %s", fire.task_id, error, extra={"task_id": fire.task_id}
        )
        bell.ring()
    return fire


def _cancelled() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"cancel_requested_at": now, "over_at": now, "status": Status.CANCELLED}


def _write_cancelled(fire: ScheduledFire, by: Actor, reason: str) -> None:
    with audited("execution.cancel", by=by, needs=roles.OPERATE, target=str(fire.task_id), reason=reason) as deed:
        deed.queue = fire.job.queue


# --- Parts --------------------------------------------------------------------------------------------------------


def _assign(job: ScheduledJob, fields: Mapping[str, Any]) -> None:
    for name in EDITABLE_FIELDS:
        if name in fields:
            setattr(job, name, fields[name])


def _check(job: ScheduledJob, *, stored: ScheduledJob | None = None) -> None:
    if mistakes := mistakes_in(job, stored=stored):
        raise BadDefinition(mistakes)


def _check_name(job: ScheduledJob) -> None:
    if ScheduledJob.objects.filter(name=job.name).exclude(pk=job.pk).exists():
        raise NameTaken(f"There is a job with the name {job.name!r} already.")


def _save(job: ScheduledJob, **options: Any) -> None:
    try:
        job.save(**options)
    except IntegrityError as error:  # somebody else was faster with the name
        raise NameTaken(f"There is a job with the name {job.name!r} already.") from error


def _locked(job: ScheduledJob) -> ScheduledJob:
    """The job as it is now, held until the transaction ends, so that no dispatcher moves it on meanwhile."""
    try:
        return ScheduledJob.objects.select_for_update().get(pk=job.pk)
    except ScheduledJob.DoesNotExist:
        raise NotAllowedNow("The job was deleted meanwhile.") from None


def _is_masked(job: ScheduledJob, name: str, value: Any) -> bool:
    return name in ("args", "kwargs") and value == mask_value(getattr(job, name))


def _told(job: ScheduledJob) -> dict[str, Any]:
    """What the trail keeps of a definition."""
    return {"name": job.name, "handler": job.handler, "schedule": job.in_words(), "kwargs": mask_value(job.kwargs)}
