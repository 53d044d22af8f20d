"""Which call leads to which in the OpenAPI document: its links. Readers show them, and fuzzing follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Document = dict[str, Any]


class Way(NamedTuple):
    """From an answer to the calls for which it names what they need."""

    operation: str
    statuses: Sequence[int]
    parameters: Mapping[str, str]
    """By parameter, where in the answer (or the request) its value stands."""
    leads_to: Sequence[str]


_OF_JOB = ("get_job", "replace_job", "change_job", "pause_job", "resume_job", "trigger_job", "delete_job")
_ABOUT_JOB = ("get_upcoming", "list_fires", "list_job_executions")
_OF_WORKFLOW = ("get_task", "change_task", "pause_task", "resume_task", "retry_task", "cancel_task", "list_steps")
_OF_TASK = ("get_task", "list_status_changes", "list_runs")
_EXECUTION = ("get_execution", "cancel_execution", "retry_execution")
WAYS = (
    Way("dashboard_list_tasks", [200], {"id": "$response.body#/tasks/0/id"}, [f"dashboard_{x}" for x in _OF_TASK]),
    Way("dashboard_list_queues", [200], {"name": "$response.body#/0/queueName"}, ["dashboard_list_queue_tasks"]),
    Way(
        "monitoring_list_tasks",
        [200],
        {"task_id": "$response.body#/items/0/id"},
        ["monitoring_get_task", "monitoring_get_task_media"],
    ),
    Way("monitoring_list_workflows", [200], {"workflow_id": "$response.body#/items/0/id"}, ["monitoring_get_workflow"]),
    Way(
        "scheduler_create_job",
        [201],
        {"job_id": "$response.body#/id"},
        [f"scheduler_{x}" for x in (*_OF_JOB, *_ABOUT_JOB)],
    ),
    Way("scheduler_list_jobs", [200], {"job_id": "$response.body#/items/0/id"}, ["scheduler_get_job"]),
    Way("scheduler_trigger_job", [202], {"execution_id": "$response.body"}, [f"scheduler_{x}" for x in _EXECUTION]),
    Way(
        "scheduler_list_executions",
        [200],
        {"execution_id": "$response.body#/items/0/id"},
        [f"scheduler_{x}" for x in _EXECUTION],
    ),
    Way(
        "workflow_list_namespaces",
        [200],
        {"namespace": "$response.body#/namespaces/0/name"},
        ["workflow_list_handlers"],
    ),
    Way(
        "workflow_list_handlers",
        [200],
        {"namespace": "$request.path.namespace", "name": "$response.body#/handlers/0/name"},
        ["workflow_get_handler"],
    ),
    Way("workflow_create_task", [200, 201], {"task_id": "$response.body#/id"}, [f"workflow_{x}" for x in _OF_WORKFLOW]),
    Way(
        "workflow_list_tasks",
        [200],
        {"task_id": "$response.body#/tasks/0/id"},
        ["workflow_get_task", "workflow_list_steps"],
    ),
    Way(
        "workflow_list_steps",
        [200],
        {"task_id": "$request.path.task_id", "step_id": "$response.body#/steps/0/id"},
        ["workflow_get_step", "workflow_change_step", "workflow_cancel_step"],
    ),
)


def add_links(result: Document, generator: Any, request: Any, public: bool) -> Document:
    """drf-spectacular's hook: writes the ways into the document."""
    operations = {each["operationId"]: each for item in result["paths"].values() for each in item.values()}
    for way in WAYS:
        for status in way.statuses:
            answer = operations[way.operation]["responses"][str(status)]
            answer["links"] = {name: {"operationId": name, "parameters": dict(way.parameters)} for name in way.leads_to}
    return result
