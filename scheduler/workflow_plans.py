"""From a handler and a context to the rows of a workflow: whether the context will do, and the plan."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from jsonschema import Draft202012Validator

from scheduler.graphs import dependents, topological_order
from scheduler.json_text import NotJSON, to_text
from scheduler.registry import Handler, templates_of
from scheduler.workflow_models import Workflow, WorkflowStep, step_id_of

MISTAKES_LIMIT = 50


def mistakes_in_context(handler: Handler, context: Any) -> dict[str, list[str]]:
    """What is wrong with a context, by the JSON path of each failure below ``$``, at most 50; empty if nothing."""
    try:
        to_text(context)
    except NotJSON as error:
        return {"$": [f"It is no JSON: {error}."]}
    found: dict[str, list[str]] = {}
    try:
        for number, mistake in enumerate(Draft202012Validator(handler.schema).iter_errors(context)):
            if number == MISTAKES_LIMIT:
                found.setdefault("$", []).append("There are more mistakes; these are the first.")
                break
            found.setdefault(mistake.json_path[:500], []).append(f"{mistake.message[:500]}.")
    except RecursionError:
        return {"$": ["It is nested too deeply."]}
    return found or ({} if isinstance(context, Mapping) else {"$": ["It must be a JSON object."]})


def plan(handler: Handler, workflow: Workflow, *, now: datetime | None = None) -> list[WorkflowStep]:
    """The steps of a new workflow, unsaved, in topological order; its counters are set."""
    now = now or timezone.now()
    templates = {template.name: template for template in templates_of(handler)}
    graph = {name: template.depends_on for name, template in templates.items()}
    followers = dependents(graph)
    steps = [
        WorkflowStep(
            id=step_id_of(workflow.pk, name),
            workflow=workflow,
            position=position,
            name=name,
            depends_on=list(dict.fromkeys(graph[name])),
            dependents=followers[name],
            unmet=len(set(graph[name])),
            queue=templates[name].queue or handler.queue or "default",
            timeout_seconds=templates[name].timeout_seconds,
            retryable=templates[name].retryable,
            retry_limit=templates[name].retry_limit,
            skippable=templates[name].skippable,
        )
        for position, name in enumerate(topological_order(graph))
    ]
    ends = [step.name for step in steps if not step.dependents]
    workflow.total_steps = len(steps)
    workflow.active_steps = sum(not step.unmet for step in steps)
    workflow.final_step = ends[0] if len(ends) == 1 else ""
    return steps


def mappings_of(inputs: Mapping[str, str]) -> list[dict[str, str]]:
    """Input mappings as they are shown."""
    return [{"input": name, "from": source} for name, source in inputs.items()]
