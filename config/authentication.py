"""How a request says who it comes from: a bearer token (JWT) or the browser's session, on the same endpoints."""

from __future__ import annotations

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError

from audit.tokens import user_of


class BearerToken(BaseAuthentication):
    """``Authorization: Bearer <JWT>``; anything else in that header is refused, and the session is not looked at."""

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, token = header.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("The Authorization header must be 'Bearer <token>'.")
        try:
            return user_of(token.strip()), token
        except TokenError as error:
            raise AuthenticationFailed(f"{error}. Get a new one from auth/login.") from error

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BrowserSession(SessionAuthentication):
    """The session of the pages' login; writes need the CSRF token."""
