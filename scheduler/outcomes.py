"""What follows for a scheduled job when one of its executions is over; written in the recorder's own transaction."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from monitoring import bulk
from monitoring.batch import End
from monitoring.signals import task_over
from monitoring.statuses import OVER, Status
from scheduler.models import ScheduledFire, ScheduledJob

logger = logging.getLogger("quarterdeck.scheduler")

_COUNTED = ("consecutive_failures", "last_status", "last_executed_at")


def listen() -> None:
    """Has the recorder tell us."""
    task_over.connect(apply_ends, dispatch_uid="scheduler.outcomes")


def apply_ends(sender: Any, ends: Sequence[End], **kwargs: Any) -> None:
    """Writes the ends of executions; nothing at all, without a query, if none of the tasks is one."""
    ours = [end for end in ends if end.task.scheduled_job_id is not None]
    if not ours:
        return
    try:
        with transaction.atomic():
            _close_fires(ours)
            _count_failures(ours)
    except (OperationalError, InterfaceError):
        raise  # the recorder tries the batch again
    except Exception:  # no fault of the record's, which must not be held up by it
        logger.exception("the ends of %d scheduled executions could not be written to their jobs", len(ours))


def _close_fires(ends: Sequence[End]) -> None:
    last = {end.task.pk: end for end in ends}
    fires = list(ScheduledFire.objects.filter(task_id__in=last).only("id", "task_id"))
    for fire in fires:
        task, change = last[fire.task_id]  # type: ignore[index]  # chosen by it
        is_over = change.new_status in OVER
        fire.started_at = task.started_at if is_over else None
        fire.over_at = change.changed_at if is_over else None
        fire.status = change.new_status if is_over else ""
    bulk.update(ScheduledFire, fires, ("started_at", "over_at", "status"))


def _count_failures(ends: Sequence[End]) -> None:
    """Failures in a row: one more for each failure, none after a success; a cancelled execution leaves the number."""
    by_job: defaultdict[int, list[End]] = defaultdict(list)
    for end in ends:
        if end.change.new_status in OVER and end.task.scheduled_job_id is not None:
            by_job[end.task.scheduled_job_id].append(end)
    # In the order of the key, so that two who lock several never wait for each other.
    jobs = list(ScheduledJob.objects.select_for_update().filter(pk__in=list(by_job)).order_by("pk").only(*_COUNTED))
    for job in jobs:
        for task, change in by_job[job.pk]:
            if change.new_status == Status.FAILED:
                job.consecutive_failures += 1
            elif change.new_status == Status.COMPLETED:
                job.consecutive_failures = 0
            job.last_status = change.new_status
            job.last_executed_at = task.started_at or change.changed_at
    bulk.update(ScheduledJob, jobs, _COUNTED)
