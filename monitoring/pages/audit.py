"""The operators' trail: who did what to what, why, and how it went. As a page, as JSON and as CSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from audit.models import OperatorAction, Outcome
from audit.trail_filter import BadTrailFilter, TrailFilter, TrailPage
from monitoring.inbox import task_id_for
from monitoring.models import Queue
from monitoring.pages.acting import refuse
from monitoring.pages.list_links import Link
from monitoring.pages.views import for_viewers

DEFAULT_LIMIT = 200
MOST = 500
ROWS_AT_ONCE = 1_000
ON_TASKS = ("job.", "dlq.", "execution.")
"""How actions on tasks begin: their target is a job's id."""
COLUMNS = (
    "number", "time", "action", "source", "status", "queue", "job_id", "actor", "reason", "error", "details", "address",
    "hash",
)  # fmt: skip
FILTERS = {"action": "Action", "status": "Status", "queue": "Queue", "job_id": "Target", "q": "Text"}


@for_viewers
def audit(request: HttpRequest) -> HttpResponseBase:
    """The newest deeds that match; ``before`` goes on to older ones. A status that is none: 400."""
    wants_json = request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    answer: HttpResponseBase
    try:
        asked = TrailFilter.of(request.GET)
    except BadTrailFilter as bad:
        answer = refuse(400, f"{bad.field}: {bad}") if wants_json else _as_page(request, None, bad)
    else:
        if request.GET.get("format") == "csv":
            return _as_csv(request, asked)
        answer = _as_json(request, asked) if wants_json else _as_page(request, asked)
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def audit_parts(request: HttpRequest) -> HttpResponse:
    """What of the page changes with time."""
    try:
        return render(request, "audit/_deeds.html", _trail(request, TrailFilter.of(request.GET)))
    except BadTrailFilter as bad:
        return HttpResponse(str(bad), status=400, content_type="text/plain; charset=utf-8")


# --- The page -----------------------------------------------------------------------------------------------------


def _as_page(request: HttpRequest, asked: TrailFilter | None, bad: BadTrailFilter | None = None) -> HttpResponse:
    context = {
        "section": "audit",
        "queues": Queue.objects.values_list("name", flat=True),
        "chips": [
            Link(label=f"{label}: {value}", href=_link(request.GET, **{name: None}))
            for name, label in FILTERS.items()
            if (value := request.GET.get(name, "").strip())
        ],
        "problem": bad,
        "as_csv": _link(request.GET, format="csv"),
        "is_newest": not _number(request.GET, "before", 0),
        "query": request.GET.urlencode(),
        **(_trail(request, asked) if asked else {}),
    }
    return render(request, "audit/page.html", context, status=400 if bad else 200)


def _trail(request: HttpRequest, asked: TrailFilter) -> dict[str, Any]:
    page = _page(request, asked)
    return {
        "page": page,
        "deeds": [(deed, _task_of(deed)) for deed in page.deeds],
        "older": _link(request.GET, before=page.next_before) if page.next_before else "",
        "newest": _link(request.GET) if request.GET.get("before") else "",
    }


def _page(request: HttpRequest, asked: TrailFilter) -> TrailPage:
    limit = min(MOST, max(1, _number(request.GET, "limit", DEFAULT_LIMIT)))
    return asked.page(limit=limit, before=max(0, _number(request.GET, "before", 0)) or None)


def _task_of(deed: OperatorAction) -> Any:
    """The id of the task that it was done to, None if it was done to something else."""
    return task_id_for(deed.target) if deed.target and deed.action.startswith(ON_TASKS) else None


def _link(parameters: QueryDict, **changes: Any) -> str:
    """The address with other parameters, at the newest deeds unless ``before`` is given."""
    query = parameters.copy()
    for name, value in {"before": None, "format": None, **changes}.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return f"?{query.urlencode()}"


def _number(parameters: QueryDict, name: str, default: int) -> int:
    """The whole number that the address says, no larger than a database can count; else the default."""
    match = re.fullmatch(r"([+-]?)0*([0-9]{1,1000})", parameters.get(name, "").strip())
    return min(2**62, max(-(2**62), int(match[1] + match[2]))) if match else default


# --- JSON and CSV -------------------------------------------------------------------------------------------------


def _as_json(request: HttpRequest, asked: TrailFilter) -> JsonResponse:
    page = _page(request, asked)
    return JsonResponse({"events": [event_of(deed) for deed in page.deeds], "next_before": page.next_before})


def event_of(deed: OperatorAction) -> dict[str, Any]:
    """A deed in the document's keys. What the document has no key for stands in the details."""
    details = _details_of(deed) | {name: value for name in ("reason", "address") if (value := getattr(deed, name))}
    if deed.outcome == Outcome.REFUSED:
        details["refused"] = True
    return {
        "timestamp": deed.at.timestamp(),
        "action": deed.action,
        "source": deed.source,
        "status": _status_of(deed),
        "queue": deed.queue or None,
        "job_id": deed.target or None,
        "actor": deed.actor,
        "details": details,
        "error": deed.error or None,
    }


def _details_of(deed: OperatorAction) -> dict[str, Any]:
    """As they were written; a row that was altered by hand may hold anything."""
    try:
        return dict(json.loads(deed.details))
    except (ValueError, TypeError):
        return {"text": deed.details}


def _as_csv(request: HttpRequest, asked: TrailFilter) -> StreamingHttpResponse:
    """Every deed that matches, or as many as ``limit`` says, written while they are read."""
    if request.GET.get("limit"):
        parts: Iterator[list[OperatorAction]] = iter([_page(request, asked).deeds])
    else:
        parts = asked.every(at_once=ROWS_AT_ONCE)
    return StreamingHttpResponse(
        _written(parts),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="audit.csv"'},
    )


async def _written(parts: Iterator[list[OperatorAction]]) -> AsyncIterator[str]:
    """Asynchronous, for Django gathers all of a synchronous one before it sends the first line."""

    def following() -> list[OperatorAction] | None:
        return next(parts, None)

    yield _lines([COLUMNS])
    while (deeds := await sync_to_async(following)()) is not None:
        if deeds:
            yield _lines([_cells_of(deed) for deed in deeds])


def _cells_of(deed: OperatorAction) -> list[str]:
    return [
        str(deed.number), deed.at.isoformat(timespec="microseconds"), deed.action, deed.source, _status_of(deed),
        deed.queue, deed.target, deed.actor, deed.reason, deed.error, deed.details, deed.address, deed.hash,
    ]  # fmt: skip


class _Echo:
    """A file that gives back what is written."""

    def write(self, line: str) -> str:
        return line


def _lines(rows: Sequence[Sequence[str]]) -> str:
    writer: Any = csv.writer(_Echo())
    return "".join(writer.writerow([_harmless(cell) for cell in row]) for row in rows)


def _harmless(cell: str) -> str:
    """With an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if cell[:1] in tuple("=+-@\t\r") else cell


def _status_of(deed: OperatorAction) -> str:
    return "success" if deed.outcome == Outcome.SUCCESS else "failed"
