"""Every page of a list is the one that skipping row by row would show, in any order, with any filter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from monitoring import labels, statistics, stretches
from monitoring.dashboard_api.vocabulary import STATUS_WORDS
from monitoring.filters import TaskFilter
from monitoring.models import Span, Task, TaskCount
from monitoring.orders import SORT_COLUMNS, ordered
from monitoring.paging import page_of_tasks
from monitoring.rebuilding import rebuild
from monitoring.statuses import Status
from scheduler.models import ScheduledJob
from tests.factories import NOON, make_schedule, make_task, make_tasks

pytestmark = pytest.mark.django_db

BEGINNING = datetime(2026, 3, 1, 22, 50, tzinfo=UTC)
SPANS = [BEGINNING + timedelta(minutes=minutes) for minutes in (0, 5, 70, 130, 26 * 60, 75 * 60)]


@pytest.fixture(autouse=True)
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page is too near to be looked for."""
    monkeypatch.setattr(stretches, "NEAR", 0)


moments = st.one_of(st.none(), st.integers(0, 20).map(lambda seconds: BEGINNING + timedelta(seconds=seconds)))
tasks = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.one_of(st.uuids(version=4), st.integers(1, 2**64).map(lambda number: UUID(int=number))),
            "created_at": st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3)).map(
                lambda at: BEGINNING + timedelta(days=at[0], hours=at[1], minutes=5 * at[2])
            ),
            "status": st.sampled_from(Status),
            "queue": st.sampled_from(["mail", "Mail", "ärzte", "z", "a_b", "ab"]),
            "task_type": st.sampled_from(["a.send", "b.send", "a.Make", "plain", "x.GENERATION"]),
            "kind": st.sampled_from(["", "", "GENERATION", "send"]),
            "provider_type": st.sampled_from(["", "fal"]),
            "origin_instance": st.sampled_from(["", "deck-1", "deck-2"]),
            "scheduled_job_id": st.sampled_from([None, None, 0, 1, 2, 3, 4]),
            "last_run_at": moments,
            "started_at": moments,
            "completed_at": moments,
        }
    ),
    max_size=40,
    unique_by=lambda task: task["id"],
)
asked = st.fixed_dictionaries(
    {},
    optional={
        "status": st.lists(st.sampled_from(Status), min_size=1, max_size=3),
        "queue": st.sampled_from(["mail", "z"]),
        "task_type": st.sampled_from(["SEND", "a."]),
        "created_from": st.sampled_from(SPANS),
        "created_to": st.sampled_from(SPANS),
        "is_recurring": st.booleans(),
        "shown_type": st.sampled_from(["send", "GENERATION", "Make"]),
        "provider_type": st.just("fal"),
        "origin_instance": st.sampled_from(["deck-1", "deck-2"]),
        "search": st.sampled_from(["send", "00000000"]),
    },
)
orders = st.fixed_dictionaries(
    {
        "sort": st.sampled_from([*SORT_COLUMNS]),
        "descending": st.booleans(),
        "status_words": st.sampled_from([None, STATUS_WORDS]),
    }
)


