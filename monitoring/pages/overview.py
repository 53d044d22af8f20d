"""The overview: is all well? And if not: what is failing, since when, is it getting worse?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from monitoring import activity, error_groups, health, statistics
from monitoring import overview as figures
from monitoring.pages import choices
from monitoring.pages.charts import ends_chart
from monitoring.pages.views import for_viewers
from monitoring.trends import Range

MOST_QUEUES = 8
"""The busiest ones; their own page has all."""


@for_viewers
def overview(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    span = choices.chosen(request.GET, "range", Range.TODAY)
    context = {"section": "overview", "spans": choices.links(request.GET, "range", span), **_overview(span)}
    return render(request, "overview.html", context)


@for_viewers
def overview_parts(request: HttpRequest) -> HttpResponse:
    """What of it changes with time."""
    return render(request, "_overview.html", _overview(choices.chosen(request.GET, "range", Range.TODAY)))


def _overview(span: Range) -> dict[str, Any]:
    trend = health.failure_trend()
    counts = statistics.counts_by_status()
    told = figures.overview(span, datetime.now(UTC))
    return {
        "concerns": health.concerns(trend),
        "trend": trend,
        "counts": list(counts.items()),
        "total": sum(counts.values()),
        "span": span,
        "told": told,
        "chart": ends_chart(told.over_time, span),
        "queues": told.queues[:MOST_QUEUES],
        "changes": activity.newest_changes(16),
        "failures": error_groups.groups(limit=8, newest_first=True),
    }
