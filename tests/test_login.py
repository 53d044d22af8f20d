"""POST auth/login, the tokens it gives, and how often one may try."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.auth.models import User
from django.core.handlers.asgi import ASGIHandler
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from audit import logins
from audit.logins import LoginRefused, TooManyAttempts, WrongCredentials, log_in
from audit.sources import source_of
from audit.tokens import AccessToken, stamp_of
from tests.cast import API

PASSWORD = "correct horse battery staple"
WRONG = {"message": "Invalid username or password"}


@pytest.fixture
def fast_hashes(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def vera(viewer: User, fast_hashes: None) -> User:
    """The viewer, with a password."""
    viewer.set_password(PASSWORD)
    viewer.save()
    return viewer


def post(username: object, password: object, **options: Any) -> Any:
    """Tries to log in over HTTP."""
    body = {"username": username, "password": password}
    return Client().post(f"{API}/auth/login", body, content_type="application/json", **options)


def claims_of(token: str) -> dict[str, Any]:
    padded = token.split(".")[1] + "=="
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
    return claims


# --- Tokens -------------------------------------------------------------------------------------------------------


def test_it_gives_a_token_that_opens_the_api(vera: User) -> None:
    response = post("vera", PASSWORD)
    assert response.status_code == 200
    answer = response.json()
    assert sorted(answer) == ["expiresAt", "token", "username"]
    assert answer["username"] == "vera"
    assert answer["expiresAt"].endswith("Z")
    expires_at = datetime.fromisoformat(answer["expiresAt"])
    assert abs(expires_at - datetime.now(UTC) - timedelta(hours=8)) < timedelta(seconds=10)
    assert Client().get(f"{API}/tasks", headers={"Authorization": f"Bearer {answer['token']}"}).status_code == 200
    assert "no-store" in response["Cache-Control"]


def test_it_signs_with_hs256_and_claims_four_things(vera: User) -> None:
    answer = post("vera", PASSWORD).json()
    claims = claims_of(answer["token"])
    assert jwt.get_unverified_header(answer["token"]) == {"alg": "HS256", "typ": "JWT"}
    assert sorted(claims) == ["exp", "iat", "jti", "sub"]
    assert (claims["sub"], claims["exp"] - claims["iat"]) == (str(vera.pk), 8 * 3600)
    assert claims_of(post("vera", PASSWORD).json()["token"])["jti"] != claims["jti"]


def test_it_remembers_when_someone_last_came_in(vera: User) -> None:
    post("vera", PASSWORD)
    vera.refresh_from_db()
    assert vera.last_login is not None
    assert datetime.now(UTC) - vera.last_login < timedelta(seconds=10)


def forged(vera: User, **changes: Any) -> str:
    now = int(time.time())
    claims = {"sub": str(vera.pk), "iat": now, "exp": now + 60, "jti": f"1.{stamp_of(vera)}", **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, settings.SECRET_KEY)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer a.b.c d.e.f",
        "Basic dmVyYTpzZWNyZXQ=",
        "Token abc",
        "Bearer é",
        "Bearer " + "." * 5_000,
        "Bearer " + base64.urlsafe_b64encode(b'{"a":' + b"[" * 3_000).decode() + ".e30.x",
        "nonsense",
    ],
)
def test_it_refuses_a_header_that_holds_no_token(vera: User, header: str) -> None:
    client = Client()
    client.force_login(vera)  # a bad token is refused even where a session would do
    response = client.get(f"{API}/tasks", headers={"Authorization": header})
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert list(response.json()) == ["message"]


def test_it_refuses_tokens_that_are_expired_forged_or_nobodys(vera: User) -> None:
    good = forged(vera)
    header, _, signature = good.split(".")
    other_claims = base64.urlsafe_b64encode(json.dumps({**claims_of(good), "sub": "1"}).encode()).decode().rstrip("=")
    for token in (
        forged(vera, exp=int(time.time()) - 1),
        forged(vera, exp=None),
        forged(vera, jti=None),
        forged(vera, jti="1"),
        forged(vera, jti=7),
        forged(vera, jti=f"1.{'0' * 32}"),
        forged(vera, sub=None),
        forged(vera, sub="987654"),
        forged(vera, sub="vera"),
        forged(vera, sub="9" * 30),
        f"{header}.{other_claims}.{signature}",
        jwt.encode(claims_of(good), "another key that is long enough to sign with"),
        jwt.encode(claims_of(good), settings.SECRET_KEY, algorithm="HS384"),
        jwt.encode(claims_of(good), "", algorithm="none"),
    ):
        response = Client().get(f"{API}/tasks", headers={"Authorization": f"Bearer {token}"})
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
    assert Client().get(f"{API}/tasks", headers={"Authorization": f"bearer {good}"}).status_code == 200


def test_it_refuses_the_token_of_who_was_deactivated_or_deleted(vera: User) -> None:
    headers = {"Authorization": f"Bearer {AccessToken.for_user(vera)}"}
    assert Client().get(f"{API}/tasks", headers=headers).status_code == 200
    vera.is_active = False
    vera.save()
    assert Client().get(f"{API}/tasks", headers=headers).status_code == 401
    vera.delete()
    assert Client().get(f"{API}/tasks", headers=headers).status_code == 401


def test_it_opens_the_same_endpoints_to_the_session_of_the_pages(vera: User) -> None:
    client = Client()
    client.force_login(vera)
    assert client.get(f"{API}/tasks").status_code == 200
    vera.is_active = False
    vera.save()
    assert client.get(f"{API}/tasks").status_code == 401


def test_it_needs_no_csrf_token_and_no_credentials_to_log_in(vera: User) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Authorization": "Bearer stale"})
    client.force_login(vera)
    body = {"username": "vera", "password": PASSWORD}
    assert client.post(f"{API}/auth/login", body, content_type="application/json").status_code == 200


@pytest.mark.parametrize(("body", "status"), [(b'{"username": "vera"}', 400), (b'"' + b"x" * 1024 * 1024 + b'"', 413)])
async def test_it_reads_a_body_that_comes_in_chunks(body: bytes, status: int) -> None:
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")]
    scope = {"type": "http", "method": "POST", "path": f"{API}/auth/login", "query_string": b"", "headers": headers}
    communicator: Any = ApplicationCommunicator  # asgiref leaves its methods untyped
    server = communicator(ASGIHandler(), scope)
    await server.send_input({"type": "http.request", "body": body[:10], "more_body": True})
    await server.send_input({"type": "http.request", "body": body[10:]})
    assert (await server.receive_output())["status"] == status
    answer = json.loads((await server.receive_output())["body"])
    if status == 400:
        assert list(answer["errors"]) == ["password"]
    await server.wait()


# --- Refusals -----------------------------------------------------------------------------------------------------


def test_it_answers_alike_whatever_was_wrong(vera: User) -> None:
    User.objects.create_user("ivan", password=PASSWORD, is_active=False)
    for username, password in (("vera", "wrong"), ("nobody", PASSWORD), ("ivan", PASSWORD), ("VERA", PASSWORD)):
        response = post(username, password)
        assert (response.status_code, response.json()) == (401, WRONG)
        assert response["WWW-Authenticate"] == "Bearer"


def test_it_takes_as_long_for_an_unknown_user(viewer: User) -> None:
    viewer.set_password(PASSWORD)
    viewer.save()

    def seconds(username: str) -> float:
        started = time.perf_counter()
        with pytest.raises(WrongCredentials):
            log_in(username=username, password="wrong", source="192.0.2.1")
        return time.perf_counter() - started

    known = min(seconds("vera") for _ in range(3))
    unknown = min(seconds(f"nobody{number}") for number in range(3))
    assert 0.5 < unknown / known < 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "username"),
        ({"username": "vera"}, "password"),
        ({"password": PASSWORD}, "username"),
        ({"username": "", "password": PASSWORD}, "username"),
        ({"username": "vera", "password": ""}, "password"),
        ({"username": None, "password": PASSWORD}, "username"),
        ({"username": ["vera"], "password": PASSWORD}, "username"),
        ({"username": {"a": 1}, "password": PASSWORD}, "username"),
        ({"username": True, "password": PASSWORD}, "username"),
        ({"username": "ve\x00ra", "password": PASSWORD}, "username"),
        ({"username": "vera", "password": "\ud800"}, "password"),
    ],
)
def test_it_names_the_field_that_cannot_be_used(vera: User, body: dict[str, Any], field: str) -> None:
    response = Client().post(f"{API}/auth/login", json.dumps(body), content_type="application/json")
    assert response.status_code == 400
    assert response.json()["errors"][field]
    assert field in response.json()["message"]


@pytest.mark.parametrize("username", ["ve\x00ra", "\ud800", "x" * 100_000, "' OR 1=1 --", "💩", "vera\n", " vera"])
def test_it_takes_any_text_for_a_wrong_name(vera: User, username: str) -> None:
    with pytest.raises(WrongCredentials):
        log_in(username=username, password="\x00\ud800", source="192.0.2.1")


def test_it_logs_who_failed_and_never_the_password(vera: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        post("ve\nra", "a-very-secret-word")
    assert "login of 've\\nra' from 127.0.0.1 refused: Invalid username or password" in caplog.text
    assert "a-very-secret-word" not in caplog.text


# --- Throttling ---------------------------------------------------------------------------------------------------


class Clock:
    """A clock that a test turns forward, for the throttle and for the cache's expiry."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time()
        monkeypatch.setattr("audit.logins.time.time", lambda: self.now)
        monkeypatch.setattr("django.core.cache.backends.db.tz_now", lambda: datetime.fromtimestamp(self.now, tz=UTC))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def fail(username: str, times: int, source: str = "192.0.2.1") -> None:
    for _ in range(times):
        with pytest.raises(WrongCredentials):
            log_in(username=username, password="wrong", source=source)


