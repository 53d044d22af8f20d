"""The task list's page: its filters, order, pages and links, and the rows that live updates fetch."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from monitoring.inbox import task_id_for
from monitoring.models import Task
from monitoring.statuses import Status
from tests.factories import NOON, make_schedule, make_task, make_tasks

LIST = f"/{settings.MONITORING_BASE_PATH}/tasks"


@pytest.fixture
def browser(viewer: User) -> Client:
    """The viewer's browser, logged in."""
    client = Client()
    client.force_login(viewer)
    return client


def text_of(client: Client, query: str = "", path: str = LIST, status: int = 200) -> str:
    """The text of the list at that query."""
    response = client.get(f"{path}?{query}")
    assert response.status_code == status, response.content.decode()[:2000]
    return response.content.decode()


def shown(text: str) -> list[UUID]:
    """The tasks of the rows, from the top."""
    return [UUID(found) for found in re.findall(r'<tr id="task-([0-9a-f-]{36})"', text)]


def chips_of(text: str) -> dict[str, str]:
    """The filters in use, and where the link leads that removes each."""
    return {
        unescape(label): unescape(href)
        for href, label in re.findall(r'class="chip" href="([^"]*)"[^>]*><span class="chip-label">([^<]*)<', text)
    }


# --- Which tasks --------------------------------------------------------------------------------------------------


def test_it_lists_the_newest_first(browser: Client) -> None:
    tasks = make_tasks(3)
    assert shown(text_of(browser)) == [task.pk for task in reversed(tasks)]


@pytest.mark.parametrize("word", ["failed", "FAILED", "Failed"])
def test_it_filters_by_status(browser: Client, word: str) -> None:
    make_tasks(2)
    failed = make_task(status=Status.FAILED)
    text = text_of(browser, f"status={word}")
    assert shown(text) == [failed.pk]
    assert re.search(r'aria-current="page">.*?Failed</span> <span class="tab-count">1<', text)


def test_it_takes_several_statuses(browser: Client) -> None:
    make_task()
    others = [make_task(status=status) for status in (Status.FAILED, Status.CANCELLED)]
    text = text_of(browser, "status=failed&status=cancelled")
    assert set(shown(text)) == {task.pk for task in others}
    assert "1–2 of 2" in text
    assert chips_of(text) == {"Status: failed, cancelled": "?"}


def test_it_filters_by_queue_type_time_recurrence_and_id(browser: Client) -> None:
    wanted = make_task(
        queue="mail", task_type="shop.mail.remind", scheduled_job=make_schedule(), created_at=NOON + timedelta(hours=2)
    )
    make_tasks(3)
    for query in (
        "queue=mail",
        "task_type=REMIND",
        "search=remind",
        f"search={str(wanted.pk)[:8]}",
        "is_recurring=true",
        "created_from=2025-01-15T13:00&created_to=2025-01-15T15:00",
        "created_from=2025-01-15T13:00:00Z",
        "queue=mail&search=remind&is_recurring=true&status=completed",
    ):
        assert shown(text_of(browser, query)) == [wanted.pk], query


def test_it_counts_what_each_tab_would_show(browser: Client) -> None:
    make_tasks(3, queue="mail")
    make_tasks(2, queue="mail", status=Status.FAILED)
    make_tasks(4, queue="media", status=Status.FAILED)
    text = text_of(browser, "queue=mail&status=failed")
    counts = re.findall(r'<span class="tab-count">([\d,]+)</span>', text)
    assert counts == ["5", "0", "0", "0", "0", "3", "2", "0"]
    assert "1–2 of 2" in text


def test_it_removes_one_filter_at_a_time(browser: Client) -> None:
    make_task(queue="mail")
    text = text_of(browser, "queue=mail&search=send&page=7&size=20")
    assert chips_of(text) == {
        "Id or type: send": "?queue=mail&size=20",
        "Queue: mail": "?search=send&size=20",
    }


