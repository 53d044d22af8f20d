"""The list of a queue's jobs: its documented parameters, as a page, as JSON and as CSV."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from audit.models import OperatorAction
from monitoring.models import Task
from monitoring.states import STATES
from monitoring.statuses import Status
from tests.cast import API, client_of
from tests.factories import NOON, make_schedule, make_task, make_tasks
from tests.reading_pages import BASE

JSON = {"Accept": "application/json"}


def address(queue: str = "mail", **parameters: Any) -> str:
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"{reverse('jobs', args=[queue])}{query}"


def told(client: Client, queue: str = "mail", **parameters: Any) -> dict[str, Any]:
    """The list as JSON."""
    response = client.get(address(queue, **parameters), headers=JSON)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def shown(client: Client, queue: str = "mail", **parameters: Any) -> list[UUID]:
    """The tasks on the page, from the top, which are those of the JSON."""
    response = client.get(address(queue, **parameters))
    assert response.status_code == 200, response.content
    ids = [UUID(found) for found in re.findall(r'<tr id="task-([0-9a-f-]{36})"', response.content.decode())]
    assert [str(pk) for pk in ids] == [job["task_id"] for job in told(client, queue, **parameters)["jobs"]]
    return ids


def make_one_of_each(queue: str = "mail") -> dict[Status, Task]:
    return {status: make_task(queue=queue, status=status) for status in Status}


# --- Which jobs ---------------------------------------------------------------------------------------------------


def test_it_lists_the_waiting_jobs_of_the_queue(browser: Client) -> None:
    waiting = make_one_of_each()[Status.QUEUED]
    make_one_of_each("media")
    assert shown(browser) == [waiting.pk]
    assert shown(browser, state="") == [waiting.pk]


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_its_jobs(browser: Client, state: str) -> None:
    tasks = make_one_of_each()
    expected = {tasks[status].pk for status in STATES[state]}
    assert set(shown(browser, state=state)) == expected
    assert set(shown(browser, state=state.upper())) == expected


def test_every_job_has_one_state() -> None:
    assert sorted(status for statuses in STATES.values() for status in statuses) == sorted(Status)


def test_its_counts_are_exact_and_those_of_the_dashboard_api(browser: Client, api: Client) -> None:
    make_one_of_each()
    make_tasks(3, queue="mail", status=Status.FAILED)
    make_tasks(2, queue="media")
    answer = told(browser, state="failed")
    assert answer["counts"] == {
        "waiting": 1, "active": 1, "delayed": 2, "completed": 1, "failed": 4, "cancelled": 1
    }  # fmt: skip
    text = browser.get(address(state="failed")).content.decode()
    assert re.findall(r'<span class="tab-count">([\d,]+)</span>', text) == ["1", "1", "2", "1", "4", "1"]
    for state, word in (("failed", "Failed"), ("completed", "Completed"), ("active", "InProgress")):
        listed = api.get(f"{API}/tasks", {"queueName": "mail", "status": word}).json()
        assert listed["totalCount"] == answer["counts"][state], listed


def test_it_finds_by_payload_task_and_id_together(browser: Client) -> None:
    wanted = make_task(
        queue="mail", status=Status.FAILED, job_id="letter-7f3a", task_type="shop.mail.SendReceipt",
        arguments='{"args":[],"kwargs":{"to":"Customer-123"}}',
    )  # fmt: skip
    make_tasks(3, queue="mail", status=Status.FAILED)
    for parameters in (
        {"q": "customer-123"},
        {"task": "sendRECEIPT"},
        {"job_id": "7F3A"},
        {"q": "to", "task": "shop", "job_id": "letter"},
    ):
        assert shown(browser, state="failed", **parameters) == [wanted.pk], parameters
    for parameters in ({"q": "customer-124"}, {"q": "customer-123", "job_id": "8"}, {"task": "%"}):
        assert shown(browser, state="failed", **parameters) == [], parameters


def test_it_sorts_by_creation(browser: Client) -> None:
    tasks = [task.pk for task in make_tasks(3, queue="mail", status=Status.QUEUED)]
    assert shown(browser) == shown(browser, sort="newest") == tasks[::-1]
    assert shown(browser, sort="oldest") == tasks
    text = browser.get(address(sort="oldest")).content.decode()
    assert re.search(r'aria-sort="ascending"><a href="\?sort=newest">Created', text)


def test_it_turns_pages_of_twenty(browser: Client) -> None:
    tasks = [task.pk for task in make_tasks(45, queue="mail", status=Status.QUEUED)][::-1]
    assert shown(browser) == tasks[:20]
    assert shown(browser, page=2) == tasks[20:40]
    assert shown(browser, page=99_999_999) == tasks[40:]
    assert shown(browser, size=50) == shown(browser, size=99_999_999) == tasks
    assert told(browser, page=99_999_999) | {"jobs": [], "counts": {}} == {
        "queue": "mail", "state": "waiting", "page": 3, "pages": 3, "size": 20, "total": 45, "jobs": [], "counts": {}
    }  # fmt: skip


@pytest.mark.parametrize("junk", ["0", "-1", "x", "1.5", "9" * 5000, "٣", "", "1 ", "%00", "null"])
def test_it_takes_junk_for_page_and_size_as_the_default(browser: Client, junk: str) -> None:
    make_tasks(21, queue="mail", status=Status.QUEUED)
    answer = told(browser, page=junk, size=junk)
    assert (answer["page"], answer["size"], len(answer["jobs"])) == (1, 20, 20)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"state": "tired"}, "State: tired is not a state. States are waiting, active, delayed"),
        ({"sort": "loudest"}, "Order: loudest is not an order. Orders are newest, oldest."),
        ({"q": "\0"}, "Payload: Null characters are not allowed."),
        ({"task": "x" * 300}, "Task: Ensure this value has at most 255 characters"),
    ],
)
def test_it_refuses_what_it_does_not_know(browser: Client, parameters: dict[str, str], sentence: str) -> None:
    make_task(queue="mail", status=Status.QUEUED)
    response = browser.get(address(**parameters), headers=JSON)
    assert response.status_code == 400
    assert response.json()["ok"] is False
    assert sentence in response.json()["error"]
    for path in (address(**parameters), address(**parameters, format="csv")):
        response = browser.get(path)
        assert response.status_code == 400
        assert sentence.partition(": ")[2] in unescape(response.content.decode())


def test_repeatable_jobs_have_a_page_of_their_own(browser: Client) -> None:
    make_task(queue="a/b")
    response = browser.get(address("a/b", state="repeatable"))
    assert (response.status_code, response.headers["Location"]) == (302, f"{BASE}/queues/a~2Fb/repeatables")


def test_filters_can_be_taken_away_one_by_one(browser: Client) -> None:
    make_task(queue="mail", status=Status.FAILED)
    text = browser.get(address(state="failed", q="<x>", task="send", size=50, page=3)).content.decode()
    chips = {
        unescape(label): unescape(href)
        for href, label in re.findall(r'class="chip" href="([^"]*)"[^>]*><span class="chip-label">([^<]*)<', text)
    }
    assert chips == {"Payload: <x>": "?state=failed&task=send&size=50", "Task: send": "?state=failed&q=%3Cx%3E&size=50"}
    assert f'class="chip-clear" href="{address(state="failed")}"' in text


# --- Queues -------------------------------------------------------------------------------------------------------

ODD = ("a/b", "a/jobs", "100%", "%2F", "~2F", "été ☕", "a b+c", "a?b=1#c", "<b>", "a\\b", "..", "rows", "x" * 255)


@pytest.mark.parametrize("name", ODD)
def test_a_queue_may_have_any_name(browser: Client, name: str) -> None:
    task = make_task(queue=name, status=Status.QUEUED)
    assert shown(browser, name) == [task.pk]
    assert told(browser, name)["queue"] == name
    rows = browser.get(reverse("job-rows", args=[name]), {"ids": str(task.pk)})
    assert str(task.pk) in rows.content.decode()


def test_an_unknown_queue_is_not_there(browser: Client) -> None:
    for name in ("nowhere", "a\0b"):
        assert browser.get(address(name)).status_code == 404
        response = browser.get(address(name), headers=JSON)
        assert (response.status_code, response.json()["ok"]) == (404, False)


def test_an_empty_queue_says_so(browser: Client, settings: Any) -> None:
    assert "No job of this queue is waiting." in browser.get(address(settings.QUARTERDECK_QUEUES[0])).content.decode()


# --- Live ---------------------------------------------------------------------------------------------------------


def test_live_updates_know_its_filters(browser: Client) -> None:
    wanted = make_task(queue="mail", status=Status.FAILED)
    others = [make_task(queue="media", status=Status.FAILED), make_task(queue="mail")]
    new = ",".join(str(task.pk) for task in (wanted, *others))
    response = browser.get(reverse("job-rows", args=["mail"]), {"state": "failed", "new": new})
    assert re.findall(r'<tr id="task-([0-9a-f-]{36})"', response.content.decode()) == [str(wanted.pk)]
    figures = browser.get(reverse("job-counts", args=["mail"]), {"state": "failed"}).content.decode()
    assert "1–1 of 1" in figures
    assert 'href="?state=completed"' in figures


# --- As a file ----------------------------------------------------------------------------------------------------


def lines_of(client: Client, path: str) -> list[list[str]]:
    response = client.get(path)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(StringIO(b"".join(response).decode())))


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_the_file_has_everything_that_matches(browser: Client) -> None:
    tasks = make_tasks(45, queue="mail", status=Status.FAILED, error_type="=cmd()")
    make_tasks(2, queue="mail")
    header, *rows = lines_of(browser, address(state="failed", format="csv", size=20, page=2))
    assert header == list(told(browser, state="failed")["jobs"][0])
    assert [row[header.index("task_id")] for row in rows] == [str(task.pk) for task in reversed(tasks)]
    assert rows[0][header.index("created_at")] == (NOON + timedelta(minutes=44)).isoformat().replace("+00:00", "Z")
    assert rows[0][header.index("error_type")] == "'=cmd()", "no spreadsheet takes it for a formula"
    assert lines_of(browser, address(state="active", format="csv")) == [header]
    assert len(lines_of(browser, f"{BASE}/tasks?format=csv&status=failed")) == 46


# --- Who, and at what price ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["jobs", "job-rows", "job-counts"])
def test_it_is_for_those_with_a_role(client: Client, stranger: User, route: str) -> None:
    make_task(queue="mail")
    path = reverse(route, args=["mail"])
    assert client.get(path).headers["Location"] == f"{BASE}/login?next={path}"
    client.force_login(stranger)
    assert client.get(path).status_code == 403


def test_only_those_who_may_act_see_boxes(browser: Client, operator: User) -> None:
    make_task(queue="mail", status=Status.QUEUED)
    assert 'type="checkbox"' not in browser.get(address()).content.decode()
    text = client_of(operator).get(address()).content.decode()
    assert len(re.findall(r'name="job_id" value="[^"]+" form="bulk"', text)) == 1
    assert re.findall(r'name="action" value="(\w+)"', text) == ["cancel", "remove"]


def test_its_queries_do_not_grow(
    browser: Client, operator: User, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    make_task(queue="mail", status=Status.FAILED, scheduled_job=make_schedule())
    acting = client_of(operator)
    for client in (browser, acting):
        with django_assert_max_num_queries(9):
            client.get(address(state="failed"))
    with django_assert_max_num_queries(9) as few:
        browser.get(address(state="failed", q="a"))
    for number in range(30):
        make_task(queue="mail", status=Status.FAILED, scheduled_job=make_schedule(), task_type=f"shop.task{number}")
    with django_assert_num_queries(len(few)):
        browser.get(address(state="failed", q="a"))
    with django_assert_num_queries(len(few)):
        told(browser, state="failed", q="a")


def test_looking_is_not_written_down(browser: Client) -> None:
    make_task(queue="mail")
    browser.get(address())
    assert not OperatorAction.objects.exists()
