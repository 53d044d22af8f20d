"""Runs of a schedule as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from scheduler.executions import Execution

register = template.Library()

PLACES = 30
HEIGHT = 24
LEAST = 4
"""How high the bar of the shortest run is."""


@register.filter
def milliseconds(span: object) -> float | None:
    """A span of time for the filter ``duration``; None for anything else, like that of a run there was none of."""
    return span.total_seconds() * 1000 if isinstance(span, timedelta) else None


@register.simple_tag
def run_spark(runs: Sequence[Execution]) -> SafeString:
    """A bar for each run, the newest at the right, as high as it took long, in the colour of its status.

    What it shows stands beside it in words. Lengths are drawn by their logarithm: a run of a minute among those of a
    second leaves these visible.
    """
    lengths = [math.log1p(run.duration.total_seconds() * 1000) if run.duration else 0.0 for run in runs]
    longest = max(lengths, default=0.0) or 1.0
    bars: dict[str, str] = {}
    for place, (run, length) in enumerate(zip(runs, lengths, strict=True), start=PLACES - len(runs)):
        top = HEIGHT - max(LEAST, round(HEIGHT * length / longest))
        bars[run.status] = bars.get(run.status, "") + f"M{4 * place},{HEIGHT}V{top}h3V{HEIGHT}z"
    paths = ((f"run-{status.lower()}", path) for status, path in bars.items())
    return format_html(
        '<svg class="runs" viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="runs-ground" d="M0,{}H{}"/>{}</svg>',
        4 * PLACES, HEIGHT, HEIGHT - 0.5, 4 * PLACES,
        format_html_join("", '<path class="{}" d="{}"/>', paths),
    )  # fmt: skip
