"""Logging in and out of the pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

BASE = f"/{settings.MONITORING_BASE_PATH}"
PASSWORD = "a quiet sea never made a sailor"


@pytest.fixture
def sailor(viewer: User) -> User:
    viewer.set_password(PASSWORD)
    viewer.save()
    return viewer


def log_in(client: Client, **fields: str) -> Any:
    return client.post(f"{BASE}/login", {"username": "vera", "password": PASSWORD, **fields})


def test_it_logs_in_and_goes_where_one_wanted_to_go(client: Client, sailor: User) -> None:
    assert (
        f'name="next" value="{BASE}/tasks?status=failed"'
        in client.get(f"{BASE}/login", {"next": f"{BASE}/tasks?status=failed"}).content.decode()
    )
    response = log_in(client, next=f"{BASE}/tasks?status=failed")
    assert response.status_code == 302
    assert response.headers["Location"] == f"{BASE}/tasks?status=failed"
    assert client.get(f"{BASE}/tasks").status_code == 200


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "\x00", ""]
)
def test_it_leads_to_no_other_site(client: Client, sailor: User, elsewhere: str) -> None:
    assert log_in(client, next=elsewhere).headers["Location"] == f"{BASE}/"
    assert client.get(f"{BASE}/login", {"next": elsewhere}).headers["Location"] == f"{BASE}/"


def test_it_makes_a_new_session_when_one_logs_in(client: Client, sailor: User) -> None:
    client.get(f"{BASE}/login")
    before = client.session.session_key
    log_in(client)
    assert client.session.session_key != before


def test_it_passes_by_the_form_who_is_logged_in(client: Client, sailor: User) -> None:
    client.force_login(sailor)
    assert client.get(f"{BASE}/login").headers["Location"] == f"{BASE}/"


@pytest.mark.parametrize("fields", [{"password": "wrong"}, {"username": "nobody"}, {"username": "VERA\ud800"}])
def test_it_does_not_tell_which_of_the_two_was_wrong(client: Client, sailor: User, fields: dict[str, str]) -> None:
    fields = {name: value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for name, value in fields.items()}
    response = log_in(client, **fields)
    assert response.status_code == 401
    assert "Invalid username or password." in response.content.decode()
    assert PASSWORD not in response.content.decode()


@pytest.mark.parametrize(
    "fields", [{"username": ""}, {"password": ""}, {"username": "x" * 1000}, {"username": "\x00"}, {"password": "\x00"}]
)
def test_it_says_which_field_is_amiss(client: Client, sailor: User, fields: dict[str, str]) -> None:
    response = log_in(client, **fields)
    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.content.decode()


def test_it_lets_who_failed_too_often_wait(client: Client, sailor: User) -> None:
    settings_limit = settings.LOGIN_ATTEMPTS_PER_ACCOUNT
    for _ in range(settings_limit):
        assert log_in(client, password="wrong").status_code == 401
    response = log_in(client)
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 300
    assert "Too many failed logins" in response.content.decode()


def test_it_refuses_inactive_accounts(client: Client, sailor: User) -> None:
    sailor.is_active = False
    sailor.save()
    assert log_in(client).status_code == 401


def test_it_logs_out_by_a_post_only(client: Client, sailor: User) -> None:
    client.force_login(sailor)
    assert client.get(f"{BASE}/logout").status_code == 405
    assert client.get(f"{BASE}/tasks").status_code == 200
    assert client.post(f"{BASE}/logout").headers["Location"] == f"{BASE}/login"
    assert client.get(f"{BASE}/tasks").status_code == 302


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_it_refuses_forms_without_their_token(sailor: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post(f"{BASE}{path}", {"username": "vera", "password": PASSWORD})
    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()


def test_it_never_loads_anything_from_elsewhere(client: Client, db: None) -> None:
    response = client.get(f"{BASE}/login")
    assert "://" not in response.content.decode()
    assert "script-src" not in response.headers["Content-Security-Policy"]
