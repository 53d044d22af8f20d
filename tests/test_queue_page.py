"""A queue's page: its figures, its pace, its workers, and the form that pauses and resumes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rq.utils import utcformat

from audit.models import OperatorAction
from monitoring import broker, pauses
from monitoring.models import Queue
from monitoring.paces import pace_of
from monitoring.pausable import HONOURS
from monitoring.statuses import RunStatus, Status
from tests.cast import client_of
from tests.factories import make_run, make_task, make_tasks
from tests.pausing import OPERATOR, register
from tests.reading_pages import BASE, page

JSON = {"headers": {"Accept": "application/json"}}
MAIL = f"{BASE}/queues/mail"


@pytest.fixture
def mail(db: None) -> Queue:
    """A queue with tasks in every status."""
    for number, status in enumerate(Status, start=1):
        make_tasks(number, queue="mail", status=status)
    return Queue.objects.get(name="mail")


@pytest.fixture
def desk(operator: User) -> Client:
    """The operator's browser."""
    client = Client()
    client.force_login(operator)
    return client


def as_json(client: Client, path: str = MAIL) -> dict[str, Any]:
    response = client.get(path, **JSON)  # type: ignore[arg-type]  # headers, typed one by one
    assert response.status_code == 200, response.content
    return dict(response.json())


def worker(name: str, *, honours: dict[str, int] | None) -> None:
    """A living worker of the queue's, which has acknowledged these pauses, or knows nothing of any."""
    made = register(name, "mail", plain=honours is None)
    if honours:
        broker.connection().hset(made.key, HONOURS, json.dumps(honours))


def messages_after(client: Client, **sent: str) -> str:
    """What the page says after the form was sent."""
    response = client.post(MAIL, sent)
    assert (response.status_code, response["Location"]) == (303, MAIL)
    return page(client, "/queues/mail")


# --- Figures ------------------------------------------------------------------------------------------------------


def test_it_tells_the_queues_figures(browser: Client, mail: Queue) -> None:
    job = broker.queue("mail").enqueue("tests.jobs.echo")
    broker.connection().hset(job.key, "enqueued_at", utcformat(datetime.now(UTC) - timedelta(minutes=5)))
    worker("deck-1", honours={})
    told = as_json(browser)
    assert 299_000 < told.pop("oldest_wait_ms") < 330_000
    assert told == {
        "name": "mail", "paused": False, "pause": None, "total": 28, "waiting": 3, "delayed": 3, "active": 4,
        "completed": 5, "failed": 6, "cancelled": 7, "in_redis": 1, "came_per_minute": 0.0, "left_per_minute": 0.0,
        "measured_over_seconds": 3600, "empty_in_ms": None, "workers": ["deck-1"],
    }  # fmt: skip
    text = page(browser, "/queues/mail")
    assert "deck-1" in text
    assert "5 min" in text
    assert f'{BASE}/tasks?status=failed&amp;queue=mail"' in text


def test_it_measures_the_pace(db: None) -> None:
    now = datetime.now(UTC)

    def runs(number: int, minutes_ago: float, **fields: Any) -> None:
        at = now - timedelta(minutes=minutes_ago)
        for _ in range(number):
            make_run(make_task(queue="mail", created_at=at).id, ended_at=at, **fields)

    runs(4, 30)
    pace = pace_of("mail", now)
    assert (pace.span, pace.came, pace.ran) == (timedelta(hours=1), 4, 4)
    runs(20, 5)
    runs(10, 2, status=RunStatus.RETRIED)
    runs(50, 90)
    pace = pace_of("mail", now)
    assert (pace.span, pace.came, pace.ran, pace.left) == (timedelta(minutes=10), 30, 30, 20)
    assert pace.until_started(2) == timedelta(minutes=1)
    assert pace.until_empty(100) is None, "more comes than goes"
    assert pace_of("other", now).until_started(0) is None


