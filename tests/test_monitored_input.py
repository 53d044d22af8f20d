"""Whatever is sent to the monitoring API: an answer in its shape, never an error of the server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from config.errors import server_error
from tests.cast import client_of
from tests.factories import make_task
from tests.monitoring_api import BASE, ask, check, refused


@pytest.mark.parametrize(
    ("parameter", "value", "accepted", "kind"),
    [
        ("status", "Done", "PENDING, EXECUTING, COMPLETED, FAILED, CANCELLED", "enum"),
        ("status", "Queued", "PENDING", "enum"),
        ("status", "FAILED\x00", "PENDING", "enum"),
        ("sort_by", "id", "created_at, started_at, completed_at, status, task_type, duration_ms", "enum"),
        ("sort_order", "down", "asc, desc", "enum"),
        ("created_after", "yesterday", "2025-01-15T10:00:00Z", "datetime_parsing"),
        ("created_before", "2025-13-45", "2025-01-15T10:00:00Z", "datetime_parsing"),
        ("created_before", "9999-12-31T23:59:59-05:00", "2025-01-15T10:00:00Z", "datetime_parsing"),
        ("created_after", "10000-01-01", "2025-01-15T10:00:00Z", "datetime_parsing"),
        ("page", "0", "1", "greater_than_equal"),
        ("page", "-999999999999999999999", "1", "greater_than_equal"),
        ("page", "one", "integer", "value_error"),
        ("page", "1.5", "integer", "value_error"),
        ("page", "9" * 5_000, "large", "max_string_length"),
        ("page_size", "0", "1", "greater_than_equal"),
        ("page_size", "201", "200", "less_than_equal"),
        ("page_size", "999999999999999999999", "200", "less_than_equal"),
        ("page_size", "NaN", "integer", "value_error"),
        ("origin_zone", "a\x00b", "Null characters", "null_characters_not_allowed"),
        ("search", "\x00", "Null characters", "null_characters_not_allowed"),
        ("task_type", "x" * 256, "255", "string_too_long"),
        ("search", "x" * 100_000, "255", "string_too_long"),
    ],
)
def test_it_names_the_parameter_and_what_is_accepted(
    api: Client, parameter: str, value: str, accepted: str, kind: str
) -> None:
    (mistake,) = refused(api, "tasks", **{parameter: value})
    assert (mistake["loc"], mistake["type"]) == (["query", parameter], kind)
    assert accepted in mistake["msg"]


def test_it_names_every_parameter_at_once(api: Client) -> None:
    mistakes = refused(api, "tasks", page="x", status="y", created_after="z")
    assert {mistake["loc"][1] for mistake in mistakes} == {"page", "status", "created_after"}
    (mistake,) = refused(api, "stats", origin_zone="\x00")
    assert mistake["loc"] == ["query", "origin_zone"]


@pytest.mark.parametrize(
    "query",
    [
        "created_after=0001-01-01&created_before=9999-12-31T23:59:59.9999999Z",
        "created_before=0001-01-01T00:00:00Z",
        "created_after=9999-12-31T23:59:59Z",
        "created_after=2025-01-16&created_before=2025-01-15",
        "search=%ED%A0%80&origin_zone=%FF%FE&task_type=%C0%80",
        "search=%F0%9F%92%A9&provider_type=%25%5F%5C%27%22%3B--",
        "origin_instance=%E2%80%AE%3Cscript%3E&task_type=%25",
        "status=&&&=&%3D=%00",
        "page=2&page=1",
        "page=%EF%BC%91",
        "search=" + "f" * 40,
        "&".join(f"unknown{number}=1" for number in range(900)),
    ],
)
def test_it_bears_odd_but_possible_parameters(api: Client, query: str) -> None:
    make_task(kind="GENERATION", origin_instance="deck-7")
    for path, shape in (("tasks", "TaskListResponse"), ("stats", "AggregateStats")):
        response = api.get(f"{BASE}/{path}?{query}")
        assert response.status_code == 200, response.content
        check(response.json(), shape)


@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *(
                    "status",
                    "task_type",
                    "provider_type",
                    "origin_instance",
                    "origin_zone",
                    "origin_tenant_id",
                    "search",
                ),
                *("created_after", "created_before", "page", "page_size", "sort_by", "sort_order"),
            ]
        ),
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"])),
            st.integers().map(str),
            st.floats().map(str),
            st.datetimes().map(str),
            st.sampled_from(["FAILED", "pending", "created_at", "duration_ms", "asc", "2025-01-15", "%", "null", "[]"]),
        ),
    )
)
def test_it_never_fails_whatever_the_parameters(api: Client, parameters: dict[str, str]) -> None:
    for path in ("tasks", "stats"):
        response = api.get(f"{BASE}/{path}", parameters)
        assert response.status_code in (200, 422), response.content
        if response.status_code == 422:
            check(response.json(), "HTTPValidationError")


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/tasks/", "/stats/", "/workers/healthy", "/tasks/x/y", "/%FF"])
def test_it_does_not_know_other_paths(api: Client, path: str) -> None:
    response = api.get(f"{BASE}{path}")
    assert (response.status_code, list(response.json())) == (404, ["detail"])


@pytest.mark.parametrize("path", ["tasks", "tasks/x", "stats", "queues", "workers", "workers/health"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_only_reads(api: Client, path: str, method: str) -> None:
    response = getattr(api, method)(f"{BASE}/{path}", "{", content_type="application/json")
    assert response.status_code == 405
    assert list(response.json()) == ["detail"]


@pytest.mark.parametrize("header", ["Basic dmVyYTp2ZXJh", "Bearer", "Bearer x.y.z", "bearer \u00e9", "Token abc", ""])
def test_it_says_the_same_of_every_token_that_opens_nothing(db: None, header: str) -> None:
    response = Client(headers={"Authorization": header}).get(f"{BASE}/stats")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert response.json() == {"detail": "Not authenticated"}


def test_it_refuses_an_inactive_account(viewer: User) -> None:
    api = client_of(viewer)
    viewer.is_active = False
    viewer.save()
    assert api.get(f"{BASE}/tasks").json() == {"detail": "Not authenticated"}


def test_it_says_when_redis_or_the_database_cannot_be_reached(
    api: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "unix:///nowhere.sock?db=0"
    for path in ("queues", "workers"):
        response = api.get(f"{BASE}/{path}")
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert response.json()["detail"].startswith("Redis cannot be reached")
    health = ask(api, "workers/health")
    assert (health["healthy"], health["total_workers"], health["queues_with_workers"]) == (False, 0, [])

    def fail(*args: Any, **options: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("monitoring.monitoring_api.views.breakdown", fail)
    response = api.get(f"{BASE}/stats")
    assert response.status_code == 503
    assert list(response.json()) == ["detail"]


def test_it_says_in_its_shape_that_nobody_foresaw_an_error() -> None:
    response = server_error(RequestFactory().get(f"{BASE}/tasks"))
    assert response.status_code == 500
    assert list(json.loads(response.content)) == ["detail"]  # type: ignore[attr-defined]
