"""How long each GET of surfaces 1 and 4 takes with few and with many tasks, and how it grows.

``python -m benchmarks endpoints``: not part of ``make bench``, for writing a million tasks takes minutes. The sizes are
those of ``SIZES`` (comma-separated), the databases SQLite and, if a server answers, PostgreSQL. One client asks in the
process that answers, through the whole of Django but without a socket; each answer is asked for in full (no ETag).
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

from benchmarks.databases import database, postgres_server
from benchmarks.sides import obey
from benchmarks.stage import stage

SIZES = tuple(int(size) for size in os.environ.get("SIZES", "10000,1000000").split(","))
DAYS = 90
TIMES = 40
BASE, MONITORING = "/monitoring/api", "/api/v1/monitoring"
PATHS = {
    "overview Today": f"{BASE}/dashboard/overview",
    "overview Month": f"{BASE}/dashboard/overview?range=Month",
    "overview All": f"{BASE}/dashboard/overview?range=All",
    "recent-activity": f"{BASE}/dashboard/recent-activity",
    "queues": f"{BASE}/queues",
    "success-rate-trend 90 days": f"{BASE}/statistics/success-rate-trend?period=Last90Days",
    "task-types All": f"{BASE}/statistics/task-types?range=All",
    "execution-times Month": f"{BASE}/statistics/execution-times?range=Month",
    "tasks/counts": f"{BASE}/tasks/counts",
    "list of 20": f"{BASE}/tasks",
    "list, status": f"{BASE}/tasks?status=Failed",
    "list, queue": f"{BASE}/tasks?queueName=media",
    "list, type": f"{BASE}/tasks?taskType=refund",
    "list, created": f"{BASE}/tasks?createdFrom={{a_week_ago}}",
    "list, not recurring": f"{BASE}/tasks?isRecurring=false",
    "list, by last run": f"{BASE}/tasks?sortBy=LastExecutionUtc",
    "list, page 100": f"{BASE}/tasks?page=100",
    "list, last page": f"{BASE}/tasks?page={{last_page}}",
    "task": f"{BASE}/tasks/{{task}}",
    "status-audit": f"{BASE}/tasks/{{task}}/status-audit",
    "4: tasks": f"{MONITORING}/tasks",
    "4: tasks, status": f"{MONITORING}/tasks?status=FAILED",
    "4: stats": f"{MONITORING}/stats",
    "4: queues": f"{MONITORING}/queues",
    "4: workers": f"{MONITORING}/workers",
    "4: workers/health": f"{MONITORING}/workers/health",
}


def run() -> None:
    """Prints p50 and p95 of each path at each size, and the growth from the smallest size to the largest."""
    for kind in ["sqlite", *(["postgresql"] if postgres_server() else [])]:
        measured = {size: _measure(kind, size) for size in SIZES}
        print(f"\n{kind}: p50 (p95) in ms" + "".join(f" | {size:,}" for size in SIZES) + " | growth of p50")
        for name in PATHS:
            cells = [measured[size][name] for size in SIZES]
            figures = "".join(f" | {p50:.1f} ({p95:.1f})" for p50, p95 in cells)
            print(f"{name}{figures} | {cells[-1][0] / cells[0][0]:.2f}", flush=True)


def _measure(kind: str, size: int) -> dict[str, list[float]]:
    with ExitStack() as stack:
        url = stack.enter_context(database(kind))
        here = stack.enter_context(stage(DATABASE_URL=url, DEBUG="1", DEMO="1", DATABASE_POOL_SIZE="0"))
        side = stack.enter_context(here.side(__name__))
        written: dict[str, float] = side.ask("seed", size)
        print(
            f"{kind}: {size:,} tasks written in {written['seconds']:.0f} s, {written['bytes'] / size:,.0f} bytes each"
        )
        figures: dict[str, list[float]] = side.ask("measure")
        return figures


# --- In the process that answers ----------------------------------------------------------------------------------


def seed(size: str) -> dict[str, float]:
    """Writes a history; how long it took, and how many bytes the database has."""
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    started = time.perf_counter()
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a device, no path
        call_command("seed_history", tasks=int(size), days=DAYS, seed=5, stdout=nowhere)
    seconds = time.perf_counter() - started
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("ANALYZE")
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        (size_in_bytes,) = cursor.fetchone()
    return {"seconds": seconds, "bytes": size_in_bytes}


def measure() -> dict[str, list[float]]:
    """The p50 and p95 of each path in milliseconds."""
    from django.conf import settings
    from django.contrib.auth.models import Group, User
    from django.test import Client

    settings.DEBUG = False  # with it on, Django keeps every query; the settings need it to allow the demo's seeding
    viewer = User.objects.create_user("viewer")
    viewer.groups.add(Group.objects.get(name="viewer"))
    client = Client(HTTP_HOST="localhost")
    client.force_login(viewer)
    values = _values()
    return {name: _times(client, path.format(**values)) for name, path in PATHS.items()}


def _values() -> dict[str, Any]:
    from datetime import UTC, datetime, timedelta

    from monitoring.models import Task

    return {
        "a_week_ago": (datetime.now(UTC) - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "last_page": -(-Task.objects.count() // 20),
        "task": Task.objects.order_by("-created_at").values_list("pk", flat=True)[100],
    }


def _times(client: Any, path: str) -> list[float]:
    taken = []
    for number in range(TIMES + 3):
        started = time.perf_counter()
        answer = client.get(path)
        milliseconds = (time.perf_counter() - started) * 1000
        assert answer.status_code == 200, (path, answer.status_code)
        if number >= 3:  # the first ones fill caches
            taken.append(milliseconds)
    return [median(taken), quantiles(taken, n=20)[-1]]


if __name__ == "__main__":
    import django

    django.setup()
    obey({"seed": seed, "measure": measure})
