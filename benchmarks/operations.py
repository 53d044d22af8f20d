"""How fast many failed tasks are retried in the background, and how soon pages answer meanwhile.

Real keys: jobs that RQ holds as failed, recorded by ``manage.py record``, retried by ``manage.py operate`` while
``manage.py serve`` is asked for the overview and for the failures by error, one request after the other. The clock runs
from the operation's first chunk to the commit of its last; the recorder writes the ten thousand status changes that
follow from it at the same time.
"""

from __future__ import annotations

import socket
import time
import urllib.request
from contextlib import ExitStack
from statistics import median, quantiles
from typing import Any

import django

from benchmarks.databases import database, postgres_server
from benchmarks.sides import Side, obey
from benchmarks.stage import QUEUE, stage

TASKS = 10_000
TARGET = 1_000
PAGES = ("/monitoring/", "/monitoring/failures?group=error")
PATIENCE_SECONDS = 120


def run() -> None:
    """Prints the rate and the pages' times, before and meanwhile, for each verb and database."""
    kinds = ["sqlite", *(["postgresql"] if postgres_server() else [])]
    for kind in kinds:
        with ExitStack() as stack:
            url = stack.enter_context(database(kind))
            port = _free_port()
            address = {"HOST": "127.0.0.1", "PORT": str(port), "SECURE_SSL_REDIRECT": "0"}
            here = stack.enter_context(stage(DATABASE_URL=url, **address))
            side = stack.enter_context(here.side(__name__))
            cookie = side.ask("prepare")
            for process in ("record", "serve", "operate"):
                stack.enter_context(here.running("manage.py", process))
            _measure(side, kind, f"http://127.0.0.1:{port}", f"{cookie['name']}={cookie['value']}")


def _measure(side: Side, kind: str, address: str, cookie: str) -> None:
    side.ask("fail", TASKS)
    _wait_until(lambda: bool(side.ask("failed") == TASKS))
    before = [_seconds(address + page, cookie) for _ in range(20) for page in PAGES]
    number, meanwhile, place = side.ask("begin", "retry"), [], 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (told := side.ask("told", number))["over"]:
        meanwhile.append(_seconds(address + PAGES[place % len(PAGES)], cookie))
        place += 1
        assert time.monotonic() < deadline, told
    assert told["done"] == TASKS, told
    print(f"{kind}: {TASKS / told['seconds']:,.0f} tasks/s retried (target ≥ {TARGET:,}), in {told['seconds']:.1f} s")
    for when, seconds in (("before", before), ("meanwhile", meanwhile)):
        p95 = quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
        print(f"{kind}: pages {when}: p50 {1000 * median(seconds):.0f} ms, p95 {1000 * p95:.0f} ms of {len(seconds)}")
    _wait_until(lambda: bool(side.ask("failed") == 0))


def _seconds(url: str, cookie: str) -> float:
    begin = time.perf_counter()
    request = urllib.request.Request(url, headers={"Cookie": cookie})  # noqa: S310  # our own http address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # as above
        assert answer.status == 200
        answer.read()
    return time.perf_counter() - begin


def _wait_until(is_so: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- In the process beside ----------------------------------------------------------------------------------------


def prepare() -> dict[str, str]:
    """Makes the site, and an operator beside its visitor."""
    from django.contrib.auth.models import Group, User

    from benchmarks import site

    cookie = site.prepare()
    User.objects.create_user("operator").groups.add(Group.objects.get(name="operator"))
    return cookie


def fail(number: str) -> None:
    """Jobs that RQ holds as failed, as its workers leave them."""
    from rq.job import Job, JobStatus
    from rq.registry import FailedJobRegistry

    from monitoring import broker

    connection = broker.connection()
    registry = FailedJobRegistry(QUEUE, connection=connection)
    for start in range(0, int(number), 500):
        with connection.pipeline() as pipeline:
            for index in range(start, start + 500):
                job = Job.create("benchmarks.jobs.nothing", connection=connection, origin=QUEUE, serializer="json")
                job.__dict__["quarterdeck_remembers"] = {"exc_string": f"ValueError: no order {index}"}
                job.save(pipeline=pipeline)
                job.set_status(JobStatus.QUEUED, pipeline=pipeline)
                job.set_status(JobStatus.FAILED, pipeline=pipeline)
                registry.add(job, ttl=31_536_000, pipeline=pipeline, exc_string=f"ValueError: no order {index}")
            pipeline.execute()


def failed() -> int:
    """How many are recorded as failed."""
    from monitoring.error_groups import number_of_failures

    return number_of_failures()


def begin(verb: str) -> int:
    """Asks for it; the operation's number."""
    from audit.trail import actor_named
    from monitoring.actions import VERBS
    from monitoring.operations import begin_operation

    by = actor_named("operator", source="benchmark")
    return begin_operation(VERBS[verb], {"status": ["FAILED"]}, by=by).pk


def told(number: str) -> dict[str, Any]:
    """How far it is."""
    from monitoring.stored_operations import Operation

    one = Operation.objects.get(pk=number)
    seconds = (one.ended_at - one.started_at).total_seconds() if one.ended_at and one.started_at else None
    return {"over": one.is_over, "done": one.done, "seconds": seconds, "refusals": one.refusals}


if __name__ == "__main__":
    django.setup()
    obey({"prepare": prepare, "fail": fail, "failed": failed, "begin": begin, "told": told})
