"""The short form of ``make fuzz``: a few requests that nobody would send to each operation, as each role."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from audit.tokens import AccessToken
from config.openapi import document
from tests.cast import member
from tests.routes import set_stage

pytestmark = pytest.mark.django_db
EXAMPLES = 12
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROLES = ("", "viewer", "operator", "admin")


@pytest.fixture
def open_connection() -> Iterator[None]:
    """The test's connection outlives its requests, as with Django's own test client."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def tokens(settings: Settings, open_connection: None) -> dict[str, str]:
    """A token of each role, on a stage where there is something to ask for."""
    settings.API_REQUESTS_PER_MINUTE_PER_ACCOUNT = settings.API_REQUESTS_PER_MINUTE_PER_SOURCE = 0
    settings.ALLOWED_HOSTS = ["*"]
    set_stage()
    return {role: str(AccessToken.for_user(member(role, role))) for role in ROLES if role}


def test_every_answer_is_as_the_document_says(tokens: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_wsgi("/api-docs.json", WSGIHandler())
    asked = 0
    for found in schema.get_all_operations():
        asked += ask(cast("Any", found).ok(), tokens)
    operations = sum(len(item) for item in document()["paths"].values())
    assert asked >= operations * EXAMPLES // 2


def ask(operation: Any, tokens: dict[str, str]) -> int:
    """Sends what Schemathesis makes up for one operation; returns how many requests that were."""
    number = 0

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(), role=st.sampled_from(ROLES))
    def send(case: Any, role: str) -> None:
        nonlocal number
        number += 1
        headers = {"Authorization": f"Bearer {tokens[role]}"} if role else {}
        with transaction.atomic():
            answer = case.call(headers=headers)
            transaction.set_rollback(True)
        case.validate_response(answer, checks=CHECKS, headers=headers)

    send()
    return number
