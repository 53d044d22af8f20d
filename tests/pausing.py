"""Worker processes that honour pauses, and what they say about them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import rq
from django.conf import settings

from audit import roles
from audit.trail import Actor
from monitoring import broker
from monitoring.models import Queue
from monitoring.moments import WorkerNow, look
from monitoring.pauses import Acknowledgements, acknowledgements
from monitoring.workers import Worker
from tests.running import ROOT, wait_for

OPERATOR = Actor(name="oscar", source="queues", address="127.0.0.1", permissions=frozenset({roles.OPERATE}))
VIEWER = Actor(name="vera", source="queues", permissions=frozenset({roles.VIEW}))
# No Django: a worker of somebody else's, with our class. The pool is the one behind `rq worker-pool`.
WORKER = """
import sys
from redis import Redis
from rq.serializers import JSONSerializer
from rq.worker_pool import WorkerPool
from monitoring.workers import Worker
url, kind, number, *queues = sys.argv[1:]
options = {"connection": Redis.from_url(url), "serializer": JSONSerializer}
if kind == "pool":
    WorkerPool(queues, num_workers=int(number), worker_class=Worker, **options).start(logging_level="ERROR")
else:
    Worker(queues, **options).work(logging_level="ERROR")
"""


def start_worker(*queues: str, pool_of: int = 0) -> subprocess.Popen[bytes]:
    """A worker process, or a pool of them, that listens to the queues, first ones first."""
    words = [settings.REDIS_URL, "pool" if pool_of else "worker", str(pool_of), *queues]
    return subprocess.Popen([sys.executable, "-c", WORKER, *words], cwd=ROOT)


def register(name: str, *queues: str, plain: bool = False) -> rq.Worker:
    """A worker of our class, or of RQ's own, that has registered and does nothing."""
    made = (rq.Worker if plain else Worker)(list(queues), name=name, connection=broker.connection())
    made.register_birth()
    return made


@contextmanager
def workers(*each: tuple[str, ...]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Worker processes, one for each list of queues; all listen when it begins, none is left when it ends."""
    processes = [start_worker(*queues) for queues in each]
    try:
        assert wait_for(lambda: len(living()) == len(each), 30)
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def living() -> tuple[WorkerNow, ...]:
    return look().workers


def told(queue: Queue) -> Acknowledgements:
    """Who has acknowledged the queue's pause."""
    queue.refresh_from_db()
    return acknowledgements(queue, living())


def all_acknowledge(queue: Queue, number: int, seconds: float = 3) -> bool:
    """Whether so many, and no fewer, do in time."""
    return wait_for(lambda: len(told(queue).acknowledged) == number == told(queue).listening, seconds)