def test_it_offers_every_queue_and_the_one_that_was_asked_for(browser: Client) -> None:
    make_task(queue="mail")
    text = text_of(browser, "queue=gone")
    assert "<option>mail</option>" in text
    assert "<option selected>gone</option>" in text
    assert "No task matches" in text


def test_it_goes_to_the_task_whose_whole_id_is_searched(browser: Client) -> None:
    task = make_task()
    named = make_task(id=task_id_for("import-7"), job_id="import-7")
    for wanted, found in ((f" {task.pk} ", task), ("import-7", named)):
        response = browser.get(LIST, {"search": wanted, "queue": ""})
        assert response.status_code == 302
        assert response.headers["Location"] == f"{LIST}/{found.pk}"
    assert shown(text_of(browser, f"search={task.pk}&status=completed")) == [task.pk]


# --- Order and pages ----------------------------------------------------------------------------------------------


def test_it_sorts_by_columns(browser: Client) -> None:
    first = make_task(task_type="a.alpha", queue="z", last_run_at=NOON)
    second = make_task(task_type="b.beta", queue="y", last_run_at=NOON + timedelta(hours=1))
    for sort in ("task_type", "-queue", "last_run"):
        assert shown(text_of(browser, f"sort={sort}")) == [first.pk, second.pk], sort
    for sort in ("-task_type", "queue", "-last_run"):
        text = text_of(browser, f"sort={sort}")
        assert shown(text) == [second.pk, first.pk], sort
    assert re.search(r'aria-sort="descending"><a href="\?sort=last_run">Last run', text)


def test_it_turns_the_pages(browser: Client) -> None:
    tasks = list(reversed(make_tasks(45)))
    pages = [shown(text_of(browser, f"size=20&page={number}")) for number in (1, 2, 3)]
    assert pages == [[task.pk for task in tasks[start : start + 20]] for start in (0, 20, 40)]
    text = text_of(browser, "size=20&page=2&status=completed")
    assert "21–40 of 45" in text
    assert "Page 2 of 3" in text
    for word, number in (("prev", 1), ("next", 3)):
        assert f'href="?size=20&amp;status=completed&amp;page={number}" rel="{word}"' in text


@pytest.mark.parametrize("junk", ["0", "-1", "x", "1.5", "9" * 5000, "٣", "", "1 ", "%00"])
def test_it_takes_junk_for_page_size_and_order_as_the_default(browser: Client, junk: str) -> None:
    make_tasks(3)
    text = text_of(browser, f"page={junk}&size={junk}&sort={junk}")
    assert "1–3 of 3" in text


def test_it_shows_the_last_page_for_one_past_the_end(browser: Client) -> None:
    oldest, *_ = make_tasks(21)
    assert shown(text_of(browser, "size=20&page=999999999999999999")) == [oldest.pk]


