"""Takes claimed fires to RQ. What is done twice is done once: the job's id is the fire's, and RQ takes it one time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from audit.trail import process
from monitoring import actions, broker, starts
from monitoring.models import Task
from monitoring.starts import Start
from monitoring.statuses import OVER, WAITING, Status
from scheduler.models import FireState, OverlapPolicy, ScheduledFire, ScheduledJob
from scheduler.planning import retry_delays
from scheduler.registry import NotRunnable, find

logger = logging.getLogger("quarterdeck.dispatcher")


def start_fires(fires: Sequence[ScheduledFire], *, again: bool = False) -> int:
    """Enqueues claimed fires, which have their jobs loaded, and marks them; returns how many were new to RQ.

    ``again``: they may have been enqueued before by someone who died of it, even long ago: a task that was recorded
    under the id is not started a second time, also when Redis has forgotten it. Raises BrokerError; then the fires stay
    claimed and the next one takes them.
    """
    known: set[UUID] = set()
    if again:
        known.update(Task.objects.filter(pk__in=[fire.task_id for fire in fires]).values_list("pk", flat=True))
    able: list[tuple[ScheduledFire, Start]] = []
    for fire in fires:
        if fire.task_id in known:
            continue
        try:
            able.append((fire, _start_of(fire)))
        except NotRunnable as error:
            _give_up(fire, str(error))
    _cancel_running([fire for fire, _ in able])
    new = starts.start_once([start for _, start in able])
    # By the task's id: rows that were just inserted in bulk do not know their own.
    there = [*known, *(UUID(start.job_id) for _, start in able)]
    marked = ScheduledFire.objects.filter(task_id__in=there, state=FireState.CLAIMED).update(
        state=FireState.STARTED, enqueued_at=datetime.now(UTC)
    )
    if marked < len(there):  # some were marked by another dispatcher, or cancelled by a person meanwhile
        cancelled = ScheduledFire.objects.filter(task_id__in=there, state=FireState.CANCELLED)
        broker.cancel([str(task_id) for task_id in cancelled.values_list("task_id", flat=True)])
    return sum(new)


def close_ended(jobs: Sequence[ScheduledJob]) -> None:
    """Closes the executions that Redis no longer runs, ahead of the recorder, or where nobody will record their end."""
    strict = [job.pk for job in jobs if job.overlap_policy != OverlapPolicy.ALLOW]
    if not strict:
        return
    fires = list(ScheduledFire.objects.open().filter(job__in=strict, state=FireState.STARTED).only("id", "task_id"))
    said = starts.statuses([str(fire.task_id) for fire in fires])
    ended = [fire.pk for fire, status in zip(fires, said, strict=True) if status is None or status in OVER]
    if ended:
        ScheduledFire.objects.filter(pk__in=ended, over_at__isnull=True).update(over_at=datetime.now(UTC))


def _start_of(fire: ScheduledFire) -> Start:
    job, runnable = fire.job, find(fire.job.handler)
    told = {
        "scheduled_job": job.pk,
        "triggered_by": fire.triggered_by or "schedule",
        "handler": runnable.label,
        "origin_reference": job.name,
    }
    if fire.retry_of:
        told["retry_of"] = str(fire.retry_of)
    args, kwargs = (job.args, job.kwargs) if fire.arguments is None else fire.arguments
    return Start(
        job_id=str(fire.task_id),
        function=runnable.function,
        queue=job.queue,
        args=args,
        kwargs=kwargs,
        retry_delays_seconds=list(retry_delays(job)),
        timeout_seconds=job.timeout_seconds,
        meta=told,
    )


def _give_up(fire: ScheduledFire, reason: str) -> None:
    """The handler went between the claim and the start."""
    ScheduledFire.objects.filter(job=fire.job_id, due_at=fire.due_at, state=FireState.CLAIMED).update(
        state=FireState.MISSED, reason=reason, task=None
    )


def _cancel_running(fires: Sequence[ScheduledFire]) -> None:
    """Cancels what still runs of jobs with that policy; before the new ones, so that whoever comes next does it too."""
    strict = {fire.job_id for fire in fires if fire.job.overlap_policy == OverlapPolicy.CANCEL_RUNNING}
    if not strict:
        return
    open_fires = (
        ScheduledFire.objects.open().filter(job__in=strict).exclude(task_id__in=[fire.task_id for fire in fires])
    )
    tasks = list(Task.objects.filter(pk__in=open_fires.values("task_id")).exclude(status__in=OVER))
    said = starts.statuses([task.job_id for task in tasks])
    for task, status in zip(tasks, said, strict=True):
        task.status = status or task.status  # Redis is ahead of the row
    by = process("dispatcher")
    reason = "The job is due again, and its overlap policy is to cancel the running one."
    for verb, wanted in ((actions.CANCEL, WAITING), (actions.STOP, (Status.RUNNING,))):
        if chosen := [task for task in tasks if task.status in wanted]:
            actions.perform(verb, chosen, by=by, reason=reason, action="execution.cancel")
