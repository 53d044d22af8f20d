"""What one logged in with ends: with the password, with the account, with the logout; and it is new at each login."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from audit.tokens import AccessToken, stamp_of
from tests.cast import API, client_of

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"
PATHS = (f"{API}/tasks", "/api/v1/monitoring/tasks", "/api/v1/scheduler/jobs", "/api/v1/tasks", "/api/v1/metrics")


@pytest.fixture(autouse=True)
def fast_hashes(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def vera(viewer: User) -> User:
    """The viewer, with a password."""
    return with_password(viewer, PASSWORD)


def with_password(user: User, password: str) -> User:
    user.set_password(password)
    user.save()
    return user


def log_in(client: Client, **more: str) -> Any:
    return client.post(reverse("login"), {"username": "vera", "password": PASSWORD, **more})


@pytest.mark.parametrize("path", PATHS)
def test_a_new_password_ends_tokens_and_sessions(vera: User, path: str) -> None:
    by_token, by_session = client_of(vera), Client()
    log_in(by_session)
    assert [client.get(path).status_code for client in (by_token, by_session)] == [200, 200]
    with_password(vera, "another one, and a longer one")
    assert [client.get(path).status_code for client in (by_token, by_session)] == [401, 401]
    assert client_of(vera).get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_an_account_that_is_deactivated_ends_them(vera: User, path: str) -> None:
    by_token, by_session = client_of(vera), Client()
    log_in(by_session)
    User.objects.update(is_active=False)
    assert [client.get(path).status_code for client in (by_token, by_session)] == [401, 401]


def test_pages_end_alike(vera: User) -> None:
    page, header = reverse("tasks"), {"Authorization": f"Bearer {AccessToken.for_user(vera)}"}
    browser = Client()
    log_in(browser)
    assert (browser.get(page).status_code, Client().get(page, headers=header).status_code) == (200, 200)
    with_password(vera, "another one, and a longer one")
    assert browser.get(page)["Location"].startswith(f"{reverse('login')}?next=")
    assert Client().get(page, headers=header).status_code == 401


def test_an_admin_who_sets_a_password_ends_what_was_open(vera: User) -> None:
    root, browser = Client(), Client()
    root.force_login(User.objects.create_superuser("root"))
    log_in(browser)
    new = {"password1": "a new one from the admin", "password2": "a new one from the admin", "usable_password": "true"}
    assert root.post(reverse("admin:auth_user_password_change", args=[vera.pk]), new).status_code == 302
    assert browser.get(f"{API}/tasks").status_code == 401
    assert root.get(f"{API}/tasks").status_code == 200


def test_a_login_makes_a_new_session_and_a_new_csrf_token(vera: User) -> None:
    client = Client()
    client.get(reverse("login"))
    session = client.session
    session["planted"] = "by someone else"
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    planted, csrf = session.session_key, client.cookies["csrftoken"].value
    assert log_in(client).status_code == 302
    assert client.session.session_key != planted
    assert client.cookies["csrftoken"].value != csrf
    stale = Client()
    stale.cookies[settings.SESSION_COOKIE_NAME] = str(planted)
    assert stale.get(f"{API}/tasks").status_code == 401


def test_a_logout_ends_the_session_for_whoever_has_its_key(vera: User) -> None:
    client, copy = Client(), Client()
    log_in(client)
    copy.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert copy.get(f"{API}/tasks").status_code == 200
    client.post(reverse("logout"))
    assert copy.get(f"{API}/tasks").status_code == 401


def test_a_stamp_tells_nothing_and_is_each_accounts_own(vera: User, operator: User) -> None:
    first = stamp_of(vera)
    assert len(first) == 32
    assert first != stamp_of(operator)
    assert first not in vera.password
    assert stamp_of(with_password(vera, PASSWORD)) != first  # the same one anew has another salt
