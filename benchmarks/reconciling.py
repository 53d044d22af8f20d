"""What a comparison of the record with Redis costs, and whether it finds what is gone, with a hundred thousand waiting.

A hundred thousand jobs wait in Redis and in the record. Comparisons go through them, a part in each; then a thousand
jobs are deleted behind Quarterdeck's back, and comparisons go on until each is named, and no other. JOBS says how many.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import ExitStack
from statistics import median
from typing import Any

from benchmarks.databases import database, postgres_server
from benchmarks.sides import obey
from benchmarks.stage import QUEUE, stage

GONE = 1_000
PASSES = 10
AT_ONCE = 1_000


def run() -> None:
    """Prints what a comparison takes, and what was found."""
    jobs = int(os.environ.get("JOBS", "100000"))
    for kind in ["sqlite", *(["postgresql"] if postgres_server() else [])]:
        with ExitStack() as stack:
            url = stack.enter_context(database(kind))
            here = stack.enter_context(stage(DATABASE_URL=url))
            side = stack.enter_context(here.side(__name__))
            side.ask("prepare", jobs)
            seconds = side.ask("compare", PASSES)
            print(
                f"{kind}: a comparison with {jobs:,} tasks waiting: median {median(seconds):.2f} s, "
                f"max {max(seconds):.2f} s of {len(seconds)}"
            )
            told = side.ask("find", GONE)
            print(
                f"{kind}: of {GONE:,} deleted jobs {told['found']:,} are named after {told['passes']} comparisons, "
                f"and {told['wrong']} others",
                flush=True,
            )


# --- In the process that compares ---------------------------------------------------------------------------------


class Stage:
    """Answers what is asked above."""

    def __init__(self) -> None:
        import django

        django.setup()
        from monitoring import reconciling

        reconciling.SETTLED_SECONDS = 0  # nothing is on the way here

    def prepare(self, jobs: str) -> None:
        """Makes the tables, enqueues the jobs and records them."""
        import rq
        from django.core.management import call_command

        from monitoring import broker

        call_command("migrate", verbosity=0)
        queue = broker.queue(QUEUE)
        for _ in range(int(jobs) // AT_ONCE):
            queue.enqueue_many([rq.Queue.prepare_data("benchmarks.jobs.nothing") for _ in range(AT_ONCE)])
        self._record()

    def _record(self) -> None:
        from monitoring.recorder import Recorder

        recorder = Recorder()
        recorder.start()
        recorder.drain()

    def compare(self, passes: str) -> list[float]:
        """Seconds of each comparison."""
        from monitoring.reconciling import Reconciler

        self.reconciler = Reconciler()
        seconds = []
        for _ in range(int(passes)):
            began = time.perf_counter()
            self.reconciler.turn()
            seconds.append(time.perf_counter() - began)
        return seconds

    def find(self, number: str) -> dict[str, Any]:
        """Deletes jobs by chance, and compares until each is named, or for far longer than that should take."""
        from monitoring import broker
        from monitoring.ledger_models import LostTask
        from monitoring.models import Task

        ids = list(Task.objects.values_list("job_id", flat=True))
        gone = set(random.Random(7).sample(ids, int(number)))  # noqa: S311  # a play, no secret
        broker.connection().delete(*[f"rq:job:{job_id}" for job_id in gone])
        found: set[str] = set()
        passes = 0
        while not gone <= found and passes < 10 * len(ids) // AT_ONCE:
            self.reconciler.turn()
            self._record()
            passes += 1
            found = set(LostTask.objects.values_list("job_id", flat=True))
        return {"found": len(found & gone), "wrong": len(found - gone), "passes": passes}


if __name__ == "__main__":
    here = Stage()
    obey({deed: getattr(here, deed) for deed in ("prepare", "compare", "find")})
