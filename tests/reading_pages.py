"""Reads pages as tests need them: their text, and the figures in their tables."""

from __future__ import annotations

import html
import re

from django.conf import settings
from django.test import Client

BASE = f"/{settings.MONITORING_BASE_PATH}"


def page(client: Client, path: str, **parameters: str) -> str:
    """The page's text; it must be there."""
    response = client.get(f"{BASE}{path}", parameters)
    assert response.status_code == 200, response.content
    return response.content.decode()


def rows(text: str, element: str) -> list[list[str]]:
    """The texts of the cells of the table in the element with that id, row by row."""
    body = re.search(rf'id="{element}".*?<tbody>(.*?)</tbody>', text, re.DOTALL)
    assert body, element
    return [_cells(row) for row in re.findall(r"<tr>(.*?)</tr>", body[1], re.DOTALL)]


def _cells(row: str) -> list[str]:
    found = re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)
    return [html.unescape(re.sub(r"<[^>]+>", "", cell).strip()) for cell in found]
