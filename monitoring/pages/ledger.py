"""The ledger's page: whether every task is accounted for, and what is known of those that were lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from monitoring import ledger
from monitoring.ledger_models import Reconciliation
from monitoring.pages import choices
from monitoring.pages.list_files import csv_lines
from monitoring.pages.views import for_viewers

MOST_LINES = 200
"""Hours of a queue that stand in the table; the API has the others."""


class Range(TextChoices):
    """How far back the page looks."""

    DAY = "24h", "24 hours"
    WEEK = "7d", "7 days"
    MONTH = "31d", "31 days"


LENGTHS = {Range.DAY: ledger.USUAL, Range.WEEK: timedelta(days=7), Range.MONTH: ledger.LONGEST}


@for_viewers
def ledger_page(request: HttpRequest) -> HttpResponse:
    """Is every task accounted for? With ``format=csv`` every hour of every queue, or of the one asked for."""
    if request.GET.get("format") == "csv":
        return _as_csv(request)
    span = choices.chosen(request.GET, "range", Range.DAY)
    context = {
        "section": "ledger",
        "spans": choices.links(request.GET, "range", span),
        **_context(request),
    }
    return render(request, "ledger/page.html", context)


@for_viewers
def ledger_parts(request: HttpRequest) -> HttpResponse:
    """What of the page changes with time."""
    return render(request, "ledger/_parts.html", _context(request))


def _as_csv(request: HttpRequest) -> HttpResponse:
    _, queue, start, end = _asked(request)
    columns = ("start", "queue", "enqueued", *ledger.PLACES, "difference")
    rows = ([getattr(line, name) for name in columns] for line in ledger.lines(start, end, queue))
    return HttpResponse(
        "".join(csv_lines(columns, rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="ledger.csv"'},
    )


def _asked(request: HttpRequest) -> tuple[Range, str, datetime, datetime]:
    """The range, the queue (empty: all), and from when to when that is."""
    span = choices.chosen(request.GET, "range", Range.DAY)
    end = datetime.now(UTC)
    return span, request.GET.get("queue", "")[:255].replace("\0", ""), end - LENGTHS[span], end


def _context(request: HttpRequest) -> dict[str, Any]:
    """Five queries, however many tasks there are."""
    span, queue, start, end = _asked(request)
    lines = ledger.lines(start, end, queue)
    return {
        "span": span,
        "queue": queue,
        "since": start,
        "total": ledger.sum_of(lines),
        "lines": lines[:MOST_LINES] if queue else ledger.by_queue(lines),
        "left": max(0, len(lines) - MOST_LINES) if queue else 0,
        "wrong": [line for line in lines if line.difference],
        "lost": list(ledger.lost_tasks(start, end, queue)[: ledger.NEWEST_LOST]),
        "last_pass": Reconciliation.objects.first(),
    }
