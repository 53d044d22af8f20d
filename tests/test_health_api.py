"""Health for load balancers, figures for Prometheus."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from config.authentication import BearerToken
from monitoring.probes import MOST_STUCK
from monitoring.sampling import take_sample
from scheduler.health_api import views
from tests.cast import client_of
from tests.factories import make_task
from tests.hub_client import cast
from tests.running import wait_for
from tests.test_sampling import make_sample
from tests.workflows import begin, let_time_pass, record, run, work

BASE = "/api/v1"
pytestmark = pytest.mark.django_db


def test_it_is_alive_for_anyone_whatever_else_is_down(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = Client().get(f"{BASE}/health/live")
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("timestamp").endswith("Z")
    assert told == {"alive": True, "service": "quarterdeck"}


@pytest.mark.django_db(transaction=True)
def test_it_is_ready_when_everything_answers() -> None:
    answer = Client().get(f"{BASE}/health/ready")
    told = answer.json()
    assert (answer.status_code, told["ready"], told["failed_checks"]) == (200, True, [])
    assert list(told["checks"]) == ["database", "redis", "migrations", "recorder"]
    assert set(told["checks"]["redis"]) == {"status", "message", "response_time_ms"}
    assert told["checks"]["recorder"]["lag_seconds"] == 0.0
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_it_is_not_ready_without_redis(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = Client().get(f"{BASE}/health/ready")
    told = answer.json()
    assert (answer.status_code, told["ready"], told["failed_checks"]) == (503, False, ["redis", "recorder"])
    assert told["checks"]["redis"]["status"] == "unhealthy"
    assert told["checks"]["recorder"]["lag_seconds"] is None


# --- Status -------------------------------------------------------------------------------------------------------


@pytest.fixture
def watcher(db: None) -> User:
    """May look; has no role, for tests that commit leave the tables of the roles empty."""
    return cast("watcher", "view_task")


@pytest.mark.django_db(transaction=True)
def test_the_status_has_figures_of_everything(watcher: User) -> None:
    run(begin(context={"charge": {"failures": 9}}))
    begin()
    record()
    take_sample()
    answer = client_of(watcher).get(f"{BASE}/health/status")
    told = answer.json()
    # A step waits in a queue, and nobody works for it.
    assert (answer.status_code, told["healthy"], told["status"]) == (200, True, "degraded")
    assert told["metrics"] == {
        "tasks": {"total": 2, "pending": 1, "in_progress": 0, "complete": 0, "error": 1, "cancelled": 0},
        "steps": {"total": 8, "pending": 5, "in_progress": 0, "complete": 2, "error": 1, "cancelled": 0},
        "retries": {"retryable_errors": 0, "exhausted_retries": 1, "in_backoff": 0},
        "queues": {"total": 5, "waiting": 1, "running": 0, "unattended": 1},
        "workers": {"total": 0, "busy": 0, "idle": 0},
    }
    assert told["database"]["engine"] == connection.vendor
    assert told["recorder"] == {"lag_seconds": 0.0, "events_per_second": None, "stream_length": 0}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db(transaction=True)
def test_the_status_counts_what_waits_to_be_tried_again(watcher: User) -> None:
    begin(context={"reserve": {"failures": 1}})
    work()
    record()
    status = client_of(watcher).get(f"{BASE}/health/status").json()
    assert status["metrics"]["retries"] == {"retryable_errors": 1, "exhausted_retries": 0, "in_backoff": 1}
    let_time_pass()
    status = client_of(watcher).get(f"{BASE}/health/status").json()
    assert status["metrics"]["retries"] == {"retryable_errors": 1, "exhausted_retries": 0, "in_backoff": 0}


@pytest.mark.django_db(transaction=True)
def test_the_status_tells_the_recorders_pace(watcher: User) -> None:
    now = datetime.now(UTC)
    for seconds, recorded in ((400, 1), (60, 1_000), (30, 1_100), (0, 1_600)):
        at = now - timedelta(seconds=seconds)
        make_sample(at, recorded=recorded)
    told = client_of(watcher).get(f"{BASE}/health/status").json()
    assert told["recorder"]["events_per_second"] == 10.0


@pytest.mark.django_db(transaction=True)
def test_the_status_is_told_though_redis_is_away(watcher: User, settings: Any) -> None:
    begin()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client_of(watcher).get(f"{BASE}/health/status")
    told = answer.json()
    assert (answer.status_code, told["healthy"], told["status"]) == (503, False, "unhealthy")
    assert (told["metrics"]["queues"], told["metrics"]["workers"]) == (None, None)
    assert told["metrics"]["tasks"]["pending"] == 1
    assert told["recorder"]["stream_length"] is None


@pytest.mark.django_db(transaction=True)
def test_a_redis_that_hangs_does_not_hold_it_up(watcher: User, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        for path in ("health/ready", "health/status"):
            answer = client_of(watcher).get(f"{BASE}/{path}")
            assert answer.status_code == 503
        assert answer.json()["database"]["status"] == "healthy"
        assert answer.json()["metrics"]["queues"] is None


@pytest.mark.django_db(transaction=True)
def test_a_database_that_hangs_while_it_is_asked_who_asks_does_not_hold_it_up(
    watcher: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def hang(self: BearerToken, request: Any) -> None:
        release.wait(60)

    monkeypatch.setattr(BearerToken, "authenticate", hang)
    monkeypatch.setattr(views, "LIMIT_SECONDS", 0.05)
    try:
        for _ in range(MOST_STUCK + 2):  # no more threads than that are spent on it
            answer = client_of(watcher).get(f"{BASE}/health/status")
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "SYSTEM_NOT_READY")
        assert sum(thread.name == "bounded" for thread in threading.enumerate()) == MOST_STUCK
    finally:
        release.set()
    assert wait_for(lambda: not any(thread.name == "bounded" for thread in threading.enumerate()), 20)


def test_the_status_is_for_who_may_read(stranger: User) -> None:
    refused = Client().get(f"{BASE}/health/status")
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.json()["error"]["code"] == "AUTHENTICATION_FAILED"


@pytest.mark.django_db(transaction=True)
def test_the_status_is_not_for_strangers(stranger: User) -> None:
    refused = client_of(stranger).get(f"{BASE}/health/status")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "AUTHORIZATION_FAILED")


# --- Metrics ------------------------------------------------------------------------------------------------------


def test_metrics_are_for_who_may_read(viewer: User, stranger: User) -> None:
    make_task()
    answer = client_of(viewer).get(f"{BASE}/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b'quarterdeck_tasks{queue="default",status="completed"} 1.0' in answer.content
    assert client_of(stranger).get(f"{BASE}/metrics").status_code == 403
    refused = Client().get(f"{BASE}/metrics")
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.json()["error"]["code"] == "AUTHENTICATION_FAILED"


def test_a_token_of_its_own_opens_the_metrics_and_nothing_else(settings: Any) -> None:
    settings.METRICS_TOKEN = "scrape-me-if-you-can"
    scraper = Client(headers={"Authorization": "Bearer scrape-me-if-you-can"})
    assert scraper.get(f"{BASE}/metrics").status_code == 200
    assert scraper.get(f"{BASE}/tasks").status_code == 401
    assert Client(headers={"Authorization": "Bearer scrape-me"}).get(f"{BASE}/metrics").status_code == 401


def test_the_metrics_may_be_opened_to_anyone(settings: Any) -> None:
    settings.METRICS_PUBLIC = True
    assert Client().get(f"{BASE}/metrics").status_code == 200


def test_requests_are_counted_by_route_and_never_by_address(settings: Any) -> None:
    settings.METRICS_PUBLIC = True
    Client().get(f"{BASE}/tasks/some-secret-id")
    text = Client().get(f"{BASE}/metrics").content.decode()
    assert 'quarterdeck_http_requests_total{method="GET",route="api/v1/tasks/<str:task_id>",status="401"}' in text
    assert "some-secret-id" not in text