def test_it_says_what_is_not_known_while_redis_is_away(browser: Client, mail: Queue, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis cannot be reached" in page(browser, "/queues/mail")
    told = as_json(browser)
    assert (told["in_redis"], told["workers"], told["failed"]) == (None, None, 6)


def test_unknown_queues_are_not_found(browser: Client, db: None) -> None:
    for method in (browser.get, browser.post):
        response = method(f"{BASE}/queues/nowhere")
        assert response.status_code == 404
        assert "There is no queue with the name <code>nowhere</code>" in response.content.decode()
    assert browser.get(f"{BASE}/queues/nowhere", **JSON).json()["ok"] is False  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("name", ["a/b", "a/parts", "100%", "%2F", "<b>", "été ☕", "~2F", "..", "a b?c#d"])
def test_it_works_whatever_the_queue_is_called(desk: Client, name: str) -> None:
    make_task(queue=name)
    path = reverse("queue", kwargs={"name": name})
    assert as_json(desk, path)["name"] == name
    assert desk.get(path).status_code == 200
    assert desk.get(reverse("queue-parts", kwargs={"name": name})).status_code == 200
    assert desk.post(path, {"action": "pause"})["Location"] == path
    assert Queue.objects.get(name=name).is_paused
    assert "<b>" not in desk.get(f"{BASE}/queues").content.decode()


def test_its_queries_do_not_grow(browser: Client, mail: Queue, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        make_task(queue=f"queue-{number}")
        worker(f"deck-{number}", honours={})
    pauses.pause_queue(mail, by=OPERATOR)
    with django_assert_max_num_queries(17):
        page(browser, "/queues/mail")
    with django_assert_max_num_queries(17):
        page(browser, "/queues/mail/parts")


# --- Pausing ------------------------------------------------------------------------------------------------------


def test_it_pauses_and_resumes(desk: Client, mail: Queue) -> None:
    text = messages_after(desk, action="pause", reason="the mail server is down", **{"for": "900"})
    assert "mail is paused. Its workers hear of it within two seconds." in text
    assert "the mail server is down" in text
    assert "No worker listens to it." in text
    told = as_json(desk)["pause"]
    assert (told["by"], told["reason"], told["workers"], told["acknowledged"]) == (
        *("oscar", "the mail server is down"),
        *(0, 0),
    )
    until = datetime.fromisoformat(told["until"]) - datetime.fromisoformat(told["at"])
    assert until == timedelta(minutes=15)
    assert "mail is resumed." in messages_after(desk, action="resume")
    assert not as_json(desk)["paused"]
    assert list(OperatorAction.objects.order_by("pk").values_list("action", "source", "target")) == [
        ("queue.pause", "queues", "mail"),
        ("queue.resume", "queues", "mail"),
    ]
    assert "Resumed by oscar" in page(desk, "/queues/mail")


def test_it_tells_who_has_acknowledged_and_who_cannot(desk: Client, mail: Queue) -> None:
    pauses.pause_queue(mail, by=OPERATOR)
    worker("deck-1", honours={"mail": 1})
    assert "1 of 1 worker has acknowledged: none of its jobs starts." in page(desk, "/queues/mail")
    worker("deck-2", honours={"mail": 0})
    worker("plain-3", honours=None)
    text = page(desk, "/queues/mail")
    assert "1 of 3 workers have acknowledged" in text
    assert "1 worker cannot honour a pause and goes on taking its jobs:" in text
    told = as_json(desk)["pause"]
    assert (told["workers"], told["acknowledged"], told["pending"], told["unable"]) == (3, 1, ["deck-2"], ["plain-3"])


def test_the_second_operator_is_told(desk: Client, mail: Queue) -> None:
    pauses.pause_queue(mail, by=OPERATOR)
    assert "mail is paused already by oscar." in messages_after(desk, action="pause")
    messages_after(desk, action="resume")
    assert "mail is not paused." in messages_after(desk, action="resume")


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"action": "stop"},
        {"action": "pause", "for": "0"},
        {"action": "pause", "for": "-5"},
        {"action": "pause", "for": "1.5"},
        {"action": "pause", "for": "soon"},
        {"action": "pause", "for": "9" * 5_000},
        {"action": "pause", "for": "31622401"},
        {"action": "pause", "for": "①"},
    ],
)
def test_it_says_what_is_wrong_with_the_form(desk: Client, mail: Queue, sent: dict[str, str]) -> None:
    text = messages_after(desk, **sent)
    assert "Nothing was done: " in text
    assert ("for must be a whole number of seconds" if "for" in sent else "action must be") in text
    assert not Queue.objects.get(name="mail").is_paused


def test_odd_but_possible_reasons_are_kept(desk: Client, mail: Queue) -> None:
    assert "is paused" in messages_after(desk, action="pause", reason="\x00<b>☕" * 1000, **{"for": " 60 "})
    mail.refresh_from_db()
    assert mail.pause_reason.startswith("\ufffd<b>☕")
    assert len(mail.pause_reason) == 1_000


def test_who_may_not_is_refused_and_that_stands_in_the_trail(browser: Client, viewer: User, mail: Queue) -> None:
    assert "Ask an administrator for the operator role." in page(browser, "/queues/mail")
    assert browser.post(MAIL, {"action": "pause"}).status_code == 403
    assert not Queue.objects.get(name="mail").is_paused
    assert list(OperatorAction.objects.values_list("actor", "outcome")) == [("vera", "refused")]


def test_it_asks_for_a_login_for_csrf_and_for_post(browser: Client, mail: Queue, operator: User) -> None:
    assert Client().post(MAIL, {"action": "pause"}).status_code == 302
    checking = Client(enforce_csrf_checks=True)
    checking.force_login(operator)
    assert checking.post(MAIL, {"action": "pause"}).status_code == 403
    assert browser.put(MAIL).status_code == 405
    assert not OperatorAction.objects.exists()
    assert client_of(operator).post(MAIL, {"action": "pause"}).status_code == 303, "a token needs no CSRF"


def test_a_pause_holds_while_redis_is_away(desk: Client, mail: Queue, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    text = messages_after(desk, action="pause")
    assert "mail is paused. Redis cannot be reached now: workers hear of it when it is back." in text
