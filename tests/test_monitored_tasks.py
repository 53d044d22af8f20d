"""GET tasks of the monitoring API: which tasks, in which order, page by page, and how many there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from monitoring.filters import TaskFilter
from monitoring.labels import resolved
from monitoring.statuses import Status
from tests.factories import NOON, make_task, make_tasks
from tests.monitoring_api import AUTHENTICATION, ask, ids, refused


def listed(api: Client, **parameters: Any) -> list[str]:
    """The ids found, whose number is the total."""
    page = ask(api, "tasks", **parameters)
    found = list(ids(page))
    assert page["total"] == len(found)
    return found


def test_it_answers_every_key_with_explicit_nulls(api: Client) -> None:
    task = make_task(status=Status.QUEUED)
    assert ask(api, "tasks") == {
        "items": [
            {
                "id": str(task.id),
                "task_type": "send_receipt",
                "provider_type": None,
                "status": "PENDING",
                "progress": 0.0,
                "origin_instance": settings.QUARTERDECK_INSTANCE,
                "origin_zone": None,
                "origin_tenant_id": None,
                "created_at": "2025-01-15T12:00:00Z",
                "started_at": None,
                "completed_at": None,
                "duration_ms": None,
                "has_error": False,
            }
        ],
        "total": 1,
        "page": 1,
        "page_size": 50,
        "pages": 1,
    }


def test_it_answers_what_the_producer_declared(api: Client) -> None:
    make_task(
        kind="GENERATION",
        provider_type="fal",
        origin_instance="deck-7",
        origin_zone="eu",
        origin_tenant_id="north",
        status=Status.FAILED,
        error="ValueError: boom",
        started_at=NOON,
        completed_at=NOON + timedelta(seconds=2.5),
        duration_ms=2_400,
    )
    (item,) = ask(api, "tasks")["items"]
    labels = {"task_type": "GENERATION", "provider_type": "fal", "origin_instance": "deck-7", "origin_zone": "eu"}
    assert item.items() >= {**labels, "origin_tenant_id": "north", "has_error": True, "duration_ms": 2_500.0}.items()


def test_it_is_empty_without_tasks(api: Client) -> None:
    assert ask(api, "tasks") == {"items": [], "total": 0, "page": 1, "page_size": 50, "pages": 0}


def test_it_asks_few_questions_however_many_tasks_there_are(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_tasks(60)
    with django_assert_num_queries(AUTHENTICATION + 2):
        assert len(ask(api, "tasks", page_size=60)["items"]) == 60
    with django_assert_num_queries(AUTHENTICATION + 3):
        ask(api, "tasks", created_after="2025-01-15T11:30Z", created_before="2025-01-15T13:30Z")
    for label in ("provider_type", "origin_zone", "origin_tenant_id", "search"):
        with django_assert_num_queries(AUTHENTICATION + 1):
            ask(api, "tasks", **{label: "0" * 32})
    with django_assert_num_queries(AUTHENTICATION + 4):
        assert ask(api, "tasks", task_type="send_receipt")["total"] == 60


# --- Filters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("PENDING", {Status.SCHEDULED, Status.DEFERRED, Status.QUEUED}),
        ("EXECUTING", {Status.RUNNING}),
        ("COMPLETED", {Status.COMPLETED}),
        ("FAILED", {Status.FAILED}),
        ("CANCELLED", {Status.CANCELLED}),
    ],
)
def test_it_finds_all_statuses_that_share_a_word(api: Client, word: str, meant: set[Status]) -> None:
    tasks = {str(make_task(status=status).id): status for status in Status}
    for spelling in (word, word.lower(), word.title()):
        assert {tasks[task_id] for task_id in listed(api, status=spelling)} == meant
    assert {item["status"] for item in ask(api, "tasks", status=word)["items"]} == {word}


def test_it_finds_a_kind_or_else_the_short_name_of_the_type(api: Client) -> None:
    plain = make_task(task_type="shop.media.resize")
    other = make_task(task_type="other.resize")
    make_task(task_type="shop.media.resize_all")
    assert set(listed(api, task_type="resize")) == {str(plain.id), str(other.id)}
    declared = make_task(task_type="shop.media.resize", kind="GENERATION")
    namesake = make_task(task_type="shop.media.make", kind="resize")
    assert listed(api, task_type="GENERATION") == [str(declared.id)]
    assert set(listed(api, task_type="resize")) == {str(plain.id), str(other.id), str(namesake.id)}
    for unknown in ("Resize", "media.resize", "esize", "%", "resize_al_"):
        assert listed(api, task_type=unknown) == []


@pytest.mark.parametrize("label", ["provider_type", "origin_zone", "origin_tenant_id", "origin_instance"])
def test_it_finds_a_label_by_its_whole_text(api: Client, label: str) -> None:
    task = make_task(**{label: "north"})
    make_task(**{label: "northern"})
    make_task()
    assert listed(api, **{label: "north"}) == [str(task.id)]
    for unknown in ("NORTH", "nort", "%", "_orth", "north'", '"'):
        assert listed(api, **{label: unknown}) == []
    assert len(listed(api, **{label: ""})) == 3


def test_it_counts_tasks_that_name_no_instance_as_its_own(api: Client, settings: Settings) -> None:
    settings.QUARTERDECK_INSTANCE = "deck-1"
    unnamed = make_task()
    assert listed(api, origin_instance="deck-1") == [str(unnamed.id)]
    named, foreign = make_task(origin_instance="deck-1"), make_task(origin_instance="deck-2")
    assert set(listed(api, origin_instance="deck-1")) == {str(unnamed.id), str(named.id)}
    assert listed(api, origin_instance="deck-2") == [str(foreign.id)]
    assert listed(api, origin_instance="deck-3") == []


def test_it_finds_ids_by_any_beginning(api: Client) -> None:
    task = make_task(id="dc49351d-476d-49f0-a1e8-3e2a39182d22")
    make_task(id="0c49351d-476d-49f0-a1e8-3e2a39182d22")
    for prefix in ("d", "dc49", "DC49351D", "dc49351d-476d", str(task.id)):
        assert listed(api, search=prefix) == [str(task.id)]
    for other in ("e", "receipt", "%", "_", "'", str(task.id) + "0", "-"):
        assert listed(api, search=other) == []


def test_it_takes_both_ends_of_a_span_in(api: Client) -> None:
    early, middle, late = (str(task.id) for task in make_tasks(3))
    assert listed(api, created_after="2025-01-15T12:01:00Z") == [late, middle]
    assert listed(api, created_before="2025-01-15T12:01:00") == [middle, early]
    assert listed(api, created_after="2025-01-15", created_before="2025-01-15") == [late, middle, early]


def test_it_takes_all_filters_together(api: Client, settings: Settings) -> None:
    fields = {"provider_type": "fal", "origin_zone": "eu", "origin_tenant_id": "north"}
    tasks = make_tasks(3, kind="GENERATION", status=Status.FAILED, origin_instance="deck-1", **fields)
    make_tasks(3, kind="GENERATION", origin_instance="deck-1", **fields)
    make_tasks(3, kind="GENERATION", status=Status.FAILED, origin_instance="deck-2", **fields)
    asked = {**fields, "status": "failed", "task_type": "GENERATION", "origin_instance": "deck-1"}
    assert listed(api, **asked, created_after="2025-01-15T12:01Z", search=str(tasks[2].id)[:2]) == [str(tasks[2].id)]
    assert len(listed(api, **asked)) == 3


def test_it_ignores_empty_and_unknown_parameters(api: Client) -> None:
    task = make_task()
    empty = dict.fromkeys(["status", "task_type", "provider_type", "search", "created_after", "page", "sort_by"], "")
    assert listed(api, **empty, colour="blue") == [str(task.id)]


# --- Order and pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["created_at", "started_at", "completed_at", "status", "task_type", "duration_ms"])
@pytest.mark.parametrize("order", ["asc", "DESC"])
def test_it_sorts_by_what_it_shows_with_nulls_last_and_ids_breaking_ties(api: Client, key: str, order: str) -> None:
    for index, status in enumerate([*Status, *Status]):
        started = NOON + timedelta(minutes=index % 4) if index % 5 else None
        make_task(
            status=status,
            task_type=("zoo.apply", "apple.walk", "mail.send", "plain")[index % 4],
            kind="" if index % 3 else "kind",
            created_at=NOON + timedelta(minutes=index % 5),
            started_at=started,
            last_run_at=started,
            completed_at=started + timedelta(seconds=index % 7) if started and index % 2 else None,
        )
    items = ask(api, "tasks", sort_by=key, sort_order=order)["items"]
    present = [(item[key], item["id"]) for item in items if item[key] is not None]
    absent = [item["id"] for item in items if item[key] is None]
    assert len(present) > 3
    assert present == sorted(present, reverse=order == "DESC")
    assert absent == sorted(absent, reverse=order == "DESC")
    assert [item[key] for item in items[len(present) :]] == [None] * len(absent)


def test_it_sorts_durations_to_the_microsecond(api: Client) -> None:
    spans = [0.000001, 0.000002, 0.1, 0.999999, 1.0, 1.000001, 59.5, 86_400.25]
    begins = [NOON, NOON + timedelta(microseconds=999_999), NOON - timedelta(seconds=1.5)]
    for index, seconds in enumerate(spans):
        started = begins[index % 3]
        make_task(started_at=started, completed_at=started + timedelta(seconds=seconds))
    items = ask(api, "tasks", sort_by="duration_ms", sort_order="asc")["items"]
    assert [item["duration_ms"] for item in items] == pytest.approx([seconds * 1000 for seconds in spans])


@pytest.mark.parametrize("key", ["created_at", "completed_at", "task_type", "duration_ms"])
def test_it_never_repeats_or_skips_a_task_from_page_to_page(api: Client, key: str) -> None:
    expected = {str(make_task().id) for _ in range(23)}
    pages = [ask(api, "tasks", sort_by=key, page=page, page_size=5) for page in range(1, 6)]
    seen = [task_id for page in pages for task_id in ids(page)]
    assert (len(seen), set(seen)) == (23, expected)
    assert {(page["total"], page["pages"], page["page_size"]) for page in pages} == {(23, 5, 5)}


def test_it_has_empty_pages_past_the_end(api: Client) -> None:
    make_tasks(3)
    for page in (2, 10**6, 999_999_999_999_999_999_999):
        assert ask(api, "tasks", page=page) == {"items": [], "total": 3, "page": page, "page_size": 50, "pages": 1}


def test_it_answers_up_to_200_a_page_and_refuses_more(api: Client) -> None:
    make_tasks(3)
    assert ask(api, "tasks", page_size=200)["page_size"] == 200
    for size in ("201", "0", "-1"):
        (mistake,) = refused(api, "tasks", page_size=size)
        assert mistake["loc"] == ["query", "page_size"]


# --- Indexes ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("label", "index"),
    [
        ("provider_type", "task_provider"),
        ("origin_instance", "task_instance"),
        ("origin_zone", "task_zone"),
        ("origin_tenant_id", "task_tenant"),
        ("shown_type", "task_type_created"),
    ],
)
def test_it_finds_labels_through_an_index(label: str, index: str) -> None:
    make_tasks(5)
    plan = TaskFilter(resolved({label: "send_receipt"})).matching().order_by("-created_at", "-id").values("pk")[:20]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads a table of five rows whole
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    told = plan.explain()
    assert index in told
    assert "TEMP B-TREE" not in told