def test_it_makes_an_account_wait_after_too_many_failures(vera: User, clock: Clock) -> None:
    fail("vera", settings.LOGIN_ATTEMPTS_PER_ACCOUNT - 1)
    clock.now += 60
    fail("vera", 1)
    response = post("vera", PASSWORD)
    assert (response.status_code, response["Retry-After"]) == (429, "240")
    assert response.json() == {"message": "Too many failed logins. Try again in 240 seconds."}
    clock.now += 241
    assert post("vera", PASSWORD).status_code == 200


def test_it_limits_an_unknown_account_alike(fast_hashes: None, db: None) -> None:
    fail("nobody", settings.LOGIN_ATTEMPTS_PER_ACCOUNT)
    assert post("nobody", PASSWORD).status_code == 429


def test_it_lets_other_accounts_in_meanwhile(vera: User) -> None:
    fail("nobody", settings.LOGIN_ATTEMPTS_PER_ACCOUNT)
    assert post("vera", PASSWORD).status_code == 200


def test_it_makes_a_source_wait_after_too_many_failures(vera: User, settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_SOURCE = 5
    for number in range(5):
        fail(f"nobody{number}", 1, source="192.0.2.7")
    for username in ("vera", "nobody9"):
        with pytest.raises(TooManyAttempts) as refused:
            log_in(username=username, password=PASSWORD, source="192.0.2.7")
        assert 0 < refused.value.retry_after_seconds <= logins.WINDOW_SECONDS
    assert log_in(username="vera", password=PASSWORD, source="192.0.2.8") == vera


@pytest.mark.django_db(transaction=True)
def test_it_counts_attempts_made_at_the_same_moment(fast_hashes: None) -> None:
    def attempt(number: int) -> type[Exception]:
        try:
            log_in(username="nobody", password="wrong", source=f"192.0.2.{number}")
        except LoginRefused as refused:
            return type(refused)
        finally:
            connection.close()
        raise AssertionError("nobody came in")

    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(attempt, range(30)))
    assert answers[WrongCredentials] <= settings.LOGIN_ATTEMPTS_PER_ACCOUNT
    assert answers[TooManyAttempts] == 30 - answers[WrongCredentials]


