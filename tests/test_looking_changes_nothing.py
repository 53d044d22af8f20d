"""Every GET of the APIs reads: no command that Redis receives, and no query, writes anything."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern
from pytest_django.fixtures import Settings
from redis import Redis
from rq.worker import WorkerStatus

from audit.roles import OPERATE
from audit.trail import Actor, Deed, process, write_down
from monitoring import broker
from monitoring.actions import RETRY
from monitoring.dashboard_api import urls as dashboard_api
from monitoring.monitoring_api import urls as monitoring_api
from monitoring.operations import begin_operation
from monitoring.sampling import take_sample
from monitoring.statuses import Status
from scheduler.monitored_workflows import urls as monitored_workflows
from scheduler.pages import urls as schedule_pages
from scheduler.workflow_api import urls as workflow_api
from tests.cast import API, client_of
from tests.factories import NOON, make_run, make_task
from tests.monitoring_api import BASE
from tests.reading_pages import BASE as PAGES
from tests.schedule_pages import make_runs, schedule
from tests.workflows import begin

READS = {
    *("EXISTS", "GET", "HGET", "HGETALL", "HMGET", "LINDEX", "LLEN", "LPOS", "LRANGE", "MGET", "SCARD", "SMEMBERS"),
    *("STRLEN", "TTL", "ZRANK"),
    *("TYPE", "XINFO", "XLEN", "XRANGE", "XREAD", "XREVRANGE", "ZCARD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZSCORE"),
    *("AUTH", "CLIENT", "HELLO", "INFO", "PING", "SELECT", "TIME"),  # of the connection, not of the data
}
END = "that was all"


@pytest.fixture(autouse=True)
def unlimited(settings: Settings) -> None:
    """How often somebody asks is counted in Redis; that is no matter of RQ's or of the tasks."""
    settings.API_REQUESTS_PER_MINUTE_PER_ACCOUNT = settings.API_REQUESTS_PER_MINUTE_PER_SOURCE = 0


def heard(deed: Callable[[], object]) -> list[str]:
    """The commands that Redis received on our database meanwhile, in capitals."""
    commands: list[str] = []
    watcher = Redis.from_url(django_settings.REDIS_URL)
    number = watcher.connection_pool.connection_kwargs.get("db", 0)
    with watcher.monitor() as monitor:

        def listen() -> None:
            for told in monitor.listen():
                if END in told["command"]:
                    return
                if told["db"] == number:
                    commands.append(told["command"].split(maxsplit=1)[0].upper())

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            deed()
        finally:
            broker.connection().echo(END)
            listener.join(timeout=10)
    assert not listener.is_alive()
    return commands


def paths_of(base: str, module: Any, **values: str) -> list[str]:
    """Every path below the base with these values in it."""
    routes = [str(pattern.pattern) for pattern in module.urlpatterns if isinstance(pattern, URLPattern)]
    for name, value in values.items():
        routes = [re.sub(rf"<\w+:{name}>", value, route) for route in routes]
    return [f"{base}/{route}" for route in routes if route != "auth/login"]


@pytest.fixture
def paths(db: None) -> list[str]:
    """Every path that answers GET, with a busy stage: jobs of all kinds, some of them overdue, and a worker."""
    task = make_task()
    make_run(task.id, worker="deck-1")
    queue = broker.queue("default")
    job = queue.enqueue("tests.jobs.echo")
    queue.enqueue("tests.jobs.echo", depends_on=job)
    for registry in ("wip", "finished", "failed", "deferred", "scheduled", "canceled"):
        broker.connection().zadd(f"rq:{registry}:default", {"long-overdue": 1})  # what RQ's own looks would clear away
    worker = broker.worker(["default"])
    worker.register_birth()  # type: ignore[no-untyped-call]  # RQ has no types here
    worker.set_state(WorkerStatus.BUSY)
    broker.connection().sadd("rq:workers", "rq:worker:long-gone")
    task_id, workflow_id = str(task.id), str(begin().pk)
    return [
        *paths_of(BASE, monitoring_api, task_id=task_id),
        *paths_of(API, dashboard_api, id=task_id, name="default"),
        *(f"{PAGES}/{path}" for path in _dead_letters()),
        *paths_of(BASE, monitored_workflows, workflow_id=workflow_id),
        *(
            path
            for path in paths_of(
                "/api/v1", workflow_api, namespace="tests", name="diamond", task_id=workflow_id, step_id="charge"
            )
            if not path.endswith(("/pause", "/resume", "/retry"))
        ),
    ]


