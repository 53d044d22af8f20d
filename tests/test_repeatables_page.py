"""A queue's schedules at ``queues/{name}/repeatables``, and the short form for a new one."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from monitoring.statuses import Status
from scheduler.models import ScheduledJob
from tests.cast import client_of
from tests.factories import make_task
from tests.reading_pages import BASE, page, rows
from tests.schedule_pages import JSON, address_of, desk_of, make_runs, schedule, trail
from tests.scheduling import queued

pytestmark = pytest.mark.django_db
HERE = f"{BASE}/queues/mail/repeatables"
SENT = {"task_id": "demo.echo", "every": "60", "cron": "", "timezone": "UTC", "args": '["hello"]', "name": ""}


@pytest.fixture
def desk(operator: User) -> Client:
    return desk_of(operator)


@pytest.fixture
def head(admin: User) -> Client:
    """The admin's browser."""
    return desk_of(admin)


def message_after(client: Client, **sent: str) -> str:
    response = client.post(HERE, sent)
    assert (response.status_code, response["Location"]) == (303, HERE)
    (message,) = client.get(HERE).context["messages"]
    return str(message)


# --- The list -----------------------------------------------------------------------------------------------------


def test_it_lists_the_queues_schedules_with_next_run_and_last_outcome(browser: Client) -> None:
    job = schedule("report", queue="mail")
    make_runs(job, Status.COMPLETED, Status.FAILED)
    schedule("other", queue="media")
    ((name, words, following, last, *_),) = rows(page(browser, "/queues/mail/repeatables"), "schedules")
    assert (name, words) == ("report", "Every minute")
    assert following.startswith("in ")
    assert last.startswith("Failed")
    answer = browser.get(HERE, **JSON).json()
    assert (answer["queue"], answer["total"]) == ("mail", 1)
    (one,) = answer["repeatables"]
    assert (one["id"], one["task_id"], one["every"], one["cron"]) == (str(job.uuid), "demo.echo", 60, None)
    assert (one["last_outcome"] or one["last_runs"][-1], one["state"]) == ("failed", "active")
    assert one["next_run_at"]
    assert "<html" not in page(browser, "/queues/mail/repeatables/parts")


def test_the_jobs_in_state_repeatable_are_these(browser: Client) -> None:
    schedule("report", queue="mail")
    response = browser.get(f"{BASE}/queues/mail/jobs?state=repeatable", follow=True)
    assert response.redirect_chain == [(HERE, 302)]
    assert "report" in response.content.decode()
    assert f'href="{HERE}"' in page(browser, "/queues/mail")


@pytest.mark.parametrize("name", ["a/b", "a/repeatables", "100%", "%2F", "<b>", "été ☕", "~2F", "..", "a b?c#d"])
def test_it_works_whatever_the_queue_is_called(head: Client, name: str) -> None:
    make_task(queue=name)
    here = reverse("queue-repeatables", args=[name])
    made = head.post(reverse("queue-repeatable-new", args=[name]), SENT)
    assert (made.status_code, made["Location"]) == (303, here)
    job = ScheduledJob.objects.get()
    assert job.queue == name
    assert head.get(here, **JSON).json()["queue"] == name
    assert "Schedules of" in head.get(here).content.decode()
    assert head.get(reverse("queue-repeatables-parts", args=[name])).status_code == 200
    assert head.get(reverse("queue-repeatable-new", args=[name])).status_code == 200
    assert head.get(address_of(job)).status_code == 200
    assert head.post(here, {"action": "pause", "id": str(job.uuid)})["Location"] == here
    assert ScheduledJob.objects.get().is_paused
    assert "<b>" not in head.get(here).content.decode()


def test_unknown_queues_are_not_found(browser: Client) -> None:
    for end in ("", "/new", "/parts"):
        assert browser.get(f"{BASE}/queues/nowhere/repeatables{end}").status_code == 404
    assert browser.post(f"{BASE}/queues/nowhere/repeatables", {"action": "pause"}).status_code == 404
    assert browser.get(f"{BASE}/queues/nowhere/repeatables", **JSON).json()["ok"] is False


