"""The workflow API: reads what is asked, asks the core, answers in this surface's words.

The verbs check the role, so that a refusal stands in the trail: a view that acts asks for a login only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from audit.trail import Actor, NotAllowedNow, actor_of
from monitoring.api_fields import read
from scheduler import workflow_actions as actions
from scheduler.graphs import topological_order
from scheduler.json_text import NotJSON
from scheduler.registry import Handler, registry, templates_of
from scheduler.workflow_api import descriptions, refusals, serializers
from scheduler.workflow_lists import Asked, page_of_workflows
from scheduler.workflow_models import Workflow, WorkflowStep
from scheduler.workflow_readiness import analysis_of, in_words
from scheduler.workflow_starts import BadWorkflow, NoSuchHandler, Order, find_handler

READING = ("GET", "HEAD", "OPTIONS")


class JSONInASCII(JSONRenderer):
    """Contexts and results hold whatever JSON can, also lone surrogates, which no UTF-8 can."""

    ensure_ascii = True


class View(APIView):
    """A view of this surface."""

    renderer_classes = (JSONInASCII,)


class ActingView(View):
    """A view that also acts: whoever is logged in may ask, and the verb says whether they may."""

    def get_permissions(self) -> Sequence[Any]:
        return super().get_permissions() if self.request.method in READING else [IsAuthenticated()]


# --- Handlers -----------------------------------------------------------------------------------------------------


class NamespaceList(View):
    @descriptions.namespaces
    def get(self, request: Request) -> Response:
        found = [
            {
                "name": name,
                "description": registry.namespaces.get(name),
                "handler_count": len(rows),
                "handlers": [row.name for row in rows],
            }
            for name, rows in _namespaces().items()
        ]
        answer = {"namespaces": found, "total_namespaces": len(found), "generated_at": timezone.now()}
        return Response(serializers.NamespaceList(answer).data)


class HandlerList(View):
    @descriptions.handlers
    def get(self, request: Request, namespace: str) -> Response:
        rows = _namespaces().get(namespace)
        if rows is None:
            raise refusals.NamespaceNotFound(f"There is no namespace {namespace[:100]!r}.")
        shown = [_shown(row) for row in rows]
        answer = {"namespace": namespace, "handlers": shown, "total_handlers": len(shown)}
        return Response(serializers.HandlerList(answer).data)


class HandlerDetail(View):
    @descriptions.handler
    def get(self, request: Request, namespace: str, name: str) -> Response:
        asked = read(serializers.VersionQuery, request.query_params)
        if namespace not in _namespaces():
            raise refusals.NamespaceNotFound(f"There is no namespace {namespace[:100]!r}.")
        handler = _handler_or_404(namespace, name, asked.get("version", ""))
        return Response(serializers.HandlerDetail(_shown(handler)).data)


# --- Tasks --------------------------------------------------------------------------------------------------------


class TaskList(ActingView):
    @descriptions.task_list
    def get(self, request: Request) -> Response:
        asked = read(serializers.TaskQuery, request.query_params)
        place = {name: asked.pop(name) for name in ("number", "size")}
        return Response(serializers.TaskList(page_of_workflows(Asked(**asked), **place)).data)

    @descriptions.create_task
    def post(self, request: Request) -> Response:
        actor = _actor(request)
        actions.refuse_unless_operator("workflow.start", by=actor)
        sent = _sent(serializers.TaskOrder, request, "task", refusals.InvalidTaskConfig)
        given = {name: value for name, value in sent.items() if value != "" or name == "context"}
        order = Order(**{"initiator": actor.name, **given})
        try:
            workflow, is_new = actions.start_workflow(order, by=actor)
        except NoSuchHandler as error:
            raise refusals.HandlerNotFound(str(error)) from error
        except BadWorkflow as error:
            raise refusals.InvalidTaskConfig(error.mistakes) from error
        address = reverse("workflow_api:task", args=[workflow.pk])
        return Response(serializers.Task(workflow).data, status=201 if is_new else 200, headers={"Location": address})


class TaskDetail(ActingView):
    @descriptions.task_detail
    def get(self, request: Request, task_id: str) -> Response:
        asked = read(serializers.DependenciesQuery, request.query_params)
        return Response(_detail(_task_or_404(task_id), with_dependencies=asked["include_dependencies"]))

    @descriptions.change_task
    def patch(self, request: Request, task_id: str) -> Response:
        workflow, actor = _task_or_404(task_id), _actor(request)
        actions.refuse_unless_operator("workflow.edit", by=actor, target=task_id)
        changes = _sent(serializers.TaskChange, request, "task", refusals.InvalidTaskConfig, closed=True)
        actions.edit_workflow(workflow.pk, by=actor, **changes)
        return _task(workflow)

    @descriptions.cancel_task
    def delete(self, request: Request, task_id: str) -> Response:
        workflow = _task_or_404(task_id)
        with _refused_as(refusals.TaskNotCancellable):
            actions.cancel_workflow(workflow.pk, by=_actor(request))
        return Response(serializers.Cancelled({"cancelled": True}).data)


class TaskPause(ActingView):
    @descriptions.pause_task
    def post(self, request: Request, task_id: str) -> Response:
        workflow = _task_or_404(task_id)
        with _refused_as(refusals.TaskNotPausable):
            actions.pause_workflow(workflow.pk, by=_actor(request))
        return _task(workflow)


class TaskResume(ActingView):
    @descriptions.resume_task
    def post(self, request: Request, task_id: str) -> Response:
        workflow = _task_or_404(task_id)
        with _refused_as(refusals.TaskNotResumable):
            actions.resume_workflow(workflow.pk, by=_actor(request))
        return _task(workflow)


class TaskRetry(ActingView):
    @descriptions.retry_task
    def post(self, request: Request, task_id: str) -> Response:
        workflow = _task_or_404(task_id)
        with _refused_as(refusals.TaskNotRetryable):
            actions.retry_workflow(workflow.pk, by=_actor(request))
        return _task(workflow)


# --- Steps --------------------------------------------------------------------------------------------------------


class StepList(View):
    @descriptions.step_list
    def get(self, request: Request, task_id: str) -> Response:
        steps = _task_or_404(task_id).steps.order_by("position")
        return Response(serializers.StepList({"steps": steps}).data)


class StepDetail(ActingView):
    @descriptions.step_detail
    def get(self, request: Request, task_id: str, step_id: str) -> Response:
        return _step(_step_or_404(task_id, step_id))

    @descriptions.change_step
    def patch(self, request: Request, task_id: str, step_id: str) -> Response:
        step, actor = _step_or_404(task_id, step_id), _actor(request)
        actions.refuse_unless_operator("step.edit", by=actor, target=str(step.pk))
        changes = _sent(serializers.StepChange, request, "workflow_step", refusals.InvalidStepUpdate, closed=True)
        try:
            with _refused_as(refusals.StepNotEditable):
                actions.edit_step(step, by=actor, **changes)
        except NotJSON as error:
            raise refusals.InvalidStepUpdate({"results" if "results" in changes else "inputs": [str(error)]}) from error
        step.refresh_from_db()
        return _step(step)

    @descriptions.cancel_step
    def delete(self, request: Request, task_id: str, step_id: str) -> Response:
        step = _step_or_404(task_id, step_id)
        with _refused_as(refusals.StepNotCancellable):
            actions.cancel_step(step, by=_actor(request))
        return Response(serializers.Cancelled({"cancelled": True}).data)


# --- Reading ------------------------------------------------------------------------------------------------------


def _actor(request: Request) -> Actor:
    return actor_of(request, source="workflow.api")


def _sent(
    kind: type[Serializer[Any]],
    request: Request,
    wrapper: str,
    refusal: type[ValidationError],
    *,
    closed: bool = False,
) -> dict[str, Any]:
    """What was sent, flat or under the wrapper's name; raises the refusal, ``closed`` also for fields it has not."""
    body = request.data
    data = body[wrapper] if isinstance(body, Mapping) and wrapper in body else body
    if not isinstance(data, Mapping):
        raise refusal({wrapper: ["Must be a JSON object."]})
    unknown = [name for name in data if closed and name not in kind().fields]
    if unknown:
        can = ", ".join(kind().fields)
        raise refusal({str(name)[:100]: [f"Cannot be changed here; what can is {can}."] for name in unknown[:20]})
    try:
        return read(kind, data)
    except ValidationError as error:
        raise refusal(error.detail) from error


