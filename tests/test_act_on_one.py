"""What is done to one job: by scripts in JSON, and by the buttons and forms of its page."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from audit.models import OperatorAction
from monitoring import broker
from monitoring.inbox import task_id_for
from monitoring.models import Task
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from tests.cast import client_of
from tests.factories import make_task
from tests.reading_pages import BASE, page
from tests.test_act_on_many import flash, told
from tests.test_act_on_tasks import failed, recorded

pytestmark = pytest.mark.django_db


@pytest.fixture
def acting(operator: User) -> Client:
    return client_of(operator)


def press(client: Client, job_id: str, action: str, queue: str = "default", **form: str) -> tuple[int, Any]:
    """The answer of the address for scripts."""
    response = client.post(reverse("job-action", args=[queue, job_id, action]), form)
    return response.status_code, response.json()


# --- For scripts --------------------------------------------------------------------------------------------------


def test_it_does_what_is_asked(acting: Client) -> None:
    task = failed()
    assert press(acting, task.job_id, "retry", reason="again") == (200, {"ok": True})
    assert recorded(task.job_id).status == Status.QUEUED
    assert press(acting, task.job_id, "cancel") == (200, {"ok": True})
    assert recorded(task.job_id).status == Status.CANCELLED
    assert press(acting, str(task.pk), "remove") == (200, {"ok": True})
    keeper = recorded(broker.enqueue("tests.jobs.echo"))
    assert list(Task.objects.all()) == [keeper]
    assert told() == [(f"job.{verb}", task.job_id, "jobs.single", "success") for verb in ("retry", "cancel", "remove")]
    assert OperatorAction.objects.get(action="job.retry").reason == "again"


@pytest.mark.parametrize("action", ["explode", "RETRY", "move", "end", "parts"])
def test_it_knows_no_other_action(acting: Client, action: str) -> None:
    assert press(acting, failed().job_id, action) == (400, {"ok": False, "error": "Unknown action"})
    assert told() == []


def test_it_does_not_know_jobs_of_other_queues(acting: Client) -> None:
    task = failed()
    make_task(queue="mail")
    for job_id, queue in ((task.job_id, "mail"), ("never-heard-of", "default"), (str(uuid4()), "default")):
        assert press(acting, job_id, "retry", queue) == (404, {"ok": False, "error": "Unknown job"})
    assert [outcome for *_, outcome in told()] == ["refused"] * 3
    assert recorded(task.job_id).status == Status.FAILED
    assert press(acting, task.job_id, "retry", "nowhere")[0] == 404


@pytest.mark.parametrize(
    ("status", "action", "sentence"),
    [
        (Status.RUNNING, "retry", "Cannot retry a task that is already running."),
        (Status.RUNNING, "remove", "Cannot remove a task that is already running."),
        (Status.COMPLETED, "cancel", "Cannot end a task that is completed."),
        (Status.QUEUED, "stop", "Cannot stop a task that is queued."),
        (Status.QUEUED, "cancel", "Redis no longer holds the job."),
    ],
)
def test_it_says_what_its_state_does_not_allow(acting: Client, status: Status, action: str, sentence: str) -> None:
    task = make_task(status=status)
    assert press(acting, task.job_id, action) == (409, {"ok": False, "error": sentence})
    assert told() == [(told()[0][0], task.job_id, "jobs.single", "refused")]


def test_the_second_of_two_is_told(acting: Client, admin: User) -> None:
    task = failed()
    assert press(acting, task.job_id, "retry") == (200, {"ok": True})
    assert press(client_of(admin), task.job_id, "retry")[0] == 409
    assert broker.connection().llen("rq:queue:default") == 1


def test_a_broker_that_is_away_is_502(acting: Client, settings: Any) -> None:
    task = make_task(status=Status.FAILED)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    status, answer = press(acting, task.job_id, "retry")
    assert (status, answer["ok"]) == (502, False)
    assert [outcome for *_, outcome in told()] == ["failed"]


def test_it_only_acts_on_post(acting: Client) -> None:
    task = failed()
    for verb in (acting.get, acting.put, acting.delete, acting.head):
        assert verb(reverse("job-action", args=["default", task.job_id, "remove"])).status_code == 405
    assert told() == []


def test_who_may_not_is_refused_and_written_down(browser: Client, client: Client, stranger: User) -> None:
    task = failed()
    path = reverse("job-action", args=["default", task.job_id, "retry"])
    for someone in (browser, client_of(stranger)):
        response = someone.post(path)
        assert (response.status_code, response.json()["ok"]) == (403, False)
    assert press(browser, "never-heard-of", "retry")[0] == 403
    assert {(row.actor, row.outcome) for row in OperatorAction.objects.all()} == {
        ("vera", "refused"), ("sten", "refused")
    }  # fmt: skip
    assert client.post(path).headers["Location"] == f"{BASE}/login?next={path}"
    answer = client.post(path, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert recorded(task.job_id).status == Status.FAILED


def test_a_session_needs_the_forms_token(operator: User) -> None:
    guarded = Client(enforce_csrf_checks=True)
    guarded.force_login(operator)
    task = failed()
    for path in (
        reverse("job-action", args=["default", task.job_id, "retry"]),
        reverse("task", args=[task.pk]),
        reverse("task-again", args=[task.pk]),
    ):
        assert guarded.post(path, {"action": "retry", "args": "[]"}).status_code == 403
    assert told() == []


ODD = ("a/b", "a/jobs/b", "100%", "%2F", "~2F", "été ☕", "a?b=1#c", "..", "a\nb", "retry", "x" * 250, "' OR 1=1 --")


@pytest.mark.parametrize("job_id", ODD)
def test_a_job_may_have_any_id_and_its_queue_any_name(acting: Client, job_id: str) -> None:
    """RQ takes plain ids only; rows may come from elsewhere."""
    queue = f"q {job_id[:200]}"
    task = make_task(id=task_id_for(job_id), job_id=job_id, queue=queue, status=Status.QUEUED)
    assert press(acting, job_id, "cancel", queue) == (409, {"ok": False, "error": "Redis no longer holds the job."})
    assert press(acting, job_id, "remove", queue) == press(acting, str(task.pk), "remove", queue) == (200, {"ok": True})
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    assert not Task.objects.exists()


# --- On its page --------------------------------------------------------------------------------------------------


def buttons(client: Client, task: Task) -> dict[str, str]:
    """The buttons of the page, with why they are off."""
    text = page(client, f"/tasks/{task.pk}")
    form = re.search(r'<form[^>]*class="deeds">(.*?)</form>', text, re.DOTALL)
    assert form
    found = re.findall(r'name="action" value="(\w+)"(?: disabled title="([^"]*)")?>', form[1])
    return {word: unescape(off) for word, off in found}


def do(client: Client, task: Task, **form: str) -> str:
    """What is told after a form of the page was sent."""
    return flash(client, client.post(reverse("task", args=[task.pk]), form))


@pytest.mark.parametrize(
    ("status", "on"),
    [
        (Status.QUEUED, {"cancel", "remove", "move"}),
        (Status.DEFERRED, {"cancel", "remove"}),
        (Status.RUNNING, {"stop"}),
        (Status.FAILED, {"retry", "remove"}),
        (Status.COMPLETED, {"remove"}),
    ],
)
def test_the_page_offers_what_is_possible_and_says_why_not_the_rest(
    acting: Client, status: Status, on: set[str]
) -> None:
    make_task(queue="mail")
    task = make_task(status=status, started_at="2025-01-15T12:00Z")
    found = buttons(acting, task)
    assert {word for word, off in found.items() if not off} == on
    assert {"retry", "cancel", "stop", "remove"} <= found.keys()
    text = page(acting, f"/tasks/{task.pk}")
    for off in filter(None, found.values()):
        assert f"<dd>{off}</dd>" in unescape(text)


def test_a_viewer_is_told_why_all_are_off(browser: Client) -> None:
    task = make_task(status=Status.FAILED)
    assert all("may look but not act" in off for off in buttons(browser, task).values())
    response = browser.post(reverse("task", args=[task.pk]), {"action": "remove"})
    assert response.status_code == 403
    assert told() == [("job.remove", task.job_id, "jobs.single", "refused")]


def test_its_buttons_act_and_lead_back(acting: Client) -> None:
    task = failed()
    response = acting.post(reverse("task", args=[task.pk]), {"action": "retry", "reason": "calm"})
    assert response.headers["Location"] == reverse("task", args=[task.pk])
    assert flash(acting, response) == "Back on its queue."
    assert do(acting, recorded(task.job_id), action="cancel") == "Cancelled: it will not start."
    assert do(acting, task, action="cancel") == "Cannot cancel a task that is cancelled."
    assert do(acting, task, action="explode") == "Unknown action"


def test_it_asks_before_it_removes(acting: Client) -> None:
    task = failed()
    path = reverse("task", args=[task.pk])
    response = acting.post(path, {"action": "remove", "reason": "old"})
    text = response.content.decode()
    assert response.status_code == 200
    assert "Remove fail?" in text
    assert 'name="confirm" value="1"' in text
    assert 'value="old"' in text
    assert told() == []
    response = acting.post(path, {"action": "remove", "confirm": "1"})
    assert response.headers["Location"] == reverse("jobs", args=["default"])
    assert flash(acting, response) == "Removed."


def test_it_leads_back_to_no_other_site(acting: Client) -> None:
    task = failed()
    for wanted, found in ((f"{BASE}/tasks?page=2", f"{BASE}/tasks?page=2"), ("//evil.example", None)):
        response = acting.post(reverse("task", args=[task.pk]), {"action": "stop", "next": wanted})
        assert response.headers["Location"] == (found or reverse("task", args=[task.pk]))


def test_it_moves_to_another_queue(acting: Client, browser: Client) -> None:
    make_task(queue="mail")
    task = recorded(broker.enqueue("tests.jobs.echo"))
    assert "<option>mail</option>" in page(acting, f"/tasks/{task.pk}")
    assert do(acting, task, action="move", to="nowhere") == "No queue has the name 'nowhere'."
    assert browser.post(reverse("task", args=[task.pk]), {"action": "move", "to": "nowhere"}).status_code == 403
    assert browser.post(reverse("task", args=[task.pk]), {"action": "move", "to": "mail"}).status_code == 403
    assert do(acting, task, action="move", to="mail") == "Moved to the end of mail."
    assert recorded(task.job_id).queue == "mail"
    assert [(action, outcome) for action, _, _, outcome in told()] == [
        *[("job.move", "refused")] * 3,
        ("job.move", "success"),
    ]


def test_what_is_gone_is_told(acting: Client) -> None:
    gone = make_task(status=Status.FAILED)
    path = reverse("task", args=[uuid4()])
    response = acting.post(path, {"action": "retry"})
    assert response.headers["Location"] == f"{BASE}/tasks"
    assert flash(acting, response) == "It was removed meanwhile."
    assert acting.post(f"{BASE}/tasks/{uuid4()}/again", {"args": "[]"}).status_code == 404
    assert acting.get(f"{BASE}/tasks/{uuid4()}/again").status_code == 404
    assert Task.objects.filter(pk=gone.pk).exists()


# --- Again, with other arguments ----------------------------------------------------------------------------------


def run_again(client: Client, task: Task, **form: str) -> Any:
    return client.post(reverse("task-again", args=[task.pk]), form)


def test_it_runs_again_with_other_arguments(acting: Client) -> None:
    task = failed(args=["old <b>"])
    text = page(acting, f"/tasks/{task.pk}/again")
    assert '["old &lt;b&gt;"]' in text.replace("&quot;", '"')
    response = run_again(acting, task, args="[]", kwargs='{"message": "new"}', reason="try this")
    assert response.headers["Location"] == reverse("task", args=[task.pk])
    text = acting.get(response.headers["Location"]).content.decode()
    found = re.search(rf'Started as <a href="{BASE}/tasks/([0-9a-f-]+)">', text)
    assert found
    copy = recorded(found[1])
    assert (copy.retry_of, copy.arguments) == (task.pk, '{"args":[],"kwargs":{"message":"new"}}')
    assert told() == [("job.retry_with", task.job_id, "jobs.single", "success")]


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("args", "[1", "This is not JSON"),
        ("args", "{}", "This must be a JSON list"),
        ("kwargs", "[]", "This must be a JSON object"),
        ("kwargs", "7", "This must be a JSON object"),
        ("args", "[NaN]", "NaN is no number of JSON"),
        ("args", '["********"]', "A value is still masked"),
        ("args", "[1, 2, 3]", "too many positional arguments"),
        ("kwargs", '{"nobody": 1}', "unexpected keyword argument"),
        ("args", "[" * 100_000, "nested too deeply"),
        ("args", '["\x00"]', "Invalid control character"),
        ("reason", "x" * 1001, "at most 1000 characters"),
    ],
)
def test_it_shows_the_form_again_with_what_is_wrong(acting: Client, field: str, text: str, sentence: str) -> None:
    task = failed()
    response = run_again(acting, task, **{"args": "[]", "kwargs": "{}", field: text})
    assert response.status_code == 400
    body = unescape(response.content.decode())
    found = re.search(rf'id="{field}-error" class="field-error">([^<]*)<', body)
    assert found
    assert sentence in found[1]
    assert told() == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"task_type": "os.system"}, "Its function may not be started from here"),
        ({"task_type": "tests.jobs.echo", "status": Status.QUEUED}, "Only a task that is over"),
    ],
)
def test_it_does_not_run_what_it_may_not(acting: Client, fields: dict[str, Any], sentence: str) -> None:
    task = make_task(**{"status": Status.FAILED, **fields})
    text = page(acting, f"/tasks/{task.pk}/again")
    assert sentence in text
    assert "Run it</button>" not in text
    response = run_again(acting, task, args="[]")
    assert response.status_code == 303
    assert [outcome for *_, outcome in told()] != ["success"]
    assert not broker.connection().keys("rq:queue:*")


def test_a_viewer_may_not_run_it_again(browser: Client) -> None:
    task = failed()
    assert "may look but not act" in page(browser, f"/tasks/{task.pk}/again")
    assert run_again(browser, task, args="junk").status_code == 403
    assert told() == [("job.retry_with", task.job_id, "jobs.single", "refused")]


@pytest.mark.parametrize("arguments", ["", "{", "[]", '{"args":["…"],"kwargs":{}}', '{"cut":"x…"}'])
def test_it_says_when_the_arguments_are_not_whole(acting: Client, arguments: str) -> None:
    task = make_task(status=Status.FAILED, task_type="tests.jobs.echo", arguments=arguments)
    assert "not recorded whole" in page(acting, f"/tasks/{task.pk}/again")


def test_the_pages_of_a_task_cost_the_same(acting: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        make_task(queue=f"queue{number}")
    task = make_task(status=Status.QUEUED)
    with django_assert_max_num_queries(9):
        page(acting, f"/tasks/{task.pk}")
    with django_assert_max_num_queries(5):
        page(acting, f"/tasks/{task.pk}/again")
