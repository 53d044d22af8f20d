"""How often the APIs may be called: by account and by address, in all web processes together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from config.openapi import document
from monitoring import allowances
from tests.cast import API, client_of
from tests.running import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def three_a_minute(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.API_REQUESTS_PER_MINUTE_PER_ACCOUNT, settings.API_REQUESTS_PER_MINUTE_PER_SOURCE = 3, 5
    monkeypatch.setattr(allowances, "_asks_again_at", 0.0)


def statuses(client: Client, path: str, number: int, **options: Any) -> list[int]:
    return [client.get(path, **options).status_code for _ in range(number)]


SHAPES = {
    f"{API}/tasks": {"message": "Too many requests. Try again in {} seconds."},
    "/api/v1/monitoring/tasks": {"detail": "Too many requests. Try again in {} seconds."},
    "/api/v1/scheduler/jobs": {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests. Try again in {} seconds.",
    },
    "/api/v1/tasks": {
        "error": {
            "type": "TooManyRequests",
            "message": "Too many requests. Try again in {} seconds.",
            "code": "TOO_MANY_REQUESTS",
        }
    },
}


@pytest.mark.parametrize("path", SHAPES)
def test_an_account_that_asks_too_often_is_told_in_the_shape_of_the_surface(api: Client, path: str) -> None:
    assert statuses(api, path, 3) == [200] * 3
    answer = api.get(path)
    seconds = answer["Retry-After"]
    assert 15 <= int(seconds) <= 20
    told = json.loads(json.dumps(SHAPES[path]).replace("{} seconds", f"{seconds} seconds"))
    assert (answer.status_code, answer.json()) == (429, told)
    assert "429" in document()["paths"][path]["get"]["responses"]


def test_tokens_and_sessions_share_an_accounts_allowance_and_others_have_their_own(
    api: Client, browser: Client, operator: User
) -> None:
    assert [*statuses(api, f"{API}/tasks", 2), *statuses(browser, f"{API}/tasks", 2)] == [200, 200, 200, 429]
    assert statuses(client_of(operator), f"{API}/tasks", 1) == [200]


def test_an_address_has_an_allowance_whoever_asks(viewer: User, operator: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE_PER_ACCOUNT = 0
    found = [*statuses(client_of(viewer), f"{API}/tasks", 3), *statuses(client_of(operator), f"{API}/tasks", 3)]
    assert found == [200] * 5 + [429]
    assert statuses(Client(), f"{API}/config", 1) == [429]
    assert statuses(Client(REMOTE_ADDR="192.0.2.7"), f"{API}/config", 1) == [200]


def test_a_refused_request_costs_nothing(viewer: User, settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE_PER_SOURCE = 4
    assert statuses(client_of(viewer), f"{API}/tasks", 9) == [200] * 3 + [429] * 6
    assert statuses(Client(), f"{API}/config", 2) == [200, 429]


def test_logins_are_limited_like_everything_else(db: None) -> None:
    body = {"username": "nobody", "password": "x"}
    answers = [Client().post(f"{API}/auth/login", body, content_type="application/json") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert 5 <= int(answers[-1]["Retry-After"]) <= 12


def test_it_comes_back_evenly(settings: Settings) -> None:
    assert [allowances.seconds_to_wait({"x": 6_000}) for _ in range(3)] == [0.0] * 3
    assert allowances.seconds_to_wait({"y": 1}) == 0.0
    assert 59 < allowances.seconds_to_wait({"y": 1}) <= 60
    assert [allowances.seconds_to_wait({"z": 0}) for _ in range(3)] == [0.0] * 3


def test_requests_at_the_same_moment_share_no_place() -> None:
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: allowances.seconds_to_wait({"x": 20}), range(100)))
    assert waits.count(0.0) == 20


def test_all_processes_count_together() -> None:
    code = (
        "import django; django.setup(); from monitoring.allowances import seconds_to_wait as s\n"
        "print(sum(s({'shared': 30}) == 0 for _ in range(20)))"
    )
    environment = {**os.environ, "REDIS_URL": django_settings.REDIS_URL}
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 30


def test_health_is_told_however_often(viewer: User) -> None:
    for path in ("live", "status"):
        assert 429 not in statuses(client_of(viewer), f"/api/v1/health/{path}", 7)


def test_nobody_is_held_up_while_redis_is_away(api: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert statuses(api, f"{API}/tasks", 7) == [200] * 7
    assert allowances._asks_again_at > 0


def test_every_operation_but_health_says_that_it_is_limited() -> None:
    silent = [
        path
        for path, item in document()["paths"].items()
        for operation in item.values()
        if "429" not in operation["responses"]
    ]
    assert silent == ["/api/v1/health/live", "/api/v1/health/ready", "/api/v1/health/status"]
    for item in document()["paths"].values():
        for operation in item.values():
            if "429" in operation["responses"]:
                assert "Retry-After" in operation["responses"]["429"]["headers"]
