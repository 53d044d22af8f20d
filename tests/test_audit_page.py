"""The operators' trail as page, JSON and CSV: one filter, exact, bounded, any input."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit import roles, trail_filter
from audit.models import OperatorAction, Outcome
from audit.trail import Actor, Deed, write_down
from monitoring import actions, broker
from monitoring.models import Task
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from tests.cast import client_of
from tests.factories import NOON, make_task
from tests.reading_pages import BASE, page

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")  # it is made for a real server

OSCAR = Actor(name="ops-user", source="jobs.single", address="::1", permissions=frozenset(roles.ALL))
KEYS = ["timestamp", "action", "source", "status", "queue", "job_id", "actor", "details", "error"]


def deed(number: int = 0, **fields: Any) -> Deed:
    known: dict[str, Any] = {"action": "job.retry", "by": OSCAR, "queue": "emails", "target": f"f{number}"}
    return Deed(**{**known, **fields})


@pytest.fixture
def trail(db: None) -> None:
    write_down([
        deed(1),
        deed(2, outcome=Outcome.REFUSED, error="Cannot retry a task that is already running.", reason="Ticket 4711"),
        deed(3, action="queue.pause", queue="mail/α", target="", details={"seconds": 60, "who": "Zoë"}),
        deed(4, action="job.cancel", outcome=Outcome.FAILED, error="Redis could not be asked: gone", queue="mail/α"),
        deed(5, by=Actor(name="vera", source="dlq"), action="dlq.remove"),
    ])  # fmt: skip


def events(client: Client, **parameters: Any) -> list[dict[str, Any]]:
    answer = client.get(f"{BASE}/audit", parameters, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.content
    told: list[dict[str, Any]] = answer.json()["events"]
    return told


def targets(client: Client, **parameters: Any) -> list[str | None]:
    return [event["job_id"] for event in events(client, **parameters)]


@pytest.mark.usefixtures("trail")
def test_it_tells_events_in_the_document_s_shape_newest_first(browser: Client) -> None:
    told = events(browser)
    assert [list(event) for event in told] == [KEYS] * 5
    assert [event["job_id"] for event in told] == ["f5", "f4", None, "f2", "f1"]
    first = OperatorAction.objects.get(number=1)
    assert told[-1] == {
        "timestamp": first.at.timestamp(), "action": "job.retry", "source": "jobs.single", "status": "success",
        "queue": "emails", "job_id": "f1", "actor": "ops-user", "details": {"address": "::1"}, "error": None,
    }  # fmt: skip
    assert (told[3]["status"], told[3]["error"]) == ("failed", "Cannot retry a task that is already running.")
    assert told[3]["details"] == {"reason": "Ticket 4711", "address": "::1", "refused": True}


@pytest.mark.usefixtures("trail")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"action": "job.retry"}, ["f2", "f1"]),
        ({"action": "job"}, []),
        ({"status": "success"}, ["f5", None, "f1"]),
        ({"status": "failed"}, ["f4", "f2"]),
        ({"queue": "mail/α"}, ["f4", None]),
        ({"queue": "mail/α", "status": "failed"}, ["f4"]),
        ({"action": "job.retry", "status": "failed", "queue": "emails"}, ["f2"]),
        ({"job_id": "f2"}, ["f2"]),
        ({"q": "PAUSE"}, [None]),
        ({"q": "dlq"}, ["f5"]),
        ({"q": "mail/"}, ["f4", None]),
        ({"q": "f4"}, ["f4"]),
        ({"q": "Vera"}, ["f5"]),
        ({"q": "already running"}, ["f2"]),
        ({"q": "ticket 47"}, ["f2"]),
        ({"q": "Zoë"}, [None]),
        ({"q": '"seconds"'}, [None]),
        ({"q": "100%"}, []),
        ({"q": "_"}, []),
        ({"q": "job", "action": "job.cancel"}, ["f4"]),
        ({"status": "", "action": " ", "q": ""}, ["f5", "f4", None, "f2", "f1"]),
    ],
)
def test_it_filters(browser: Client, asked: dict[str, str], found: list[str | None]) -> None:
    assert targets(browser, **asked) == found
    rows = list(csv.DictReader(io.StringIO(as_csv(browser, **asked))))
    assert [row["job_id"] or None for row in rows] == found
    text = page(browser, "/audit", **asked)
    assert text.count('data-label="Who"') == len(found)


def as_csv(client: Client, **parameters: Any) -> str:
    answer: Any = client.get(f"{BASE}/audit", {"format": "csv", **parameters})
    assert answer.status_code == 200
    assert answer.streaming
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join(answer).decode()


@pytest.mark.parametrize(
    ("limit", "number"),
    [("", 200), ("1", 1), ("500", 500), ("501", 500), ("99999999", 500), ("9" * 99, 500), ("0", 1), ("-7", 1)]
    + [(junk, 200) for junk in ("x", "1.5", "\x00", "1e3", "9" * 2_000)],
)
def test_any_limit_is_forgiven(browser: Client, limit: str, number: int) -> None:
    write_down([deed(index) for index in range(510)])
    assert len(events(browser, limit=limit)) == number


def test_pages_neither_repeat_nor_leave_out(browser: Client) -> None:
    write_down([deed(index, outcome=list(Outcome)[index % 3]) for index in range(25)])
    filters: tuple[dict[str, str], ...] = ({}, {"status": "failed"}, {"q": "emails"}, {"queue": "emails"})
    for asked in filters:
        everything = targets(browser, **asked)
        seen: list[str | None] = []
        before: int | None = 10**30
        while before:
            parameters: dict[str, Any] = {**asked, "limit": 4, "before": before}
            answer = browser.get(f"{BASE}/audit", parameters, headers={"Accept": "application/json"}).json()
            seen += [event["job_id"] for event in answer["events"]]
            before = answer["next_before"]
        assert seen == everything
    text = page(browser, "/audit", limit="4", status="failed")
    assert 'rel="next">Older' in text
    assert "data-parts" in text
    older = page(browser, "/audit", limit="4", status="failed", before="12")
    assert ">Newest</a>" in older
    assert "data-parts" not in older


def test_a_search_looks_at_a_window_and_says_how_to_go_on(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_filter, "WINDOW", 10)
    write_down([deed(index, reason="needle" if index == 3 else "") for index in range(25)])
    answer = browser.get(f"{BASE}/audit", {"q": "needle"}, headers={"Accept": "application/json"}).json()
    assert answer == {"events": [], "next_before": 16}
    text = page(browser, "/audit", q="needle")
    assert "Nothing matches in the 10 deeds that were looked at" in text
    assert "Look further back" in text
    answer = browser.get(
        f"{BASE}/audit", {"q": "needle", "before": "16"}, headers={"Accept": "application/json"}
    ).json()
    assert answer == {"events": [], "next_before": 6}
    assert targets(browser, q="needle", before=6) == ["f3"]
    assert "needle" in as_csv(browser, q="needle")  # which looks at all of it
    assert len(targets(browser, queue="emails")) == 25  # an index answers


def test_csv_is_harmless_to_spreadsheets_and_streamed_in_parts(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.pages.audit.ROWS_AT_ONCE", 7)
    write_down([deed(index, reason='=HYPERLINK("x")', error='a "b", c\nd') for index in range(30)])
    rows = list(csv.reader(io.StringIO(as_csv(browser))))
    assert rows[0][:4] == ["number", "time", "action", "source"]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(30, 0, -1)]
    assert rows[1][8:10] == ['\'=HYPERLINK("x")', 'a "b", c\nd']
    assert len(as_csv(browser, limit="3").splitlines()) == 1 + 2 * 3


@pytest.mark.usefixtures("trail")
def test_what_cannot_be_used_is_said(browser: Client) -> None:
    for field, value in (("status", "maybe"), ("q", "x" * 1_001)):
        asked = {field: value}
        answer = browser.get(f"{BASE}/audit", asked, headers={"Accept": "application/json"})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(f"{field}: ")
        answer = browser.get(f"{BASE}/audit", asked)
        assert answer.status_code == 400
        assert f"<strong>{field}</strong>" in answer.content.decode()
        assert browser.get(f"{BASE}/audit/parts", asked).status_code == 400


NONSENSE = ["\x00", "'\"", "%_\\", "é💥\u202e", "-1", "9" * 300, "<script>", "a&b=c"]


@pytest.mark.usefixtures("trail")
@pytest.mark.parametrize("word", NONSENSE)
@pytest.mark.parametrize("name", ["action", "queue", "q", "limit", "before", "format", "job_id"])
def test_it_survives_nonsense(browser: Client, name: str, word: str) -> None:
    for headers in ({"Accept": "application/json"}, {"Accept": "text/html"}):
        answer = browser.get(f"{BASE}/audit", {name: word}, headers=headers)
        assert answer.status_code == 200
    assert "<script>alert" not in page(browser, "/audit", **{name: word})
    assert browser.get(f"{BASE}/audit", {name: word, "format": "csv"}).status_code == 200


def test_it_shows_a_row_that_was_altered_by_hand(browser: Client) -> None:
    write_down([deed(1), deed(2)])
    OperatorAction.objects.filter(number=1).update(details="not JSON", outcome="lost")
    OperatorAction.objects.filter(number=2).update(details="[1]")
    assert [event["details"].get("text") for event in events(browser)] == ["[1]", "not JSON"]
    assert "not JSON" in page(browser, "/audit")


@pytest.mark.usefixtures("trail")
def test_it_is_for_those_with_a_role(stranger: User, viewer: User) -> None:
    for path in ("/audit", "/audit/parts", "/audit?format=csv"):
        assert Client().get(f"{BASE}{path}").status_code == 302
        assert client_of(stranger).get(f"{BASE}{path}").status_code == 403
        assert client_of(viewer).get(f"{BASE}{path}").status_code == 200
        assert client_of(viewer).post(f"{BASE}{path}").status_code == 405


def test_its_cost_does_not_grow(browser: Client, django_assert_max_num_queries: Any) -> None:
    write_down([deed(index) for index in range(300)])
    with django_assert_max_num_queries(8):  # session, user and rights (4), the newest, the page (2), the queues
        page(browser, "/audit", status="failed")
    with django_assert_max_num_queries(6):
        events(browser)


def test_one_name_is_answered_by_an_index() -> None:
    # Not by the planner's choice over a few rows: by there being an index that begins with the name.
    columns = {tuple(index.fields) for index in OperatorAction._meta.indexes}
    assert {("action", "number"), ("queue", "number"), ("target", "number"), ("outcome", "number")} <= columns


# --- On the pages of tasks ----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_task_s_page_shows_what_people_did_to_it(browser: Client) -> None:
    task = make_task(status=Status.RUNNING, job_id="nightly <1>")
    assert 'id="task-deeds" class="panel task-deeds" aria-labelledby="task-deeds-title" hidden' in page(
        browser, f"/tasks/{task.pk}"
    )
    actions.perform(actions.RETRY, [task], by=OSCAR, reason="Ticket 4711")
    text = page(browser, f"/tasks/{task.pk}")
    assert "<strong>job.retry</strong> by ops-user" in text
    assert "Cannot retry a task that is already running." in text
    assert "Ticket 4711" in text
    assert f"{BASE}/audit?job_id=nightly%20%3C1%3E" in text


@pytest.mark.django_db
def test_the_page_of_a_removed_task_says_who_removed_it(viewer: User) -> None:
    job_id = broker.enqueue("tests.jobs.echo", queue_name="mail")
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    task = Task.objects.get()
    actions.remove_task(task, by=OSCAR, reason="sent <twice>")
    recorder.drain()
    answer = client_of(viewer).get(f"{BASE}/tasks/{task.pk}")
    assert answer.status_code == 404
    text = answer.content.decode()
    assert "ops-user removed the task" in text
    assert job_id in text
    assert "sent &lt;twice&gt;" in text
    assert "removed the task" not in client_of(viewer).get(f"{BASE}/tasks/{uuid4()}").content.decode()


def test_timestamps_are_those_of_the_deeds(browser: Client) -> None:
    write_down([deed(1)])
    OperatorAction.objects.update(at=NOON + timedelta(microseconds=204_000))
    assert events(browser)[0]["timestamp"] == NOON.timestamp() + 0.204
