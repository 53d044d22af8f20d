"""The ledger: every task is accounted for, in the core, in the API and on its page."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.trail import process
from monitoring import broker, health, ledger, rebuilding, reconciling
from monitoring.ledger_models import ArrivalCount, LostTask
from monitoring.models import Task
from monitoring.pruning import prune
from monitoring.statuses import Status
from tests.cast import client_of
from tests.comparing import enqueue, turn
from tests.factories import make_task
from tests.test_operations import record, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]
API = "/api/v1/monitoring/ledger"
PAGE = "/monitoring/ledger"
NOW = datetime(2026, 11, 25, 12, 30, tzinfo=UTC)


def lines(queue: str = "") -> list[ledger.Line]:
    end = datetime.now(UTC) + timedelta(hours=1)
    return ledger.lines(end - timedelta(hours=24), end, queue)


@pytest.fixture
def lost(impatient: None) -> Task:
    """Of five tasks two are completed, one failed, one waits, and this one is lost."""
    enqueue(2)
    broker.enqueue("tests.jobs.fail")
    work()
    task, _ = enqueue(2)
    broker.connection().delete(f"rq:job:{task.job_id}")
    reconciler = reconciling.Reconciler()
    turn(reconciler)
    turn(reconciler)
    task.refresh_from_db()
    return task


def test_every_task_is_somewhere(lost: Task) -> None:
    (line,) = lines()
    assert (line.enqueued, line.completed, line.failed, line.waiting, line.lost) == (5, 2, 1, 1, 1)
    assert line.difference == 0
    assert lines("other") == []
    assert list(ledger.lost_tasks(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC))) == [LostTask.objects.get()]


def test_a_mistake_in_either_book_shows(lost: Task) -> None:
    ArrivalCount.objects.update(count=7)
    assert [line.difference for line in lines()] == [2]
    assert "arrivals in default" in rebuilding.differences()[0]
    rebuilding.rebuild()
    assert [line.difference for line in lines()] == [0]


def test_one_that_goes_on_is_not_lost_any_more(lost: Task) -> None:
    broker.connection().xadd("quarterdeck:outbox", {"e": f'{{"id":"{lost.job_id}","s":"queued","q":"default"}}'})
    record()
    (line,) = lines()
    assert (line.failed, line.waiting, line.lost, line.difference) == (1, 2, 0, 0)


def test_one_that_an_operator_removes_is_in_neither_book(lost: Task) -> None:
    broker.connection().xadd("quarterdeck:outbox", {"e": f'{{"id":"{lost.job_id}","s":"removed","q":"default"}}'})
    record()
    (line,) = lines()
    assert (line.enqueued, line.lost, line.difference) == (4, 0, 0)


def test_what_was_pruned_for_its_age_stays_in_both_books(settings: Any) -> None:
    settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, "tasks": 30}
    old = datetime.now(UTC) - timedelta(days=400)
    make_task(status=Status.COMPLETED, created_at=old, completed_at=old)
    (outcome,) = prune(by=process("tests"), names=["tasks"])
    assert (outcome.rows, Task.objects.count()) == (1, 0)
    around = (old - timedelta(hours=2), old + timedelta(hours=2))
    (line,) = ledger.lines(*around)
    assert (line.enqueued, line.completed, line.difference) == (1, 1, 0)
    assert rebuilding.differences() == []
    rebuilding.rebuild()
    assert [line.difference for line in ledger.lines(*around)] == [0]


def test_moving_to_another_queue_moves_it_in_both_books() -> None:
    (task,) = enqueue()
    broker.connection().xadd("quarterdeck:outbox", {"e": f'{{"id":"{task.job_id}","s":"queued","q":"mail"}}'})
    record()
    assert [(line.queue, line.enqueued, line.difference) for line in lines()] == [("mail", 1, 0)]


def test_the_overview_is_concerned(lost: Task, viewer: User) -> None:
    concern = next(one for one in health.concerns(health.failure_trend()) if one.kind == "lost")
    assert "1 task was lost in the last 24 hours" in concern.what
    LostTask.objects.update(found_at=datetime.now(UTC) - timedelta(hours=25))
    assert "lost" not in [one.kind for one in health.concerns(health.failure_trend())]


def test_it_costs_three_queries(django_assert_num_queries: Any) -> None:
    for hours in range(5):
        for queue in ("a", "b", "c"):
            make_task(queue=queue, created_at=NOW - timedelta(hours=hours))
    with django_assert_num_queries(3):
        found = ledger.lines(NOW - timedelta(days=1), NOW)
    assert len(found) == 15
    assert [line.enqueued for line in ledger.by_queue(found)] == [5, 5, 5]
    assert ledger.sum_of(found).enqueued == 15


# --- The API -------------------------------------------------------------------------------------------------------


def test_the_api_accounts_for_every_task(lost: Task, viewer: User) -> None:
    answer = client_of(viewer).get(API).json()
    (line,) = answer["lines"]
    told = {"queue": "default", "enqueued": 5, "completed": 2, "failed": 1, "waiting": 1, "lost": 1, "difference": 0}
    assert {name: line[name] for name in told} == told
    assert (answer["total"], answer["balanced"], answer["totals"]["enqueued"]) == (1, True, 5)
    (told,) = answer["lost"]
    assert (told["task_id"], told["was"]) == (str(lost.pk), "QUEUED")
    assert told["evidence"] in ("deleted", "expired")
    assert client_of(viewer).get(f"{API}?queue=mail").json()["lines"] == []


def test_the_api_pages(viewer: User) -> None:
    for hours in range(3):
        make_task(created_at=NOW - timedelta(hours=hours))
    asked = f"{API}?created_after=2026-11-25T00:00:00Z&created_before=2026-11-26T00:00:00Z&page_size=2"
    first, second, third = (client_of(viewer).get(f"{asked}&page={page}").json() for page in (1, 2, 3))
    assert [line["hour"] for line in first["lines"]] == ["2026-11-25T12:00:00Z", "2026-11-25T11:00:00Z"]
    assert (len(second["lines"]), third["lines"], third["total"]) == (1, [], 3)


@pytest.mark.parametrize(
    "asked",
    [
        "created_after=yesterday", "created_before=9999-99-99", "created_after=2026-01-02&created_before=2026-01-01",
        "created_after=2020-01-01", "created_after=0001-01-01&created_before=9999-12-31", "page=0",
        "page_size=99999999", "page=x", f"queue={'x' * 5000}", "queue=%00",
    ],
)  # fmt: skip
def test_the_api_says_what_it_cannot_use(asked: str, viewer: User) -> None:
    response = client_of(viewer).get(f"{API}?{asked}")
    assert response.status_code == 422, response.content
    assert response.json()["detail"][0]["loc"][0] == "query"


@pytest.mark.parametrize("asked", ["created_before=0001-01-01", "created_after=9999-12-30&created_before=9999-12-31"])
def test_the_api_finds_nothing_at_the_ends_of_time(asked: str, viewer: User) -> None:
    answer = client_of(viewer).get(f"{API}?{asked}").json()
    assert (answer["lines"], answer["balanced"]) == ([], True)


def test_it_asks_who_is_there() -> None:
    assert Client().get(API).status_code == 401
    assert Client().get(PAGE).status_code == 302


# --- The page ------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(viewer: User) -> Client:
    client = Client()
    client.force_login(viewer)
    return client


def test_the_page_names_what_was_lost(lost: Task, browser: Client) -> None:
    for address in (PAGE, f"{PAGE}/parts", f"{PAGE}?queue=default", f"{PAGE}?range=31d"):
        text = browser.get(address).content.decode()
        assert "Every line balances" in text
        assert f"/monitoring/tasks/{lost.pk}" in text
        assert "eleted from outside" in text
    assert "Nothing was lost" in browser.get(f"{PAGE}?queue=mail").content.decode()
    assert "JobLost" in browser.get(f"/monitoring/tasks/{lost.pk}").content.decode()


def test_the_page_says_what_does_not_balance(lost: Task, browser: Client) -> None:
    ArrivalCount.objects.update(count=4)
    text = browser.get(PAGE).content.decode()
    assert "1 line does not balance" in text
    assert "rebuild_rollups --verify" in text


def test_the_page_is_a_table_for_spreadsheets_too(lost: Task, browser: Client) -> None:
    answer = browser.get(f"{PAGE}?format=csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(answer.content.decode().splitlines())
    assert row["queue"] == "default"
    assert row["start"].endswith(":00:00Z")
    figures = ("enqueued", "completed", "failed", "cancelled", "waiting", "running", "lost", "difference")
    assert [int(row[name]) for name in figures] == [5, 2, 1, 0, 1, 0, 1, 0]
    nothing = browser.get(f"{PAGE}?format=csv&queue=mail").content.decode().splitlines()
    assert nothing == [",".join(row)]


@pytest.mark.parametrize(
    "asked", ["range=9y", "format=csv&range=9y", "queue=%00", f"queue={'x' * 5000}", "queue=%3Cb%3E&range="]
)
def test_the_page_bears_odd_addresses(asked: str, browser: Client) -> None:
    assert browser.get(f"{PAGE}?{asked}").status_code == 200


def test_the_page_costs_the_same_however_many_there_are(browser: Client, django_assert_max_num_queries: Any) -> None:
    make_task()
    browser.get(PAGE)
    with django_assert_max_num_queries(9):
        browser.get(PAGE)
