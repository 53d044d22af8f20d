"""Whatever is sent to the dashboard API: an answer in its shape, never an error of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from config.errors import bad_request, page_not_found, permission_denied, server_error
from tests.cast import API
from tests.factories import make_task


def refused(response: Any, status: int) -> dict[str, Any]:
    """The body of a refusal, checked for its shape."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == "application/json"
    body: dict[str, Any] = response.json()
    assert set(body) <= {"message", "errors"}
    assert isinstance(body["message"], str)
    assert body["message"]
    for sentences in body.get("errors", {}).values():
        assert all(isinstance(sentence, str) for sentence in sentences)
    return body


# --- Parameters ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "value", "accepted"),
    [
        ("status", "Done", "WaitingQueue, Pending, Queued, InProgress, Completed, Failed, Cancelled"),
        ("status", "Failed,Done", "WaitingQueue"),
        ("status", "COMPLETED\x00", "WaitingQueue"),
        ("sortBy", "id", "CreatedAtUtc, LastExecutionUtc, NextRunUtc, Status, TaskType, QueueName"),
        ("sortBy", "CreatedAtUtc; DROP TABLE", "CreatedAtUtc"),
        ("sortDescending", "downwards", "true or false"),
        ("isRecurring", "maybe", "true or false"),
        ("isRecurring", "2", "true or false"),
        ("createdFrom", "yesterday", "2025-01-15T10:00:00Z"),
        ("createdTo", "2025-13-45", "2025-01-15T10:00:00Z"),
        ("createdTo", "2025-01-15T10:00:00 02:00", "2025-01-15T10:00:00Z"),
        ("createdFrom", "0001-01-01T00:00:00+05:00", "2025-01-15T10:00:00Z"),
        ("createdTo", "9999-12-31T23:59:59-05:00", "2025-01-15T10:00:00Z"),
        ("createdTo", "10000-01-01", "2025-01-15T10:00:00Z"),
        ("page", "0", "1"),
        ("page", "-1", "1"),
        ("page", "one", "integer"),
        ("page", "1.5", "integer"),
        ("page", "9" * 5_000, "large"),
        ("pageSize", "0", "1"),
        ("pageSize", "-999999999999999999999", "1"),
        ("pageSize", "NaN", "integer"),
        ("queueName", "a\x00b", "Null characters"),
        ("taskType", "x" * 256, "255"),
        ("search", "x" * 100_000, "255"),
    ],
)
def test_it_names_the_parameter_and_what_is_accepted(api: Client, parameter: str, value: str, accepted: str) -> None:
    body = refused(api.get(f"{API}/tasks", {parameter: value}), 400)
    assert list(body["errors"]) == [parameter]
    assert accepted in " ".join(body["errors"][parameter])
    assert body["message"].startswith(f"{parameter}: ")


RANGES = ["dashboard/overview", "statistics/task-types", "statistics/execution-times"]
ODD_WORDS = ["Yesterday", "Today\x00", "Today,Week", "%", "_", "'", '"', "9999-12-31", "null", "x" * 100_000]


@pytest.mark.parametrize(
    ("path", "parameter", "value", "accepted"),
    [
        *((path, "range", word, "Today, Week, Month, All") for path in RANGES for word in ODD_WORDS),
        *(
            ("statistics/success-rate-trend", "period", word, "Last7Days, Last30Days, Last90Days")
            for word in ["Today", "7", *ODD_WORDS]
        ),
        *(("dashboard/recent-activity", "limit", number, "1") for number in ("0", "-1", "-" + "9" * 30)),
        *(("dashboard/recent-activity", "limit", word, "integer") for word in ("many", "1.5", "NaN", "1\x00", "%")),
        ("dashboard/recent-activity", "limit", "9" * 5_000, "large"),
        ("queues/default/tasks", "status", "Done", "WaitingQueue"),
        ("queues/default/tasks", "page", "0", "1"),
        ("queues/default/tasks", "createdTo", "9999-12-31T23:59:59-05:00", "2025-01-15T10:00:00Z"),
        ("queues/default/tasks", "search", "a\x00b", "Null characters"),
    ],
)
def test_it_names_the_parameter_of_a_figure(api: Client, path: str, parameter: str, value: str, accepted: str) -> None:
    make_task()
    body = refused(api.get(f"{API}/{path}", {parameter: value}), 400)
    assert list(body["errors"]) == [parameter]
    assert accepted in " ".join(body["errors"][parameter])
    assert body["message"].startswith(f"{parameter}: ")


