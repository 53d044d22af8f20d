"""The metrics' page: throughput, failures, durations and depth, as they were sampled; and the samples themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from monitoring import metrics as figures
from monitoring.metrics import Bucket, Metric, Reach
from monitoring.pages import choices
from monitoring.pages.views import for_viewers

DEFAULT_LIMIT = 120
MOST = 500


@dataclass(frozen=True)
class Series:
    """A column of a chart's table, and a line or bars of the chart."""

    key: str
    label: str
    value: Callable[[Metric], float | None]
    is_duration: bool = False


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One chart with its table."""

    key: str
    title: str
    note: str
    drawn_as: str
    """One of the styles in ``static/js/charts.js``."""
    series: tuple[Series, ...]


FIGURES = (
    Figure(
        key="throughput",
        title="Throughput",
        note="Ended tasks per minute",
        drawn_as="lines",
        series=(Series("throughput", "Ended per minute", attrgetter("throughput")),),
    ),
    Figure(
        key="trouble",
        title="Failures and retries",
        note="In each interval",
        drawn_as="bars",
        series=(
            Series("failures", "Failures", attrgetter("failures")),
            Series("retries", "Retries", attrgetter("retries")),
        ),
    ),
    Figure(
        key="duration",
        title="Duration",
        note="Mean run time of ended tasks",
        drawn_as="times",
        series=(Series("duration", "Mean duration", attrgetter("avg_duration_ms"), is_duration=True),),
    ),
    Figure(
        key="depth",
        title="Depth",
        note="Unfinished tasks by state",
        drawn_as="lines",
        series=(
            Series("waiting", "Waiting", attrgetter("sample.waiting")),
            Series("active", "Running", attrgetter("sample.active")),
            Series("delayed", "Delayed", attrgetter("sample.delayed")),
        ),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A figure over time: buckets of one length."""

    figure: Figure
    buckets: list[Bucket]
    reach: Reach

    @property
    def rows(self) -> list[tuple[datetime, list[tuple[Series, float | None]]]]:
        """The table: when a bucket begins, and each series' value in it."""
        return [
            (bucket.at, [(one, one.value(bucket.metric) if bucket.metric else None) for one in self.figure.series])
            for bucket in self.buckets
        ]

    @property
    def bucket_seconds(self) -> int:
        """For the drawing."""
        return int(self.reach.bucket.total_seconds())

    @property
    def until(self) -> datetime:
        """Where the axis of time ends."""
        return self.buckets[-1].at + self.reach.bucket


@for_viewers
def metrics(request: HttpRequest) -> HttpResponse:
    """The charts. With ``Accept: application/json`` their figures, in the keys of the history, newest first."""
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        buckets = figures.over(_reach(request))
        told = [as_json(bucket.metric) for bucket in reversed(buckets) if bucket.metric]
        answer: HttpResponse = JsonResponse({"history": told})
    else:
        answer = render(request, "metrics/page.html", {"section": "metrics", **_metrics(request)})
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def metrics_parts(request: HttpRequest) -> HttpResponse:
    """What of the page changes with time."""
    return render(request, "metrics/_parts.html", _metrics(request))


@for_viewers
def metrics_history(request: HttpRequest) -> JsonResponse:
    """The newest samples, newest first; ``limit`` is 120 unless it is a number, and then 1 to 500."""
    return JsonResponse({"history": [as_json(metric) for metric in figures.history(_limit(request))]})


def as_json(metric: Metric) -> dict[str, Any]:
    """A sample in the document's keys."""
    sample = metric.sample
    return {
        "timestamp": sample.at.timestamp(),
        "time": sample.at.isoformat(timespec="microseconds"),
        "throughput": metric.throughput,
        "avg_duration": metric.avg_duration_ms,
        "retries": metric.retries,
        "failures": metric.failures,
        "waiting": sample.waiting,
        "active": sample.active,
        "delayed": sample.delayed,
        "completed": sample.completed,
        "failed": sample.failed,
        "total_queues": sample.total_queues,
        "total_workers": sample.total_workers,
    }


def _metrics(request: HttpRequest) -> dict[str, Any]:
    """One query, and another for the newest sample."""
    reach = _reach(request)
    buckets = figures.over(reach)
    return {
        "charts": [Chart(figure=figure, buckets=buckets, reach=reach) for figure in FIGURES],
        "newest": next(iter(figures.history(1)), None),
        "reach": reach,
        "reaches": choices.links(request.GET, "range", reach),
    }


def _reach(request: HttpRequest) -> Reach:
    return choices.chosen(request.GET, "range", Reach.MINUTES)


def _limit(request: HttpRequest) -> int:
    match = re.fullmatch(r"([+-]?)0*([0-9]{1,1000})", request.GET.get("limit", "").strip(), re.ASCII)
    if not match:
        return DEFAULT_LIMIT
    return min(MOST, max(1, int(match[1] + match[2])))
