"""One secret goes through everything, under every name that secrets have: it is never seen again, on no surface."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
import rq
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from audit.trail import Deed, process, write_down
from config.logs import LineFormatter
from monitoring import broker, live, reporting
from monitoring.events import snapshots
from monitoring.hooks import OUTBOX
from monitoring.models import Task
from monitoring.recorder import Recorder
from monitoring.redaction import MASK
from monitoring.statuses import Status
from scheduler import actions
from scheduler.workflow_models import Workflow
from tests import workflows
from tests.access_matrix import RULES, Who
from tests.cast import client_of, member
from tests.routes import Stage, in_short, routes, set_stage

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators"),
]

CANARY = "canary5f1c0ffee"
UNDER: dict[str, Any] = {
    "password": CANARY,
    "nested": [{"Api-Key": CANARY, "authorization": f"Bearer {CANARY}"}, {"deep": {"clientSecret": CANARY}}],
    "url": f"postgres://shop:{CANARY}@db.example/shop",
    "note": f"tried with password={CANARY}, token: '{CANARY}'",
    "set-cookie": CANARY,
    "private_key": {"pem": CANARY},
}
LISTS = (
    "tasks",
    "queues/default/jobs",
    "queues/default/dlq",
    "failures",
    "audit",
    "workflows",
    "schedules",
    "operations",
)
REVEALING = "/admin/scheduler/scheduledjob/"
"""Where admins edit a schedule in Django's admin, they see its arguments as they are."""


def tell_everything(what: str, password: str, **more: Any) -> dict[str, Any]:
    """A job that tells the secret in every way there is, and fails with it on the first run."""
    reporting.report_progress(50, f"with token={CANARY}")
    reporting.report_output(f"connecting to redis://me:{CANARY}@host/0 with api_key={CANARY}")
    reporting.report_media("a.png", token=CANARY)
    reporting.report_service_request("mailer", authorization=f"Bearer {CANARY}", answer={"session_key": CANARY})
    if what == "fail":
        raise ValueError(f"login failed: password={CANARY}; Authorization: Bearer {CANARY}; amqp://a:{CANARY}@mq/")
    return {"secret": CANARY, **more}


@pytest.fixture
def heard() -> Iterator[StringIO]:
    """Everything that is logged, as it is written."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    level, root.level = root.level, logging.DEBUG
    yield stream
    root.removeHandler(handler)
    root.level = level


@pytest.fixture
def told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the recorder says to the channel layer, which is all that hub and pages hear."""
    settings.WEBHOOK_SECRET = settings.METRICS_TOKEN = CANARY
    said: list[Any] = []

    async def hear(messages: list[Any]) -> None:
        said.extend(messages)

    monkeypatch.setattr(live, "_send", hear)
    return said


@pytest.fixture
def stage(told: list[Any], heard: StringIO) -> Stage:
    """The secret has gone through everything."""
    stage = set_stage()
    queue = rq.Queue("default", connection=broker.connection(), serializer="json")
    meta = {"quarterdeck": {"config": UNDER, "task_data": UNDER, "webhook_url": f"https://a.example/?token={CANARY}"}}
    for args in (("fail",), ("go on",)):
        queue.enqueue(tell_everything, args=(*args, CANARY), kwargs={"more": UNDER, "token": CANARY}, meta=meta)
    by = process("test")
    definition = {"name": "with secrets", "handler": "demo.echo", "kwargs": {"value": UNDER}, "interval_seconds": 60}
    actions.trigger_job(actions.create_job(definition, by=by), by=by)
    address = f"https://hooks.example.com/?token={CANARY}"
    failing: dict[str, Any] = {**UNDER, "failures": 9}
    for context in ({**UNDER, "charge": failing}, UNDER):
        workflows.begin(context=context, webhook_url=address)
    for _ in range(6):
        workflows.work()
        _record()
        workflows.let_time_pass()
        workflows.dispatch()
    write_down([Deed(action="job.retry", by=by, target=stage.task.job_id)])
    return stage


