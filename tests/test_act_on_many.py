"""What the forms of the lists do to many jobs: those that are ticked, or all that match; first told, then done."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from audit.models import OperatorAction
from monitoring import broker, operations
from monitoring.models import Task
from monitoring.statuses import Status
from monitoring.stored_operations import Operation
from tests.cast import client_of
from tests.factories import make_task, make_tasks
from tests.reading_pages import BASE
from tests.test_act_on_tasks import failed, recorded

pytestmark = pytest.mark.django_db


def send(client: Client, queue: str, query: str = "", **form: Any) -> Any:
    path = reverse("jobs", args=[queue]) if queue else f"{BASE}/tasks"
    return client.post(f"{path}?{query}" if query else path, form)


def flash(client: Client, response: Any) -> str:
    """What the page says that the answer leads to."""
    assert response.status_code == 303, response.content
    text = client.get(response.headers["Location"]).content.decode()
    found = re.search(r'<p class="flash [^>]*>(.*?)</p>', text)
    assert found, text
    return unescape(re.sub("<[^>]+>", "", found[1]))


def told() -> list[tuple[str, str, str, str]]:
    return list(OperatorAction.objects.order_by("number").values_list("action", "target", "source", "outcome"))


@pytest.fixture
def acting(operator: User) -> Client:
    return client_of(operator)


# --- Those that are ticked ----------------------------------------------------------------------------------------


def test_it_retries_those_that_are_ticked(acting: Client) -> None:
    tasks = [failed() for _ in range(3)]
    chosen = [tasks[0].job_id, str(tasks[2].pk), tasks[0].job_id]
    response = send(acting, "default", "state=failed&size=50", action="retry", job_id=chosen, reason="the sea is calm")
    assert response.headers["Location"] == f"{reverse('jobs', args=['default'])}?state=failed&size=50"
    assert flash(acting, response) == "2 retried."
    assert broker.connection().llen("rq:queue:default") == 2
    assert told() == [("job.retry", tasks[index].job_id, "jobs.bulk", "success") for index in (0, 2)]
    assert set(OperatorAction.objects.values_list("reason", "queue")) == {("the sea is calm", "default")}


def test_every_id_has_its_outcome(acting: Client) -> None:
    tasks = [failed() for _ in range(2)]
    running = make_task(status=Status.RUNNING)
    elsewhere = make_task(queue="media", status=Status.FAILED)
    chosen = [*(task.job_id for task in tasks), running.job_id, elsewhere.job_id, "never-heard-of"]
    response = send(acting, "default", action="retry", job_id=chosen, state="failed")
    assert response.headers["Location"] == f"{reverse('jobs', args=['default'])}?state=failed"
    assert flash(acting, response) == (
        "2 retried, 1 refused: already running, 1 refused: in the queue media, not in default,"
        " 1 refused: removed meanwhile."
    )
    assert [(target, outcome) for _, target, _, outcome in told()] == [
        *((task.job_id, "success") for task in tasks),
        *((job_id, "refused") for job_id in chosen[2:]),
    ]


def test_cancelling_stops_what_runs_and_spares_what_is_over(acting: Client) -> None:
    waiting = recorded(broker.enqueue("tests.jobs.echo"))
    over = make_task()
    response = send(acting, "default", action="cancel", job_id=[waiting.job_id, over.job_id])
    assert flash(acting, response) == "1 cancelled or told to stop, 1 refused: completed."
    assert recorded(waiting.job_id).status == Status.CANCELLED


def test_it_removes_from_the_list_over_all_queues(acting: Client) -> None:
    tasks = [make_task(queue=queue, status=Status.FAILED) for queue in ("mail", "media")]
    response = send(acting, "", action="remove", job_id=[task.pk for task in tasks])
    assert flash(acting, response) == "2 removed."
    assert {queue for (queue,) in OperatorAction.objects.values_list("queue")} == {"mail", "media"}


@pytest.mark.parametrize(("queue", "noun"), [("default", "job"), ("", "task")])
def test_it_says_when_nothing_is_ticked(acting: Client, queue: str, noun: str) -> None:
    make_task()
    for action in ("retry", "remove", "cancel"):
        assert flash(acting, send(acting, queue, action=action)) == f"Select at least one {noun}."
    assert flash(acting, send(acting, queue, action="explode", job_id="1")) == "Unknown action"
    assert told() == []


def test_what_was_removed_between_page_and_click_is_told(acting: Client) -> None:
    task = make_task(status=Status.FAILED)
    Task.objects.all().delete()
    assert flash(acting, send(acting, "", action="retry", job_id=task.pk)) == (
        "Nothing was done: 1 refused: removed meanwhile."
    )
    assert told() == [("job.retry", str(task.pk), "jobs.bulk", "refused")]


def test_the_second_of_two_operators_is_told(acting: Client, admin: User) -> None:
    task = failed()
    other = client_of(admin)
    assert flash(acting, send(acting, "default", action="retry", job_id=task.pk)) == "1 retried."
    assert (
        flash(other, send(other, "default", action="retry", job_id=task.pk)) == "Nothing was done: 1 refused: queued."
    )
    assert broker.connection().llen("rq:queue:default") == 1


# --- All that match -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_form", [True, False])
def test_all_that_match_the_filters_and_no_other(acting: Client, in_form: bool) -> None:
    tasks = [failed(args=["declined"]) for _ in range(3)]
    failed(args=["timeout"])
    make_task(queue="mail", status=Status.FAILED, arguments='{"args":["declined"],"kwargs":{}}')
    filters = {"state": "failed", "q": "declined"}
    # With filters in the address, ids in the form are ticked boxes, and of no matter where all are meant.
    form = filters if in_form else {"job_id": [tasks[0].job_id]}
    response = send(acting, "default", "" if in_form else urlencode(filters), action="retry", all="1", **form)
    assert response.headers["Location"] == f"{reverse('jobs', args=['default'])}?state=failed&q=declined"
    assert flash(acting, response) == "3 retried."
    assert {target for _, target, *_ in told()} == {task.job_id for task in tasks}


def test_of_a_form_without_an_address_the_id_is_a_filter(acting: Client) -> None:
    task, _ = failed(), failed()
    response = send(acting, "default", action="retry", all="1", state="failed", job_id=task.job_id[:13])
    assert flash(acting, response) == "1 retried."


def test_both_statuses_of_a_state_are_meant(acting: Client) -> None:
    scheduled = recorded(broker.enqueue("tests.jobs.echo", delay_seconds=3600))
    deferred = recorded(broker.enqueue("tests.jobs.echo", after=[scheduled.job_id]))
    response = send(acting, "default", "state=delayed", action="cancel", all="1")
    assert flash(acting, response) == "2 cancelled or told to stop."
    for task in (scheduled, deferred):
        assert recorded(task.job_id).status == Status.CANCELLED


def test_none_left_is_told(acting: Client) -> None:
    make_task()
    assert flash(acting, send(acting, "default", "state=failed", action="retry", all="1")) == (
        "Nothing was done: none is left."
    )


def test_filters_that_cannot_be_used_touch_nothing(acting: Client) -> None:
    make_task(status=Status.FAILED)
    response = send(acting, "default", "state=tired", action="remove", all="1")
    assert response.status_code == 303
    assert told() == []


def test_more_than_a_request_can_do_goes_on_in_the_background(acting: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(operations, "AT_ONCE", 2)
    make_tasks(3, status=Status.FAILED)
    make_task()
    response = send(acting, "default", "state=failed", action="remove", all="1", reason="spring cleaning")
    operation = Operation.objects.get()
    assert (operation.verb, operation.total, operation.reason) == ("remove", 3, "spring cleaning")
    text = acting.get(response.headers["Location"]).content.decode()
    assert f'That goes on in the background, for 3 jobs: <a href="{BASE}/operations/{operation.pk}">' in text


# --- First told ---------------------------------------------------------------------------------------------------


def asked(client: Client, queue: str, query: str = "", **form: Any) -> str:
    response = send(client, queue, query, ask="1", **form)
    assert response.status_code == 200, response.content
    return unescape(" ".join(response.content.decode().split()))


def test_it_asks_with_the_exact_number_and_does_nothing(acting: Client) -> None:
    make_tasks(12, queue="mail", status=Status.FAILED)
    make_task(queue="mail")
    text = asked(acting, "mail", "state=failed&q=&page=1", action="retry", all="1")
    assert '<h1 id="confirm-title">Retry 12 failed jobs of mail?</h1>' in text
    assert "Retry 12 jobs</button>" in text
    assert told() == []
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))
    assert {"action": "retry", "all": "1", "expected": "12"}.items() <= hidden.items()
    assert "ask" not in hidden


def test_it_asks_about_those_that_are_ticked_and_counts_those_it_cannot(acting: Client) -> None:
    tasks = [*make_tasks(2, status=Status.FAILED), make_task(status=Status.RUNNING)]
    text = asked(acting, "", action="remove", job_id=[task.pk for task in tasks])
    assert "Remove 2 tasks?" in text
    assert "1 of the 3 tasks will be left as they are" in text
    assert [f'name="job_id" value="{task.pk}"' in text for task in tasks] == [True] * 3
    text = asked(acting, "mail", action="retry", job_id=[tasks[0].pk])
    assert "Nothing would be done" in text
    assert "Retry 0 jobs</button>" not in text


def test_it_says_what_has_come_since_it_asked(acting: Client) -> None:
    make_tasks(3, status=Status.FAILED)
    response = send(acting, "default", "state=failed", action="remove", all="1", expected="1")
    assert flash(acting, response) == "3 removed. 2 more than you were shown had come by then."


def test_the_price_of_asking_does_not_grow(acting: Client, django_assert_max_num_queries: Any) -> None:
    make_tasks(40, status=Status.FAILED)
    for form in ({"all": "1"}, {"job_id": [task.pk for task in Task.objects.all()]}):
        with django_assert_max_num_queries(8):
            asked(acting, "default", "state=failed", action="remove", **form)


# --- Who ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("queue", ["default", ""])
@pytest.mark.parametrize("form", [{"all": "1"}, {"job_id": ["x", "y"]}, {}])
@pytest.mark.parametrize("ask", [{}, {"ask": "1"}])
def test_a_viewer_may_not_and_that_is_written_down(
    browser: Client, queue: str, form: dict[str, Any], ask: dict[str, str]
) -> None:
    task = failed()
    response = send(browser, queue, "x=1", action="retry", **form, **ask)
    assert response.status_code == 403
    assert "may look but not act" in response.content.decode()
    rows = OperatorAction.objects.all()
    assert {(row.actor, row.outcome, row.queue) for row in rows} == {("vera", "refused", queue)}
    assert len(rows) == (2 if "job_id" in form else 1)
    assert recorded(task.job_id).status == Status.FAILED


def test_it_needs_a_login_and_the_forms_token(client: Client, operator: User) -> None:
    task = failed()
    path = reverse("jobs", args=["default"])
    assert (
        client.post(path, {"action": "retry", "job_id": task.pk}).headers["Location"].startswith(f"{BASE}/login?next=")
    )
    guarded = Client(enforce_csrf_checks=True)
    guarded.force_login(operator)
    for address in (path, f"{BASE}/tasks"):
        assert guarded.post(address, {"action": "retry", "job_id": task.pk}).status_code == 403
    assert told() == []
    guarded.get(f"{path}?state=failed")
    token = guarded.cookies["csrftoken"].value
    response = guarded.post(path, {"action": "retry", "job_id": task.pk, "csrfmiddlewaretoken": token})
    assert response.status_code == 303
    assert [outcome for *_, outcome in told()] == ["success"]


def test_a_broker_that_is_away_is_told(acting: Client, settings: Any) -> None:
    task = make_task(status=Status.FAILED)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis cannot be reached, so nothing was done" in flash(
        acting, send(acting, "default", action="retry", job_id=task.pk)
    )
    assert told() == [("job.retry", task.job_id, "jobs.bulk", "failed")]


ODD = ("\0", "%00", "a/b", "'", "x" * 5000, "é☕", "\n", "00000000-0000-0000-0000-000000000000", "..")


@pytest.mark.parametrize("ask", [{}, {"ask": "1"}])
def test_no_id_is_too_odd(acting: Client, ask: dict[str, str]) -> None:
    make_task()
    response = send(acting, "default", action="retry", job_id=ODD, expected="many", **ask)
    assert response.status_code == (200 if ask else 303)
    assert len(told()) == (0 if ask else len(ODD))


def test_only_posting_acts(acting: Client) -> None:
    task = failed()
    acting.get(reverse("jobs", args=["default"]), {"action": "retry", "job_id": task.job_id, "all": "1"})
    assert acting.put(reverse("jobs", args=["default"])).status_code == 405
    assert acting.delete(f"{BASE}/tasks").status_code == 405
    assert told() == []
