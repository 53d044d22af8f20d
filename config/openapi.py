"""The OpenAPI document of all surfaces, and the page that shows it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.utils.decorators import method_decorator
from django.views.decorators.http import conditional_page
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself when made
    """Describes ``config.authentication.BearerToken``."""

    target_class = "config.authentication.BearerToken"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token from `POST auth/login`, good until its `expiresAt`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    """Describes ``config.authentication.BrowserSession``."""

    target_class = "config.authentication.BrowserSession"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of someone who logged in to the pages. Writes need the `X-CSRFToken` header.",
        }


class ScrapeScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # as above
    """Describes ``scheduler.health_api.views.ScrapeToken``."""

    target_class = "scheduler.health_api.views.ScrapeToken"
    name = "metrics_token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "The token of METRICS_TOKEN, for the metrics alone."}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document; made once, for it only changes with the code."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]  # drf-spectacular leaves it untyped
    made: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # as above
    return made


@method_decorator(conditional_page, name="dispatch")
class Document(APIView):
    """The OpenAPI document as JSON, for anyone: it describes the program, not what it knows."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    schema = None

    def get(self, request: Request) -> Response:
        return Response(document())


class Reader(SpectacularSwaggerSplitView):
    """The document in Swagger UI, with no script in the page itself and nothing from other hosts."""

    url_name = "openapi"
