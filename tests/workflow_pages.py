"""Reads the pages of workflows as tests need them."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from tests.reading_pages import BASE

JSON = {"Accept": "application/json"}
FAILING: dict[str, Any] = {"charge": {"hopeless": True}}


def as_json(client: Client, path: str, **parameters: Any) -> Any:
    """What the page answers to who asks for JSON; it must be there."""
    response = client.get(f"{BASE}{path}", parameters, headers=JSON)
    assert response.status_code == 200, response.content
    return response.json()


def row_of(text: str, name: str) -> str:
    """The step's row in the table of steps."""
    found = re.search(rf'<tr id="step-{name}".*?</tr>', text, re.DOTALL)
    assert found, name
    return found[0]
