"""Answers every error in the shape of the surface that the request belongs to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin
from django.views import defaults
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.problems import Problem, code_of, problem_of


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a surface writes a problem."""

    body: Callable[[Problem], dict[str, Any]]
    invalid: int = 400
    """The status of values that cannot be used."""
    content_type: str = "application/json"

    def status(self, problem: Problem) -> int:
        """The problem's status here."""
        return self.invalid if problem.errors and not problem.code else problem.status


def _message_and_errors(problem: Problem) -> dict[str, Any]:
    return {"message": problem.message, **({"errors": problem.errors} if problem.errors else {})}


# What FastAPI calls the mistakes that these serializers find, by their name for them.
_MISTAKES = {
    "invalid": "value_error",
    "min_value": "greater_than_equal",
    "max_value": "less_than_equal",
    "max_length": "string_too_long",
    "invalid_choice": "enum",
}


def _detail(problem: Problem) -> dict[str, Any]:
    """As FastAPI does: one entry for each mistake in a parameter, else a sentence."""
    if problem.status == 401:
        return {"detail": "Not authenticated"}
    mistakes = [(name, sentence) for name, sentences in problem.errors.items() for sentence in sentences]
    if not mistakes:
        return {"detail": problem.message}
    return {
        "detail": [
            {"loc": ["query", name], "msg": sentence, "type": _MISTAKES.get(code := code_of(sentence), code)}
            for name, sentence in mistakes
        ]
    }


def _problem_details(problem: Problem) -> dict[str, Any]:
    """As RFC 9457 has it, and ASP.NET's ProblemDetails with it."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.message,
        **({"errors": problem.errors} if problem.errors else {}),
    }


# What the workflow API calls what every surface may answer.
_CODES = {
    400: "MALFORMED_REQUEST",
    401: "AUTHENTICATION_FAILED",
    403: "AUTHORIZATION_FAILED",
    404: "PATH_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "NOT_ALLOWED_NOW",
    413: "MALFORMED_REQUEST",
    415: "MALFORMED_REQUEST",
    429: "TOO_MANY_REQUESTS",
    503: "SYSTEM_NOT_READY",
}


def _error(problem: Problem) -> dict[str, Any]:
    """As Tasker's engine does: a code for programs, a sentence for people, details by field."""
    known = "INVALID_PARAMETER" if problem.errors else _CODES.get(problem.status, "INTERNAL_ERROR")
    code = problem.code or known
    told = {"type": code.title().replace("_", ""), "message": problem.message, "code": code}
    return {"error": {**told, **({"details": problem.errors} if problem.errors else {})}}


DASHBOARD_API = f"{settings.MONITORING_BASE_PATH}/api"
MONITORING_API = "api/v1/monitoring"
SCHEDULER_API = "api/v1/scheduler"
WORKFLOW_API = "api/v1"
# One entry per surface, by the path it is mounted at; a path stands before those it begins with.
SHAPES = {
    DASHBOARD_API: Shape(body=_message_and_errors),
    MONITORING_API: Shape(body=_detail, invalid=422),
    SCHEDULER_API: Shape(body=_problem_details, content_type="application/problem+json"),
    WORKFLOW_API: Shape(body=_error),
}


def shape_of(request: HttpRequest | Request) -> Shape | None:
    """The shape of the API that the request's path lies in, None outside the APIs."""
    path = request.path_info.strip("/") + "/"
    return next((shape for mount, shape in SHAPES.items() if path.startswith(f"{mount}/")), None)


def answer_exception(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Errors raised in API views; None passes on what nobody foresaw, which Django logs and gives to server_error."""
    problem = problem_of(error)
    shape = shape_of(context["request"]) or SHAPES[DASHBOARD_API]
    if problem is None:
        return None
    return Response(
        shape.body(problem), status=shape.status(problem), headers=problem.headers, content_type=shape.content_type
    )


class UnknownPath(APIView):
    """Every path of an API that is none of its own, whoever asks and however."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound(f"There is no {request.path}. The paths that exist are described at /api-docs.")


# --- Errors raised outside API views: Django's handlers, named in config/urls.py ----------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """400: the request was refused before any view."""
    return _in_shape(request, 400, "The request cannot be understood.") or defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """403."""
    return _in_shape(request, 403, "Your account may not do this.") or defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """404."""
    return _in_shape(request, 404, "There is no such path.") or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """500: nobody foresaw it. The log has the details, the answer none. Called while the exception is handled."""
    error = sys.exc_info()[1]
    if isinstance(error, Exception) and (page := _out_of_reach(request, error)):
        return page
    message = "Something went wrong here, and it is in the server's log. Trying again may help."
    return _in_shape(request, 500, message) or defaults.server_error(request)


class OutOfReach(MiddlewareMixin):
    """Pages that the database or Redis kept from being made say so, with 503, also where DEBUG shows tracebacks."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return _out_of_reach(request, exception)


def _out_of_reach(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """The page for an error that is nobody's fault here; None for other errors, and in the APIs."""
    problem = problem_of(error) if shape_of(request) is None else None
    if problem is None or problem.status != 503:
        return None
    # Without the request: what its user and messages are is in the database, too.
    page = render_to_string("503.html", {"message": problem.message})
    return HttpResponse(page, status=503, headers=problem.headers)


def _in_shape(request: HttpRequest, status: int, message: str) -> HttpResponse | None:
    shape = shape_of(request)
    if shape is None:
        return None
    return JsonResponse(
        shape.body(Problem(status=status, message=message)), status=status, content_type=shape.content_type
    )
