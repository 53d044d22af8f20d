"""Who may listen: the one door for the hub (negotiation and WebSocket) and the event stream, and whether one may stay.

A visitor comes with a bearer token (header or ``?access_token=``, for browsers set no headers on such connections),
with the ticket that the hub's negotiation gave (``?id=``), or with the session of the pages' login. What is presented
decides: a bad token is refused even when a good session stands beside it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.core import signing
from django.http import HttpRequest
from django.utils.http import is_same_domain
from rest_framework_simplejwt.exceptions import TokenError

from audit.roles import VIEW
from audit.tokens import AccessToken, bears_stamp, stamp_of, user_of

TICKET_SECONDS = 60
"""A ticket is used at once. It stands in a URL, which proxies write into their logs, so it must not live long."""
_SALT = "quarterdeck.hub.ticket"


class Refused(Exception):
    """The visitor may not listen; ``status`` is the HTTP status that says so, the text says why and what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP asks for beside the status."""
        return {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Whoever was let in, and until when that holds."""

    user_id: int
    stamp: str
    """Of the password that the account had then (``audit.tokens``)."""
    expires_at: float
    """When what was presented stops to be valid, in Unix time."""
    session_key: str = ""
    """The session that must still be there, if one was presented."""

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.expires_at - time.time())


def admit(request: HttpRequest) -> Visitor:
    """Whoever sends the request; raises Refused unless they may listen."""
    _check_origin(request)
    visitor = _with_token(request) or _with_ticket(request) or _with_session(request)
    if visitor is None:
        raise Refused(401, "Log in first, or send 'Authorization: Bearer <token>' with a token from auth/login.")
    check(visitor)
    return visitor


def check(visitor: Visitor) -> None:
    """Raises Refused when the visitor may not stay: expired, logged out, deactivated, with another password or no role.

    Whoever holds a connection open asks again every RECHECK_SECONDS, so none outlives its right by more than that.
    """
    if not visitor.seconds_left:
        raise Refused(401, "What you logged in with has expired. Log in again.")
    session_user = _user_of(_session(visitor.session_key)) if visitor.session_key else None
    if visitor.session_key and (session_user is None or session_user.pk != visitor.user_id):
        raise Refused(401, "Your session has ended. Log in again.")
    user = User.objects.filter(pk=visitor.user_id, is_active=True).first()
    if user is None:
        raise Refused(401, "Your account is not active. Ask an administrator.")
    if not bears_stamp(user, visitor.stamp):
        raise Refused(401, "Your password has changed. Log in again.")
    if not user.has_perm(VIEW):
        raise Refused(403, "Your account has no role that may read this. Ask an administrator for the viewer role.")


def issue_ticket(visitor: Visitor) -> str:
    """A signed text that lets the visitor in through any web process, for the next ``TICKET_SECONDS``."""
    told = {"user": visitor.user_id, "stamp": visitor.stamp, "until": visitor.expires_at}
    return signing.dumps(told, salt=_SALT)


def _with_token(request: HttpRequest) -> Visitor | None:
    raw = _token_of(request)
    if raw is None:
        return None
    try:
        user = user_of(raw)
        return Visitor(user_id=user.pk, stamp=stamp_of(user), expires_at=AccessToken(raw).expires_at.timestamp())
    except TokenError as error:
        raise Refused(401, f"{error}. Get a new one from auth/login.") from error


def _token_of(request: HttpRequest) -> str | None:
    header = request.headers.get("Authorization")
    if header is None:
        return request.GET.get("access_token") or None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(401, "The Authorization header must be 'Bearer <token>'.")
    return token.strip()


def _with_ticket(request: HttpRequest) -> Visitor | None:
    ticket = request.GET.get("id")
    if not ticket:
        return None
    try:
        told = signing.loads(ticket, salt=_SALT, max_age=TICKET_SECONDS)
    except signing.BadSignature as error:
        raise Refused(401, "The connection token is not valid or has expired. Negotiate again.") from error
    # A browser brings its session along: then logging out ends this connection too.
    session = _with_session(request)
    session_key = session.session_key if session and session.user_id == told["user"] else ""
    return Visitor(user_id=told["user"], stamp=told["stamp"], expires_at=told["until"], session_key=session_key)


def _with_session(request: HttpRequest) -> Visitor | None:
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not key or "\x00" in key:  # PostgreSQL refuses to look for a NUL character
        return None
    session = _session(key)
    user = _user_of(session)
    if user is None:
        return None
    expires_at = session.get_expiry_date().timestamp()
    return Visitor(user_id=user.pk, stamp=stamp_of(user), expires_at=expires_at, session_key=key)


def _session(key: str) -> SessionBase:
    store: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(key)
    return store


def _user_of(session: SessionBase) -> User | None:
    """Whose session it is; nobody's, if the account is deactivated or has another password since."""
    request = HttpRequest()
    request.session = session
    user = get_user(request)
    return user if isinstance(user, User) else None


def _check_origin(request: HttpRequest) -> None:
    """Refuses what another site's page sends: it would come with the visitor's own cookies. Programs send no origin."""
    host = request.get_host()  # raises DisallowedHost for a name that is not ours
    origin = request.headers.get("Origin")
    if origin is None:
        is_foreign = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")
    else:
        is_foreign = origin.lower().partition("://")[2] != host.lower() and not _is_trusted(origin)
    if is_foreign:
        raise Refused(403, "Pages of another site may not listen here. CSRF_TRUSTED_ORIGINS names those that may.")


def _is_trusted(origin: str) -> bool:
    scheme, _, host = origin.lower().partition("://")
    return any(
        scheme == trusted_scheme and is_same_domain(host, trusted_host.removeprefix("*"))
        for trusted_scheme, _, trusted_host in (text.lower().partition("://") for text in settings.CSRF_TRUSTED_ORIGINS)
    )