def _record() -> None:
    recorder = Recorder()
    with workflows.committed():
        recorder.start()
        recorder.drain()


def test_the_secret_went_through(stage: Stage, told: list[Any]) -> None:
    """Else the tests below would find nothing for want of anything."""
    ours = Task.objects.filter(task_type="tests.test_canary.tell_everything")
    assert set(ours.values_list("status", flat=True)) == {Status.FAILED, Status.COMPLETED}
    for task in ours:
        for text in (task.arguments, json.dumps(task.config), task.output, json.dumps(task.service_requests)):
            assert MASK in text
    assert sum("password" in workflow.context for workflow in Workflow.objects.all()) == 2
    assert len(told) > 3


def addresses(stage: Stage) -> Iterator[str]:
    """Every GET, of each task and workflow that has the secret, and every file."""
    tasks = Task.objects.exclude(pk=stage.task.pk)
    for route in routes():
        if RULES[in_short(route)].least("GET") is Who.NOBODY:
            continue
        path = stage.path_to(route)
        yield path
        if str(stage.task.pk) in path:
            yield from (path.replace(str(stage.task.pk), str(task.pk)) for task in tasks)
        for workflow in Workflow.objects.exclude(pk=stage.workflow.pk):
            if str(stage.workflow.pk) in path:
                yield path.replace(str(stage.workflow.pk), str(workflow.pk))
        if "scheduledjob/" in path or str(stage.job.uuid) in path:
            for job in type(stage.job).objects.filter(name="with secrets"):
                yield path.replace(str(stage.job.uuid), str(job.uuid)).replace(f"job/{stage.job.pk}/", f"job/{job.pk}/")
    for name in LISTS:
        yield f"/monitoring/{name}?format=csv"
    for step in ("reserve", "charge", "pack", "ship"):
        yield from (f"/monitoring/workflows/{one.pk}?step={step}" for one in Workflow.objects.all())


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_no_answer_shows_it(stage: Stage, role: str, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE_PER_ACCOUNT = settings.API_REQUESTS_PER_MINUTE_PER_SOURCE = 0
    user: User = member("rosa", role)
    user.is_staff = True
    user.save()
    browser, masked, shown, seen = Client(raise_request_exception=False), 0, set(), 0
    browser.force_login(user)
    for address in addresses(stage):
        for asker in (browser, client_of(user)):
            for accept in ("text/html", "application/json"):
                answer = asker.get(address, headers={"Accept": accept})
                body = b"".join(answer).decode() + str(answer.headers)
                masked, seen = masked + (MASK in body), seen + (answer.status_code == 200)
                if CANARY in body:
                    shown.add(address)
    assert masked > 30
    assert seen > 300
    wrong = sorted(address for address in shown if not (role == "admin" and address.startswith(REVEALING)))
    assert not wrong, "\n".join(wrong)


def test_no_live_update_tells_it(stage: Stage, told: list[Any]) -> None:
    heard = json.dumps(told, default=str)
    assert MASK in heard
    assert CANARY not in heard
    assert CANARY not in json.dumps(snapshots.look(datetime.now(UTC)), default=str)


def test_no_line_of_the_log_tells_it(stage: Stage, heard: StringIO) -> None:
    logging.getLogger("quarterdeck.test").info("the log is heard")
    text = heard.getvalue()
    assert "the log is heard" in text
    assert CANARY not in text


def test_no_command_tells_it(stage: Stage) -> None:
    out = StringIO()
    call_command("verify_audit", stdout=out, stderr=out)
    call_command("check", stdout=out, stderr=out)
    assert CANARY not in out.getvalue()


def test_neither_the_outbox_nor_what_is_recorded_of_tasks_holds_it(stage: Stage) -> None:
    assert CANARY not in json.dumps(list(Task.objects.values()), default=str)
    broker.queue("default").enqueue(tell_everything, "go on", CANARY)
    entries: Any = broker.connection().xrange(OUTBOX)
    assert entries
    assert CANARY not in str(entries)