def test_it_needs_the_same_queries_for_any_number_of_rows(
    browser: Client, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    make_task(scheduled_job=make_schedule())
    with django_assert_max_num_queries(8) as few:
        text_of(browser, "search=send")
    for number in range(60):
        make_task(scheduled_job=make_schedule(), queue=f"queue {number}")
    with django_assert_num_queries(len(few)):
        assert len(shown(text_of(browser, "search=send"))) == 50


# --- What is odd --------------------------------------------------------------------------------------------------


def test_it_says_how_to_begin_when_there_is_no_task(browser: Client) -> None:
    assert "python manage.py enqueue demo.tasks.echo" in text_of(browser)


def test_it_says_what_is_wrong_with_the_filters(browser: Client) -> None:
    make_tasks(3)
    text = text_of(browser, "status=sleeping&created_from=yesterday&is_recurring=maybe&queue=mail", status=400)
    for sentence in ("SLEEPING is not a status", "Must be a time like", "Must be true or false"):
        assert sentence in text
    assert shown(text) == []
    assert len(chips_of(text)) == 4
    assert "<option selected>mail</option>" in text


GARBAGE = (
    "\x00", "\ud800", "%", "'", '"><b>', "x" * 5000, "-1", "1e999",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "٣", "{}", "[]", "null", "true", "00000000-0000-0000-0000-000000000000", "ﬀ" * 300, " ", ",", "any", "..",
)  # fmt: skip
FIELDS = (
    "status", "queue", "task_type", "search", "is_recurring", "created_from", "created_to", "sort", "page", "size",
    "ids", "new", "since",
)  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("path", ["", "/rows", "/counts"])
def test_it_survives_garbage_in_any_parameter(browser: Client, path: str, field: str) -> None:
    make_task()
    for garbage in GARBAGE:
        query = urlencode({field: garbage, **({"new": "any"} if field == "since" else {})}, errors="surrogatepass")
        response = browser.get(f"{LIST}{path}?{query}")
        assert response.status_code in (200, 400), (field, garbage)


# --- Rows for live updates ----------------------------------------------------------------------------------------


def rows(client: Client, **parameters: Any) -> set[UUID]:
    """The tasks of the rows that are answered."""
    return set(shown(text_of(client, urlencode(parameters), f"{LIST}/rows")))


def ids_of(*tasks: Task) -> str:
    return ",".join(str(task.pk) for task in tasks)


def test_it_gives_the_same_row_as_the_list(browser: Client) -> None:
    task = make_task(created_at=NOON, last_run_at=NOON, duration_ms=1234.5, attempts=2, retry_count=1)
    row = text_of(browser, f"ids={task.pk}", f"{LIST}/rows").strip()
    assert row in text_of(browser)


def test_it_gives_shown_rows_whether_or_not_they_still_match(browser: Client) -> None:
    task, other = make_tasks(2)
    assert rows(browser, ids=ids_of(task), status="failed") == {task.pk}
    assert rows(browser, ids=f"{ids_of(task, other)},{uuid4()}") == {task.pk, other.pk}


def test_it_gives_new_rows_that_belong_on_the_first_page(browser: Client) -> None:
    old, new, failed = (
        make_task(created_at=NOON - timedelta(days=1)),
        make_task(queue="mail"),
        make_task(status=Status.FAILED),
    )
    everything = ids_of(old, new, failed)
    assert rows(browser, new=everything) == {old.pk, new.pk, failed.pk}
    assert rows(browser, new=everything, since=NOON.isoformat()) == {new.pk, failed.pk}
    assert rows(browser, new=everything, status="failed") == {failed.pk}
    assert rows(browser, new=everything, queue="mail") == {new.pk}
    assert rows(browser, new="any", since=NOON.isoformat()) == {new.pk, failed.pk}
    assert rows(browser, new="any", ids=ids_of(new)) == {old.pk, new.pk, failed.pk}
    assert rows(browser, ids=ids_of(new)) == {new.pk}
    assert rows(browser) == set()


def test_it_gives_at_most_a_hundred_rows(browser: Client, django_assert_max_num_queries: Any) -> None:
    tasks = make_tasks(130)
    with django_assert_max_num_queries(6):
        assert len(rows(browser, ids=ids_of(*tasks))) == 100
    assert len(rows(browser, new="any")) == 100


@pytest.mark.parametrize("query", ["ids=1", "new=x", f"new={uuid4()}&since=soon"])
def test_it_says_what_rows_can_be_asked_for(browser: Client, query: str) -> None:
    assert "must be" in text_of(browser, query, f"{LIST}/rows", status=400)


def test_links_have_nothing_of_live_updates(browser: Client) -> None:
    make_tasks(45)
    text = text_of(browser, "size=20&since=2025-01-15&new=any&ids=", f"{LIST}/counts")
    assert "size=20&amp;page=2" in text
    assert "since=" not in text
    assert "new=any" not in text


def test_it_gives_the_figures_alone(browser: Client) -> None:
    make_tasks(3)
    text = text_of(browser, "size=20", f"{LIST}/counts")
    assert "1–3 of 3" in text
    assert shown(text) == []
