"""How analytics are asked for and answered: they cost the same at any size, and are kept for a while."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from monitoring.statuses import Status
from tests.analytics import (
    BASE,
    ask,
    make_attempt,
    make_ended,
    nothing_kept,  # noqa: F401  # a fixture
)
from tests.cast import client_of
from tests.test_openapi import check, operations
from tests.workflow_api import refused
from tests.workflows import begin, run

pytestmark = pytest.mark.django_db
AUTHENTICATION = 3


def test_an_answer_is_kept_by_its_parameters(api: Client) -> None:
    for path, ttl, other in (("performance", 90, {}), ("bottlenecks", 120, {"period": 2})):
        first = ask(api, path)
        assert first["cache_info"] == {"cached": False, "ttl_seconds": ttl}
        make_ended(1)
        again = ask(api, path)
        assert again == {**first, "cache_info": {"cached": True, "ttl_seconds": ttl}}
        if other:
            assert not ask(api, path, **other)["cache_info"]["cached"]
            assert not ask(api, path, name="x", **other)["cache_info"]["cached"]
            assert ask(api, path, name="x", **other)["cache_info"]["cached"]


def test_a_kept_answer_costs_no_query(api: Client) -> None:
    for path in ("performance", "bottlenecks"):
        ask(api, path)
        with CaptureQueriesContext(connection) as queries:
            ask(api, path)
        assert len(queries) == AUTHENTICATION


def test_it_asks_as_many_questions_for_many_as_for_few_and_changes_nothing(api: Client) -> None:
    asked = []
    for number in (2, 30):
        for each in range(number):
            make_attempt(1, Status.FAILED, kind=f"s{each}", error=f"E{each % 5}: x")
            make_ended(90, task_type=f"a.t{each}", queue=f"q{each}", duration_ms=0.01, wait_ms=1.0)
        run(begin())
        caches["analytics"].clear()
        with CaptureQueriesContext(connection) as queries:
            ask(api, "performance")
            ask(api, "bottlenecks")
            ask(api, "bottlenecks", namespace="tests")
        sql = [query["sql"] for query in queries]
        assert all(statement.startswith("SELECT") for statement in sql), sql
        # Of tasks and runs it reads those of broken hours, of one error's last hour, and no others.
        tables = ('FROM "monitoring_task"', 'FROM "audit_taskrun"')
        reading = [statement for statement in sql if any(table in statement for table in tables)]
        assert all('_at" >= ' in statement and '_at" < ' in statement for statement in reading), reading
        asked.append(len(sql))
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("parameter", "value", "accepted"),
    [
        ("period", "0", "1"), ("period", "721", "720"), ("period", "day", "integer"), ("period", "1.5", "integer"),
        ("period", "9" * 5_000, "large"), ("namespace", "a\x00", "Null"), ("name", "x" * 151, "150"),
        ("version", "x" * 51, "50"),
    ],
)  # fmt: skip
def test_it_names_a_parameter_that_cannot_be_used(api: Client, parameter: str, value: str, accepted: str) -> None:
    error = refused(api.get(f"{BASE}/bottlenecks", {parameter: value}), 400, "INVALID_PARAMETER")
    assert list(error["details"]) == [parameter]
    assert accepted in " ".join(error["details"][parameter])


def test_without_redis_it_is_unavailable(api: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for path in ("performance", "bottlenecks"):
        answer = api.get(f"{BASE}/{path}")
        error = refused(answer, 503, "ANALYTICS_UNAVAILABLE")
        assert error["message"].startswith("Redis cannot be reached")
        assert answer["Retry-After"] == "5"


def test_only_roles_read(stranger: User) -> None:
    for path in ("performance", "bottlenecks"):
        refused(client_of(stranger).get(f"{BASE}/{path}"), 403, "AUTHORIZATION_FAILED")
        refused(Client().get(f"{BASE}/{path}"), 401, "AUTHENTICATION_FAILED")


OURS = {path: item for path, method, item in operations() if path.startswith((BASE, "/api/v1/health/status"))}


@pytest.mark.parametrize("path", OURS)
def test_its_examples_are_what_it_describes(path: str) -> None:
    operation = OURS[path]
    assert operation["security"] == [{"bearer": []}, {"session": []}]
    assert set(operation["responses"]) >= {"200", "401", "403", "503"}
    for response in operation["responses"].values():
        for example in response["content"]["application/json"]["examples"].values():
            check(example["value"], response)


def test_it_describes_what_is_answered(api: Client, stranger: User, settings: Any) -> None:
    run(begin(context={"charge": {"failures": 9}}))
    make_ended(23 * 60, wait_ms=100.0)
    make_ended(5, wait_ms=900.0)
    for path in (f"{BASE}/performance", f"{BASE}/bottlenecks"):
        responses = OURS[path]["responses"]
        check(api.get(path).json(), responses["200"])
        check(Client().get(path).json(), responses["401"])
        check(client_of(stranger).get(path).json(), responses["403"])
    check(api.get(f"{BASE}/bottlenecks", {"period": "x"}).json(), OURS[f"{BASE}/bottlenecks"]["responses"]["400"])
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    caches["analytics"].clear()
    check(api.get(f"{BASE}/performance").json(), OURS[f"{BASE}/performance"]["responses"]["503"])
