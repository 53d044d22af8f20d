"""Health for load balancers, figures for Prometheus."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.cast import client_of
from tests.factories import make_task

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
