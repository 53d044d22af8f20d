"""How long each GET of surfaces 1 and 4 takes with few and with many tasks, and how it grows.

``python -m benchmarks endpoints``: not part of ``make bench``, for writing a million tasks takes minutes, ten million
more of them; they are kept (see ``benchmarks.histories``), so that it can be run again. ``SIZES`` names the numbers of
tasks, ``KINDS`` the databases (sqlite, postgresql). One client asks in the processes that answer, one for each size,
through the whole of Django but without a socket; each answer is asked for in full (no ETag). The sizes take turns, as
do the list and the overview with the same written by hand (``benchmarks.plain_views``): what else the machine does
then slows all of them alike.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

from benchmarks.databases import postgres_server
from benchmarks.histories import SIMULATED, fill, kept_database
from benchmarks.sides import Side, obey
from benchmarks.stage import stage

SIZES = tuple(int(size) for size in os.environ.get("SIZES", "10000,1000000,10000000").split(","))
KINDS = os.environ.get("KINDS", "sqlite,postgresql").split(",")
ROUNDS = int(os.environ.get("ROUNDS", "40"))
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
    "list, id": f"{BASE}/tasks?search={{beginning}}",
    "list, recurring": f"{BASE}/tasks?isRecurring=true",
    "list, not recurring": f"{BASE}/tasks?isRecurring=false",
    "list, page 100": f"{BASE}/tasks?page=100",
    "list, middle page": f"{BASE}/tasks?page={{middle_page}}",
    "list, last page": f"{BASE}/tasks?page={{last_page}}",
    "list, by last run": f"{BASE}/tasks?sortBy=LastExecutionUtc",
    "list, by next run": f"{BASE}/tasks?sortBy=NextRunUtc",
    "list, by status": f"{BASE}/tasks?sortBy=Status&sortDescending=false",
    "list, by type": f"{BASE}/tasks?sortBy=TaskType",
    "list, by queue": f"{BASE}/tasks?sortBy=QueueName",
    "task": f"{BASE}/tasks/{{task}}",
    "status-audit": f"{BASE}/tasks/{{task}}/status-audit",
    "runs-audit": f"{BASE}/tasks/{{task}}/runs-audit",
    "4: tasks": f"{MONITORING}/tasks",
    "4: tasks, status": f"{MONITORING}/tasks?status=FAILED",
    "4: tasks, type": f"{MONITORING}/tasks?task_type=refund",
    "4: tasks, provider": f"{MONITORING}/tasks?provider_type=fal",
    "4: tasks, last page": f"{MONITORING}/tasks?page_size=20&page={{last_page}}",
    "4: tasks, by duration": f"{MONITORING}/tasks?sort_by=duration_ms",
    "4: tasks, by completion": f"{MONITORING}/tasks?sort_by=completed_at&sort_order=asc",
    "4: task": f"{MONITORING}/tasks/{{task}}",
    "4: media": f"{MONITORING}/tasks/{{task}}/media",
    "4: stats": f"{MONITORING}/stats",
    "4: queues": f"{MONITORING}/queues",
    "4: workers": f"{MONITORING}/workers",
    "4: workers/health": f"{MONITORING}/workers/health",
}
BY_HAND = {"list of 20": "/plain/tasks", "overview Today": "/plain/overview"}


def run() -> None:
    """Prints p50 and p95 of each path at each size, and the growth of p50 from the smallest size to each other."""
    for kind in KINDS:
        if kind == "postgresql" and not postgres_server():
            print("no PostgreSQL server answers")
            continue
        sizes = [size for size in SIZES if kind == "postgresql" or size <= SIMULATED]
        with ExitStack() as stack:
            _measure(kind, {size: _side(stack, kind, size) for size in sizes})


def _side(stack: ExitStack, kind: str, size: int) -> Side:
    url = kept_database(kind, size)
    here = stack.enter_context(stage(DATABASE_URL=url, DEBUG="1", DEMO="1", DATABASE_POOL_SIZE="0"))
    side = stack.enter_context(here.side(__name__))
    written: dict[str, float] = side.ask("fill", size)
    when = f"written in {written['seconds']:.0f} s" if written["seconds"] else "there already"
    print(f"{kind}: {size:,} tasks, {when}, {written['bytes']:,.0f} bytes each", flush=True)
    side.ask("log_in")
    return side


def _measure(kind: str, sides: dict[int, Side]) -> None:
    print(f"\n{kind}: p50 (p95) in ms" + "".join(f" | {size:,}" for size in sides) + " | growth of p50")
    for name, path in PATHS.items():
        taken = _take_turns({size: (side, path) for size, side in sides.items()})
        cells = [f"{median(times):.1f} ({quantiles(times, n=20)[-1]:.1f})" for times in taken.values()]
        p50s = [median(times) for times in taken.values()]
        growth = ", ".join(f"{p50 / p50s[0]:.2f}" for p50 in p50s[1:])
        print(" | ".join([name, *cells, growth]), flush=True)
    for name, path in BY_HAND.items():
        for size, side in sides.items():
            ours, by_hand = _take_turns({name: (side, PATHS[name]), path: (side, path)}).values()
            print(f"{name} at {size:,}, to the same by hand: {median(ours) / median(by_hand):.2f}", flush=True)


def _take_turns(asked: dict[Any, tuple[Side, str]]) -> dict[Any, list[float]]:
    """The milliseconds of each path in each round; the first rounds fill caches and do not count."""
    taken: dict[Any, list[float]] = {key: [] for key in asked}
    for number in range(ROUNDS + 3):
        for key, (side, path) in asked.items():
            milliseconds = side.ask("time", path)
            if number >= 3:
                taken[key].append(milliseconds)
    return taken


# --- In the process that answers ----------------------------------------------------------------------------------

_client: Any = None
_values: dict[str, Any] = {}


def log_in() -> int:
    """Logs a viewer in and looks up what paths name; how many tasks there are."""
    global _client  # noqa: PLW0603  # the process is asked for one thing after another
    from datetime import UTC, datetime, timedelta

    from django.conf import settings
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from monitoring.models import Task

    settings.DEBUG = False  # with it on, Django keeps every query; the settings need it to allow the demo's seeding
    settings.ROOT_URLCONF = "benchmarks.plain_views"
    viewer, _ = User.objects.get_or_create(username="viewer")
    viewer.groups.add(Group.objects.get(name="viewer"))
    _client = Client(HTTP_HOST="localhost")
    _client.force_login(viewer)
    tasks = Task.objects.count()
    task = Task.objects.order_by("-created_at").values_list("pk", flat=True)[100]
    _values.update(
        a_week_ago=(datetime.now(UTC) - timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        last_page=-(-tasks // 20),
        middle_page=tasks // 40,
        task=task,
        beginning=str(task)[:8],
    )
    return tasks


def time_of(path: str) -> float:
    """The milliseconds that an answer takes."""
    started = time.perf_counter()
    answer = _client.get(path.format(**_values))
    milliseconds = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, (path, answer.status_code)
    return milliseconds


if __name__ == "__main__":
    import django

    django.setup()
    obey({"fill": fill, "log_in": log_in, "time": time_of})
