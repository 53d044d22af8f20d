"""Asks the scheduler API as its users do, and holds every answer against what the OpenAPI document says of it."""

from __future__ import annotations

import json
import re
from typing import Any

from django.test import Client
from jsonschema import Draft202012Validator

from config.openapi import document

BASE = "/api/v1/scheduler"
PROBLEM = "application/problem+json"
DEFINITION: dict[str, Any] = {"name": "report", "handler": "demo.echo", "kwargs": {"value": 1}, "intervalSeconds": 60}


def described(method: str, path: str, status: int) -> dict[str, Any]:
    """What the document says of an answer."""
    operations = {}
    for template, item in document()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if method in item and re.fullmatch(pattern, path):
            operations[template] = item[method]
    exact = min(operations, key=lambda template: template.count("{"))
    answers: dict[str, Any] = operations[exact]["responses"]
    assert str(status) in answers, f"{method} {exact} does not tell of {status}"
    return dict(answers[str(status)])


def ask(client: Client, method: str, path: str, body: Any = None, code: int = 200, /, **parameters: Any) -> Any:
    """The answer's body; fails unless status, kind and shape are what the document says."""
    response = client.generic(
        method.upper(),
        f"{BASE}/{path}",
        b"" if body is None else json.dumps(body).encode(),
        content_type="application/json",
        query_params=parameters,
    )
    assert response.status_code == code, response.content
    told = described(method, f"{BASE}/{path}", code)
    if code == 204:
        return None
    kind = PROBLEM if code >= 400 else "application/json"
    assert response["Content-Type"] == kind
    answer = response.json()
    schema = {**told["content"][kind]["schema"], "components": document()["components"]}
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(answer)
    if code in (201, 202):
        assert client.get(response["Location"]).status_code == 200
    return answer