@pytest.mark.parametrize("path", [*RANGES, "statistics/success-rate-trend", "dashboard/recent-activity", "queues"])
@pytest.mark.parametrize(
    "query",
    [
        "range=&period=&limit=",
        "range=Nonsense&range=Week&period=x&period=Last30Days&limit=0&limit=7",
        "limit=999999999999999999999999",
        "colour=%00&queueName=%ED%A0%80&createdFrom=x&page=0",
    ],
)
def test_it_bears_odd_but_possible_parameters_of_figures(api: Client, path: str, query: str) -> None:
    make_task()
    assert api.get(f"{API}/{path}?{query}").status_code == 200


def test_it_names_every_parameter_at_once(api: Client) -> None:
    body = refused(api.get(f"{API}/tasks", {"page": "x", "status": "y", "isRecurring": "z"}), 400)
    assert set(body["errors"]) == {"page", "status", "isRecurring"}


@pytest.mark.parametrize(
    "query",
    [
        "createdFrom=0001-01-01&createdTo=9999-12-31T23:59:59.9999999Z",
        "createdTo=0001-01-01T00:00:00Z",
        "createdFrom=9999-12-31T23:59:59Z",
        "createdFrom=2025-01-16&createdTo=2025-01-15",
        "search=%ED%A0%80&queueName=%FF%FE&taskType=%C0%80",
        "search=%F0%9F%92%A9",
        "queueName=%E2%80%AE%3Cscript%3E",
        "taskType=%25%25%25%5F%5C%27%22%3B--",
        "status=&status=,,&&&=&%3D=%00",
        "page=2&page=1",
        "page=%EF%BC%91",
        "search=" + "-" * 255,
        "search=" + "f" * 40,
        "&".join(f"unknown{number}=1" for number in range(900)),
    ],
)
def test_it_bears_odd_but_possible_parameters(api: Client, query: str) -> None:
    make_task()
    for path in ("tasks", "tasks/counts"):
        response = api.get(f"{API}/{path}?{query}")
        assert response.status_code == 200, response.content


def test_it_refuses_too_many_parameters(api: Client) -> None:
    refused(api.get(f"{API}/tasks?" + "status=Failed&" * 1_001), 400)


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("status", "queueName", "taskType", "isRecurring", "createdFrom", "createdTo", "search"),
                *("sortBy", "sortDescending", "page", "pageSize"),
            ]
        ),
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"])),
            st.integers().map(str),
            st.floats().map(str),
            st.datetimes().map(str),
            st.booleans().map(str),
            st.sampled_from(["Failed", "queued", "CreatedAtUtc", "2025-01-15", "%", "null", "[]", "{}"]),
        ),
    )
)
def test_it_never_fails_whatever_the_parameters(api: Client, parameters: dict[str, str]) -> None:
    for path in ("tasks", "tasks/counts"):
        response = api.get(f"{API}/{path}", parameters)
        if response.status_code != 200:
            refused(response, 400)


# --- Bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"17",
        b"\xff\xfe",
        b'{"username": NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\x00",
        b"username=vera&password=secret",
        b"1" * 10_000,
        b"",
    ],
)
def test_it_refuses_a_body_that_is_no_json_object(db: None, body: bytes) -> None:
    refused(Client().post(f"{API}/auth/login", body, content_type="application/json"), 400)


def test_it_refuses_a_body_above_one_mebibyte(db: None) -> None:
    body = json.dumps({"username": "vera", "password": "x" * 1024 * 1024})
    refused(Client().post(f"{API}/auth/login", body, content_type="application/json"), 413)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"]
)
def test_it_refuses_other_kinds_of_bodies(db: None, content_type: str) -> None:
    refused(Client().post(f"{API}/auth/login", b'{"username":"a","password":"b"}', content_type=content_type), 415)


def test_it_refuses_a_charset_that_is_none(db: None) -> None:
    body = b'{"username":"a","password":"b"}'
    for charset in ("bz2_codec", "rot13", "hex"):
        content_type = f"application/json; charset={charset}"
        refused(Client().generic("POST", f"{API}/auth/login", body, content_type=content_type), 400)


