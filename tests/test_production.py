"""What the settings of production promise to browsers: checked on the answers of a site that runs with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from config.content_security import STRICT
from tests.running import ROOT

SECURE = ("login", "logged_in", "page", "api", "admin", "missing", "unknown", "document")
Answers = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    directory = tmp_path_factory.mktemp("production")
    (directory / "static").mkdir()
    variables = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "0",
        "SECRET_KEY": "of-production-0123456789-abcdefghijklmnopqrstuvwxyz",
        "ALLOWED_HOSTS": "deck.example.com",
        "QUARTERDECK_DATA_DIR": str(directory),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.as_production"],
        cwd=ROOT, env=kept | variables, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: Answers = json.loads(done.stdout.splitlines()[-1])
    return found


def header(answers: Answers, name: str, of: str) -> str:
    headers = {key.lower(): value for key, value in answers[of]["headers"].items()}
    return str(headers.get(name, ""))


def test_plain_http_leads_to_https_and_to_our_own_name(answers: Answers) -> None:
    assert answers["plain"]["status"] == 301
    assert header(answers, "location", "plain") == "https://deck.example.com/monitoring/login?next=/monitoring/tasks"
    assert answers["insecure_events"]["status"] == 301


@pytest.mark.parametrize("name", SECURE)
def test_browsers_are_told_to_be_strict(answers: Answers, name: str) -> None:
    assert header(answers, "strict-transport-security", name) == "max-age=31536000; includeSubDomains; preload"
    assert header(answers, "x-content-type-options", name) == "nosniff"
    assert header(answers, "x-frame-options", name) == "DENY"
    assert header(answers, "referrer-policy", name) == "same-origin"
    assert header(answers, "cross-origin-opener-policy", name) == "same-origin"


@pytest.mark.parametrize("name", SECURE)
def test_nothing_inline_and_nothing_from_elsewhere_may_run(answers: Answers, name: str) -> None:
    told = dict(part.split(" ", 1) for part in header(answers, "content-security-policy", name).split("; "))
    assert told == STRICT
    assert "unsafe" not in str(told)


def test_cookies_travel_by_https_only_and_to_nobody_else(answers: Answers) -> None:
    assert answers["logged_in"]["status"] == 302
    cookies = answers["login"]["cookies"] | answers["logged_in"]["cookies"]
    assert set(cookies) >= {"csrftoken", "sessionid"}
    for cookie in cookies.values():
        assert cookie["secure"]
        assert cookie["samesite"] == "Lax"
        assert cookie["domain"] == ""
    assert cookies["sessionid"]["httponly"]


def test_it_answers_to_its_own_name_only(answers: Answers) -> None:
    assert answers["forged"]["status"] == 400


def test_forms_need_their_token(answers: Answers) -> None:
    assert answers["without_token"]["status"] == 403


def test_errors_tell_nothing_of_the_inside(answers: Answers) -> None:
    assert (answers["missing"]["status"], answers["unknown"]["status"]) == (404, 404)
