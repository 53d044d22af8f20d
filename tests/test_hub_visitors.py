"""Who may listen to the hub: negotiation over HTTP, the WebSocket's own door, and staying."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from monitoring import visitors
from monitoring.events import asgi as events
from monitoring.hub import connection
from tests.hub_client import PATH, Client, bearer, cast, in_thread, token_of

pytest_plugins = ("tests.hub_fixtures",)
pytestmark = pytest.mark.django_db(transaction=True)

NEGOTIATE = f"{PATH}/negotiate?negotiateVersion=1"


@pytest.fixture
def stranger() -> User:
    return cast("stranger")


@pytest.fixture
def browser(watcher: User) -> Browser:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(watcher)
    return browser


def bad_tokens(user: User) -> list[str]:
    good = token_of(user)
    return [
        "Bearer",
        "Bearer nonsense",
        f"Bearer {good[:-3]}",
        f"Bearer {good} {good}",
        f"Bearer {token_of(user, timedelta(seconds=-1))}",
        f"Basic {good}",
        good,
        "",
    ]


# --- Negotiation --------------------------------------------------------------------------------------------------


def test_it_negotiates_with_a_token(client: Browser, watcher: User) -> None:
    answer = client.post(NEGOTIATE, headers={"authorization": bearer(watcher)})
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"negotiateVersion", "connectionId", "connectionToken", "availableTransports"}
    assert body["negotiateVersion"] == 1
    assert body["connectionId"] != body["connectionToken"]
    assert body["availableTransports"] == [{"transport": "WebSockets", "transferFormats": ["Text"]}]
    assert "no-store" in answer["Cache-Control"]
    assert client.post(f"{NEGOTIATE}&access_token={token_of(watcher)}").status_code == 200


def test_it_negotiates_with_the_session_of_our_own_pages(browser: Browser) -> None:
    assert browser.post(NEGOTIATE, headers={"origin": "http://testserver"}).status_code == 200
    assert browser.post(NEGOTIATE, headers={"origin": "https://elsewhere.example"}).status_code == 403
    assert browser.post(NEGOTIATE, headers={"origin": "null"}).status_code == 403
    assert browser.post(NEGOTIATE, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_it_asks_for_a_login(client: Browser) -> None:
    answer = client.post(NEGOTIATE)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert list(answer.json()) == ["message"]


def test_it_refuses_bad_tokens_even_beside_a_good_session(browser: Browser, watcher: User) -> None:
    for header in bad_tokens(watcher):
        answer = browser.post(NEGOTIATE, headers={"authorization": header})
        assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == (401, "Bearer"), header


def test_it_refuses_who_has_no_role(client: Browser, stranger: User) -> None:
    answer = client.post(NEGOTIATE, headers={"authorization": bearer(stranger)})
    assert answer.status_code == 403
    assert "viewer role" in answer.json()["message"]


def test_it_refuses_an_account_that_was_deactivated(client: Browser, watcher: User) -> None:
    header = bearer(watcher)
    User.objects.update(is_active=False)
    assert client.post(NEGOTIATE, headers={"authorization": header}).status_code == 401


def test_it_negotiates_by_post_only(client: Browser, watcher: User) -> None:
    answer = client.get(NEGOTIATE, headers={"authorization": bearer(watcher)})
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.parametrize("version", ["x", "-1", "1.5", "²", "", "\x00"])
def test_it_refuses_a_version_that_is_no_number(client: Browser, watcher: User, version: str) -> None:
    answer = client.post(
        f"{PATH}/negotiate", query_params={"negotiateVersion": version}, headers={"authorization": bearer(watcher)}
    )
    assert answer.status_code == 400
    assert "negotiateVersion" in answer.json()["message"]


def test_it_answers_newer_and_older_clients_in_a_version_both_know(client: Browser, watcher: User) -> None:
    headers = {"authorization": bearer(watcher)}
    newer = client.post(f"{PATH}/negotiate?negotiateVersion=9", headers=headers).json()
    older = client.post(f"{PATH}/negotiate", headers=headers).json()
    assert newer["negotiateVersion"] == 1
    assert older.keys() == {"connectionId", "availableTransports"}


# --- The WebSocket's door -----------------------------------------------------------------------------------------


async def test_it_lets_in_with_a_token(watcher: User) -> None:
    for knock in (
        Client(authorization=bearer(watcher)),
        Client(query=f"access_token={token_of(watcher)}"),
        Client(query=f"id=unknown&access_token={token_of(watcher)}"),
    ):
        await (await knock.come_in()).disconnect()


async def test_it_lets_in_with_the_session(browser: Browser) -> None:
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    await (await Client(cookie=cookie, origin="http://testserver").come_in()).disconnect()


async def test_it_lets_in_with_a_connection_token_of_any_web_process(watcher: User) -> None:
    ticket = await negotiated(watcher)
    await (await Client(query=f"id={ticket}").come_in()).disconnect()


async def test_it_refuses_whoever_shows_nothing(watcher: User) -> None:
    refusal = await Client().refusal()
    assert refusal["status"] == 401
    assert refusal["headers"][b"www-authenticate"] == b"Bearer"
    assert refusal["message"].startswith("Log in first")


async def test_it_refuses_bad_tokens(watcher: User) -> None:
    for header in await in_thread(bad_tokens)(watcher):
        assert (await Client(authorization=header).refusal())["status"] == 401, header
    assert (await Client(query="access_token=nonsense").refusal())["status"] == 401


async def test_it_refuses_a_connection_token_that_is_old_or_was_touched(
    watcher: User, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await negotiated(watcher)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    for forged in (f"{ticket}x", ticket[1:], "nonsense", "%00", f"{ticket}%1e"):
        assert (await Client(query=f"id={forged}", cookie=cookie).refusal())["status"] == 401, forged
    monkeypatch.setattr(visitors, "TICKET_SECONDS", -1)
    refusal = await Client(query=f"id={ticket}").refusal()
    assert (refusal["status"], refusal["message"]) == (
        401,
        "The connection token is not valid or has expired. Negotiate again.",
    )


async def test_it_refuses_a_session_cookie_that_is_nonsense() -> None:
    for cookie in ("sessionid=nonsense", 'sessionid="\\000\\000"', f"sessionid={'x' * 5000}", "sessionid"):
        assert (await Client(cookie=cookie).refusal())["status"] == 401, cookie


async def test_it_refuses_a_stranger(stranger: User) -> None:
    assert (await Client(authorization=bearer(stranger)).refusal())["status"] == 403


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "http://testserver:81", "null", "", "http://[", "x"])
async def test_it_refuses_pages_of_other_sites(watcher: User, origin: str) -> None:
    refusal = await Client(authorization=bearer(watcher), origin=origin).refusal()
    assert refusal["status"] == 403
    assert "CSRF_TRUSTED_ORIGINS" in refusal["message"]


@pytest.mark.parametrize(
    ("trusted", "origin", "is_let_in"),
    [
        ("https://ops.example", "https://ops.example", True),
        ("https://ops.example", "http://ops.example", False),
        ("https://ops.example", "https://ops.example.evil", False),
        ("https://*.example", "https://ops.example", True),
        ("https://*.example", "https://opsexample", False),
        ("https://ops.example:8443", "https://OPS.example:8443", True),
        ("https://ops.example:8443", "https://ops.example", False),
    ],
)
async def test_it_trusts_the_origins_in_the_settings(
    watcher: User, settings: Settings, trusted: str, origin: str, is_let_in: bool
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = [trusted]
    client = Client(authorization=bearer(watcher), origin=origin)
    if is_let_in:
        await (await client.come_in()).disconnect()
    else:
        assert (await client.refusal())["status"] == 403


async def test_it_refuses_a_host_that_is_not_ours(watcher: User) -> None:
    client = Client(authorization=bearer(watcher))
    client.scope["headers"][0] = (b"host", b"elsewhere.example")
    assert (await client.refusal())["status"] == 400


async def test_it_refuses_other_paths(watcher: User) -> None:
    assert (await Client(authorization=bearer(watcher), path="/elsewhere").refusal())["status"] == 404


async def test_it_closes_where_the_server_cannot_refuse_with_a_status() -> None:
    client = Client()
    del client.scope["extensions"]
    is_accepted, _ = await client.connect(timeout=10)
    assert not is_accepted


# --- Staying ------------------------------------------------------------------------------------------------------


async def test_it_hangs_up_on_whoever_may_not_stay(
    watcher: User, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RECHECK_SECONDS", 0.05)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    ticket = await negotiated(watcher)

    with_session = await Client(query=f"id={ticket}", cookie=cookie).come_in()
    await in_thread(browser.logout)()
    assert "session has ended" in (await with_session.hear_close())["error"]

    with_token = await Client(authorization=bearer(watcher)).come_in()
    await in_thread(watcher.user_permissions.clear)()
    assert await with_token.hear_close() == {
        "type": 7,
        "error": "Your account has no role that may read this. Ask an administrator for the viewer role.",
        "allowReconnect": False,
    }


async def test_it_hangs_up_on_an_account_that_is_deactivated(watcher: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "RECHECK_SECONDS", 0.05)
    client = await Client(authorization=bearer(watcher)).come_in()
    await in_thread(User.objects.update)(is_active=False)
    assert "not active" in (await client.hear_close())["error"]


async def test_it_hangs_up_on_an_account_with_a_new_password(
    watcher: User, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RECHECK_SECONDS", 0.05)
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    ticket, unused = await negotiated(watcher), await negotiated(watcher)
    clients = [
        await Client(authorization=bearer(watcher)).come_in(),
        await Client(query=f"id={ticket}").come_in(),
        await Client(cookie=cookie).come_in(),
    ]
    await in_thread(give_password)(watcher)
    for client in clients:
        ended = await client.hear_close()
        assert ended["error"] in ("Your password has changed. Log in again.", "Your session has ended. Log in again.")
    assert (await Client(query=f"id={unused}").refusal())["status"] == 401
    assert (await Client(cookie=cookie).refusal())["status"] == 401


def give_password(user: User) -> None:
    user.set_password("another one, and a longer one")
    user.save()


def test_none_stays_longer_than_a_minute_after_its_end() -> None:
    assert 0 < connection.RECHECK_SECONDS <= 60
    assert 0 < events.RECHECK_SECONDS <= 60


async def test_it_hangs_up_when_the_token_expires(watcher: User) -> None:
    short = token_of(watcher, timedelta(seconds=1.5))
    client = await Client(query=f"access_token={short}").come_in()
    ended = await client.hear_close()
    assert ended == {"type": 7, "error": "What you logged in with has expired. Log in again.", "allowReconnect": True}


async def test_a_connection_token_outlives_neither_the_token_nor_the_session_behind_it(watcher: User) -> None:
    ticket = await negotiated(watcher, lifetime=timedelta(seconds=1.5))
    client = await Client(query=f"id={ticket}").come_in()
    assert "expired" in (await client.hear_close())["error"]
    assert (await Client(query=f"id={ticket}").refusal())["status"] == 401


async def negotiated(user: User, lifetime: timedelta = timedelta(minutes=5)) -> str:
    """A connection token."""
    answer: Any = await in_thread(Browser().post)(
        NEGOTIATE, headers={"authorization": f"Bearer {token_of(user, lifetime)}"}
    )
    ticket: str = json.loads(answer.content)["connectionToken"]
    return ticket
