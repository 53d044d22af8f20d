"""How pages show workflows and steps: status as shape and word, documents of any content."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString

from monitoring.redaction import clean_text, without_secrets
from monitoring.templatetags.documents import laid_out
from monitoring.templatetags.marks import status_mark
from scheduler.pages.shapes import WORKFLOW_SHAPES, shape_of, word_of
from scheduler.workflow_models import WorkflowStep
from scheduler.workflow_states import WorkflowStatus

register = template.Library()

SHOWN_CHARACTERS = 65_536


@register.filter
def workflow_mark(status: str) -> SafeString:
    """A workflow's status."""
    known = WorkflowStatus(status)
    return status_mark(WORKFLOW_SHAPES[known], str(known.label))


@register.filter
def step_mark(step: WorkflowStep) -> SafeString:
    """A step's status."""
    return status_mark(shape_of(step), word_of(step))


@register.filter
def document(value: Any) -> str:
    """JSON laid out, with what sensitive keys hold masked, and no more of it than a page can carry."""
    try:
        return clean_text(laid_out(without_secrets(value)), SHOWN_CHARACTERS)
    except RecursionError:
        return "It is nested too deeply to be shown."