def _dead_letters() -> list[str]:
    """Pages of failed jobs and of operations, with one of each."""
    task = make_task(status=Status.FAILED, error="ValueError: no order 1")
    by = Actor(name="oscar", source="dlq", permissions=frozenset({OPERATE}))
    operation = begin_operation(RETRY, {"status": ["FAILED"]}, by=by, try_first=5)
    lists = [f"{path}{part}" for path in ("queues/default/dlq", "failures") for part in ("", "/rows", "/parts")]
    return [
        *lists,
        *(f"{path}?group={group}" for path in lists for group in ("error", task.error_group)),
        *("operations", f"operations/{operation.pk}", f"operations/{operation.pk}/parts"),
    ]


@pytest.fixture
def page_paths(paths: list[str]) -> list[str]:
    """The pages of queues, of workers, of lists of tasks, and of a task that waits."""
    waits = make_task(status=Status.QUEUED, job_id=broker.queue("default").get_job_ids()[0])
    below = ("queues", "queues-parts", "queues/default", "queues/default/parts", "workers", "workers/parts")
    lists = [f"{path}{part}" for path in ("tasks", "queues/default/jobs") for part in ("", "/rows", "/counts")]
    files = ("tasks?format=csv", "queues/default/jobs?format=csv&state=completed")
    of_task = [f"tasks/{waits.pk}{part}" for part in ("", "/parts", "/again")]
    take_sample()
    write_down([Deed(action="job.retry", by=process("test"), target=waits.job_id)])
    told = ("metrics", "metrics/parts", "metrics/history", "audit", "audit?q=job", "audit?format=csv", "audit/parts")
    return [f"{PAGES}/{path}" for path in ("", *below, *lists, *files, *told, *of_task, *_schedules(), *_workflows())]


def _schedules() -> list[str]:
    """Every page of schedules, with one that has run and is overdue now."""
    job = schedule("report", cron="*/5 * * * *", next_run_at=NOON, next_due_at=NOON)
    make_runs(job, Status.COMPLETED, Status.FAILED)
    routes = [str(pattern.pattern) for pattern in schedule_pages.urlpatterns]
    named = [re.sub(r"<queue:name>", "default", route) for route in routes]
    return [*(re.sub(r"<uuid:job_id>", str(job.uuid), route) for route in named), "schedules/preview?kind=cron&cron=1"]


def _workflows() -> list[str]:
    """Pages of workflows and handlers, with one that waits."""
    one = f"workflows/{begin().pk}"
    lists = ("workflows", "workflows/parts", "workflows?handler=tests.diamond&status=pending")
    return [*lists, one, f"{one}?step=charge", f"{one}/parts", "handlers", "handlers/tests/diamond"]


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_pages_read_only(page_paths: list[str], browser: Client) -> None:
    def look() -> None:
        for path in page_paths:
            answer = browser.get(path)
            assert answer.status_code == 200, path
            assert b"".join(answer), path  # files are read as they are sent

    with CaptureQueriesContext(connection) as queries:
        commands = heard(look)
    assert {"LPOS", "LINDEX"} < set(commands)
    assert set(commands) - READS == set()
    reads = ("SELECT ", "DECLARE ")  # the latter on PostgreSQL: a cursor for what is read row by row
    assert [query["sql"] for query in queries if not query["sql"].startswith(reads)] == []


def test_it_hears_what_redis_receives() -> None:
    assert heard(lambda: broker.connection().set("key", "value")) == ["SET"]


def test_it_sends_redis_reads_only(paths: list[str], viewer: User) -> None:
    api = client_of(viewer)

    def look() -> None:
        for path in paths:
            assert api.get(path).status_code == 200, path

    commands = heard(look)
    assert "ZCOUNT" in commands
    assert set(commands) - READS == set()


def test_it_sends_sql_reads_only(paths: list[str], viewer: User) -> None:
    api = client_of(viewer)
    with CaptureQueriesContext(connection) as queries:
        for path in paths:
            api.get(path)
    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT ")] == []


def test_it_asks_redis_a_few_things_of_each_queue_and_nothing_of_tasks(paths: list[str], viewer: User) -> None:
    api = client_of(viewer)
    for number in (1, 30):
        for index in range(number):
            broker.queue(f"queue{index}").enqueue("tests.jobs.echo")
        commands = heard(lambda: api.get(f"{BASE}/queues"))
        # Two to find the names; then two for each worker there ever was, and five for each queue.
        assert commands[:2] == ["SMEMBERS", "SMEMBERS"]
        assert len(commands) <= 2 + 2 * 2 + 5 * (len(django_settings.QUARTERDECK_QUEUES) + number)
