"""How the APIs describe themselves in the OpenAPI document: what the operations of one surface have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

View = TypeVar("View", bound=Callable[..., Any])
Errors = Mapping[int, tuple[str, Any]]
"""By status: what has gone wrong, and the body that is answered then."""

READING = (401, 403, 429, 503)
"""How any operation that needs a role may fail."""


def header(name: str, text: str, *statuses: int) -> OpenApiParameter:
    """A header of the answers with these statuses, or of the request if there are none."""
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=text, response=list(statuses) or False
    )


def in_path(name: str, text: str) -> OpenApiParameter:
    """A part of the path."""
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.PATH, description=text)


def success(summary: str, answer: Any, example: Any) -> OpenApiResponse:
    """An answer in this shape (None: without a body), with an example."""
    return OpenApiResponse(
        answer, summary, examples=[] if answer is None else [OpenApiExample("answer", value=example)]
    )


WWW_AUTHENTICATE = header("WWW-Authenticate", "`Bearer`", 401)
CONDITIONAL = (
    header("If-None-Match", "The ETag of an answer that the client has already."),
    header("ETag", "Changes whenever the answer does.", 200, 304),
)


@dataclass(frozen=True, kw_only=True)
class Surface:
    """One API: what all of its operations say of themselves."""

    name: str
    """Ids of operations begin with it."""
    tag: str
    errors: Errors
    shape: Any
    """Of the body of an error."""
    shapes: Mapping[int, Any] = field(default_factory=dict)
    """Of the errors, by status, that have another."""
    is_conditional: bool = False
    """Whether what is read has an ETag, so that it can be answered with 304."""

    def reads(
        self,
        name: str,
        summary: str,
        text: str,
        *,
        answer: Any,
        example: Any,
        errors: tuple[int, ...] = READING,
        told: Errors = MappingProxyType({}),
        asks: Any = (),
        **options: Any,
    ) -> Callable[[View], View]:
        """A GET; ``asks`` are its parameters, ``told`` says of an error what the surface's ``errors`` say otherwise."""
        answers = {200: success(summary, answer, example)}
        if self.is_conditional:
            answers[304] = OpenApiResponse(None, "The client has this answer already.")
            asks = [*asks, *CONDITIONAL]
        return self.describes(name, summary, text, answers=answers, errors=errors, told=told, asks=asks, **options)

    def describes(
        self,
        name: str,
        summary: str,
        text: str,
        *,
        answers: Mapping[Any, OpenApiResponse],
        errors: tuple[int, ...],
        told: Errors = MappingProxyType({}),
        asks: Any = (),
        **options: Any,
    ) -> Callable[[View], View]:
        """Any operation, with its answers by status, or by status and content type; ``options`` are extend_schema's."""
        return extend_schema(
            operation_id=f"{self.name}_{name}",
            summary=summary,
            description=text,
            tags=[self.tag],
            parameters=[*asks, *_headers(errors)],
            responses={**answers, **{status: self._error(status, told) for status in errors}},
            **options,
        )

    def _error(self, status: int, told: Errors) -> OpenApiResponse:
        saying, body = {**self.errors, **told}[status]
        return OpenApiResponse(
            self.shapes.get(status, self.shape), saying, examples=[OpenApiExample(f"error {status}", value=body)]
        )


def _headers(errors: tuple[int, ...]) -> list[OpenApiParameter]:
    waits = [status for status in (429, 503) if status in errors]
    return [
        *([WWW_AUTHENTICATE] if 401 in errors else []),
        *([header("Retry-After", "Seconds to wait.", *waits)] if waits else []),
    ]
