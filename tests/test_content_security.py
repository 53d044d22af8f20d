"""The Content-Security-Policy: strict everywhere, relaxed only where it is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from config.content_security import RELAXED, STRICT, policy_for

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))


def test_it_allows_nothing_inline_and_nothing_from_elsewhere(client: Client, db: None) -> None:
    for path in (f"/{settings.MONITORING_BASE_PATH}/login", "/", "/nowhere", "/admin/login/", "/static/favicon.svg"):
        policy = client.get(path).headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_it_is_relaxed_below_the_named_paths_only() -> None:
    assert "style-src 'self' 'unsafe-inline'" in policy_for("/api-docs")
    for path in ("/api-docs.json", "/api-docsx", "/monitoring/api-docs", "/"):
        assert policy_for(path) == policy_for("")
    for more in RELAXED.values():
        assert "script-src" not in more
        assert "default-src" not in more
    assert "script-src" not in STRICT


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_need_no_more(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son[a-z]+=", text)
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)", text)
    assert "|safe" not in text
    assert "autoescape off" not in text


def test_scripts_and_styles_name_no_other_host() -> None:
    files = [path for kind in ("js", "css") for path in (settings.BASE_DIR / "static" / kind).rglob("*")]
    assert files
    for path in files:
        assert "//" not in re.sub(r"(?m)(^|\s)//.*$", "", path.read_text()), path
