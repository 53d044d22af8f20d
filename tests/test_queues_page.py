"""The queues' page: what was recorded, what Redis holds, as HTML and as JSON."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from monitoring import broker, overview, pauses
from monitoring.models import Queue
from monitoring.statuses import Status
from tests.factories import make_task, make_tasks
from tests.pausing import OPERATOR
from tests.reading_pages import BASE, page, rows

JSON = {"headers": {"Accept": "application/json"}}


def as_json(client: Client) -> dict[str, Any]:
    """The queues' figures by name."""
    response = client.get(f"{BASE}/queues", **JSON)  # type: ignore[arg-type]  # headers, typed one by one
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    return {queue["name"]: queue for queue in response.json()}


@pytest.fixture
def work(db: None) -> None:
    """Two queues with tasks in every status, and jobs in Redis for one of them and for a third."""
    for number, status in enumerate(Status, start=1):
        make_tasks(number, queue="mail", status=status)
    make_task(queue="a/b <c>", status=Status.FAILED)
    for _ in range(3):
        broker.enqueue("tests.jobs.echo", queue_name="mail")
    broker.enqueue("tests.jobs.echo", queue_name="unseen")


@pytest.mark.usefixtures("work")
def test_it_shows_every_queue_with_its_figures(browser: Client) -> None:
    text = page(browser, "/queues")
    figures = {row[0]: row[1:] for row in rows(text, "queues")}
    assert list(figures) == ["a/b <c>", "mail", "unseen"]
    waits = overview.queue_totals()[1].by_status
    assert figures["mail"] == [
        "3", "None", str(waits[Status.QUEUED]), "3", "4", "5", "6 failed in mail", "7", "45.5 %",
    ]  # fmt: skip
    assert figures["unseen"] == ["1", "None", "0", "0", "0", "0", "0", "0", "–"]
    assert f'href="{BASE}/queues/a~2Fb%20%3Cc%3E"' in text
    assert "<c>" not in text
    assert "Nobody works for mail, unseen" in text


@pytest.mark.usefixtures("work")
def test_it_answers_with_the_same_figures_as_json(browser: Client) -> None:
    told = as_json(browser)
    assert told["mail"] == {
        "name": "mail", "paused": False, "total": 28, "waiting": 3, "delayed": 3, "active": 4, "completed": 5,
        "failed": 6, "cancelled": 7, "success_rate": 45.5, "in_redis": 3, "workers": 0,
    }  # fmt: skip
    text = page(browser, "/queues")
    for name, *cells in rows(text, "queues"):
        queue = told[name]
        shown = [queue[key] for key in ("in_redis", "waiting", "delayed", "active", "completed")]
        assert [cells[0], *cells[2:6]] == [str(figure) for figure in shown]


@pytest.mark.usefixtures("work")
@pytest.mark.usefixtures("work")
def test_it_says_which_are_paused_and_by_whom(browser: Client) -> None:
    pauses.pause_queue(Queue.objects.get(name="mail"), by=OPERATOR)
    names = [row[0] for row in rows(page(browser, "/queues"), "queues")]
    assert names == ["a/b <c>", "mail Paused by oscar", "unseen"]
    assert {name: queue["paused"] for name, queue in as_json(browser).items()} == {
        "a/b <c>": False, "mail": True, "unseen": False,
    }  # fmt: skip


@pytest.mark.usefixtures("work")
def test_it_says_what_is_not_known_while_redis_is_away(browser: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    text = page(browser, "/queues")
    assert "Redis cannot be reached" in text
    assert {tuple(row[1:3]) for row in rows(text, "queues")} == {("–", "–")}
    assert (as_json(browser)["mail"]["in_redis"], as_json(browser)["mail"]["workers"]) == (None, None)


def test_it_says_how_to_begin(browser: Client) -> None:
    assert "python manage.py enqueue demo.tasks.echo --args '[1]'" in page(browser, "/queues")
    assert as_json(browser) == {}


def test_it_takes_any_other_accept_header_for_a_browser(browser: Client) -> None:
    for accept in ("*/*", "text/html,application/xhtml+xml,*/*;q=0.8", "image/png", "nonsense"):
        response = browser.get(f"{BASE}/queues", headers={"Accept": accept})
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/html"), accept
        assert "Accept" in response.headers["Vary"]


def test_its_queries_do_not_grow(browser: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        make_task(queue=f"queue-{number}", status=Status.COMPLETED)
    with django_assert_max_num_queries(7):
        text = page(browser, "/queues")
    assert len(rows(text, "queues")) == 30
    with django_assert_max_num_queries(7):
        page(browser, "/queues-parts")


@pytest.mark.usefixtures("work")
def test_looking_writes_nothing_to_redis(browser: Client) -> None:
    redis = broker.connection()
    before = {key: redis.dump(key) for key in redis.keys("rq:*")}
    page(browser, "/queues")
    assert {key: redis.dump(key) for key in redis.keys("rq:*")} == before
