"""What went wrong, in no surface's words yet: every error that may leave a view, translated to HTTP once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.http.multipartparser import MultiPartParserError
from rest_framework.exceptions import APIException, AuthenticationFailed, NotAuthenticated, Throttled, ValidationError
from rest_framework.settings import api_settings

from audit.logins import TooManyAttempts, WrongCredentials
from audit.trail import NotAllowedNow
from monitoring.broker import BrokerError
from monitoring.filters import BadFilter

logger = logging.getLogger("quarterdeck.errors")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """An error as HTTP sees it, with sentences for people."""

    status: int
    message: str
    errors: dict[str, list[str]] = field(default_factory=dict)
    """Sentences by the field or parameter that they are about."""
    code: str = ""
    """The word that the surface itself has for it; it keeps its status there."""
    headers: dict[str, str] = field(default_factory=dict)


def problem_of(error: Exception) -> Problem | None:
    """The problem that the error is; None for one that nobody foresaw."""
    say = next((say for kind, say in _KINDS.items() if isinstance(error, kind)), None)
    return say(error) if say else None


def _refused(error: Exception) -> Problem:
    return Problem(status=401, message=str(error), headers={"WWW-Authenticate": "Bearer"})


def _not_authenticated(error: APIException) -> Problem:
    return _refused(Exception("Log in first: send 'Authorization: Bearer <token>' with a token from auth/login."))


def _invalid(detail: Any, *, status: int = 400, code: str = "") -> Problem:
    errors = flattened(detail)
    whole = errors.pop(api_settings.NON_FIELD_ERRORS_KEY, [])
    sentences = [*whole, *(f"{name}: {' '.join(texts)}" for name, texts in errors.items())]
    return Problem(status=status, message=" ".join(sentences), errors=errors, code=code)


def _api_exception(error: APIException) -> Problem:
    headers = {"Retry-After": "5"} if error.status_code == 503 else {}
    return Problem(
        status=error.status_code, message=str(error.detail), code=getattr(error, "code", ""), headers=headers
    )


def _too_many_attempts(error: TooManyAttempts) -> Problem:
    return Problem(status=429, message=str(error), headers={"Retry-After": str(error.retry_after_seconds)})


def _too_many_requests(error: Throttled) -> Problem:
    seconds = max(1, int(getattr(error, "wait", None) or 0))  # the stubs do not know it
    message = f"Too many requests. Try again in {seconds} seconds."
    return Problem(status=429, message=message, headers={"Retry-After": str(seconds)})


def _too_large(error: Exception) -> Problem:
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return Problem(status=413, message=f"The body is larger than {limit:,} bytes, the most that is accepted.")


def _database_out_of_reach(error: Exception) -> Problem:
    logger.error("answered with 503: %s: %s", type(error).__name__, error)
    message = "The database cannot be reached or is busy. Nothing was changed; try again in a few seconds."
    return Problem(status=503, message=message, headers={"Retry-After": "5"})


def _redis_out_of_reach(error: Exception) -> Problem:
    logger.error("answered with 503: %s: %s", type(error).__name__, error)
    message = "Redis cannot be reached, so what queues and workers do now is not known. Try again in a few seconds."
    return Problem(status=503, message=message, headers={"Retry-After": "5"})


# The first that fits says it, so a kind stands before those it is a kind of.
_KINDS: dict[type[Exception], Callable[[Any], Problem]] = {
    NotAuthenticated: _not_authenticated,
    AuthenticationFailed: _refused,
    WrongCredentials: _refused,
    TooManyAttempts: _too_many_attempts,
    ValidationError: lambda error: _invalid(error.detail, status=error.status_code, code=getattr(error, "code", "")),
    BadFilter: lambda error: _invalid(error.errors),
    Throttled: _too_many_requests,
    APIException: _api_exception,
    Http404: lambda error: Problem(status=404, message=str(error) or "There is no such thing here."),
    PermissionDenied: lambda error: Problem(status=403, message=str(error) or "Your account may not do this."),
    NotAllowedNow: lambda error: Problem(status=409, message=str(error)),
    RequestDataTooBig: _too_large,
    SuspiciousOperation: lambda error: Problem(status=400, message=str(error)),
    MultiPartParserError: lambda error: Problem(status=400, message=str(error)),
    OperationalError: _database_out_of_reach,
    InterfaceError: _database_out_of_reach,
    BrokerError: _redis_out_of_reach,
}


def code_of(sentence: str) -> str:
    """The one word for a mistake that DRF keeps beside its sentence."""
    return str(getattr(sentence, "code", "invalid"))


def flattened(detail: Any, name: str = api_settings.NON_FIELD_ERRORS_KEY) -> dict[str, list[str]]:
    """A serializer's errors, however deep, as sentences by dotted field name: ``{"steps.0.name": ["…"]}``."""
    if isinstance(detail, Mapping):
        parts = [(str(key), inner) for key, inner in detail.items()]
    elif isinstance(detail, Sequence) and not isinstance(detail, str) and not all(isinstance(x, str) for x in detail):
        parts = [(str(index), inner) for index, inner in enumerate(detail)]
    else:
        return {name: [detail] if isinstance(detail, str) else list(detail)}
    flat: dict[str, list[str]] = {}
    for key, inner in parts:
        nested = key if name == api_settings.NON_FIELD_ERRORS_KEY else f"{name}.{key}"
        flat.update(flattened(inner, nested))
    return flat
