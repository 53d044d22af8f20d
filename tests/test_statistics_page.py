"""The statistics' page: success rate, types, execution times with percentiles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import TaskRun
from demo import history
from monitoring import overview, percentiles, trends
from monitoring.templatetags.times import duration
from monitoring.trends import Period, Range
from tests.reading_pages import BASE, page, rows


@pytest.fixture
def a_past(db: None) -> datetime:
    """Six weeks of it until now; returns its end."""
    end = datetime.now(UTC) - timedelta(seconds=1)
    for _ in history.write(history.Simulation(tasks=900, start=end - timedelta(days=42), end=end, seed=8)):
        pass
    return end


def exact(times: list[float], percent: int) -> float:
    """The nearest-rank percentile."""
    return sorted(times)[max(0, -(-len(times) * percent // 100) - 1)]


@pytest.mark.usefixtures("a_past")
@pytest.mark.parametrize("span", [Range.TODAY, Range.MONTH, Range.ALL])
def test_percentiles_are_close_to_those_of_the_rows(span: Range) -> None:
    now = datetime.now(UTC)
    start = span.start(now) or now - timedelta(days=60)
    told = percentiles.run_times(span, now)
    runs = TaskRun.objects.filter(status="COMPLETED", ended_at__gte=start.replace(minute=0, second=0, microsecond=0))
    by_type: dict[str, list[float]] = {}
    for task_type, ms in runs.values_list("task_type", "duration_ms"):
        by_type.setdefault(task_type.rpartition(".")[2], []).append(ms or 0.0)
    assert {name: len(histogram) for name, histogram in told.items()} == {
        name: len(times) for name, times in by_type.items()
    }
    for name, times in by_type.items():
        for percent in (50, 95):
            assert told[name].percentile(percent) == pytest.approx(exact(times, percent), rel=0.02)


@pytest.mark.usefixtures("a_past")
def test_percentiles_of_all_time_are_those_of_its_newest_days(django_assert_num_queries: Any) -> None:
    later = datetime.now(UTC) + timedelta(days=percentiles.MOST_DAYS + 2)
    with django_assert_num_queries(1):
        assert percentiles.run_times(Range.ALL, later) == {}


@pytest.mark.usefixtures("a_past")
def test_it_shows_what_the_core_tells(browser: Client) -> None:
    text = page(browser, "/statistics", range="all", trend="90")
    points = trends.success_rate_trend(Period.LAST_90_DAYS)
    assert [[int(cell) for cell in row[2:]] for row in rows(text, "trend-table")] == [
        [point.completed, point.failed] for point in points
    ]
    types = overview.task_types(Range.ALL)
    assert [(row[0], int(row[2])) for row in rows(text, "types")] == list(types.items())
    histograms = percentiles.run_times(Range.ALL)
    assert rows(text, "times") == [
        [
            one.name,
            str(one.total.count),
            duration(one.mean_ms),
            duration(histograms[one.name].percentile(50)),
            duration(histograms[one.name].percentile(95)),
            duration(one.shortest_ms),
            duration(one.longest_ms),
        ]
        for one in overview.execution_times(Range.ALL)
    ]
    assert "p50 and p95 of the last 90 days" in text


def test_it_tells_an_empty_bucket_from_one_where_all_failed(browser: Client) -> None:
    text = page(browser, "/statistics")
    assert {row[1] for row in rows(text, "trend-table")} == {"–"}
    assert '<td data-value="">–</td>' in text
    assert "No task was created in this time." in text
    assert "No run was completed in this time." in text


def test_each_switch_leaves_the_other_as_it_is(browser: Client) -> None:
    text = page(browser, "/statistics", range="month", trend="7")
    assert '<a href="?range=month&amp;trend=7" aria-current="true">30 days</a>' in text
    assert '<a href="?range=all&amp;trend=7">All time</a>' in text
    assert '<a href="?range=month&amp;trend=90">90 days</a>' in text
    assert "/statistics/parts?range=month&amp;trend=7" in text
    junk = page(browser, "/statistics", range="month'", trend="8")
    assert junk.count('aria-current="true"') == 2


@pytest.mark.usefixtures("a_past")
def test_its_queries_do_not_grow(browser: Client, django_assert_max_num_queries: Any) -> None:
    for span in Range:
        with django_assert_max_num_queries(11):
            page(browser, "/statistics", range=span.value, trend="90")
    with django_assert_max_num_queries(11):
        parts = page(browser, "/statistics/parts", range="week")
    assert "<html" not in parts


@pytest.mark.parametrize("path", ["/statistics", "/statistics/parts", "/queues", "/queues-parts"])
def test_it_is_for_those_with_a_role(client: Client, stranger: User, path: str) -> None:
    assert client.get(f"{BASE}{path}").headers["Location"] == f"{BASE}/login?next={BASE}{path}"
    client.force_login(stranger)
    assert client.get(f"{BASE}{path}").status_code == 403
    assert client.post(f"{BASE}{path}").status_code in (403, 405)
