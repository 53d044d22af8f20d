"""The processes of the workflow benchmark: ``work``, ``record``, ``dispatch``, ``bare``, and ``ask``, who asks."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from benchmarks.sides import obey

STILL_SECONDS = 10


def prepare() -> None:
    """Makes the tables."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def start(name: str, number: str) -> None:
    """Starts so many workflows."""
    from scheduler.workflow_starts import start_workflow

    for _ in range(int(number)):
        start_workflow(f"benchmarks.{name}")


def wait(seconds: str) -> dict[str, Any]:
    """Waits until all are over; how long it took since the first was made, how they ended, and what is left."""
    from django.db.models import Max, Min

    from scheduler.workflow_count_models import WorkflowCount
    from scheduler.workflow_models import Workflow

    deadline = time.monotonic() + float(seconds)
    while Workflow.objects.exclude(completed_at__isnull=False).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    span = Workflow.objects.aggregate(first=Min("created_at"), last=Max("completed_at"))
    statuses = list(Workflow.objects.values_list("status", flat=True))
    told = {
        "seconds": (span["last"] - span["first"]).total_seconds() if span["last"] else None,
        "statuses": {status: statuses.count(status) for status in set(statuses)},
    }
    Workflow.objects.all().delete()
    WorkflowCount.objects.all().delete()
    return told


def chain(number: str) -> None:
    """The same jobs as so many workflows of eight, chained by hand in plain RQ."""
    import redis
    from rq import Queue
    from rq.serializers import JSONSerializer

    from benchmarks.workflow_handlers import EIGHT

    queue = Queue("bare", connection=redis.Redis.from_url(os.environ["REDIS_URL"]), serializer=JSONSerializer)
    for _ in range(int(number)):
        jobs: dict[str, Any] = {}
        for name, after in EIGHT.items():
            jobs[name] = queue.enqueue("benchmarks.jobs.nothing", depends_on=[jobs[needed] for needed in after] or None)


def wait_bare(number: str) -> dict[str, float]:
    """Waits until so many bare jobs are over, or none ends any more; how long that took, and how many there were.

    RQ itself may leave a job deferred for ever when two of its dependencies end at the same moment on two workers.
    """
    import redis
    from rq import Queue
    from rq.serializers import JSONSerializer

    queue = Queue("bare", connection=redis.Redis.from_url(os.environ["REDIS_URL"]), serializer=JSONSerializer)
    started = last = time.monotonic()
    count = 0
    while count < int(number) and time.monotonic() < last + STILL_SECONDS:
        time.sleep(0.1)
        now_over = queue.finished_job_registry.get_job_count(cleanup=False)
        if now_over > count:
            count, last = now_over, time.monotonic()
    return {"seconds": last - started, "over": count}


def work_bare() -> None:
    """RQ's own worker, on which nothing is installed."""
    import redis
    from rq import Queue, Worker
    from rq.serializers import JSONSerializer

    connection = redis.Redis.from_url(os.environ["REDIS_URL"])
    queue = Queue("bare", connection=connection, serializer=JSONSerializer)
    Worker([queue], connection=connection, serializer=JSONSerializer).work(logging_level="WARNING")


def become(word: str) -> None:
    """One of Quarterdeck's processes, with the benchmark's handlers."""
    import django

    django.setup()
    from benchmarks import workflow_handlers

    workflow_handlers.declare()
    if word == "ask":
        obey({"prepare": prepare, "start": start, "wait": wait, "chain": chain, "wait_bare": wait_bare})
    else:
        from django.core.management import call_command

        call_command(word)


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        work_bare()
    else:
        become(sys.argv[1])
