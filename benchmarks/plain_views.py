"""The task list and the overview as one would write them by hand: one SQL query each, its rows as JSON.

The same people may read them, and the same middleware is around them. Nothing is checked, counted or described.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from audit.roles import VIEW

_LIST = """
SELECT t.id, t.task_type, t.handler, t.status, t.queue, t.created_at, t.last_run_at, t.scheduled_job_id, j.next_run_at,
       (SELECT sum(count) FROM monitoring_taskcount WHERE span = 'd') AS total
FROM monitoring_task t LEFT JOIN scheduler_scheduledjob j ON j.id = t.scheduled_job_id
ORDER BY t.created_at DESC, t.id DESC LIMIT 20
"""
_OVERVIEW = """
SELECT 'tasks' AS what, queue AS name, status AS word, NULL AS start, sum(count) AS count, sum(run_us) AS run_us
FROM monitoring_taskcount WHERE span = 'h' AND start >= %s GROUP BY queue, status
UNION ALL
SELECT 'ends', NULL, outcome, start, sum(count), NULL
FROM monitoring_runcount WHERE span = 'h' AND start >= %s GROUP BY outcome, start
UNION ALL
SELECT 'active', queue, NULL, NULL, sum(count), NULL
FROM monitoring_taskcount WHERE span = 'd' AND status IN ('SCHEDULED', 'DEFERRED', 'QUEUED', 'RUNNING') GROUP BY queue
UNION ALL
SELECT 'recurring', NULL, NULL, NULL, count(*), NULL FROM scheduler_scheduledjob WHERE is_enabled
"""


@permission_required(VIEW, raise_exception=True)
def task_list(request: HttpRequest) -> JsonResponse:
    """The newest 20, with the total."""
    return JsonResponse({"tasks": _rows(_LIST, [])})


@permission_required(VIEW, raise_exception=True)
def overview(request: HttpRequest) -> JsonResponse:
    """The figures of today."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return JsonResponse({"figures": _rows(_OVERVIEW, [midnight, midnight])})


def _rows(sql: str, values: list[Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


urlpatterns = [path("plain/tasks", task_list), path("plain/overview", overview), path("", include("config.urls"))]
