"""Every route of the URL configuration, and a stage on which each of them leads to something."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from audit.models import OperatorAction
from audit.roles import OPERATE
from audit.trail import Actor, Deed, process, write_down
from monitoring import broker
from monitoring.actions import RETRY
from monitoring.models import InboxPosition, Queue, RunCount, SetAsideEntry, StepCount, Task, TaskCount
from monitoring.operations import begin_operation
from monitoring.retention_models import Pruned
from monitoring.statuses import Status
from monitoring.stored_operations import Operation
from scheduler.models import ScheduledFire, ScheduledJob
from scheduler.workflow_count_models import WorkflowCount
from scheduler.workflow_models import Workflow, WorkflowStep
from tests.factories import NOON, make_change, make_run, make_task
from tests.schedule_pages import make_runs, schedule
from tests.workflows import begin, counted_row


def routes() -> list[str]:
    """Each as Django writes it."""
    return list(_routes(get_resolver().url_patterns, ""))


def _routes(patterns: list[Any], before: str) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, before + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield before + str(pattern.pattern)


def in_short(route: str) -> str:
    """The route with ``~`` for the base path."""
    return re.sub(rf"^(\^?){re.escape(settings.MONITORING_BASE_PATH)}(?=/|$|\()", r"\1~", route)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One of each."""

    task: Task
    job: ScheduledJob
    fire: ScheduledFire
    workflow: Workflow
    operation: Operation
    rows: Mapping[str, Model]
    """For Django's admin, by app and model."""

    def path_to(self, route: str) -> str:
        """An address of the route; fails if another route answers it."""
        path = "/" + self._filled(route)
        found = resolve(path).route
        assert found == route.replace("/^", "/"), f"{path} leads to {found}, not to {route}"
        return path

    def _filled(self, route: str) -> str:
        if r"(?:/[\s\S]*)?$" in route:
            return re.sub(r"^\^(.*)\(\?:.*$", r"\1/nowhere", route)
        route = route.replace("(?P<url>.*)$", "nowhere")
        route = route.replace("^(?P<app_label>auth|audit|monitoring|scheduler)/$", "audit/")
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: self._value(found[1], route), route)

    def _value(self, name: str, route: str) -> str:
        if route.startswith("admin/r/"):
            kind = ContentType.objects.get_for_model(ScheduledJob)
            return str(kind.pk if name == "content_type_id" else self.job.pk)
        if route.startswith("admin/"):
            return str(self.rows["/".join(route.split("/")[1:3])].pk)
        values = {
            **dict.fromkeys(("id", "task_id"), self.task.pk),
            "job_id": self.job.uuid,
            "execution_id": self.fire.task_id,
            "workflow_id": self.workflow.pk,
            "step_id": "charge",
            "number": self.operation.pk,
            "namespace": "tests",
            "name": "default",
            "action": "retry",
            "address": "nowhere",
        }
        return str({**values, **self._special(route)}[name])

    def _special(self, route: str) -> dict[str, Any]:
        """What parts of the path that are called alike mean in this route."""
        if "handlers/" in route:
            return {"name": "diamond"}
        if "/steps/" in route:
            return {"name": "charge"}
        if route.startswith("api/v1/tasks/"):
            return {"task_id": self.workflow.pk}
        return {"job_id": self.task.job_id} if "<job:" in route else {}


def set_stage() -> Stage:
    """Makes what there is to look at and to act on."""
    task = make_task(status=Status.FAILED, error="ValueError: no order 1", task_type="tests.jobs.echo")
    change, run = make_change(task.id, None, Status.QUEUED), make_run(task.id)
    job = schedule("report", cron="*/5 * * * *", next_run_at=NOON, next_due_at=NOON)
    make_runs(job, Status.COMPLETED, Status.FAILED)
    broker.queue("default").enqueue("tests.jobs.echo")
    by = Actor(name="oscar", source="dlq", permissions=frozenset({OPERATE}))
    operation = begin_operation(RETRY, {"status": ["FAILED"]}, by=by)
    write_down([Deed(action="job.retry", by=process("test"), target=task.job_id)])
    workflow = begin()
    counted_row()
    fire = job.fires.get(status=Status.FAILED)
    fire.arguments = [[], {"value": 1}]
    fire.save()
    position, _ = InboxPosition.objects.get_or_create(stream="quarterdeck:outbox", defaults={"last_id": "5-1"})
    make_task(handler="tests.diamond", kind="charge")
    kinds = (StepCount, TaskCount, RunCount, WorkflowCount, WorkflowStep, OperatorAction, Queue, Group)
    made: tuple[Model, ...] = (
        User.objects.create_user("somebody"),
        SetAsideEntry.objects.create(stream_id="1-1", reason="x", set_aside_at=NOON),
        Pruned.objects.create(kind="tasks"),
        *(change, run, task, job, fire, workflow, position),
        *(kind._default_manager.order_by("pk")[0] for kind in kinds),
    )
    rows = {f"{row._meta.app_label}/{row._meta.model_name}": row for row in made}
    return Stage(task=task, job=job, fire=fire, workflow=workflow, operation=operation, rows=rows)
