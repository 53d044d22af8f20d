"""A task list as JSON (the page asked for) and as CSV (all that matches), for scripts and spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from io import StringIO
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse

from monitoring.models import Task
from monitoring.pages.acting import refuse
from monitoring.pages.job_list import as_json
from monitoring.pages.list_links import problems
from monitoring.pages.task_list import TaskList
from monitoring.states import STATES
from monitoring.statuses import Status

ROWS_AT_ONCE = 1_000


def json_of(tasks: TaskList) -> JsonResponse:
    """The page that the address asks for, and how many there are in each state."""
    if tasks.errors:
        return refuse(400, _sentence(tasks))
    answer = {
        "queue": tasks.queue or None,
        "state": tasks.state or None,
        "page": tasks.page,
        "pages": tasks.pages,
        "size": tasks.size,
        "total": tasks.total,
        "counts": {state: sum(tasks.counts[status] for status in statuses) for state, statuses in STATES.items()},
        "jobs": [as_json(task) for task in tasks.tasks],
    }
    return JsonResponse(answer)


def csv_of(tasks: TaskList) -> HttpResponse:
    """Everything that matches, in the list's order, sent row by row as it is read."""
    if tasks.errors:
        return HttpResponse(_sentence(tasks), status=400, content_type="text/plain; charset=utf-8")
    rows = (as_json(task).values() for task in tasks.in_order().iterator(chunk_size=ROWS_AT_ONCE))
    answer: Any = StreamingHttpResponse(  # no HttpResponse by its class, but answered like one
        in_the_background(csv_lines(as_json(Task(status=Status.QUEUED)), rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{tasks.noun}.csv"'},
    )
    return cast("HttpResponse", answer)


def _sentence(tasks: TaskList) -> str:
    return " ".join(f"{name}: {sentences}" for name, sentences in problems(tasks))


def csv_lines(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """CSV, many lines at a time."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    for number, row in enumerate(rows, 1):
        writer.writerow([_cell(value) for value in row])
        if number % ROWS_AT_ONCE == 0:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _cell(value: Any) -> Any:
    """As a spreadsheet should have it: nothing that it would take for a formula."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


async def in_the_background(pieces: Iterator[str]) -> AsyncIterator[str]:
    """The pieces, each made in a thread when the one before has been sent: the server never holds all of them."""

    def next_piece() -> str | None:
        return next(pieces, None)

    while (piece := await sync_to_async(next_piece)()) is not None:
        yield piece
