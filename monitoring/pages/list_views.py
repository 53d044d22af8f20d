"""Answers for any task list: as a page, as JSON, as CSV, and the rows and figures that live updates fetch."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from monitoring.filter_fields import parse_moment
from monitoring.models import Task
from monitoring.pages import list_links
from monitoring.pages.acting import wants_json
from monitoring.pages.list_files import csv_of, json_of
from monitoring.pages.task_list import TaskList

ROWS_LIMIT = 100


def show_list(request: HttpRequest, tasks: TaskList) -> HttpResponse:
    """The list. Filter values that cannot be understood: 400, with the sentence beside the field.

    With ``Accept: application/json`` the same page as JSON, with ``format=csv`` everything that matches.
    """
    if request.GET.get("format", "").lower() == "csv":
        return csv_of(tasks)
    answer: HttpResponse = json_of(tasks) if wants_json(request) else _page(request, tasks)
    patch_vary_headers(answer, ["Accept"])
    return answer


def _page(request: HttpRequest, tasks: TaskList) -> HttpResponse:
    context = {
        "section": "queues" if tasks.queue else "tasks",
        **_figures(tasks),
        "chips": list_links.chips(tasks),
        "problems": list_links.problems(tasks),
        "headings": list_links.headings(tasks),
    }
    return render(request, "tasks/list.html", context, status=400 if tasks.errors else 200)


def show_counts(request: HttpRequest, tasks: TaskList) -> HttpResponse:
    """The list's figures: tabs with counts, and the pager."""
    return render(request, "tasks/_figures.html", _figures(tasks))


def _figures(tasks: TaskList) -> dict[str, Any]:
    return {
        "list": tasks,
        "tabs": list_links.tabs(tasks),
        "pages": list_links.pages(tasks),
        "sizes": list_links.sizes(tasks),
    }


def show_rows(request: HttpRequest, tasks: TaskList) -> HttpResponse:
    """Rows for ``ids`` as they are now, and for those of ``new`` (ids, or "any") that belong on the list's first page.

    That is: those that match the list and were not created before ``since``, the creation of its last row.
    """
    try:
        shown = _ids(request.GET.get("ids", ""))
        rows = list(tasks.rows().filter(pk__in=shown))
        rows += _new_rows(tasks, request.GET, shown)
    except ValueError:
        sentence = 'ids and new must be task ids joined by commas (new may be "any"), since must be a time.'
        return HttpResponse(sentence, status=400, content_type="text/plain; charset=utf-8")
    return render(request, tasks.rows_template, {"tasks": rows, "list": tasks})


def _new_rows(tasks: TaskList, parameters: QueryDict, shown: list[UUID]) -> list[Task]:
    new, since = parameters.get("new", ""), parameters.get("since")
    if not new or tasks.errors:
        return []
    matching = tasks.filter.matching().exclude(pk__in=shown)
    if new != "any":
        matching = matching.filter(pk__in=_ids(new))
    if since:
        matching = matching.filter(**{f"{tasks.since_column}__gte": parse_moment(since)})
    return list(matching.order_by(f"-{tasks.since_column}", "-id")[:ROWS_LIMIT])


def _ids(text: str) -> list[UUID]:
    """Ids joined by commas, at most ROWS_LIMIT; raises ValueError."""
    return [UUID(word) for word in text.split(",", ROWS_LIMIT)[:ROWS_LIMIT] if word]
