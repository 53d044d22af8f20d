"""The list of all schedules: what it tells, its filters, orders and pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from monitoring.statuses import Status
from scheduler.models import ScheduledJob
from scheduler.pages.schedule_list import ScheduleList
from tests.reading_pages import page, rows
from tests.schedule_pages import JSON, SCHEDULES, desk_of, make_runs, schedule

pytestmark = pytest.mark.django_db
LATE = timedelta(minutes=5)


@pytest.fixture
def desk(operator: User) -> Client:
    return desk_of(operator)


@pytest.fixture
def head(admin: User) -> Client:
    """The admin's browser."""
    return desk_of(admin)


def told(client: Client, **parameters: Any) -> dict[str, Any]:
    """The list as JSON."""
    response = client.get(SCHEDULES, parameters, **JSON)
    assert response.status_code == 200, response.content
    return dict(response.json())


def names(client: Client, **parameters: Any) -> list[str]:
    return [one["name"] for one in told(client, **parameters)["schedules"]]


def make_overdue(name: str) -> ScheduledJob:
    job = schedule(name)
    job.next_due_at = job.next_run_at = datetime.now(UTC) - LATE
    job.save()
    return job


def make_one_of_each() -> None:
    schedule("a-cron", cron="0 9 * * MON-FRI", timezone="Europe/Berlin", queue="mail")
    schedule("b-once", run_at=datetime.now(UTC) + timedelta(days=1))
    schedule("c-paused", is_paused=True)
    schedule("d-disabled", is_enabled=False)
    schedule("e-failing", consecutive_failures=4)
    make_overdue("f-overdue")
    ScheduledJob.objects.create(name="g-ended", handler="demo.echo", interval_seconds=60)


# --- The list -----------------------------------------------------------------------------------------------------


def test_it_tells_kind_queue_next_run_last_outcome_failures_and_lateness(browser: Client) -> None:
    job = schedule("report", cron="0 9 * * MON-FRI", timezone="Europe/Berlin", queue="mail", consecutive_failures=2)
    runs = make_runs(job, Status.COMPLETED, Status.FAILED, Status.FAILED, late=timedelta(seconds=3))
    ((name, words, queue, following, last, failures, late, pictured),) = rows(page(browser, "/schedules"), "schedules")
    assert (name, words, queue, failures, late) == (
        "report", "At 09:00 AM, Monday through Friday (Europe/Berlin)", "mail", "2", "3 s",
    )  # fmt: skip
    assert following.startswith("in ")
    assert "Failed" in last
    assert pictured == "1 completed, 2 failed"
    (one,) = told(browser)["schedules"]
    assert (one["kind"], one["state"], one["last_runs"]) == ("cron", "active", ["completed", "failed", "failed"])
    assert (one["last_task"], one["late_ms"]) == (str(runs[-1].task_id), 3000.0)


def test_it_draws_a_bar_for_each_run_in_the_colour_of_its_status(browser: Client) -> None:
    make_runs(schedule(), *[Status.COMPLETED] * 33, Status.FAILED)
    text = page(browser, "/schedules")
    assert text.count("h3V24z") == 30
    assert re.search(r'class="run-failed" d="M116,24V\d+h3V24z"', text), "the newest is at the right end"
    assert "style=" not in text


def test_it_says_what_a_schedule_is_late_by(browser: Client) -> None:
    make_overdue("forgotten")
    make_runs(schedule("punctual"), Status.COMPLETED)
    shown = {row[0].split()[0]: row for row in rows(page(browser, "/schedules"), "schedules")}
    assert "Overdue" in shown["forgotten"][0]
    assert shown["forgotten"][6].startswith("5 min")
    assert shown["punctual"][6] == "On time"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["a-cron", "b-once", "c-paused", "d-disabled", "e-failing", "f-overdue", "g-ended"]),
        ({"search": "FAIL"}, ["e-failing"]),
        ({"search": "%"}, []),
        ({"search": "\0"}, []),
        ({"queue": "mail"}, ["a-cron"]),
        ({"kind": "cron"}, ["a-cron"]),
        ({"kind": "once"}, ["b-once"]),
        ({"kind": "interval", "state": "active"}, ["e-failing", "f-overdue"]),
        ({"state": "paused"}, ["c-paused"]),
        ({"state": "DISABLED"}, ["d-disabled"]),
        ({"state": "failing"}, ["e-failing"]),
        ({"state": "overdue"}, ["f-overdue"]),
        ({"state": "ended"}, ["g-ended"]),
        ({"state": "ended", "queue": "mail"}, []),
    ],
)
def test_it_filters(browser: Client, asked: dict[str, str], found: list[str]) -> None:
    make_one_of_each()
    assert names(browser, **asked) == found
    if found:
        assert [row[0].split()[0] for row in rows(page(browser, "/schedules", **asked), "schedules")] == found
    else:
        assert "No schedule matches" in page(browser, "/schedules", **asked)


