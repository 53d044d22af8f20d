"""What recording costs the side that works: jobs per second with and without the hooks, and Redis round trips added.

Hooks cannot be taken off again, so each side is a process of its own. Both live through the whole run and take turns at
the same jobs on the same server, enqueued by the side without hooks. Rounds are short and many, and each pair begins
with the other side: a slow second of the machine hits both. Workers and server share one processor, for otherwise it is
the kernel's placing of them that decides between three hundred jobs a second and six hundred.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from benchmarks.sides import Side, obey
from benchmarks.stage import QUEUE, Stage, stage

JOBS = 300
PAIRS = 15
TARGET = 0.95
SIDES = ("plain", "hooked")


def run() -> None:
    """Prints each pair, the median ratios and the round trips added per job."""
    with stage() as here:
        processor = max(os.sched_getaffinity(0))
        os.sched_setaffinity(here.redis().info()["process_id"], {processor})
        with (
            here.side(__name__, "plain", str(processor)) as plain,
            here.side(__name__, "hooked", str(processor)) as hooked,
        ):
            sides = {"plain": plain, "hooked": hooked}
            _round(here, sides, "plain"), _round(here, sides, "hooked")  # not measured: imports, connections, scripts
            pairs = [_pair(here, sides, number) for number in range(PAIRS)]
            trips = {name: side.ask("count") for name, side in sides.items()}
    _print_medians(pairs)
    for deed in ("enqueue", "work"):
        before, after = trips["plain"][deed], trips["hooked"][deed]
        print(
            f"Redis round trips per job to {deed}: {before:.2f} plain, {after:.2f} hooked, added {after - before:.2f}"
        )


def _pair(here: Stage, sides: Mapping[str, Side], number: int) -> dict[str, dict[str, float]]:
    order = SIDES if number % 2 == 0 else SIDES[::-1]
    pair = {name: _round(here, sides, name) for name in order}
    plain, hooked = pair["plain"]["rate"], pair["hooked"]["rate"]
    print(
        f"pair {number + 1:2}: {plain:5.0f} jobs/s plain, {hooked:5.0f} hooked, ratio {hooked / plain:.3f}", flush=True
    )
    return pair


def _round(here: Stage, sides: Mapping[str, Side], name: str) -> dict[str, float]:
    here.redis().flushall()
    sides["plain"].ask("enqueue")
    measured: dict[str, float] = sides[name].ask("work")
    return measured


def _print_medians(pairs: list[dict[str, dict[str, float]]]) -> None:
    ratios = [pair["hooked"]["rate"] / pair["plain"]["rate"] for pair in pairs]
    processor = [pair["plain"]["cpu_us"] / pair["hooked"]["cpu_us"] for pair in pairs]
    for name in SIDES:
        print(
            f"{name}: {median(pair[name]['rate'] for pair in pairs):.0f} jobs/s, "
            f"{median(pair[name]['cpu_us'] for pair in pairs):.0f} µs of processor time per job"
        )
    print(f"median ratio of jobs per second: {median(ratios):.3f} (target ≥ {TARGET})")
    print(f"median ratio by the worker's processor time: {median(processor):.3f}")


# --- In the process of one side -----------------------------------------------------------------------------------


def enqueue(queue: Queue) -> None:
    """Puts no-op jobs on the queue."""
    queue.enqueue_many([Queue.prepare_data("benchmarks.jobs.nothing") for _ in range(JOBS)])


class TimedWorker(SimpleWorker):
    """Notes when the first job begins and the last has ended: taking leave of Redis alone lasts up to a second."""

    started: tuple[float, float] | None = None
    ended = (0.0, 0.0)

    def execute_job(self, *args: Any, **kwargs: Any) -> None:
        self.started = self.started or (time.perf_counter(), time.process_time())
        super().execute_job(*args, **kwargs)

    def teardown(self) -> None:
        self.ended = (time.perf_counter(), time.process_time())
        super().teardown()  # type: ignore[no-untyped-call]  # RQ's own


def work(queue: Queue) -> dict[str, float]:
    """Works the queue until it is empty; jobs per second, and microseconds of processor time per job."""
    worker = TimedWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.work(burst=True, logging_level="WARNING")
    assert queue.finished_job_registry.get_job_count(cleanup=False) == JOBS, "some jobs did not succeed"
    assert worker.started is not None
    seconds, processor = (end - start for start, end in zip(worker.started, worker.ended, strict=True))
    return {"rate": JOBS / seconds, "cpu_us": 1e6 * processor / JOBS}


def count(queue: Queue) -> dict[str, float]:
    """Round trips per job: what the client sends at once, be it a command or a pipeline, is one."""
    queue.connection.flushall()
    trips = _counting_trips()
    for _ in range(JOBS):
        queue.enqueue("benchmarks.jobs.nothing")
    enqueued = trips()
    work(queue)
    return {"enqueue": enqueued / JOBS, "work": (trips() - enqueued) / JOBS}


def _counting_trips() -> Callable[[], int]:
    sent = 0
    original: Any = redis.connection.AbstractConnection.send_packed_command

    def counting(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal sent
        sent += 1
        original(self, *args, **kwargs)

    redis.connection.AbstractConnection.send_packed_command = counting  # type: ignore[method-assign]  # counts, then sends
    return lambda: sent


def take(side: str, processor: int) -> None:
    """Becomes the side, on its processor."""
    os.sched_setaffinity(0, {processor})
    if side == "hooked":
        from monitoring import hooks

        hooks.install()
    queue = Queue(QUEUE, connection=redis.Redis.from_url(os.environ["REDIS_URL"]), serializer=JSONSerializer)
    obey({"enqueue": lambda: enqueue(queue), "work": lambda: work(queue), "count": lambda: count(queue)})


if __name__ == "__main__":
    take(sys.argv[1], int(sys.argv[2]))