def test_its_queries_do_not_grow(browser: Client, django_assert_max_num_queries: Any) -> None:
    make_task(queue="mail")
    for number in range(30):
        make_runs(schedule(f"job {number}", queue="mail"), Status.COMPLETED)
    with django_assert_max_num_queries(11):
        page(browser, "/queues/mail/repeatables")


# --- Its buttons --------------------------------------------------------------------------------------------------


def test_it_pauses_resumes_and_runs(desk: Client) -> None:
    job = schedule("report", queue="mail")
    asked = {"id": str(job.uuid)}
    assert "report is paused" in message_after(desk, action="pause", **asked)
    assert "paused already" in message_after(desk, action="pause", **asked)
    assert "report is resumed." in message_after(desk, action="resume", **asked)
    assert "report is started." in message_after(desk, action="run", **asked)
    assert len(queued("mail")) == 1
    told = trail("action", "source", "queue", "outcome")
    assert told == [
        ("repeatable.pause", "repeatables", "mail", "success"),
        ("repeatable.pause", "repeatables", "mail", "refused"),
        ("repeatable.resume", "repeatables", "mail", "success"),
        ("repeatable.run", "repeatables", "mail", "success"),
    ]


def test_it_removes_and_asks_before_if_it_is_to(head: Client) -> None:
    job = schedule("report", queue="mail")
    asked = head.post(HERE, {"action": "remove", "id": str(job.uuid), "ask": "1"})
    assert "Remove report?" in asked.content.decode()
    assert ScheduledJob.objects.exists()
    assert "report is removed." in message_after(head, action="remove", id=str(job.uuid))
    assert not ScheduledJob.objects.exists()


@pytest.mark.parametrize("asked", ["", "17", "\0", "x" * 1000, str(uuid4())])
def test_it_says_that_there_is_no_such_schedule(desk: Client, asked: str) -> None:
    assert "There is no such schedule here." in message_after(desk, action="pause", id=asked)
    answer = desk.post(HERE, {"action": "run", "id": asked}, **JSON)
    assert (answer.status_code, answer.json()["ok"]) == (404, False)
    assert {outcome for _, _, outcome in trail()} == {"refused"}


def test_a_schedule_of_another_queue_is_not_touched(desk: Client) -> None:
    job = schedule("report", queue="media")
    assert "There is no such schedule here." in message_after(desk, action="pause", id=str(job.uuid))
    assert not ScheduledJob.objects.get().is_paused


def test_it_answers_scripts_in_json(operator: User) -> None:
    job, script = schedule("report", queue="mail"), client_of(operator)
    asked = {"id": str(job.uuid)}
    assert script.post(HERE, {"action": "pause", **asked}, **JSON).json() == {"ok": True}
    assert script.post(HERE, {"action": "pause", **asked}, **JSON).status_code == 409
    assert script.post(HERE, {"action": "remove", **asked}, **JSON).status_code == 403
    answer = script.post(HERE, {"action": "explode", **asked}, **JSON)
    assert (answer.status_code, answer.json()["error"]) == (400, "Unknown action")
    assert "Nothing was done" in message_after(desk_of(operator), action="explode", **asked)


def test_who_may_not_is_refused_and_that_stands_in_the_trail(browser: Client, operator: User) -> None:
    job = schedule("report", queue="mail")
    for word in ("pause", "resume", "run", "remove"):
        assert browser.post(HERE, {"action": word, "id": str(job.uuid), "ask": "1"}).status_code == 403
    assert browser.post(f"{HERE}/new", SENT).status_code == 403
    assert desk_of(operator).post(f"{HERE}/new", SENT, **JSON).status_code == 403
    assert trail() == [
        *((f"repeatable.{word}", "vera", "refused") for word in ("pause", "resume", "run", "remove", "create")),
        ("repeatable.create", "oscar", "refused"),
    ]
    assert not queued("mail")
    checking = Client(enforce_csrf_checks=True)
    checking.force_login(operator)
    assert checking.post(HERE, {"action": "run", "id": str(job.uuid)}).status_code == 403
    assert browser.put(HERE).status_code == 405
    assert Client().post(HERE, {"action": "run", "id": str(job.uuid)}).status_code == 302