def test_it_does_not_count_attempts_that_were_refused(vera: User, settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_SOURCE = 1
    fail("nobody", 1, source="192.0.2.7")
    for _ in range(settings.LOGIN_ATTEMPTS_PER_ACCOUNT + 1):
        with pytest.raises(TooManyAttempts):
            log_in(username="vera", password="wrong", source="192.0.2.7")
    assert log_in(username="vera", password=PASSWORD, source="192.0.2.8") == vera


def test_it_forgives_an_account_that_logs_in_but_not_its_source(vera: User, settings: Settings) -> None:
    settings.LOGIN_ATTEMPTS_PER_SOURCE = 2 * (settings.LOGIN_ATTEMPTS_PER_ACCOUNT - 1)
    fail("vera", settings.LOGIN_ATTEMPTS_PER_ACCOUNT - 1)
    log_in(username="vera", password=PASSWORD, source="192.0.2.1")
    fail("vera", settings.LOGIN_ATTEMPTS_PER_ACCOUNT - 1)
    with pytest.raises(TooManyAttempts):
        log_in(username="vera", password=PASSWORD, source="192.0.2.1")
    assert log_in(username="vera", password=PASSWORD, source="192.0.2.2") == vera


@pytest.mark.parametrize(
    ("behind_proxy", "headers", "source"),
    [
        (False, {"REMOTE_ADDR": "192.0.2.1"}, "192.0.2.1"),
        (False, {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "198.51.100.9"}, "192.0.2.1"),
        (True, {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.1, 198.51.100.9"}, "198.51.100.9"),
        (True, {"REMOTE_ADDR": "127.0.0.1"}, "127.0.0.1"),
        (False, {"REMOTE_ADDR": "2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"),
        (False, {"REMOTE_ADDR": "::ffff:192.0.2.1"}, "192.0.2.1"),
        (False, {"REMOTE_ADDR": ""}, "unknown"),
        (True, {"HTTP_X_FORWARDED_FOR": "<script>\r\n"}, "unknown"),
    ],
)
def test_it_knows_where_a_request_comes_from(
    settings: Settings, behind_proxy: bool, headers: dict[str, str], source: str
) -> None:
    settings.BEHIND_PROXY = behind_proxy
    assert source_of(headers) == source
