"""Where the steps of one workflow stand, by what they depend on and by the times that were measured."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from scheduler.graphs import Analysis, analyse
from scheduler.workflow_models import WorkflowStep
from scheduler.workflow_states import OVER_WELL, StepStatus


def is_ready(step: WorkflowStep) -> bool:
    """Whether its dependencies are over well, it has an attempt left, and its backoff has passed."""
    if step.unmet or step.status not in (StepStatus.PENDING, StepStatus.QUEUED):
        return False
    return step.status == StepStatus.QUEUED or step.next_retry_at is None or step.next_retry_at <= timezone.now()


def analysis_of(steps: Sequence[WorkflowStep]) -> Analysis:
    """The analysis of a workflow's steps; slack and critical path by the last attempts' times."""
    return analyse(
        {step.name: step.depends_on for step in steps},
        completed=[step.name for step in steps if step.status in OVER_WELL],
        unready=[step.name for step in steps if _holds_itself_back(step)],
        took_ms={step.name: step.duration_ms for step in steps if step.duration_ms is not None},
    )


def in_words(found: Analysis, steps: Sequence[WorkflowStep]) -> str:
    """The analysis as a sentence."""
    parts = [f"{len(found.completed):,} of {len(steps):,} steps are complete"]
    if found.ready:
        parts.append(f"{_some(found.ready)} {'is' if len(found.ready) == 1 else 'are'} ready")
    failed = [step.name for step in steps if step.status == StepStatus.FAILED]
    if failed:
        parts.append(f"{_some(failed)} failed")
    if found.blocked:
        name, waits = next(iter(found.blocked.items()))
        others = f", and {len(found.blocked) - 1:,} more wait" if len(found.blocked) > 1 else ""
        parts.append(f"{name} waits for {_some(waits)}{others}")
    if found.critical_path_ms:
        parts.append(
            f"the critical path has {len(found.critical_path):,} steps and took {found.critical_path_ms:,.0f} ms"
        )
    return "; ".join(parts) + "."


def _holds_itself_back(step: WorkflowStep) -> bool:
    return (step.status not in OVER_WELL and not step.unmet and not is_ready(step)) or step.status in (
        StepStatus.FAILED,
        StepStatus.CANCELLED,
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3:,} more" if len(names) > 3 else shown
