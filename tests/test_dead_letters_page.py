"""Failed jobs on their pages: listed, grouped, retried and removed, as pages and as JSON."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from audit.models import OperatorAction
from monitoring import broker, operations
from monitoring.models import Task
from monitoring.pages.dead_letter_list import DeadLetterList
from monitoring.statuses import Status
from monitoring.stored_operations import Operation
from tests.factories import NOON, make_task
from tests.reading_pages import BASE, page
from tests.test_operations import queued, work

pytestmark = pytest.mark.django_db(transaction=True)

JSON = {"Accept": "application/json"}


def person(name: str, *permissions: str) -> Client:
    user = User.objects.create_user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_task", *permissions]))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def oscar() -> Client:
    return person("oscar", "operate_task")


@pytest.fixture
def vera() -> Client:
    return person("vera")


def fail(error: str = "ValueError: no order 1", **fields: Any) -> Task:
    return make_task(**{"status": Status.FAILED, "error": error, **fields})


def fail_for_real(number: int, queue: str = "default") -> list[Task]:
    """Oldest first."""
    ids = [broker.enqueue("tests.jobs.fail", args=["boom"], queue_name=queue) for _ in range(number)]
    work()
    return list(Task.objects.filter(job_id__in=ids).order_by("created_at", "pk"))  # two may share a millisecond


def ask(client: Client, path: str, **parameters: Any) -> Any:
    response = client.get(f"{BASE}{path}", parameters, headers=JSON)
    assert response.status_code == 200, response.content
    assert "Accept" in response.headers["Vary"]
    return response.json()


def send(client: Client, path: str, **form: Any) -> str:
    """Sends the form, goes on to where it leads, and returns the message there."""
    response = client.post(f"{BASE}{path}", form)
    assert response.status_code == 303, response.content
    assert response.headers["Location"].startswith(f"{BASE}{path.partition('?')[0]}")
    (message,) = client.get(response.headers["Location"]).context["messages"]
    return str(message)


def trail(**conditions: Any) -> list[tuple[str, ...]]:
    rows = OperatorAction.objects.filter(**conditions).order_by("number")
    return list(rows.values_list("action", "queue", "target", "outcome"))


# --- Looking ------------------------------------------------------------------------------------------------------


def test_it_lists_the_failed_jobs_of_a_queue_newest_failure_first(oscar: Client) -> None:
    tasks = [
        fail(f"ValueError: no <order> {hour}", completed_at=NOON + timedelta(hours=hour), queue="a/b %")
        for hour in (2, 9, 5)
    ]
    fail(queue="mail")
    make_task(queue="a/b %")
    told = ask(oscar, "/queues/a~2Fb %25/dlq")
    assert (told["queue"], told["total"], told["page"], told["pages"], told["size"]) == ("a/b %", 3, 1, 1, 20)
    assert [job["id"] for job in told["jobs"]] == [tasks[index].job_id for index in (1, 2, 0)]
    first = told["jobs"][0]
    assert (first["error"], first["state"], first["group"]) == (
        "ValueError: no <order> 9",
        "failed",
        tasks[0].error_group,
    )
    text = page(oscar, "/queues/a~2Fb %25/dlq")
    assert text.count('<tr id="task-') == 3
    assert "ValueError: no &lt;order&gt; 9" in text
    assert f'value="{tasks[0].job_id}" form="bulk"' in text


def test_it_pages_and_shows_the_last_page_past_the_end(oscar: Client) -> None:
    tasks = [fail(completed_at=NOON + timedelta(hours=hour)) for hour in range(25)]
    told = ask(oscar, "/queues/default/dlq", page="2", size="10")
    assert [job["id"] for job in told["jobs"]] == [task.job_id for task in reversed(tasks[5:15])]
    assert ask(oscar, "/queues/default/dlq", page="99999999999999999999", size="10")["page"] == 1
    assert ask(oscar, "/queues/default/dlq", page="99", size="10")["page"] == 3
    assert ask(oscar, "/queues/default/dlq", page="-1", size="junk")["size"] == 20


def test_it_groups_by_error_on_request(oscar: Client) -> None:
    for hour in (1, 2):
        fail(f"ValueError: no order {hour}", completed_at=NOON + timedelta(hours=hour))
    fail("ValueError: no order 7", queue="mail")
    newest = fail("KeyError: 'x'", completed_at=NOON + timedelta(hours=9))
    told = ask(oscar, "/queues/default/dlq", group="error")
    assert (told["queue"], told["total"], told["total_groups"]) == ("default", 3, 2)
    first, second = told["groups"]
    assert (first["error"], first["error_type"], first["count"]) == ("ValueError: no order <n>", "ValueError", 2)
    assert (first["first_seen"], first["last_seen"]) == ("2025-01-15T13:00:00Z", "2025-01-15T14:00:00Z")
    assert (second["example"], second["count"], sum(second["last_hours"])) == (str(newest.pk), 1, 0)
    assert ask(oscar, "/failures", group="error")["groups"][0]["count"] == 3
    text = page(oscar, "/queues/default/dlq", group="error")
    assert "ValueError: no order &lt;n&gt;" in text
    assert f'href="{BASE}/queues/default/dlq?group={first["group"]}"' in text


def test_it_shows_the_jobs_of_one_group(oscar: Client) -> None:
    wanted, other = fail("ValueError: no order 1"), fail("KeyError: 'x'")
    far = fail("ValueError: no order 2", queue="mail")
    told = ask(oscar, "/queues/default/dlq", group=wanted.error_group or "")
    assert [job["id"] for job in told["jobs"]] == [wanted.job_id]
    told = ask(oscar, "/failures", group=wanted.error_group or "")
    assert {job["id"] for job in told["jobs"]} == {wanted.job_id, far.job_id}
    text = page(oscar, "/failures", group=wanted.error_group or "")
    assert "Try a few first…" in text
    assert str(other.pk) not in text
    assert ask(oscar, "/failures", group="nothing like it")["jobs"] == []
    assert "is failed with this error now" in page(oscar, "/failures", group="nothing like it")


def test_a_viewer_sees_no_buttons(vera: Client) -> None:
    task = fail()
    for path in ("/queues/default/dlq", "/failures"):
        for group in ("", "error", task.error_group or ""):
            text = page(vera, path, group=group)
            assert "no order" in text
            assert 'method="post" action="/monitoring/queues' not in text
            assert "Retry" not in text
            assert 'form="bulk"' not in text


def test_it_says_that_nothing_is_failed(oscar: Client) -> None:
    make_task()
    assert "No job of this queue is failed now." in page(oscar, "/queues/default/dlq")
    assert "No job of this queue is failed now." in page(oscar, "/queues/default/dlq", group="error")
    assert "No job is failed now." in page(oscar, "/failures")
    assert ask(oscar, "/failures", group="error")["groups"] == []


@pytest.mark.parametrize("path", ["/queues/no such/dlq", "/queues/no such/dlq/rows", "/queues/no such/dlq/parts"])
def test_it_knows_no_other_queues(oscar: Client, path: str) -> None:
    assert oscar.get(f"{BASE}{path}").status_code == 404
    assert oscar.get(f"{BASE}{path}", headers=JSON).json()["ok"] is False


@pytest.mark.parametrize("group", ["a\0b", "x" * 300, "%", "'", "../..", "日本"])
def test_no_group_breaks_it(oscar: Client, group: str) -> None:
    fail()
    for path in ("/queues/default/dlq", "/failures"):
        for part in ("", "/rows", "/parts"):
            assert oscar.get(f"{BASE}{path}{part}", {"group": group}).status_code in (200, 400)
        assert oscar.get(f"{BASE}{path}", {"group": group}, headers=JSON).status_code in (200, 400)
        for form in ({"all": "1"}, {"group": group}, {"job_id": group}):
            assert oscar.post(f"{BASE}{path}?group=", {"action": "retry", **form}).status_code in (303, 400)


def test_it_needs_a_login(client: Client) -> None:
    make_task()
    for path in ("/queues/default/dlq", "/failures"):
        for answer in (client.get(f"{BASE}{path}"), client.post(f"{BASE}{path}", {"action": "retry"})):
            assert answer.status_code == 302
            assert "/login" in answer.headers["Location"]


def test_its_queries_do_not_grow(oscar: Client, django_assert_max_num_queries: Any) -> None:
    names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    for name in names:
        for queue in ("default", "mail", "media"):
            fail(f"ValueError: {name}", queue=queue)
    for path in ("/queues/default/dlq", "/failures"):
        for parameters in ({}, {"group": "error"}, {"group": Task.objects.all()[0].error_group}):
            with django_assert_max_num_queries(13):
                page(oscar, path, **parameters)


def test_live_updates_get_rows_and_figures(oscar: Client) -> None:
    old = fail(completed_at=NOON)
    new = fail(completed_at=NOON + timedelta(hours=1))
    retried = make_task(status=Status.QUEUED)
    rows = page(
        oscar, "/queues/default/dlq/rows", ids=f"{old.pk},{retried.pk}", new="any", since="2025-01-15T12:30:00Z"
    )
    assert [rows.count(f'id="task-{task.pk}"') for task in (old, retried, new)] == [1, 1, 1]
    assert 'data-status="QUEUED"' in rows
    parts = page(oscar, "/failures/parts", group="error")
    assert 'id="groups"' in parts
    assert "<html" not in parts


# --- Acting -------------------------------------------------------------------------------------------------------


def test_it_retries_the_selected_jobs(oscar: Client) -> None:
    tasks = fail_for_real(3)
    told = send(oscar, "/queues/default/dlq", action="retry", job_id=[tasks[0].job_id, tasks[2].job_id], reason="fixed")
    assert told == "2 retried."
    assert queued() == [tasks[0].job_id, tasks[2].job_id]
    assert trail() == [("dlq.retry", "default", tasks[index].job_id, "success") for index in (0, 2)]
    row = OperatorAction.objects.all()[0]
    assert (row.actor, row.source, row.reason) == ("oscar", "dlq", "fixed")


def test_it_removes_the_selected_jobs(oscar: Client) -> None:
    tasks = fail_for_real(2)
    assert send(oscar, "/failures", action="remove", job_id=tasks[0].job_id) == "1 removed."
    work()
    assert list(Task.objects.all()) == [tasks[1]]
    assert trail() == [("dlq.remove", "default", tasks[0].job_id, "success")]


@pytest.mark.parametrize("form", [{}, {"job_id": ""}, {"all": "0"}])
def test_it_asks_for_a_selection(oscar: Client, form: dict[str, str]) -> None:
    fail()
    assert send(oscar, "/queues/default/dlq", action="retry", **form) == "Select at least one job."
    assert trail() == []


def test_it_retries_all_of_the_queue(oscar: Client) -> None:
    tasks = fail_for_real(3)
    elsewhere = fail(queue="mail")
    assert send(oscar, "/queues/default/dlq", action="retry", all="1") == "3 retried."
    assert queued() == [task.job_id for task in tasks]
    assert elsewhere.job_id not in [target for _, _, target, _ in trail()]


def test_it_removes_the_whole_group_alone(oscar: Client) -> None:
    wanted = [fail(f"ValueError: no order {number}") for number in range(3)]
    fail("KeyError: 'x'")
    assert send(oscar, "/queues/default/dlq", action="remove", group=wanted[0].error_group) == "3 removed."
    assert {target for _, _, target, _ in trail()} == {task.job_id for task in wanted}


def test_a_group_in_the_form_goes_before_the_page_that_groups(oscar: Client) -> None:
    wanted = fail("ValueError: no order 1")
    fail("KeyError: 'x'")
    response = oscar.post(f"{BASE}/failures?group=error", {"action": "remove", "group": wanted.error_group})
    assert response.status_code == 303
    assert [target for _, _, target, _ in trail()] == [wanted.job_id]


def test_it_says_exactly_what_it_would_do_before_it_does_it(oscar: Client) -> None:
    tasks = [fail(f"ValueError: no order {number}") for number in range(3)]
    fail("KeyError: 'x'")
    address = f"{BASE}/queues/default/dlq?group={tasks[0].error_group}"
    for action, button in (("retry", "Retry 3 jobs"), ("remove", "Remove 3 jobs"), ("canary", "Try 5 first of 3 jobs")):
        response = oscar.post(address, {"action": action, "all": "1", "ask": "1"})
        text = response.content.decode()
        assert response.status_code == 200
        assert f">{button}</button>" in text
        assert f'action="{address}"' in text
    assert trail() == []


def test_it_refuses_what_is_not_failed_any_more(oscar: Client) -> None:
    tasks = fail_for_real(3)
    send(oscar, "/queues/default/dlq", action="retry", job_id=tasks[0].job_id)
    done = make_task()
    told = send(
        oscar, "/queues/default/dlq", action="remove", job_id=[tasks[0].job_id, tasks[1].job_id, done.job_id, "never"]
    )
    assert told.startswith("1 removed, ")
    for reason in ("refused: removed meanwhile", "refused: completed", "refused: queued"):
        assert reason in told
    assert Task.objects.filter(pk=done.pk).exists()
    assert [outcome for *_, outcome in trail(action="dlq.remove")] == ["refused", "success", "refused", "refused"]


def test_it_does_not_touch_jobs_of_other_queues(oscar: Client) -> None:
    make_task()
    elsewhere = fail(queue="mail")
    told = send(oscar, "/queues/default/dlq", action="remove", job_id=elsewhere.job_id)
    assert told.startswith("Nothing was done")
    assert [outcome for *_, outcome in trail()] == ["refused"]


@pytest.mark.parametrize("form", [{"all": "1"}, {"job_id": "some"}, {"group": "some"}, {}])
@pytest.mark.parametrize("action", ["retry", "remove", "canary", "nonsense"])
def test_a_viewer_may_not_and_that_stands_in_the_trail(vera: Client, form: dict[str, str], action: str) -> None:
    fail_for_real(1)
    response = vera.post(f"{BASE}/queues/default/dlq", {"action": action, **form})
    assert response.status_code == 403
    assert [outcome for *_, outcome in trail()] == ["refused"]
    assert queued() == []


def test_an_unknown_action_does_nothing(oscar: Client) -> None:
    fail()
    assert send(oscar, "/queues/default/dlq", action="dance", all="1") == "Unknown action"
    assert send(oscar, "/queues/default/dlq", all="1") == "Unknown action"
    assert (
        send(oscar, "/queues/default/dlq", action="canary", job_id="some") == "That can be done to all that match only."
    )
    assert trail() == []


def test_it_needs_the_forms_token(oscar: Client) -> None:
    fail()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = oscar.cookies
    assert strict.post(f"{BASE}/queues/default/dlq", {"action": "retry", "all": "1"}).status_code == 403
    assert trail() == []


def test_it_says_that_redis_is_away(oscar: Client, settings: Any) -> None:
    task = fail()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = oscar.post(f"{BASE}/failures", {"action": "retry", "job_id": task.job_id})
    assert response.status_code == 303
    (message,) = oscar.get(response.headers["Location"]).context["messages"]
    assert "Redis cannot be reached, so nothing was done" in str(message)


def test_a_canary_begins_in_the_background(oscar: Client) -> None:
    task = fail()
    told = send(oscar, f"/failures?group={task.error_group}", action="canary", all="1", reason="is it fixed?")
    operation = Operation.objects.get()
    assert f'href="{BASE}/operations/{operation.pk}"' in told
    assert (operation.try_first, operation.action, operation.reason) == (5, "dlq.retry", "is it fixed?")
    assert operation.asked == {"status": ["FAILED"], "error_group": task.error_group}


def test_more_than_are_done_at_once_go_on_in_the_background(oscar: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "AT_ONCE", 2)
    for _ in range(3):
        fail()
    assert "in the background, for 3 jobs" in send(oscar, "/queues/default/dlq", action="remove", all="1")
    assert json.loads(OperatorAction.objects.get().details)["asked"] == {"queue": "default", "status": ["FAILED"]}


def test_every_verb_has_its_words() -> None:
    assert DeadLetterList.bulk_verbs.keys() <= DeadLetterList.what_it_means.keys()
