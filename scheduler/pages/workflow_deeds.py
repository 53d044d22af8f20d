"""What the buttons of a workflow and of a step can do at this moment, and for the others why not."""

from __future__ import annotations

from typing import Any

from audit import roles
from monitoring.pages.task_deeds import Deed
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_refusals import of_step, of_workflow

WORKFLOW_VERBS = {"pause": "Pause", "resume": "Resume", "retry": "Retry failed steps", "cancel": "Cancel…"}
"""By the word in the form."""
STEP_VERBS = {"retry": "Retry", "skip": "Skip", "resolve": "Resolve", "cancel": "Cancel…"}


def workflow_deeds(workflow: Workflow, user: Any) -> list[Deed]:
    """The buttons of a workflow."""
    forbidden = _forbidden(user)
    return [
        Deed(word=word, label=label, off=forbidden or of_workflow(word, workflow))
        for word, label in WORKFLOW_VERBS.items()
    ]


def step_deeds(step: WorkflowStep, user: Any) -> list[Deed]:
    """The buttons of a step, whose workflow is at hand."""
    forbidden = _forbidden(user)
    return [Deed(word=word, label=label, off=forbidden or of_step(word, step)) for word, label in STEP_VERBS.items()]


def state_of(step: WorkflowStep) -> str:
    """What a form remembers, to notice that the step has gone on since: its status, and which attempt it is at."""
    return f"{step.status}-{step.run_number}"


def _forbidden(user: Any) -> str:
    return "" if user.has_perm(roles.OPERATE) else roles.REFUSALS[roles.OPERATE]
