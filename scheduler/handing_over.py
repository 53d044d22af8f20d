"""Takes claimed attempts and due webhooks to RQ. Done twice it is done once: each job's id follows from its row."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID, uuid5

from django.utils import timezone

from monitoring import broker, starts
from monitoring.starts import Start
from scheduler.workflow_models import Workflow, WorkflowStep, task_id_of
from scheduler.workflow_states import IN_FLIGHT

logger = logging.getLogger("quarterdeck.workflows")

ENTRY = "scheduler.attempts.run_attempt"
"""The one function that runs steps on workers."""
WEBHOOK_ENTRY = "scheduler.webhooks.deliver"
WEBHOOK_DELAYS_SECONDS = (10, 60, 300, 1_800, 7_200)
"""Before the second, third, … attempt to deliver."""


def hand_over(steps: Sequence[WorkflowStep]) -> None:
    """Enqueues claimed attempts, which have their workflows loaded. Without Redis they stay claimed, for reconcile."""
    try:
        starts.start_once([_start_of(step) for step in steps])
    except broker.BrokerError as error:
        logger.warning("%d attempts wait for Redis to be handed over: %s", len(steps), error)
        return
    rows = WorkflowStep.objects.filter(pk__in=[step.pk for step in steps], handed_at__isnull=True)
    rows.filter(status__in=IN_FLIGHT).update(handed_at=timezone.now())


def ask_for_webhook(workflow: Workflow) -> None:
    """Enqueues the telling of a workflow's end. Without Redis it stays due."""
    due_at = workflow.webhook_due_at
    if due_at is None:  # asked for meanwhile
        return
    job_id = str(uuid5(workflow.pk, f"webhook {due_at.isoformat()}"))
    start = Start(
        job_id=job_id,
        function=WEBHOOK_ENTRY,
        queue="default",
        args=[str(workflow.pk)],
        retry_delays_seconds=WEBHOOK_DELAYS_SECONDS,
        timeout_seconds=60,
        meta={**_told(workflow), "task_type": "webhook"},
    )
    try:
        starts.start_once([start])
    except broker.BrokerError as error:
        logger.warning("the webhook of workflow %s waits for Redis: %s", workflow.pk, error)
        return
    Workflow.objects.filter(pk=workflow.pk, webhook_due_at=due_at).update(webhook_due_at=None)


def withdraw(waiting: Sequence[UUID], running: Sequence[UUID]) -> None:
    """Cancels tasks that wait and has running ones stopped. What Redis does not hear, their workers find in SQL."""
    try:
        broker.cancel([str(task_id) for task_id in waiting])
        broker.stop([str(task_id) for task_id in running])
    except broker.BrokerError as error:
        logger.warning("%d tasks could not be withdrawn: %s", len(waiting) + len(running), error)


def _start_of(step: WorkflowStep) -> Start:
    return Start(
        job_id=str(step.task_id),
        function=ENTRY,
        queue=step.queue,
        args=[str(step.pk), step.run_number],
        timeout_seconds=step.timeout_seconds,
        at_front=step.workflow.priority > 0,
        meta={
            **_told(step.workflow),
            "task_type": step.name,
            "priority": step.workflow.priority,
            **({"retry_of": str(task_id_of(step.pk, step.run_number - 1))} if step.run_number > 1 else {}),
            "task_data": {
                "workflow_id": str(step.workflow_id),
                "step": step.name,
                "resume_attempts": step.run_number - 1,
            },
        },
    )


def _told(workflow: Workflow) -> dict[str, str]:
    told = {
        "handler": workflow.full_name,
        "triggered_by": workflow.initiator or "workflow",
        "origin_reference": workflow.origin_reference or str(workflow.pk),
        "origin_instance": workflow.origin_instance,
        "origin_zone": workflow.origin_zone,
        "origin_tenant_id": workflow.origin_tenant_id,
        "executor_type": "workflow",
    }
    return {name: text for name, text in told.items() if text}
