"""Small pieces that every page shows the same way: a status, an icon, an error, the hub's address."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.models import OperatorAction, Outcome
from monitoring import tracebacks, wording
from monitoring.statuses import RunStatus, Status

register = template.Library()

_OUTCOMES: dict[str, Status] = {Outcome.SUCCESS: Status.COMPLETED, Outcome.REFUSED: Status.CANCELLED}
"""Whose shape and colour a deed's outcome has."""


@register.simple_tag
def icon(name: str) -> SafeString:
    """A shape of ``static/icons.svg``; it says nothing to a screen reader, the word beside it does."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)


@register.filter
def status_mark(status: str, word: str = "") -> SafeString:
    """A status of a task or of a run as shape and word, which may be another than ours."""
    shape = (Status.FAILED if status == RunStatus.RETRIED else Status(status)).lower()
    label = RunStatus.RETRIED.label if status == RunStatus.RETRIED else Status(status).label
    return format_html('<span class="status status-{}">{}{}</span>', shape, icon(shape), word or label)


@register.filter
def outcome_mark(deed: OperatorAction) -> SafeString:
    """How an operator's deed went, as shape and word."""
    shape = _OUTCOMES.get(deed.outcome, Status.FAILED).lower()
    return format_html('<span class="status status-{}">{}{}</span>', shape, icon(shape), deed.get_outcome_display())


@register.filter
def last_name(dotted_name: str) -> str:
    """A name without the modules before it."""
    return dotted_name.rpartition(".")[2]


@register.filter
def summary(error: str) -> str:
    """The line of an error that says most."""
    return wording.error_summary(error)


@register.filter
def frames(error: str) -> list[tracebacks.Section]:
    """A traceback's sections, to fold what the libraries did."""
    return tracebacks.sections(error)


@register.simple_tag
def hub_url() -> str:
    """Where the live hub is."""
    return f"/{settings.MONITORING_BASE_PATH}/hub"
