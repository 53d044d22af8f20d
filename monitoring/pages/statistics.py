"""The statistics' page: how reliable tasks are, which there are, and how long they take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from monitoring import overview, percentiles, trends
from monitoring.histograms import Histogram
from monitoring.overview import TypeTimes
from monitoring.pages import choices
from monitoring.pages.charts import trend_chart
from monitoring.pages.views import for_viewers
from monitoring.trends import Period, Range

MOST_TYPES = 50
"""Tables of types have no more rows than this."""


@dataclass(frozen=True, kw_only=True)
class TimesRow:
    """How long the completed runs of one type took."""

    times: TypeTimes
    median_ms: float | None
    """None where no histogram of the range is read, like the one below."""
    slow_ms: float | None
    """95 of 100 runs took no longer."""


@for_viewers
def statistics(request: HttpRequest) -> HttpResponse:
    """What are tasks like over a longer time?"""
    span, period = _asked(request)
    context = {
        "section": "statistics",
        "spans": choices.links(request.GET, "range", span),
        "periods": choices.links(request.GET, "trend", period),
        **_statistics(span, period),
    }
    return render(request, "statistics/page.html", context)


@for_viewers
def statistics_parts(request: HttpRequest) -> HttpResponse:
    """What of the page changes with time."""
    return render(request, "statistics/_parts.html", _statistics(*_asked(request)))


def _asked(request: HttpRequest) -> tuple[Range, Period]:
    span = choices.chosen(request.GET, "range", Range.WEEK)
    return span, choices.chosen(request.GET, "trend", Period.LAST_30_DAYS)


def _statistics(span: Range, period: Period) -> dict[str, Any]:
    """Six queries, however many tasks there are."""
    now = datetime.now(UTC)
    types = overview.task_types(span, now)
    times = overview.execution_times(span, now)
    histograms = percentiles.run_times(span, now)
    return {
        "span": span,
        "period": period,
        "chart": trend_chart(trends.success_rate_trend(period, now), period),
        "types": list(types.items())[:MOST_TYPES],
        "types_total": sum(types.values()),
        "types_most": max(types.values(), default=0),
        "types_left": max(0, len(types) - MOST_TYPES),
        "times": [_row(one, histograms.get(one.name)) for one in times[:MOST_TYPES]],
        "times_left": max(0, len(times) - MOST_TYPES),
        "percentile_days": percentiles.MOST_DAYS if span is Range.ALL else None,
    }


def _row(times: TypeTimes, histogram: Histogram | None) -> TimesRow:
    return TimesRow(
        times=times,
        median_ms=histogram.percentile(50) if histogram else None,
        slow_ms=histogram.percentile(95) if histogram else None,
    )