def test_its_tabs_count_and_its_chips_remove_a_filter(browser: Client) -> None:
    make_one_of_each()
    text = page(browser, "/schedules", kind="interval", sort="-name")
    counts = dict(re.findall(r"<li><a [^>]*>(\w+) <span class=\"tab-count\">(\d+)</span>", text))
    assert counts == {
        "All": "5", "Active": "2", "Failing": "1", "Overdue": "1", "Paused": "1", "Disabled": "1", "Ended": "1",
    }  # fmt: skip
    assert '<a class="chip" href="?sort=-name"' in text
    assert "Kind: Interval" in text


@pytest.mark.parametrize(
    ("sort", "first"),
    [("-name", "c"), ("queue", "b"), ("-failures", "b"), ("next", "c"), ("-last", "a"), ("junk", "a")],
)
def test_it_sorts(browser: Client, sort: str, first: str) -> None:
    now = datetime.now(UTC)
    schedule("a", interval_seconds=300, queue="payments", last_executed_at=now)
    schedule("b", interval_seconds=200, queue="default", consecutive_failures=3)
    schedule("c", interval_seconds=100, queue="mail")
    assert names(browser, sort=sort)[0] == first


def test_it_turns_pages(browser: Client) -> None:
    for number in range(45):
        schedule(f"job {number:02}")
    answer = told(browser, size=20, page=3)
    assert (answer["pages"], answer["page"], answer["total"]) == (3, 3, 45)
    assert [one["name"] for one in answer["schedules"]] == [f"job {number}" for number in range(40, 45)]
    assert told(browser, size=20, page=99)["page"] == 3
    assert told(browser, size="junk", page="-1")["size"] == 50
    assert "41–45 of 45" in page(browser, "/schedules", size="20", page="3")
    assert "41–45 of 45" in page(browser, "/schedules/parts", size="20", page="3")


@pytest.mark.parametrize("asked", [{"state": "tired"}, {"kind": "weekly"}, {"search": "x" * 256}])
def test_it_says_which_filter_it_does_not_understand(browser: Client, asked: dict[str, str]) -> None:
    schedule()
    response = browser.get(SCHEDULES, asked)
    assert response.status_code == 400
    assert "These filters cannot be used" in response.content.decode()
    assert browser.get(SCHEDULES, asked, **JSON).json()["ok"] is False
    assert browser.get(f"{SCHEDULES}/parts", asked).status_code == 200


def test_it_says_when_a_handler_is_gone(browser: Client, desk: Client) -> None:
    job = schedule("orphan", handler="demo.vanished")
    assert "Handler is gone" in page(browser, "/schedules")
    assert "There is no handler" in told(browser)["schedules"][0]["problem"]
    text = page(browser, f"/schedules/{job.uuid}")
    assert "It cannot be started: its handler no longer exists." in text
    assert re.search(r'value="run" disabled title="There is no handler', page(desk, f"/schedules/{job.uuid}"))


def test_it_tells_how_to_begin(browser: Client, head: Client) -> None:
    assert "Nothing is scheduled yet" in page(browser, "/schedules")
    assert "Make the first" not in page(browser, "/schedules")
    assert "Make the first" in page(head, "/schedules")


def test_its_queries_do_not_grow(browser: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(40):
        make_runs(schedule(f"job {number}", queue="mail"), Status.COMPLETED, Status.FAILED)
    for path in ("/schedules", "/schedules/parts"):
        with django_assert_max_num_queries(10):
            page(browser, path)


def test_the_navigation_leads_there(browser: Client) -> None:
    assert f'<a href="{SCHEDULES}" data-go="c">Schedules</a>' in page(browser, "/")
    assert "<kbd>g</kbd> <kbd>c</kbd>" in page(browser, "/")


def test_the_overview_names_schedules_that_missed_their_time(browser: Client) -> None:
    assert "overdue" not in page(browser, "/")
    make_overdue("nightly backup")
    text = page(browser, "/")
    assert "1 schedule is overdue (nightly backup): no dispatcher has come by." in text
    assert f'<a href="{SCHEDULES}">Show the schedules</a>' in text


def test_addresses_are_what_the_lists_say(db: None) -> None:
    listed = ScheduleList(QueryDict("queue=mail&page=3&sort=name"))
    assert (listed.path, listed.link(state="paused")) == (SCHEDULES, "?queue=mail&sort=name&state=paused")
    assert reverse("schedules") == SCHEDULES
