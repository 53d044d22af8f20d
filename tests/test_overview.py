"""The figures of the overview and the statistics, against rows counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.models import TaskRun
from demo import history
from monitoring import overview, trends
from monitoring.models import Task
from monitoring.statuses import Status
from monitoring.trends import MOST_POINTS, Period, Range
from tests.factories import make_task

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 9, 41, 7, tzinfo=UTC)


@pytest.fixture
def a_past() -> None:
    for _ in history.write(history.Simulation(tasks=1_200, start=NOW - timedelta(days=12), end=NOW, seed=11)):
        pass


@pytest.mark.usefixtures("a_past")
@pytest.mark.parametrize("span", Range)
def test_it_equals_the_rows(span: Range) -> None:
    told = overview.overview(span, NOW)
    tasks = Task.objects.filter(created_at__gte=span.start(NOW) or NOW - timedelta(days=20))
    assert told.total == tasks.count()
    assert told.active == tasks.unfinished().count()
    assert told.by_status == {status: tasks.filter(status=status).count() for status in Status}
    times: list[Any] = list(tasks.filter(status__in=("COMPLETED", "FAILED")).values_list("duration_ms", flat=True))
    assert told.mean_run_ms == pytest.approx(sum(times) / len(times), abs=0.01)
    assert sum(queue.total for queue in told.queues) == told.total
    assert [queue.total for queue in told.queues] == sorted((queue.total for queue in told.queues), reverse=True)
    assert sum(overview.task_types(span, NOW).values()) == told.total


@pytest.mark.usefixtures("a_past")
def test_it_tells_execution_times_of_completed_runs() -> None:
    for one in overview.execution_times(Range.WEEK, NOW):
        runs = TaskRun.objects.filter(
            status="COMPLETED", task_type__endswith=f".{one.name}", ended_at__gte=NOW - timedelta(days=7)
        )
        times: list[Any] = list(runs.values_list("duration_ms", flat=True))
        assert one.total.count == len(times)
        assert one.total.mean_ms == pytest.approx(sum(times) / len(times), abs=0.01)


@pytest.mark.usefixtures("a_past")
def test_the_charts_have_every_bucket_and_count_every_end() -> None:
    today = trends.over_time(Range.TODAY, NOW)
    assert [point.at.hour for point in today] == list(range(10))
    week = trends.over_time(Range.WEEK, NOW)
    assert (week[0].at, week[-1].at) == (datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC))
    everything = trends.over_time(Range.ALL, NOW)
    assert sum(point.completed for point in everything) == Task.objects.filter(status="COMPLETED").count()
    assert sum(point.failed for point in everything) == Task.objects.filter(status="FAILED").count()


@pytest.mark.parametrize(("period", "points", "first"), [
    (Period.LAST_7_DAYS, 7, datetime(2026, 3, 4, tzinfo=UTC)),
    (Period.LAST_30_DAYS, 30, datetime(2026, 2, 9, tzinfo=UTC)),
    (Period.LAST_90_DAYS, 13, datetime(2025, 12, 10, tzinfo=UTC)),
])  # fmt: skip
def test_the_trend_has_days_or_weeks_and_empty_buckets(period: Period, points: int, first: datetime) -> None:
    trend = trends.success_rate_trend(period, NOW)
    assert len(trend) == points
    assert trend[0].at == first
    assert all((point.total, point.success_rate) == (0, 0.0) for point in trend)


def test_a_long_past_stays_within_the_most_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trends, "_first_end", lambda: NOW - timedelta(days=4_000))
    assert MOST_POINTS / 2 < len(trends.over_time(Range.ALL, NOW)) <= MOST_POINTS


def test_nothing_recorded_is_all_zeros() -> None:
    told = overview.overview(Range.ALL, NOW)
    assert (told.total, told.success_rate, told.mean_run_ms, told.queues) == (0, 0.0, 0.0, [])
    assert overview.execution_times(Range.ALL) == []


def test_it_tells_queues_without_tasks() -> None:
    task = make_task(queue="mail")
    Task.objects.filter(pk=task.pk).delete()
    make_task(queue="empty")
    assert {queue.name for queue in overview.queue_totals()} == {"mail", "empty"}


def test_it_costs_few_queries(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(6):
        overview.overview(Range.WEEK)
    with django_assert_max_num_queries(2):
        overview.queue_totals()
    with django_assert_max_num_queries(1):
        trends.success_rate_trend(Period.LAST_90_DAYS)
