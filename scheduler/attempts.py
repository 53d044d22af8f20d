"""Runs one attempt of one step on a worker: the only function of workflows that RQ ever names.

The worker writes to the step's row that the attempt began and what became of it, and only if the row still says that
this attempt is the present one. So a job that RQ runs twice has its effect once; and the results that other steps get
are the real ones, where what goes through the outbox is masked and cut. The state of the step itself is the engine's:
it changes when the recorder hears of the task's end.

Workers of workflows need the handlers, so they are started by ``manage.py work``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
    transaction,
)
from django.utils import timezone

from monitoring.redaction import mask_text
from scheduler.json_text import NotJSON, to_text
from scheduler.registry import registry, templates_of
from scheduler.steps import LONGEST_RETRY_AFTER_SECONDS, PermanentError, RetryAfter, Step, Template, mapped_inputs
from scheduler.workflow_counts import COUNTED, Counts
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_states import OVER, StepOutcome, StepStatus, WorkflowStatus

logger = logging.getLogger("quarterdeck.workflows")

NOT_RUN = "Not run: this attempt is over, or another one has taken its place."
SKIPPED = "Skipped: its condition says that it need not run."
RESULT_LIMIT = 1024 * 1024
ERROR_LIMIT = 65_536
_WRITE_DELAYS_SECONDS = (0.2, 1, 3, 10)


def run_attempt(step_id: str, run_number: int) -> Any:
    """Runs the attempt and returns what the step returned; raises what it raised."""
    step = _begin(step_id, run_number)
    if step is None:
        return NOT_RUN
    told: dict[str, Any] = {"error": "", "error_type": ""}
    try:
        template = template_of(step)
        if template.backoff is not None:  # written first, for an attempt that is killed says nothing
            told["retry_after_seconds"] = template.backoff_seconds(step.attempts)
            _ours(step).update(retry_after_seconds=told["retry_after_seconds"])
        given = _given_to(step, template)
        told["inputs"] = dict(given.inputs)
        if template.skip_if is not None and template.skip_if(given):
            told |= {"outcome": StepOutcome.SKIPPED, "results": None}
            return SKIPPED
        results = template.function(given)
        told |= {"outcome": StepOutcome.DONE, "results": _checked(results)}
        return results
    except BaseException as error:  # also the timeout of RQ and the exit of a function that calls sys.exit
        told |= _failure(error)
        raise
    finally:
        _write(step, {**told, "completed_at": timezone.now()})


def warm_up() -> None:
    """Has Django prepare what every attempt asks of it; in a fork that is alone it costs more than the attempt.

    Nothing is found and nothing changed. Forks must not share its connection.
    """
    try:
        nobody = uuid4()
        _begin(str(nobody), 0)
        _note_start(Workflow(pk=nobody), timezone.now())
        blank = WorkflowStep(pk=nobody, workflow=Workflow(pk=nobody), depends_on=["x"])
        WorkflowStep.objects.select_related("workflow").filter(pk=nobody).first()
        _given_to(blank, Template(name="x", function=str))
        _write(blank, {"outcome": StepOutcome.DONE, "results": None, "error": "", "completed_at": timezone.now()})
    except DatabaseError as error:
        logger.warning("the worker starts unprepared, for the database is away: %s", error)
    finally:
        connections.close_all()


def template_of(step: WorkflowStep) -> Template:
    """The template that the step was planned from; raises PermanentError when the code has it no more."""
    workflow = step.workflow
    made = registry.versions.get(f"{workflow.namespace}.{workflow.name}", {}).get(workflow.version)
    if made is None:
        raise PermanentError(f"The handler {workflow.full_name} is not registered any more.")
    found = next((template for template in templates_of(made) if template.name == step.name), None)
    if found is None:
        raise PermanentError(f"The handler {workflow.full_name} has no step {step.name!r} any more.")
    return found


def _begin(step_id: str, run_number: int) -> WorkflowStep | None:
    """Takes the attempt: of any number who try, one gets it. None for the others, and if it is not to be made."""
    now = timezone.now()
    mine = WorkflowStep.objects.filter(pk=step_id, run_number=run_number, status=StepStatus.QUEUED)
    if not mine.update(status=StepStatus.RUNNING, started_at=now):
        return None
    step = WorkflowStep.objects.select_related("workflow").get(pk=step_id)
    if step.workflow.status in OVER:
        return None
    if step.workflow.status == WorkflowStatus.PENDING:
        _note_start(step.workflow, now)
    return step


def _note_start(workflow: Workflow, now: datetime) -> None:
    """The first of its attempts says that the workflow runs; the others find that one has."""
    counts = Counts()
    with transaction.atomic():
        pending = Workflow.objects.locked().filter(pk=workflow.pk, status=WorkflowStatus.PENDING)
        for found in pending.only(*COUNTED):
            counts.count(found, -1)
            found.status, found.started_at, found.updated_at = WorkflowStatus.RUNNING, now, now
            found.save(update_fields=["status", "started_at", "updated_at"])
            counts.count(found, +1)
        counts.write()


def _given_to(step: WorkflowStep, template: Template) -> Step:
    workflow = step.workflow
    results: dict[str, Any] = {}
    if step.depends_on:
        needed = WorkflowStep.objects.filter(workflow=workflow, name__in=step.depends_on)
        results = dict(needed.values_list("name", "results"))
    return Step(
        name=step.name,
        context=workflow.context,
        inputs={**mapped_inputs(template.inputs, workflow.context, results), **step.inputs},
        results=results,
        workflow_id=workflow.pk,
        attempt=step.run_number,
        custom_events=template.custom_events,
    )


def _checked(results: Any) -> Any:
    try:
        size = len(to_text(results))
    except NotJSON as error:
        raise PermanentError(f"Its result is not JSON: {error}.") from None
    if size > RESULT_LIMIT:
        raise PermanentError(f"Its result has {size:,} characters of JSON; the most is {RESULT_LIMIT:,}.")
    return results


def _failure(error: BaseException) -> dict[str, Any]:
    text = mask_text(f"{type(error).__name__}: {error}", ERROR_LIMIT)
    told: dict[str, Any] = {"outcome": StepOutcome.FAILED, "error": text, "error_type": type(error).__name__[:255]}
    if isinstance(error, PermanentError):
        told["outcome"] = StepOutcome.HOPELESS
    if isinstance(error, RetryAfter):
        told["retry_after_seconds"] = min(error.seconds, LONGEST_RETRY_AFTER_SECONDS)
    return told


def _ours(step: WorkflowStep) -> Any:
    return WorkflowStep.objects.filter(pk=step.pk, run_number=step.run_number, status=StepStatus.RUNNING)


def _write(step: WorkflowStep, told: dict[str, Any]) -> None:
    """Writes the outcome. The effect is there already, so a database that is away for a moment is waited for."""
    _patiently(lambda: _ours(step).update(**told))


def _patiently(deed: Callable[[], Any]) -> None:
    for seconds in (*_WRITE_DELAYS_SECONDS, None):
        try:
            deed()
            return
        except (OperationalError, InterfaceError) as error:
            if seconds is None:
                raise
            logger.warning("the outcome of an attempt waits %g s for the database: %s", seconds, error)
            time.sleep(seconds)
            close_old_connections()