# --- Paths, methods, headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["", "/", "/tasks/", "/auth", "/auth/login/", "/nothing", "/tasks/1/2/3", "/%00", "/é"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete", "options"])
def test_it_knows_no_other_path_whoever_asks(api: Client, path: str, method: str) -> None:
    for client in (api, Client(), Client(headers={"Authorization": "Bearer stale"})):
        refused(getattr(client, method)(f"{API}{path}"), 404)


def test_it_knows_no_other_path_in_development_either(api: Client, settings: Settings) -> None:
    settings.DEBUG = True
    refused(api.get(f"{API}/nothing"), 404)


FIGURES = [
    *("dashboard/overview", "dashboard/recent-activity", "queues"),
    *("statistics/success-rate-trend", "statistics/task-types", "statistics/execution-times"),
]


@pytest.mark.parametrize(
    "path", ["tasks", "tasks/counts", "tasks/1", "tasks/1/runs-audit", "config", *FIGURES, "queues/a/tasks"]
)
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_refuses_other_methods(api: Client, path: str, method: str) -> None:
    response = getattr(api, method)(f"{API}/{path}", {}, content_type="application/json")
    refused(response, 405)
    assert "GET" in response["Allow"]


def test_it_refuses_to_read_a_login(db: None) -> None:
    refused(Client().get(f"{API}/auth/login"), 405)


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", "*/*;q=0", "\x00"])
def test_it_answers_json_whatever_is_accepted(api: Client, accept: str) -> None:
    assert api.get(f"{API}/tasks", headers={"Accept": accept}).json()["totalCount"] == 0


@pytest.mark.parametrize("tag", ["nonsense", '"', "W/", "*", '"a", "b"', "é"])
def test_it_bears_any_if_none_match(api: Client, tag: str) -> None:
    assert api.get(f"{API}/tasks", headers={"If-None-Match": tag}).status_code in {200, 304}


# --- What is not the client's fault -------------------------------------------------------------------------------


@contextmanager
def failing_database(error: Exception) -> Iterator[None]:
    """Every statement raises the error."""

    def fail(*args: object) -> None:
        raise error

    with connection.execute_wrapper(fail):
        yield


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
@pytest.mark.parametrize(
    "path", ["tasks", "tasks/counts", "tasks/dc49351d-476d-49f0-a1e8-3e2a39182d22", "queues/a/tasks", *FIGURES]
)
def test_it_says_when_the_database_is_out_of_reach(api: Client, viewer: User, path: str, kind: type[Exception]) -> None:
    browser = Client()
    browser.force_login(viewer)
    with failing_database(kind("server closed the connection, password=hidden-value")):
        for client in (api, browser):
            response = client.get(f"{API}/{path}")
            assert "hidden-value" not in refused(response, 503)["message"]
            assert response["Retry-After"] == "5"


def test_it_cannot_log_in_while_the_database_is_out_of_reach(db: None) -> None:
    body = {"username": "vera", "password": "x"}
    with failing_database(OperationalError("gone")):
        refused(Client().post(f"{API}/auth/login", body, content_type="application/json"), 503)
        assert Client().get(f"{API}/config").status_code == 200


@pytest.mark.parametrize("debug", [False, True])
def test_pages_say_what_is_out_of_reach(viewer: User, settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    browser = Client(raise_request_exception=False)
    browser.force_login(viewer)
    for path in ("", "/tasks", "/workflows", "/schedules", "/audit"):
        with failing_database(OperationalError("gone")):
            response = browser.get(f"/{settings.MONITORING_BASE_PATH}{path}", follow=True)
        assert (response.status_code, response["Retry-After"]) == (503, "5"), path
        assert "The database cannot be reached or is busy" in response.content.decode()


def test_it_says_nothing_of_what_nobody_foresaw(api: Client) -> None:
    api.raise_request_exception = False
    with failing_database(ZeroDivisionError("a secret detail")):
        body = refused(api.get(f"{API}/tasks"), 500)
    assert "secret" not in json.dumps(body)


def test_it_keeps_its_shape_where_django_answers_before_any_view(api: Client) -> None:
    refused(api.get(f"{API}/tasks", headers={"Host": "evil.example"}), 400)


def test_it_leaves_the_pages_to_django(db: None) -> None:
    request = RequestFactory().get("/elsewhere")
    answers = {
        400: bad_request(request, Exception()),
        403: permission_denied(request, Exception()),
        404: page_not_found(request, Exception()),
        500: server_error(request),
    }
    for status, response in answers.items():
        assert (response.status_code, response["Content-Type"][:9]) == (status, "text/html")
