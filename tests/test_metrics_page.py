"""The metrics: the history for machines, and the page with its charts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from monitoring.metrics import Reach
from monitoring.models import MetricSample
from monitoring.sampling import slot_of
from tests.cast import client_of
from tests.reading_pages import BASE, page, rows

KEYS = {
    "timestamp": float, "time": str, "throughput": int, "avg_duration": float, "retries": int, "failures": int,
    "waiting": int, "active": int, "delayed": int, "completed": int, "failed": int, "total_queues": int,
    "total_workers": int,
}  # fmt: skip
NEWEST = datetime(2026, 3, 6, 15, 49, 46, 204_000, tzinfo=UTC)


def make_samples(number: int, newest: datetime = NEWEST) -> None:
    """One every five seconds, in each of which 3 tasks ended, one failed, one was retried, and one took 12 ms."""
    MetricSample.objects.bulk_create(
        MetricSample(
            slot=slot_of(at), at=at, waiting=5, active=2, delayed=1, completed=2 * count, failed=count,
            total_queues=4, total_workers=8, ended=3 * count, failures=count, retries=count, timed=count,
            run_us=12_000 * count,
        )
        for count in range(number)
        for at in [newest - (number - 1 - count) * timedelta(seconds=5)]
    )  # fmt: skip


def history(client: Client, **parameters: str) -> list[dict[str, Any]]:
    answer = client.get(f"{BASE}/metrics/history", parameters)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"history"}
    samples: list[dict[str, Any]] = answer.json()["history"]
    return samples


def test_it_answers_in_the_document_s_keys_and_types(browser: Client) -> None:
    make_samples(3)
    samples = history(browser)
    assert samples[0] == {
        "timestamp": NEWEST.timestamp(), "time": "2026-03-06T15:49:46.204000+00:00", "throughput": 36,
        "avg_duration": 12.0, "retries": 1, "failures": 1, "waiting": 5, "active": 2, "delayed": 1, "completed": 4,
        "failed": 2, "total_queues": 4, "total_workers": 8,
    }  # fmt: skip
    for sample in samples[:-1]:
        assert {key: type(value) for key, value in sample.items()} == KEYS
    assert samples[-1]["avg_duration"] is None


def test_it_begins_with_the_newest_and_knows_what_was_before_the_oldest(browser: Client) -> None:
    make_samples(10)
    samples = history(browser, limit="4")
    assert [sample["completed"] for sample in samples] == [18, 16, 14, 12]
    assert {sample["throughput"] for sample in samples} == {36}


@pytest.mark.parametrize(
    ("limit", "number"),
    [
        *[("1", 1), ("007", 7), ("500", 500), ("501", 500), ("99999999", 500), ("9" * 200, 500), ("0", 1), ("-3", 1)],
        *[("", 120), ("ten", 120), ("1.5", 120), ("1e2", 120), ("\x00", 120), ("٣", 120), ("9" * 2_000, 120)],
    ],
)
def test_any_limit_is_forgiven(browser: Client, limit: str, number: int) -> None:
    make_samples(510)
    assert len(history(browser, limit=limit)) == number


def test_it_gives_120_unless_asked(browser: Client, django_assert_max_num_queries: Any) -> None:
    make_samples(130)
    with django_assert_max_num_queries(5):  # session, user, permissions (2), samples
        assert len(history(browser)) == 120


def test_it_is_for_those_with_a_role(stranger: User, viewer: User) -> None:
    for path in ("/metrics", "/metrics/history", "/metrics/parts"):
        answer = Client().get(f"{BASE}{path}")
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(f"/{settings.MONITORING_BASE_PATH}/login?next=")
        assert client_of(stranger).get(f"{BASE}{path}").status_code == 403
        assert client_of(viewer).get(f"{BASE}{path}").status_code == 200
        assert client_of(viewer).post(f"{BASE}{path}").status_code == 405


def test_the_page_shows_the_samples(browser: Client) -> None:
    make_samples(20, datetime.now(UTC))
    text = page(browser, "/metrics")
    table = rows(text, "throughput")
    assert len(table) == 120
    assert table[-2][1] == "36"
    assert rows(text, "trouble")[-2][1:] == ["1", "1"]
    assert rows(text, "duration")[-2][1] == "12 ms"
    assert rows(text, "depth")[-2][1:] == ["5", "2", "1"]
    assert rows(text, "depth")[0][1:] == ["–", "–", "–"]
    parts = page(browser, "/metrics/parts")
    assert 'id="throughput-table"' in parts
    assert "<html" not in parts


@pytest.mark.parametrize("reach", Reach)
def test_it_looks_as_far_back_as_asked(browser: Client, reach: Reach, django_assert_max_num_queries: Any) -> None:
    make_samples(300, datetime.now(UTC))
    with django_assert_max_num_queries(6):
        text = page(browser, "/metrics", range=reach.value)
    assert len(rows(text, "depth")) == reach.length // reach.bucket <= 480
    assert 'aria-current="true"' in text
    told = browser.get(f"{BASE}/metrics", {"range": reach.value}, headers={"Accept": "application/json"})
    assert told.json()["history"][0].keys() == KEYS.keys()


def test_it_says_so_while_there_are_no_samples(browser: Client) -> None:
    assert "No sample has been taken yet" in page(browser, "/metrics")
    assert history(browser) == []
    for junk in ("week", "", "\x00", "9" * 500):
        assert browser.get(f"{BASE}/metrics", {"range": junk}).status_code == 200
