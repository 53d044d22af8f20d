"""GET tasks: which tasks, in which order, page by page, and how many there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from monitoring.statuses import Status
from tests.cast import API
from tests.factories import NOON, make_schedule, make_task, make_tasks

AUTHENTICATION = 3
"""Queries that find the user and the two sources of permissions."""


def listed(api: Client, **parameters: Any) -> dict[str, Any]:
    """What the list answers."""
    response = api.get(f"{API}/tasks", parameters)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [row["id"] for row in answer["tasks"]]


def test_it_answers_the_documented_keys_and_nothing_else(api: Client) -> None:
    task = make_task(handler="shop.mail.Receipts", last_run_at=NOON + timedelta(seconds=5))
    assert listed(api) == {
        "tasks": [
            {
                "id": str(task.id),
                "taskType": "send_receipt",
                "handlerType": "Receipts",
                "status": "Completed",
                "queueName": "default",
                "createdAtUtc": "2025-01-15T12:00:00Z",
                "lastExecutionUtc": "2025-01-15T12:00:05Z",
                "isRecurring": False,
                "nextRunUtc": None,
            }
        ],
        "totalCount": 1,
        "page": 1,
        "pageSize": 20,
        "totalPages": 1,
    }


def test_it_is_empty_without_tasks(api: Client) -> None:
    assert listed(api) == {"tasks": [], "totalCount": 0, "page": 1, "pageSize": 20, "totalPages": 0}


def test_it_needs_three_queries_however_many_tasks_there_are(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    schedule = make_schedule()
    make_tasks(30, scheduled_job=schedule)
    with django_assert_num_queries(AUTHENTICATION + 2):
        assert len(listed(api, pageSize=30)["tasks"]) == 30
    with django_assert_num_queries(AUTHENTICATION + 3):
        listed(api, createdFrom="2025-01-15T11:30:00Z", createdTo="2025-01-15T13:30:00Z")


# --- Filters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status.SCHEDULED, "WaitingQueue"),
        (Status.DEFERRED, "Pending"),
        (Status.QUEUED, "Queued"),
        (Status.RUNNING, "InProgress"),
        (Status.COMPLETED, "Completed"),
        (Status.FAILED, "Failed"),
        (Status.CANCELLED, "Cancelled"),
    ],
)
def test_it_speaks_its_own_words_for_statuses(api: Client, status: Status, word: str) -> None:
    for each in Status:
        make_task(status=each)
    for spelling in (word, word.lower(), word.upper()):
        answer = listed(api, status=spelling)
        assert [row["status"] for row in answer["tasks"]] == [word]
        assert answer["totalCount"] == 1


@pytest.mark.parametrize("asked", [["Failed", "Queued"], ["failed,queued"], ["Failed, ,Queued", "failed"]])
def test_it_finds_any_of_several_statuses(api: Client, asked: list[str]) -> None:
    for status in Status:
        make_task(status=status)
    answer = listed(api, status=asked)
    assert {row["status"] for row in answer["tasks"]} == {"Failed", "Queued"}
    assert answer["totalCount"] == 2


def test_it_finds_a_queue_by_its_whole_name(api: Client) -> None:
    mail = make_task(queue="mail")
    make_task(queue="mailing")
    assert ids(listed(api, queueName="mail")) == [str(mail.id)]
    assert listed(api, queueName="MAIL")["totalCount"] == 0


def test_it_finds_part_of_the_full_type_in_any_case(api: Client) -> None:
    receipt = make_task(task_type="shop.mail.send_receipt")
    make_task(task_type="shop.media.resize")
    for part in ("mail.SEND", "shop.mail", "receipt"):
        answer = listed(api, taskType=part)
        assert ids(answer) == [str(receipt.id)]
        assert answer["totalCount"] == 1


@pytest.mark.parametrize("wildcard", ["%", "_", "\\", "'", '"', "send%receipt", "--", "*"])
def test_it_takes_wildcards_and_quotes_for_what_they_are(api: Client, wildcard: str) -> None:
    make_task(task_type="shop.mail.sendreceipt")
    odd = make_task(task_type=f"odd {wildcard} name")
    for parameter in ("taskType", "search"):
        answer = listed(api, **{parameter: wildcard})
        assert ids(answer) == [str(odd.id)]
        assert answer["totalCount"] == 1


def test_it_tells_recurring_tasks_from_others(api: Client) -> None:
    schedule = make_schedule(next_run_at=NOON + timedelta(minutes=5))
    recurring, single = make_task(scheduled_job=schedule), make_task()
    (row,) = listed(api, isRecurring="true")["tasks"]
    assert (row["id"], row["isRecurring"], row["nextRunUtc"]) == (str(recurring.id), True, "2025-01-15T12:05:00Z")
    assert ids(listed(api, isRecurring="False")) == [str(single.id)]
    assert listed(api, isRecurring="true")["totalCount"] == 1


def test_it_still_lists_a_task_whose_schedule_is_gone(api: Client) -> None:
    make_task(scheduled_job_id=987_654)
    (row,) = listed(api, isRecurring="true")["tasks"]
    assert (row["isRecurring"], row["nextRunUtc"]) == (True, None)


def test_it_takes_both_ends_of_a_span_in(api: Client) -> None:
    early, middle, late = make_tasks(3)
    answer = listed(api, createdFrom="2025-01-15T12:01:00Z", createdTo="2025-01-15T12:02:00Z")
    assert ids(answer) == [str(late.id), str(middle.id)]
    assert answer["totalCount"] == 2
    assert listed(api, createdTo="2025-01-15T12:00:00Z")["totalCount"] == 1
    assert ids(listed(api, createdTo="2025-01-15T12:00:00Z")) == [str(early.id)]


def test_it_finds_a_task_by_the_very_moment_it_shows(api: Client) -> None:
    make_task(created_at=NOON + timedelta(microseconds=123_456))
    (row,) = listed(api)["tasks"]
    assert row["createdAtUtc"] == "2025-01-15T12:00:00.123456Z"
    assert listed(api, createdFrom=row["createdAtUtc"], createdTo=row["createdAtUtc"])["totalCount"] == 1


@pytest.mark.parametrize(
    "moment",
    [
        "2025-01-15T12:00:00Z",
        "2025-01-15T12:00:00",
        "2025-01-15 12:00",
        "2025-01-15T14:00:00+02:00",
        "2025-01-15T12:00:00.0000000Z",
    ],
)
def test_it_reads_a_moment_in_utc_unless_it_names_a_zone(api: Client, moment: str) -> None:
    make_task(created_at=NOON)
    assert listed(api, createdFrom=moment, createdTo=moment)["totalCount"] == 1


def test_it_takes_a_date_for_the_whole_day(api: Client) -> None:
    make_task(created_at=datetime(2025, 1, 15, tzinfo=UTC))
    make_task(created_at=datetime(2025, 1, 15, 23, 59, 59, 999_999, tzinfo=UTC))
    make_task(created_at=datetime(2025, 1, 16, tzinfo=UTC))
    answer = listed(api, createdFrom="2025-01-15", createdTo="2025-01-15")
    assert (answer["totalCount"], len(answer["tasks"])) == (2, 2)


def test_it_counts_a_span_exactly_wherever_it_begins_and_ends(api: Client) -> None:
    moments = [datetime(2025, 1, 15, 10, tzinfo=UTC) + timedelta(minutes=20 * step) for step in range(12)]
    for moment in moments:
        make_task(created_at=moment)
    ends = [moment + nudge for moment in moments[::2] for nudge in (-timedelta.resolution, timedelta(0))]
    for start in [None, *ends]:
        for end in [None, *ends]:
            span = {"createdFrom": start and start.isoformat(), "createdTo": end and end.isoformat()}
            answer = listed(api, **{name: value for name, value in span.items() if value})
            expected = [at for at in moments if (not start or at >= start) and (not end or at <= end)]
            assert (answer["totalCount"], len(answer["tasks"])) == (len(expected), len(expected)), span


def test_it_searches_ids_by_their_beginning_and_types_by_any_part(api: Client) -> None:
    task = make_task(id="dc49351d-476d-49f0-a1e8-3e2a39182d22")
    make_task(id="0c49351d-476d-49f0-a1e8-3e2a39182d22", task_type="shop.media.resize")
    for text in ("dc49351d", "DC49351D-476", str(task.id), "receipt"):
        answer = listed(api, search=text)
        assert ids(answer) == [str(task.id)]
        assert answer["totalCount"] == 1


def test_it_takes_all_filters_together(api: Client) -> None:
    make_tasks(3, queue="mail", status=Status.FAILED)
    make_tasks(3, queue="mail")
    make_tasks(3, queue="media", status=Status.FAILED)
    answer = listed(
        api, queueName="mail", status="Failed", taskType="receipt", isRecurring="false", createdFrom="2025-01-15T12:01"
    )
    assert (answer["totalCount"], len(answer["tasks"])) == (2, 2)


def test_it_ignores_empty_and_unknown_parameters(api: Client) -> None:
    make_task()
    empty = dict.fromkeys(["status", "queueName", "taskType", "isRecurring", "createdFrom", "page", "sortBy"], "")
    assert listed(api, **empty, colour="blue", format="xml")["totalCount"] == 1


# --- Order and pages ----------------------------------------------------------------------------------------------


def test_it_shows_the_newest_first(api: Client) -> None:
    first, second = make_tasks(2)
    assert ids(listed(api)) == [str(second.id), str(first.id)]
    assert ids(listed(api, sortDescending="false")) == [str(first.id), str(second.id)]


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("CreatedAtUtc", "createdAtUtc"),
        ("LastExecutionUtc", "lastExecutionUtc"),
        ("NextRunUtc", "nextRunUtc"),
        ("Status", "status"),
        ("TaskType", "taskType"),
        ("QueueName", "queueName"),
    ],
)
@pytest.mark.parametrize("descending", ["true", "false"])
def test_it_sorts_with_nulls_last_and_ids_breaking_ties(api: Client, sort: str, key: str, descending: str) -> None:
    schedules = [make_schedule(next_run_at=NOON + timedelta(days=days)) for days in (2, 1)]
    for index, status in enumerate([*Status, *Status]):
        make_task(
            status=status,
            queue=f"queue{index % 3}",
            task_type=f"type{index % 4}",
            created_at=NOON + timedelta(minutes=index % 5),
            last_run_at=NOON + timedelta(minutes=index % 2) if index % 3 else None,
            scheduled_job=schedules[index % 2] if index % 4 else None,
        )
    rows = listed(api, sortBy=sort.lower(), sortDescending=descending)["tasks"]
    present = [(row[key], row["id"]) for row in rows if row[key] is not None]
    absent = [row["id"] for row in rows if row[key] is None]
    assert present == sorted(present, reverse=descending == "true")
    assert absent == sorted(absent, reverse=descending == "true")
    assert [row[key] for row in rows[len(present) :]] == [None] * len(absent)


@pytest.mark.parametrize("sort", ["CreatedAtUtc", "LastExecutionUtc", "NextRunUtc", "Status", "TaskType", "QueueName"])
def test_it_never_repeats_or_skips_a_row_from_page_to_page(api: Client, sort: str) -> None:
    expected = {str(make_task().id) for _ in range(23)}
    pages = [listed(api, sortBy=sort, page=page, pageSize=5) for page in range(1, 6)]
    seen = [row_id for page in pages for row_id in ids(page)]
    assert (len(seen), set(seen)) == (23, expected)
    assert {(page["totalCount"], page["totalPages"], page["pageSize"]) for page in pages} == {(23, 5, 5)}


def test_it_clamps_the_page_size_to_100(api: Client) -> None:
    make_tasks(101)
    for size in ("101", "5000", "999999999999999999999"):
        answer = listed(api, pageSize=size)
        assert (answer["pageSize"], len(answer["tasks"]), answer["totalPages"]) == (100, 100, 2)


def test_it_has_empty_pages_past_the_end(api: Client) -> None:
    make_tasks(3)
    for page in (2, 10**6, 999_999_999_999_999_999_999):
        answer = listed(api, page=page)
        assert answer == {"tasks": [], "totalCount": 3, "page": page, "pageSize": 20, "totalPages": 1}


# --- Counts -------------------------------------------------------------------------------------------------------


def test_it_counts_per_status_in_its_own_words(api: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_tasks(3)
    make_tasks(2, status=Status.SCHEDULED, queue="mail")
    with django_assert_num_queries(AUTHENTICATION + 1):
        answer = api.get(f"{API}/tasks/counts").json()
    zeros = dict.fromkeys(["WaitingQueue", "Pending", "Queued", "InProgress", "Completed", "Failed", "Cancelled"], 0)
    assert answer == {"counts": {**zeros, "Completed": 3, "WaitingQueue": 2}, "total": 5}
    assert api.get(f"{API}/tasks/counts", {"queueName": "mail"}).json()["total"] == 2
    assert api.get(f"{API}/tasks/counts", {"search": "receipt", "isRecurring": "false"}).json()["total"] == 5


# --- Conditional requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["tasks", "tasks/counts", "config"])
def test_it_answers_304_to_who_has_the_answer_already(api: Client, path: str) -> None:
    make_task()
    first = api.get(f"{API}/{path}")
    again = api.get(f"{API}/{path}", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert "private" in first["Cache-Control"]
    weak = api.get(f"{API}/{path}", headers={"If-None-Match": f"W/{first['ETag']}"})
    assert weak.status_code == 304


def test_it_answers_anew_when_anything_has_changed(api: Client) -> None:
    schedule = make_schedule(next_run_at=NOON)
    make_task(scheduled_job=schedule)
    tag = api.get(f"{API}/tasks")["ETag"]
    schedule.next_run_at = NOON + timedelta(minutes=5)
    schedule.save()
    assert api.get(f"{API}/tasks", headers={"If-None-Match": tag}).status_code == 200