# --- A new one ----------------------------------------------------------------------------------------------------


def make(client: Client, **changes: str) -> ScheduledJob:
    response = client.post(f"{HERE}/new", {**SENT, **changes})
    assert (response.status_code, response["Location"]) == (303, HERE), response.content
    return ScheduledJob.objects.latest("pk")


def test_it_makes_one_that_runs_every_so_many_seconds(head: Client) -> None:
    job = make(head)
    assert (job.queue, job.handler, job.args, job.kwargs, job.interval_seconds) == (
        *("mail", "demo.echo", ["hello"]),
        *({}, 60),
    )
    assert job.name == "demo.echo: Every minute"
    assert make(head).name == "demo.echo: Every minute (2)"
    assert make(head, name="mine").name == "mine"
    assert trail("action", "source", "queue")[0] == ("repeatable.create", "repeatables", "mail")


def test_it_makes_one_by_cron_with_named_arguments(head: Client) -> None:
    job = make(head, every="", cron="0 9 * * MON", timezone="Europe/Berlin", args='{"value": {"a": 1}}')
    assert (job.cron, job.timezone, job.args, job.kwargs) == ("0 9 * * MON", "Europe/Berlin", [], {"value": {"a": 1}})


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"task_id": ""}, "task_id", "There is no handler"),
        ({"task_id": "os.system"}, "task_id", "no function of that name may be started"),
        ({"every": "0"}, "every", "from 1"),
        ({"every": "-1"}, "every", "from 1"),
        ({"every": "soon"}, "every", "whole number"),
        ({"every": ""}, "cron", "none is given"),
        ({"cron": "* * * * *"}, "every", "not several"),
        ({"every": "", "cron": "* * *"}, "cron", "five fields"),
        ({"timezone": "Mars/Olympus"}, "timezone", "IANA"),
        ({"args": "hello"}, "args", "This is not JSON"),
        ({"args": "[]"}, "args", "value"),
        ({"args": '{"value": 1, "more": 2}'}, "args", "more"),
        ({"task_id": "demo.sleep_for", "args": '["long"]'}, "args", "is not of type"),
    ],
)
def test_it_names_the_field_that_is_wrong(head: Client, changes: dict[str, str], field: str, sentence: str) -> None:
    response = head.post(f"{HERE}/new", {**SENT, **changes})
    assert response.status_code == 400
    text = response.content.decode()
    told = {name: unescape(said) for name, said in re.findall(r'id="(\w+)-error" class="field-error">([^<]*)<', text)}
    assert field in told, told
    assert sentence in told[field]
    answer = head.post(f"{HERE}/new", {**SENT, **changes}, **JSON)
    assert answer.status_code == 400
    assert sentence in " ".join(answer.json()["errors"][field])
    assert not ScheduledJob.objects.exists()


def test_it_answers_scripts_with_the_id(admin: User) -> None:
    answer = client_of(admin).post(f"{HERE}/new", SENT, **JSON)
    assert answer.status_code == 201
    assert answer.json() == {"ok": True, "id": str(ScheduledJob.objects.get().uuid)}


def test_it_previews_the_next_five(head: Client) -> None:
    assert page(head, "/queues/mail/repeatables/new").count("fire-local") == 5
    response = head.post(f"{HERE}/new", {**SENT, "every": "", "cron": "30 9 * * *", "action": "preview"})
    text = response.content.decode()
    assert (response.status_code, text.count("fire-local")) == (200, 5)
    assert "At 09:30 AM" in text
    part = page(head, "/schedules/preview", every="", cron="30 9 * * *", timezone="Asia/Tokyo")
    assert part.count("09:30:00<") == 5
    assert "At 09:30 AM (Asia/Tokyo)" in part
    assert not ScheduledJob.objects.exists()
