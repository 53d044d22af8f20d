"""How fast the recorder writes: transitions per second, beside the same rows written by plain ``executemany``.

Both write in one process to the same empty tables, taking turns. The recorder does all that the ``record`` process
does: it reads the outbox, keeps the rollups and the position, trims the stream and announces. It is measured on two
orders of entries: as they come from workers that keep up, and from a backlog that was queued before any was worked.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.databases import database, postgres_server
from benchmarks.sides import Side, obey
from benchmarks.stage import QUEUE, Stage, stage

TASKS = 10_000
ROUNDS = 3
TARGETS = {"sqlite": 0.2, "postgresql": 0.6}
# How many tasks are queued before they are worked.
ORDERS = {"keeping up": 100, "backlog": TASKS}
BUSY_JOBS = 500
TARGET_OVER_WORKERS = 5


def run() -> None:
    """Prints each round, the median ratios, and how the recorder compares with two busy workers."""
    kinds = ["sqlite", *(["postgresql"] if postgres_server() else [])]
    rates = {kind: _measure(kind) for kind in kinds}
    if "postgresql" not in kinds:
        print("postgresql: not measured, no server answers (DATABASE_URL, or 127.0.0.1:5432).")
    busy = two_busy_workers()
    for kind, rate in rates.items():
        print(f"{kind}: {rate / busy:.1f} times what two busy workers produce (target ≥ {TARGET_OVER_WORKERS})")


def _measure(kind: str) -> float:
    """Measures one database and returns the recorder's rate over a backlog, the slower of the two as a rule."""
    with ExitStack() as stack:
        url = stack.enter_context(database(kind))
        here = stack.enter_context(stage(DATABASE_URL=url))
        side = stack.enter_context(here.side(__name__))
        return min(_measure_order(side, kind, order) for order in ORDERS)


def _measure_order(side: Side, kind: str, order: str) -> float:
    transitions: int = side.ask("produce", TASKS, ORDERS[order])
    side.ask("record")  # not measured: connections, plans, the file's growth; the rows it leaves are the plain side's
    side.ask("learn")
    recorder: list[float] = []
    plain: list[float] = []
    for number in range(ROUNDS):
        for deed, rates in (("record", recorder), ("write", plain)):
            rates.append(transitions / side.ask(deed))
        print(
            f"{kind}, {order}, round {number + 1}: {recorder[-1]:6,.0f} transitions/s recorder, "
            f"{plain[-1]:6,.0f} plain, ratio {recorder[-1] / plain[-1]:.3f}",
            flush=True,
        )
    ratio = median(mine / theirs for mine, theirs in zip(recorder, plain, strict=True))
    print(f"{kind}, {order}: median ratio {ratio:.3f} (target ≥ {TARGETS[kind]})", flush=True)
    return float(median(recorder))


def two_busy_workers() -> float:
    """Transitions per second that two real worker processes and who feeds them produce."""
    with stage() as here:
        with here.side(__name__) as side:
            side.ask("enqueue", BUSY_JOBS)
        rate: float = BUSY_JOBS * 3 / _working_seconds(here)
    print(f"two busy workers produce {rate:,.0f} transitions/s ({rate / 3:,.0f} no-op jobs/s)", flush=True)
    return rate


def _working_seconds(here: Stage) -> float:
    """From the first job's start to the last one's end, by the clock of the outbox."""
    command = [str(Path(sys.executable).with_name("rq")), "worker", "--burst", "--url", here.redis_url, "--quiet"]
    command += ["--worker-class", "monitoring.workers.Worker", "--serializer", "rq.serializers.JSONSerializer", QUEUE]
    workers = [subprocess.Popen(command, env=here.environment, cwd=Path.cwd()) for _ in range(2)]
    for worker in workers:
        worker.wait(timeout=120)
    entries: Any = here.redis().xrange("quarterdeck:outbox")
    assert len(entries) == 3 * BUSY_JOBS, f"{len(entries)} transitions of {BUSY_JOBS} jobs"
    first, last = (int(stream_id.partition(b"-")[0]) for stream_id in (entries[BUSY_JOBS][0], entries[-1][0]))
    return (last - first) / 1000


# --- In the process that writes -----------------------------------------------------------------------------------


class Writer:
    """Answers what is asked above."""

    def __init__(self) -> None:
        import django

        django.setup()
        from monitoring import broker

        self.redis = broker.connection()
        self.entries: list[bytes] = []
        self.batches: list[Any] = []

    def produce(self, tasks: str, wave: str) -> int:
        """Makes the entries and the tables; how many transitions they are."""
        from django.core.management import call_command

        from benchmarks import production

        call_command("migrate", verbosity=0)
        self.entries = production.produce(self.redis, int(tasks), int(wave))
        return len(self.entries)

    def record(self) -> float:
        """Seconds in which the recorder records all entries into empty tables."""
        from benchmarks import plain, production
        from monitoring.models import Task
        from monitoring.recorder import Recorder

        plain.empty_tables()
        production.fill(self.redis, self.entries)
        recorder = Recorder()
        recorder.start()
        started = time.perf_counter()
        recorded = recorder.drain()
        seconds = time.perf_counter() - started
        assert recorded == len(self.entries)
        assert Task.objects.filter(status="COMPLETED").count() * production.TRANSITIONS_PER_TASK == recorded
        return seconds

    def learn(self) -> None:
        """Keeps the rows that the recorder left."""
        from benchmarks import plain

        self.batches = plain.batches_of_present_rows()

    def write(self) -> float:
        """Seconds in which ``executemany`` writes the same rows into empty tables."""
        from benchmarks import plain

        plain.empty_tables()
        started = time.perf_counter()
        plain.write(self.batches)
        return time.perf_counter() - started

    def enqueue(self, jobs: str) -> None:
        """Puts no-op jobs on the queue."""
        import rq

        queue = rq.Queue(QUEUE, connection=self.redis, serializer="json")
        queue.enqueue_many([rq.Queue.prepare_data("benchmarks.jobs.nothing") for _ in range(int(jobs))])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    writer = Writer()
    deeds = ("produce", "record", "learn", "write", "enqueue")
    obey({deed: getattr(writer, deed) for deed in deeds})
