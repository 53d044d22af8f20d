"""What goes in and out of the APIs: JSON objects, whatever the Accept header says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class JSONBody(JSONParser):
    """A body that is a JSON object; raises ParseError for anything else."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            document = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The body is nested too deeply.") from error
        if not isinstance(document, dict):
            raise ParseError("The body must be a JSON object.")
        return document


class OneKind(DefaultContentNegotiation):
    """Answers in the view's one format: a client that asks for another one gets words it can read, not a refusal."""

    def select_renderer(  # type: ignore[override]  # the stubs say "renderer classes", DRF passes instances
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str | None]:
        return renderers[0], renderers[0].media_type
