"""Who may read the dashboard API: every role, every path, and that looking changes nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from monitoring import broker
from monitoring.dashboard_api.urls import urlpatterns
from monitoring.statuses import Status
from tests.cast import API, client_of
from tests.factories import make_change, make_run, make_schedule, make_task

OPEN = {"auth/login", "config"}
ROUTES = [str(pattern.pattern) for pattern in urlpatterns if isinstance(pattern, URLPattern)]
GUARDED = [route for route in ROUTES if route not in OPEN]


@pytest.fixture
def path_to(viewer: User) -> dict[str, str]:
    """Every route with the id and the queue of a task that has a history."""
    task = make_task(scheduled_job=make_schedule())
    make_change(task.id, None, Status.QUEUED)
    make_run(task.id)
    named = {"<str:id>": str(task.id), "<path:name>": task.queue}
    return {route: f"{API}/{_filled(route, named)}" for route in ROUTES}


def _filled(route: str, named: dict[str, str]) -> str:
    for name, value in named.items():
        route = route.replace(name, value)
    return route


def test_it_guards_every_route_but_login_and_config() -> None:
    assert set(GUARDED) == {
        "tasks",
        "tasks/counts",
        "tasks/<str:id>",
        *(f"tasks/<str:id>/{x}-audit" for x in ("status", "runs")),
        *(f"dashboard/{x}" for x in ("overview", "recent-activity")),
        "queues",
        "queues/<path:name>/tasks",
        *(f"statistics/{x}" for x in ("success-rate-trend", "task-types", "execution-times")),
    }


@pytest.mark.parametrize("route", GUARDED)
@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_it_lets_every_role_read(
    route: str, role: str, path_to: dict[str, str], request: pytest.FixtureRequest
) -> None:
    user: User = request.getfixturevalue(role)
    assert client_of(user).get(path_to[route]).status_code == 200
    browser = Client()
    browser.force_login(user)
    assert browser.get(path_to[route]).status_code == 200
    assert browser.head(path_to[route]).content == b""


@pytest.mark.parametrize("route", GUARDED)
def test_it_tells_who_has_no_role_to_ask_for_one(route: str, path_to: dict[str, str], stranger: User) -> None:
    response = client_of(stranger).get(path_to[route])
    assert response.status_code == 403
    assert response.json() == {
        "message": "Your account has no role that may read this. Ask an administrator for the viewer role."
    }


@pytest.mark.parametrize("route", GUARDED)
def test_it_tells_who_is_nobody_to_log_in(route: str, path_to: dict[str, str]) -> None:
    response = Client().get(path_to[route])
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert list(response.json()) == ["message"]


def test_it_lets_superusers_read_without_a_role(db: None, path_to: dict[str, str]) -> None:
    root = User.objects.create_superuser("root")
    assert client_of(root).get(path_to["tasks"]).status_code == 200


def test_it_tells_anyone_where_things_are(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        response = Client(headers={"Authorization": "Bearer stale"}).get(f"{API}/config")
    base = API.removesuffix("/api")
    assert response.json() == {
        "apiBasePath": f"{base}/api",
        "uiBasePath": base,
        "signalRHubPath": f"{base}/hub",
        "requireAuthentication": True,
        "uiEnabled": True,
    }


@pytest.mark.parametrize("route", [route for route in ROUTES if route != "auth/login"])
def test_it_changes_nothing_by_looking(route: str, path_to: dict[str, str], viewer: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE_PER_ACCOUNT = settings.API_REQUESTS_PER_MINUTE_PER_SOURCE = 0  # counted in Redis
    browser = Client()
    browser.force_login(viewer)
    keys = broker.connection().keys("*")
    for client in (client_of(viewer), browser):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path_to[route], {"search": "a", "createdFrom": "2025-01-01T00:30Z"}).status_code == 200
        assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT ")] == []
    assert broker.connection().keys("*") == keys
