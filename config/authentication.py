"""How a request says who it comes from: a bearer token (JWT) or the browser's session, on the same endpoints."""

from __future__ import annotations

from rest_framework.authentication import SessionAuthentication
from rest_framework_simplejwt.authentication import JWTAuthentication


class BearerToken(JWTAuthentication):
    """``Authorization: Bearer <JWT>``; anything else in that header is refused with 401 and ``WWW-Authenticate``."""

    www_authenticate_realm = "quarterdeck"


class BrowserSession(SessionAuthentication):
    """The session of the pages' login; writes need the CSRF token."""
