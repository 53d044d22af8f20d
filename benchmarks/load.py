"""Who keeps a stage busy: ``enqueue <queue> <jobs per second>`` and ``work <queue>``, each a process with the hooks."""

from __future__ import annotations

import os
import sys
import time

import redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from monitoring import hooks


def enqueue(queue: Queue, rate: float) -> None:
    """Enqueues no-op jobs at the rate, without end. Who falls behind catches up, so the rate holds on average."""
    started, number = time.monotonic(), 0
    while True:
        queue.enqueue("benchmarks.jobs.nothing")
        number += 1
        time.sleep(max(0.0, started + number / rate - time.monotonic()))


def work(queue: Queue) -> None:
    """Works in this process: on two processors, RQ's forking workers manage no hundred jobs a second."""
    worker = SimpleWorker([queue], connection=queue.connection, serializer=JSONSerializer)
    worker.work(logging_level="WARNING")


if __name__ == "__main__":
    hooks.install()
    deed, name, *rate = sys.argv[1:]
    queue = Queue(name, connection=redis.Redis.from_url(os.environ["REDIS_URL"]), serializer=JSONSerializer)
    if deed == "work":
        work(queue)
    else:
        enqueue(queue, float(rate[0]))
