"""The overview's figures over a range: the same as the API's, whatever the range."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from demo import history
from monitoring.trends import Range
from tests.cast import API, client_of
from tests.factories import make_task
from tests.reading_pages import page, rows

WORDS = {Range.TODAY: "Today", Range.WEEK: "Week", Range.MONTH: "Month", Range.ALL: "All"}


@pytest.mark.parametrize("span", Range)
def test_it_shows_the_figures_of_the_api(browser: Client, viewer: User, span: Range) -> None:
    end = datetime.now(UTC) - timedelta(seconds=1)
    for _ in history.write(history.Simulation(tasks=600, start=end - timedelta(days=40), end=end, seed=5)):
        pass
    told = client_of(viewer).get(f"{API}/dashboard/overview", {"range": WORDS[span]}).json()
    text = page(browser, "/", range=span.value)
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", text))
    assert figures["Created"] == str(told["totalTasks"])
    assert figures["Not over yet"] == str(told["activeTasks"])
    assert figures["Active queues"] == str(told["activeQueues"])
    if told["completedTasks"] + told["failedTasks"]:
        assert figures["Succeeded"].removesuffix(" %") == f"{told['successRate']:.1f}"
    assert [[int(cell) for cell in row[1:]] for row in rows(text, "ends-table")] == [
        [point["completed"], point["failed"]] for point in told["tasksOverTime"]
    ]
    told_of_queues = [
        [queue["queueName"], *(queue[key] for key in ("totalTasks", "activeTasks", "completedTasks", "failedTasks"))]
        for queue in told["queueSummaries"]
    ]
    shown = [[row[0], *map(int, row[1:5])] for row in rows(text, "queues")] if told_of_queues else []
    assert shown == told_of_queues


def test_it_shows_today_unless_told_else(browser: Client) -> None:
    for parameters in ({}, {"range": "eternity"}, {"range": "TODAY'; --"}):
        text = page(browser, "/", **parameters)
        assert '<a href="?range=today" aria-current="true">Today</a>' in text
        assert "/overview/parts?range=today" in text


def test_it_answers_with_parts_that_the_page_has(browser: Client) -> None:
    make_task(created_at=datetime.now(UTC))
    whole, parts = page(browser, "/", range="week"), page(browser, "/overview/parts", range="week")
    ids = re.findall(r'id="([a-z-]+)"', parts)
    assert {"span-figures", "ends-sum", "ends-table", "queues"} <= set(ids)
    assert all(whole.count(f'id="{one}"') == 1 for one in ids)
    assert rows(parts, "ends-table") == rows(whole, "ends-table")


def test_a_chart_of_hours_has_clocks_and_one_of_days_has_dates(browser: Client) -> None:
    now = datetime.now(UTC)
    assert rows(page(browser, "/"), "ends-table")[0][0] == "00:00 UTC"
    assert rows(page(browser, "/", range="week"), "ends-table")[-1][0] == f"{now:%-d %b %Y}"


def test_it_costs_the_same_queries_for_any_range(browser: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        make_task(queue=f"queue-{number}", created_at=datetime.now(UTC) - timedelta(days=number))
    for span in Range:
        with django_assert_max_num_queries(21):
            text = page(browser, "/", range=span.value)
    assert "All 20 queues" in text
    assert len(rows(text, "queues")) == 8