@contextmanager
def _refused_as(refusal: type[refusals.Refused]) -> Iterator[None]:
    """What its state does not allow, in this surface's words."""
    try:
        yield
    except NotAllowedNow as error:
        raise refusal(str(error)) from error


def _handler_or_404(namespace: str, name: str, version: str) -> Handler:
    try:
        return find_handler(namespace, name, version)
    except NoSuchHandler as error:
        raise refusals.HandlerNotFound(str(error)) from error


def _task_or_404(task_id: str) -> Workflow:
    try:
        return Workflow.objects.get(pk=UUID(task_id))
    except (ValueError, Workflow.DoesNotExist) as error:
        raise refusals.TaskNotFound("There is no such task.") from error


def _step_or_404(task_id: str, step_id: str) -> WorkflowStep:
    """A step by its id, or by its name."""
    steps = _task_or_404(task_id).steps
    try:
        found = steps.filter(pk=UUID(step_id)).first()
    except ValueError:
        found = steps.filter(name=step_id).first() if "\x00" not in step_id else None
    if found is None:
        raise refusals.StepNotFound("There is no such step.")
    return found


# --- Answering ----------------------------------------------------------------------------------------------------


def _namespaces() -> dict[str, list[Handler]]:
    """The newest version of every handler, by namespace."""
    found: dict[str, list[Handler]] = {}
    for short_name in sorted(registry.versions):
        if newest := registry.latest(short_name):
            found.setdefault(newest.namespace, []).append(newest)
    return dict(sorted(found.items()))


def _shown(handler: Handler) -> dict[str, Any]:
    """A handler with its steps and how they depend on each other."""
    templates = templates_of(handler)
    graph = {template.name: template.depends_on for template in templates}
    return {
        "handler": handler,
        "templates": templates,
        "dependency_graph": {
            "nodes": list(graph),
            "edges": [{"from": needed, "to": name} for name, needs in graph.items() for needed in needs],
            "execution_order": topological_order(graph),
        },
    }


def _detail(workflow: Workflow, *, with_dependencies: bool) -> dict[str, Any]:
    steps = list(workflow.steps.order_by("position").defer("inputs"))
    answer = {
        **serializers.Task(workflow).data,
        "steps": serializers.StepSummary(steps, many=True).data,
    }
    if with_dependencies:
        found = analysis_of(steps)
        answer["dependencies"] = serializers.Dependencies(
            {
                "analysis": in_words(found, steps),
                "ready_steps": found.ready,
                "blocked_steps": [{"step": name, "waiting_for": needs} for name, needs in found.blocked.items()],
                "completed_steps": found.completed,
                "critical_path": found.critical_path,
                "critical_path_ms": found.critical_path_ms,
                "parallelism": found.parallelism,
            }
        ).data
    return answer


def _task(workflow: Workflow) -> Response:
    workflow.refresh_from_db()
    return Response(serializers.Task(workflow).data)


def _step(step: WorkflowStep) -> Response:
    return Response(serializers.StepAnswer({"step": step}).data)
