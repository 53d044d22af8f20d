"""What the OpenAPI document says of each operation: its words, examples and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample

from monitoring.api_descriptions import READING, Errors, Surface, header, in_path, success
from scheduler.workflow_api import examples, serializers

View = TypeVar("View", bound=Callable[..., Any])

_SURFACE = Surface(name="workflow", tag="Workflow API", errors=examples.ERRORS, shape=serializers.WorkflowRefusal)
_ACTING = (*READING, 409)
_BODY = (400, 413, 415, 422)
_NAMESPACE = in_path("namespace", "The namespace.")
_HANDLER = (_NAMESPACE, in_path("name", "The handler's name."))
_TASK = (in_path("task_id", "The task's id, a UUID. Any other text is a 404."),)
_STEP = (*_TASK, in_path("step_id", "The step's id, or its name."))
_LOCATION = header("Location", "The task's address.", 200, 201)


def _writes(
    name: str,
    summary: str,
    text: str,
    *,
    answer: Any,
    example: Any,
    errors: tuple[int, ...],
    asks: Any,
    told: Errors = MappingProxyType({}),
    sends: Any = None,
    sent: Any = None,
    answers: Mapping[int, Any] = MappingProxyType({}),
) -> Callable[[View], View]:
    options: dict[str, Any] = {"request": sends}
    if sent is not None:
        options["examples"] = [OpenApiExample("sent", value=sent, request_only=True)]
    return _SURFACE.describes(
        name, summary, f"{text} Needs the operator role.", asks=asks, errors=tuple(dict.fromkeys(errors)), told=told,
        answers=answers or {200: success(summary, answer, example)}, **options,
    )  # fmt: skip


namespaces = _SURFACE.reads(
    "list_namespaces",
    "List namespaces",
    "Every namespace that a handler is registered in, with the handlers' names.",
    answer=serializers.NamespaceList,
    example=examples.NAMESPACES,
)
handlers = _SURFACE.reads(
    "list_handlers",
    "List the handlers of a namespace",
    "One row for each handler, in its newest version by semantic order.",
    asks=[_NAMESPACE],
    answer=serializers.HandlerList,
    example=examples.HANDLERS,
    errors=(404, *READING),
    told=examples.NO_NAMESPACE,
)
handler = _SURFACE.reads(
    "get_handler",
    "Get a handler",
    "What it takes, its steps, and how they depend on each other. A handler that is one function has one step.",
    asks=[*_HANDLER, serializers.VersionQuery],
    answer=serializers.HandlerDetail,
    example=examples.HANDLER,
    errors=(400, 404, *READING),
    told=examples.NO_HANDLER,
)
task_list = _SURFACE.reads(
    "list_tasks",
    "List tasks",
    "The tasks that match every given filter, newest first, a page at a time. A page past the end is empty.",
    asks=[serializers.TaskQuery],
    answer=serializers.TaskList,
    example=examples.TASKS,
    errors=(400, *READING),
)
create_task = _writes(
    "create_task",
    "Start a task",
    "Starts a registered handler, flat as shown or under `task`. The context must match the handler's schema. With an "
    "idempotency key that was used within 24 hours the first task is answered, with 200.",
    answer=serializers.Task,
    example=examples.TASK,
    errors=(404, *_BODY, *READING),
    asks=[_LOCATION],
    told=examples.NO_HANDLER,
    sends=serializers.TaskOrder,
    sent=examples.ORDER,
    answers={
        201: success("The task", serializers.Task, examples.TASK),
        200: success("The task that was started with this key before", serializers.Task, examples.TASK),
    },
)
task_detail = _SURFACE.reads(
    "get_task",
    "Get a task",
    "The task with its steps in topological order and, where asked for, what is ready, what waits for what, and the "
    "critical path. What sensitive keys of contexts and results hold is masked.",
    asks=[*_TASK, serializers.DependenciesQuery],
    answer=serializers.TaskWithSteps,
    example=examples.TASK_DETAIL,
    errors=(400, 404, *READING),
)
change_task = _writes(
    "change_task",
    "Change a task's reason or tags",
    "Flat or under `task`.",
    answer=serializers.Task,
    example=examples.TASK,
    errors=(404, *_BODY, *READING),
    asks=_TASK,
    sends=serializers.TaskChange,
    sent=examples.TASK_CHANGE,
)
cancel_task = _writes(
    "cancel_task",
    "Cancel a task",
    "No further step starts; those that run are asked to stop.",
    answer=serializers.Cancelled,
    example=examples.CANCELLED,
    errors=(404, *_ACTING),
    asks=_TASK,
)
pause_task = _writes(
    "pause_task",
    "Pause a task",
    "No further attempt is handed to a queue until it is resumed. Attempts that are in a queue already go on.",
    answer=serializers.Task,
    example={**examples.TASK, "status": "pending"},
    errors=(404, *_ACTING),
    asks=_TASK,
    told=examples.not_now("TASK_NOT_PAUSABLE", "Cannot pause a workflow that is completed."),
)
resume_task = _writes(
    "resume_task",
    "Resume a task",
    "Goes on with a paused task.",
    answer=serializers.Task,
    example=examples.TASK,
    errors=(404, *_ACTING),
    asks=_TASK,
    told=examples.not_now("TASK_NOT_RESUMABLE", "Cannot resume a workflow that is running; only a paused one."),
)
retry_task = _writes(
    "retry_task",
    "Retry a failed task",
    "The failed steps have all their attempts again, and what depends on them follows. Complete steps stay.",
    answer=serializers.Task,
    example=examples.TASK,
    errors=(404, *_ACTING),
    asks=_TASK,
    told=examples.not_now("TASK_NOT_RETRYABLE", "Cannot retry a workflow that is running; only a failed one."),
)
step_list = _SURFACE.reads(
    "list_steps",
    "List a task's steps",
    "In topological order, ties by declaration.",
    asks=_TASK,
    answer=serializers.StepList,
    example=examples.STEPS,
    errors=(404, *READING),
)
step_detail = _SURFACE.reads(
    "get_step",
    "Get a step",
    "Everything known of one step. A step is ready when each dependency is complete or resolved manually, an attempt "
    "is left, and its backoff has passed: 2, 4, 8, 16, then 30 s, unless the handler or the failure says otherwise.",
    asks=_STEP,
    answer=serializers.StepAnswer,
    example=examples.ONE_STEP,
    errors=(404, *READING),
    told=examples.NO_STEP,
)
change_step = _writes(
    "change_step",
    "Change or resolve a step",
    "Flat or under `workflow_step`. A step that is resolved manually counts as complete, with the given results.",
    answer=serializers.StepAnswer,
    example=examples.ONE_STEP,
    errors=(404, *_BODY, *_ACTING),
    asks=_STEP,
    told={**examples.NO_STEP, **examples.STEP_RUNS},
    sends=serializers.StepChange,
    sent=examples.STEP_CHANGE,
)
cancel_step = _writes(
    "cancel_step",
    "Cancel a step",
    "The step and everything that depends on it never run. A running step is asked to stop.",
    answer=serializers.Cancelled,
    example=examples.CANCELLED,
    errors=(404, *_ACTING),
    asks=_STEP,
    told={
        **examples.NO_STEP,
        **examples.not_now("STEP_NOT_CANCELLABLE", "Cannot cancel a step that is complete."),
    },
)