def written(rows: list[dict[str, Any]]) -> None:
    """The tasks, with their rollups, and four schedules of which two run next at the same time."""
    Task.objects.all().delete()
    if not ScheduledJob.objects.exists():
        for next_run_at in (NOON, NOON, NOON + timedelta(days=1), None):
            make_schedule(next_run_at=next_run_at)
    schedules = [*ScheduledJob.objects.order_by("pk").values_list("pk", flat=True), 987_654]
    for row in rows:
        index = row.pop("scheduled_job_id")
        row["scheduled_job_id"] = None if index is None else schedules[index]
    Task.objects.bulk_create(Task(job_id=str(row["id"]), updated_at=NOON, **row) for row in rows)
    rebuild()


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tasks, asked, orders, st.integers(1, 7))
def test_each_page_is_the_one_that_skipping_shows(
    rows: list[dict[str, Any]], asked: dict[str, Any], order: dict[str, Any], size: int
) -> None:
    written(rows)
    everything = list(ordered(TaskFilter(labels.resolved(asked)).matching(), **order))
    assert statistics.total_matching(asked) == len(everything)
    for number in range(1, len(everything) // size + 3):
        page = page_of_tasks(asked, **order, number=number, size=size)
        assert page.tasks == everything[(number - 1) * size : number * size]
        assert page.total == len(everything)


@pytest.fixture
def read_stretches(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The stretches that are read."""
    read: list[Any] = []
    known = stretches.Stretch.ids

    def ids(stretch: stretches.Stretch) -> Any:
        read.append(stretch)
        return known(stretch)

    monkeypatch.setattr(stretches.Stretch, "ids", ids)
    return read


def test_a_deep_page_steps_over_no_more_than_half_an_hour_of_tasks(read_stretches: list[Any]) -> None:
    for hour in range(30):
        make_tasks(6, created_at=NOON + timedelta(hours=hour))
    for number in (1, 17, 31, 45, 60):
        page_of_tasks({}, sort="created", descending=True, number=number, size=3)
    assert all(stretch.length == 6 for stretch in read_stretches)
    assert len(read_stretches) == 5


def test_a_deep_page_costs_four_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_tasks(30)
    with django_assert_num_queries(4):  # the total, days, hours, the page
        page_of_tasks({}, sort="created", descending=True, number=3, size=5)
    with django_assert_num_queries(3):  # the total, the groups, the page
        page_of_tasks({}, sort="status", descending=True, number=3, size=5)


def test_a_page_over_many_groups_costs_five_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for index in range(40):
        make_task(queue=f"queue{index:02}")
    with django_assert_num_queries(6):  # the total, the groups, ids of the first, of the last, of the others, the page
        page = page_of_tasks({}, sort="queue", descending=False, number=2, size=10)
    assert [task.queue for task in page.tasks] == [f"queue{index}" for index in range(10, 20)]


def test_it_shows_whole_pages_though_the_counts_are_behind(read_stretches: list[Any]) -> None:
    make_tasks(30)
    make_task(status=Status.FAILED)
    # As if two had been created in another hour, and two had another status, when they were counted.
    hour = TaskCount.objects.get(span=Span.HOUR, status=Status.COMPLETED)
    TaskCount.objects.filter(pk=hour.pk).update(count=28, status=Status.CANCELLED)
    TaskCount.objects.create(**{**where(hour), "start": hour.start + timedelta(hours=1)}, count=2)
    TaskCount.objects.filter(span=Span.DAY, status=Status.COMPLETED).update(count=20)
    TaskCount.objects.create(**{**where(hour), "span": Span.DAY, "status": Status.CANCELLED}, count=10)
    for sort in ("created", "status"):
        for descending in (True, False):
            for number in (1, 2, 3):
                page = page_of_tasks({}, sort=sort, descending=descending, number=number, size=10)
                assert len(page.tasks) == 10
    assert any(stretch.length == page.total for stretch in read_stretches)


def where(cell: TaskCount) -> dict[str, Any]:
    """All that says where a cell is."""
    return {name: getattr(cell, name) for name in ("span", "start", "queue", "task_type", "status", "timed", "run_us")}


def test_it_knows_each_task_by_its_id_alone() -> None:
    twins = [make_task(id=UUID(int=number)) for number in (3, 1, 2)]
    page = page_of_tasks({}, sort="created", descending=True, number=1, size=3)
    assert page.tasks == sorted(twins, key=lambda task: task.pk, reverse=True)


@pytest.mark.parametrize("sort", SORT_COLUMNS)
def test_it_finds_beginnings_of_ids_in_any_order(sort: str) -> None:
    task = make_task(id=UUID(int=5))
    make_task()
    page = page_of_tasks({"search": "00000000"}, sort=sort, descending=True, number=1, size=3)
    assert (page.tasks, page.total) == ([task], 1)
