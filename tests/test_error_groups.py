"""Failures by error: counted by the recorder, with their first, their last, their hours and one to look at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitoring import statistics
from monitoring.error_groups import SPARK_HOURS, group_named, groups, number_of_failures, number_of_groups
from monitoring.models import Task
from monitoring.statuses import Status
from tests.factories import make_task

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)


def fail(error: str, *, ago: timedelta = timedelta(), **fields: Any) -> Task:
    known = {"status": Status.FAILED, "error": error, "created_at": NOW - timedelta(days=9), "completed_at": NOW - ago}
    return make_task(**{**known, **fields})


@pytest.fixture
def failures() -> list[Task]:
    return [
        fail("ValueError: no order 1", ago=timedelta(days=3)),
        fail("ValueError: no order 2", ago=timedelta(hours=5)),
        fail("ValueError: no order 3", ago=timedelta(hours=5), queue="mail"),
        fail("KeyError: 'price'", ago=timedelta(seconds=1)),
        make_task(),
    ]


def test_it_groups_them_by_what_their_errors_have_in_common(failures: list[Task]) -> None:
    first, second = groups()
    assert (first.pattern, first.error_type, first.count) == ("ValueError: no order <n>", "ValueError", 3)
    assert (first.first_at, first.last_at) == (failures[0].completed_at, failures[1].completed_at)
    assert first.known_since == failures[0].completed_at
    assert first.example in (failures[1], failures[2])
    assert (second.pattern, second.count, second.example) == ("KeyError: <text>", 1, failures[3])
    assert (number_of_groups(), number_of_failures()) == (2, 4)


def test_it_tells_the_failures_of_the_last_hours(failures: list[Task]) -> None:
    orders, prices = groups()
    assert len(orders.hours) == SPARK_HOURS
    assert (orders.hours[-6] + orders.hours[-5], sum(orders.hours), orders.most_an_hour) == (2, 2, 2)
    assert sum(prices.hours[-2:]) == 1


def test_it_knows_the_groups_of_one_queue(failures: list[Task]) -> None:
    (group,) = groups("mail")
    assert (group.count, group.first_at, group.example) == (1, failures[2].completed_at, failures[2])
    assert (number_of_groups("mail"), number_of_failures("mail")) == (1, 1)
    assert number_of_failures("mail", fingerprint=group.fingerprint) == 1
    assert number_of_failures(fingerprint=group.fingerprint) == 3
    assert groups("nowhere") == []


def test_it_sorts_by_the_newest_failure_if_asked(failures: list[Task]) -> None:
    assert [group.error_type for group in groups(newest_first=True)] == ["KeyError", "ValueError"]
    assert [group.error_type for group in groups(limit=1)] == ["ValueError"]


def test_it_finds_a_group_by_its_name(failures: list[Task]) -> None:
    group = group_named(groups()[0].fingerprint)
    assert group is not None
    assert group.count == 3
    elsewhere = group_named(group.fingerprint, "nowhere")
    assert elsewhere is not None
    assert (elsewhere.count, elsewhere.last_at, elsewhere.example) == (0, None, None)
    assert group_named("never seen") is None


def test_the_filter_finds_and_counts_the_tasks_of_a_group(failures: list[Task]) -> None:
    asked = {"error_group": failures[0].error_group}
    assert statistics.total_matching(asked) == 3
    assert statistics.total_matching({**asked, "queue": "mail", "status": ["FAILED"]}) == 1
    assert statistics.total_matching({**asked, "status": ["COMPLETED"]}) == 0
    assert statistics.total_matching({**asked, "search": str(failures[0].pk)}) == 1
    assert statistics.total_matching({**asked, "task_type": "receipt"}) == 3
    assert statistics.total_matching({"error_group": "never seen"}) == 0


def test_its_queries_do_not_grow(django_assert_num_queries: Any) -> None:
    names = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
    for name in names:
        for queue in ("default", "mail"):
            fail(f"ValueError: {name}", queue=queue)
    with django_assert_num_queries(4):
        assert len(groups()) == 10
    with django_assert_num_queries(4):
        assert len(groups("mail", limit=5)) == 5
    with django_assert_num_queries(1):
        number_of_groups()
    with django_assert_num_queries(1):
        number_of_failures()


@pytest.mark.parametrize(("queue", "index"), [(None, "task_failed_group"), ("default", "task_failed_queue_group")])
def test_it_steps_to_the_first_and_the_last_through_an_index(queue: str | None, index: str) -> None:
    for number in range(20):
        fail(f"ValueError: no order {number}")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads a small table whole
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        with CaptureQueriesContext(connection) as queries:
            groups(queue)
        explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
        (sql,) = [query["sql"] for query in queries if "monitoring_errorgroup" in query["sql"]]
        cursor.execute(explain + sql)
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    assert plan.count(index) == 2
    assert "TEMP B-TREE" not in plan
