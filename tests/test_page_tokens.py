"""A bearer token on the pages: as good as a login, and refused when it is not."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from audit.tokens import AccessToken
from tests.cast import client_of

BASE = f"/{settings.MONITORING_BASE_PATH}"


@pytest.mark.django_db
def test_it_stands_for_a_login(viewer: User, stranger: User) -> None:
    assert client_of(viewer).get(f"{BASE}/tasks").status_code == 200
    assert client_of(stranger).get(f"{BASE}/tasks").status_code == 403


@pytest.mark.django_db
def test_it_needs_no_csrf_token_but_a_session_does(viewer: User) -> None:
    with_token = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {AccessToken.for_user(viewer)}"})
    assert with_token.post(f"{BASE}/logout").status_code == 302
    with_session = Client(enforce_csrf_checks=True)
    with_session.force_login(viewer)
    assert with_session.post(f"{BASE}/logout").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic dmVyYTp2ZXJh", "", "Bearer"])
def test_a_bad_one_is_refused_even_beside_a_good_session(browser: Client, header: str) -> None:
    answer = browser.get(f"{BASE}/tasks", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["ok"] is False


@pytest.mark.django_db
def test_other_paths_are_left_alone(browser: Client) -> None:
    assert browser.get("/admin/login/", headers={"Authorization": "Bearer nonsense"}).status_code == 403
    assert "message" in browser.get(f"{BASE}/api/tasks", headers={"Authorization": "Bearer x"}).json()
