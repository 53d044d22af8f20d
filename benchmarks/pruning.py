"""How long a transaction is at most while a million old rows are pruned, and how long whoever writes beside it waits.

``manage.py prune``'s own code deletes a seeded year of tasks with their changes and runs. Beside it another process
does every 20 ms what the recorder does at least: it locks the recorders' position and writes a row of a rollup, in a
transaction. Its wait is from the begin of the transaction to the end of the commit. ``TASKS`` names another number of
tasks, ``ARCHIVE=1`` archives first, ``KINDS=sqlite`` one of the databases.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from typing import Any

import django

from benchmarks.databases import database, postgres_server
from benchmarks.sides import obey
from benchmarks.stage import stage

TASKS = int(os.environ.get("TASKS", "210000"))
"""Each comes with about three changes and one run: a million rows and more."""
LIMIT_MS = 200
PAUSE_SECONDS = 0.02


def run() -> None:
    """Prints the longest transaction, and the writer's waits alone and beside the pruning, for each database."""
    kinds = ["sqlite", *(["postgresql"] if postgres_server() else [])]
    for kind in [kind for kind in kinds if kind in os.environ.get("KINDS", " ".join(kinds)).split()]:
        with ExitStack() as stack:
            url = stack.enter_context(database(kind))
            ages = {f"RETENTION_{name}_DAYS": "1" for name in ("TASKS", "RUNS", "CHANGES")}
            here = stack.enter_context(stage(DATABASE_URL=url, **ages))
            side, writer = stack.enter_context(here.side(__name__)), stack.enter_context(here.side(__name__))
            with here.side(__name__, DEBUG="1", DEMO="1") as seeding:  # only a demo can seed
                print(f"{kind}: {seeding.ask('fill', TASKS):,} rows seeded", flush=True)
            writer.ask("write")
            time.sleep(5)
            alone = writer.ask("waits")
            told = side.ask("prune", here.data_dir / "archive" if os.environ.get("ARCHIVE") else "")
            beside = writer.ask("waits")
            assert told["differences"] == [], told
            rate = told["rows"] / told["seconds"]
            print(
                f"{kind}: {told['rows']:,} rows pruned in {told['seconds']:.0f} s ({rate:,.0f}/s),"
                f" {told['transactions']:,} transactions, longest {told['longest_ms']:.0f} ms"
                f" (limit {LIMIT_MS}), p99 {told['p99_ms']:.0f} ms; rollups equal the rows: yes"
            )
            for when, waits in (("alone", alone), ("beside it", beside)):
                print(f"{kind}: a writer {when}: {_in_words(waits)}")


def _in_words(waits: list[float]) -> str:
    cuts = quantiles(waits, n=1000)
    return (
        f"p50 {cuts[499]:.1f} ms, p95 {cuts[949]:.1f} ms, p99 {cuts[989]:.1f} ms, most {max(waits):.0f} ms"
        f" of {len(waits):,}"
    )


# --- In the processes beside --------------------------------------------------------------------------------------


def fill(tasks: str) -> int:
    """Seeds a past of ninety days; how many rows it has that can be old."""
    from django.core.management import call_command
    from django.db import connection

    from audit.models import StatusChange, TaskRun
    from monitoring.hooks import OUTBOX
    from monitoring.models import InboxPosition, Task

    call_command("migrate", verbosity=0)
    with Path(os.devnull).open("w") as nowhere:
        call_command("seed_history", tasks=int(tasks), days=90, seed=5, stdout=nowhere)
    InboxPosition.objects.get_or_create(stream=OUTBOX)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    return sum(model._default_manager.count() for model in (Task, StatusChange, TaskRun))


def prune(directory: str = "") -> dict[str, Any]:
    """Prunes everything that is old, and tells how long its transactions took."""
    from audit import trail
    from monitoring import pruning, rebuilding

    took: list[float] = []
    delete: Any = pruning._delete  # the transaction, and nothing else

    def timed(*args: Any) -> int:
        began = time.perf_counter()
        rows: int = delete(*args)
        took.append(1000 * (time.perf_counter() - began))
        return rows

    pruning._delete = timed  # type: ignore[assignment]  # it takes what the original takes
    began = time.perf_counter()
    by = trail.process("benchmark")
    rows = sum(outcome.rows for outcome in pruning.prune(by=by, archive_in=Path(directory) if directory else None))
    seconds = time.perf_counter() - began
    return {
        "rows": rows,
        "seconds": seconds,
        "transactions": len(took),
        "longest_ms": max(took),
        "p99_ms": quantiles(took, n=100)[98],
        "differences": rebuilding.differences()[:3],
    }


_waits: list[float] = []


def write() -> None:
    """Begins to write, for as long as the process lives."""
    threading.Thread(target=_write_for_ever, daemon=True).start()


def waits() -> list[float]:
    """How long each write took since the last question, in milliseconds."""
    told = list(_waits)
    del _waits[: len(told)]
    return told


def _write_for_ever() -> None:
    from datetime import UTC, datetime

    from django.db import transaction

    from monitoring.models import Span, TaskCount
    from monitoring.recorder import lock_position

    cell: dict[str, Any] = {
        "span": Span.HOUR,
        "start": datetime(2001, 1, 1, tzinfo=UTC),
        "queue": "q",
        "task_type": "t",
        "status": "QUEUED",
    }
    while True:
        began = time.perf_counter()
        with transaction.atomic():
            position = lock_position()
            TaskCount.objects.update_or_create(**cell, defaults={"count": 0, "timed": 0, "run_us": 0})
            position.save()
        _waits.append(1000 * (time.perf_counter() - began))
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    django.setup()
    obey({"fill": fill, "prune": prune, "write": write, "waits": waits})
