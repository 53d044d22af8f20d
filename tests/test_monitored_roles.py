"""Who may read the monitoring API, and that its description holds."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern
from jsonschema import Draft202012Validator

from config.openapi import document
from monitoring.monitoring_api.urls import urlpatterns
from monitoring.statuses import Status
from tests.cast import client_of
from tests.factories import make_task
from tests.monitoring_api import BASE

ROUTES = [str(pattern.pattern) for pattern in urlpatterns if isinstance(pattern, URLPattern)]
DESCRIBED = {path: item["get"] for path, item in document()["paths"].items() if path.startswith(f"{BASE}/")}


@pytest.fixture
def paths(viewer: User) -> dict[str, str]:
    """Every route with the id of a task."""
    task = make_task(status=Status.FAILED, error="ValueError: boom", media=[{"url": "a.png"}], config={"steps": 3})
    return {route: f"{BASE}/{route.replace('<str:task_id>', str(task.id))}" for route in ROUTES}


def test_it_has_the_documents_paths() -> None:
    assert set(ROUTES) == {
        *("tasks", "tasks/<str:task_id>", "tasks/<str:task_id>/media"),
        *("stats", "queues", "workers", "workers/health"),
        "ledger",  # ours, beside the document's
    }
    told = [route.replace("<str:task_id>", "{task_id}") for route in ROUTES]
    of_workflows = ["workflows", "workflows/stats", "workflows/{workflow_id}"]
    assert [path.removeprefix(f"{BASE}/") for path in DESCRIBED] == [*told, *of_workflows]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_it_lets_every_role_read(route: str, role: str, paths: dict[str, str], request: pytest.FixtureRequest) -> None:
    user: User = request.getfixturevalue(role)
    response = client_of(user).get(paths[route])
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    browser = Client()
    browser.force_login(user)
    assert browser.get(paths[route]).status_code == 200
    assert browser.head(paths[route]).content == b""


@pytest.mark.parametrize("route", ROUTES)
def test_it_tells_who_has_no_role_to_ask_for_one(route: str, paths: dict[str, str], stranger: User) -> None:
    response = client_of(stranger).get(paths[route])
    assert (response.status_code, response.json()) == (
        403,
        {"detail": "Your account has no role that may read this. Ask an administrator for the viewer role."},
    )


@pytest.mark.parametrize("route", ROUTES)
def test_it_tells_who_is_nobody_to_log_in(route: str, paths: dict[str, str]) -> None:
    response = Client().get(paths[route])
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert response.json() == {"detail": "Not authenticated"}


# --- The description ----------------------------------------------------------------------------------------------


def conforms(body: Any, response: dict[str, Any]) -> None:
    """Fails unless the body is what the response's description says."""
    schema = {**response["content"]["application/json"]["schema"], "components": document()["components"]}
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)


@pytest.mark.parametrize("path", DESCRIBED)
def test_its_examples_are_what_it_describes(path: str) -> None:
    responses = DESCRIBED[path]["responses"]
    assert set(responses) >= {"200", "401", "403", "503"}
    assert ("404" in responses) == ("_id}" in path)
    assert ("422" in responses) == path.endswith(("/tasks", "/stats", "/workflows", "/ledger"))
    for response in responses.values():
        for example in response["content"]["application/json"]["examples"].values():
            conforms(example["value"], response)


@pytest.mark.parametrize("route", ROUTES)
def test_it_describes_what_is_answered(route: str, paths: dict[str, str], viewer: User, stranger: User) -> None:
    responses = DESCRIBED[f"{BASE}/{route.replace('<str:task_id>', '{task_id}')}"]["responses"]
    conforms(client_of(viewer).get(paths[route]).json(), responses["200"])
    conforms(client_of(stranger).get(paths[route]).json(), responses["403"])
    conforms(Client().get(paths[route]).json(), responses["401"])
    if "422" in responses:
        conforms(client_of(viewer).get(paths[route], {"origin_zone": "\0", "queue": "\0"}).json(), responses["422"])
