"""Moments, durations and documents as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitoring.templatetags import documents, times
from tests.factories import NOON


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (None, "–"),
        (0.0, "<1 ms"),
        (8.4, "8 ms"),
        (999.4, "999 ms"),
        (999.9, "1 s"),
        (1_240.0, "1.24 s"),
        (59_900.0, "59.9 s"),
        (59_990.0, "1 min"),
        (185_000.0, "3 min 5 s"),
        (3_600_000.0, "1 h"),
        (3_605_000.0, "1 h"),
        (187_200_000.0, "2 d 4 h"),
    ],
)
def test_it_says_durations_in_human_units(milliseconds: float | None, words: str) -> None:
    assert times.duration(milliseconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.5, "now"),
        (-0.5, "now"),
        (12, "12 s ago"),
        (-59, "in 59 s"),
        (3_599, "59 min ago"),
        (-7_200, "in 2 h"),
        (29 * 86_400, "29 d ago"),
        (31 * 86_400, "2024-12-15"),
    ],
)
def test_it_says_how_long_ago(seconds: float, words: str) -> None:
    assert times.relative(NOON - timedelta(seconds=seconds), NOON) == words


def test_it_keeps_the_absolute_time_on_hover() -> None:
    moment = datetime(2020, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    text = times.ago(moment)
    assert text == (
        '<time datetime="2020-02-03T04:05:06.000789Z" title="2020-02-03 04:05:06 UTC" data-ago>2020-02-03</time>'
    )
    assert times.ago(None) == times.absolute(None) == times.running_since(None) == "–"


A, B = "a" * 50, "b" * 50


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ('{"args": [1, "ü"], "kwargs": {}}', '{"args": [1, "ü"], "kwargs": {}}'),
        ("not JSON", "not JSON"),
        ([], "[]"),
        (None, "null"),
        ({"a" * 50: ["b" * 50, 1]}, f'{{\n  "{A}": [\n    "{B}",\n    1\n  ]\n}}'),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_it_lays_out_documents(document: Any, text: str) -> None:
    assert documents.pretty(document) == text


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://a.example/b", "https://a.example/b"),
        ("HTTP://a.example", "HTTP://a.example"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//a.example/b", ""),
        ("https:a", ""),
        ("http://[", ""),
        ("out/a.png", "/media/out/a.png"),
        (7, ""),
        (None, ""),
    ],
)
def test_it_links_to_web_addresses_only(url: Any, link: str) -> None:
    assert documents.web_link(url) == link


def test_it_links_below_the_media_address_when_there_is_one(settings: Any) -> None:
    settings.MEDIA_URL = "/media/"
    assert documents.web_link("/out/a.png") == "/media/out/a.png"
    assert documents.web_link("javascript:alert(1)") == ""
