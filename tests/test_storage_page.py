"""The storage page: what takes room, how it grows and how long it is kept, at a price that does not grow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from rq.registry import FailedJobRegistry

from monitoring import broker, retention
from monitoring.redis_memory import MOST_QUEUES, look_at_memory
from monitoring.table_sizes import look_at_tables
from tests.cast import client_of
from tests.factories import make_run, make_schedule, make_task
from tests.reading_pages import BASE, page, rows
from tests.test_pruning import pruned

NOW = datetime.now(UTC)
PATH = f"{BASE}/storage"


@pytest.fixture
def oscar(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


def test_it_is_for_operators(stranger: User, viewer: User, operator: User, admin: User) -> None:
    answer = Client().get(PATH)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"/{django_settings.MONITORING_BASE_PATH}/login?next=")
    assert [client_of(user).get(PATH).status_code for user in (stranger, viewer, operator, admin)] == [
        403,
        403,
        200,
        200,
    ]
    assert client_of(operator).post(PATH).status_code == 405


def test_only_operators_find_it_in_the_menu(oscar: Client, browser: Client) -> None:
    assert f'href="{PATH}"' in page(oscar, "/tasks")
    assert f'href="{PATH}"' not in page(browser, "/tasks")


def test_it_tells_of_each_kind(oscar: Client, settings: Any) -> None:
    settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, "tasks": 30}
    for index in range(14):
        at = NOW - timedelta(days=index)
        task = make_task(created_at=at, completed_at=at)
        make_run(task.pk, ended_at=at)
    make_task(created_at=NOW - timedelta(days=50), completed_at=NOW - timedelta(days=50))
    pruned("tasks")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    table = {row[0]: row[1:] for row in rows(page(oscar, "/storage"), "tables")}
    assert set(table) == {kind.title for kind in retention.kinds()}
    assert table["Runs"][0] == "14"
    assert table["Tasks"][2] == "1"
    assert table["Tasks"][5:] == ["30 days", "1"]
    assert table["Samples"][5] == "7 days"
    assert table["Status changes"][5] == "for ever"


def test_the_forecast_grows_with_what_comes_and_ends_at_its_age(settings: Any, db: None) -> None:
    for index in range(70):
        at = NOW - timedelta(hours=2 * index)
        make_task(created_at=at, completed_at=at)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, "tasks": 0}
    tasks = look_at_tables().tables[0]
    assert tasks.kind.name == "tasks"
    assert (tasks.rows, round(tasks.per_day), tasks.rows_ahead) == (70, 10, 370)
    assert tasks.oldest_at == NOW - timedelta(hours=138)
    settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, "tasks": 9}
    assert look_at_tables().tables[0].rows_ahead == 100


def test_sizes_are_the_databases_own(db: None) -> None:
    make_task()
    storage = look_at_tables()
    sizes = [table.bytes for table in storage.tables]
    assert storage.bytes > sum(size or 0 for size in sizes) > 0
    assert storage.bytes_ahead >= storage.bytes


def test_as_json(oscar: Client) -> None:
    broker.enqueue("tests.jobs.echo", args=["a"])
    told = oscar.get(PATH, headers={"Accept": "application/json"}).json()
    assert {table["kind"] for table in told["database"]["tables"]} == {kind.name for kind in retention.kinds()}
    (share,) = told["redis"]["queues"]
    assert (share["queue"], share["registry"], share["jobs"]) == ("default", "waiting", 1)
    assert told["redis"]["used_bytes"] > share["bytes"] > 100


def test_redis_is_measured_on_a_few_jobs_and_not_changed(oscar: Client) -> None:
    ids = [broker.enqueue("tests.jobs.echo", args=["x" * 5_000], queue_name="mail") for _ in range(40)]
    registry = FailedJobRegistry("mail", connection=broker.connection())
    broker.connection().zadd(registry.key, {"gone": 1.0, **dict.fromkeys(ids[:3], 2.0)})
    broker.connection().set("rq:registry:default", "of another kind")
    before = broker.connection().dbsize()
    shares = {(share.queue, share.registry): share for share in look_at_memory(["default"]).shares}
    assert shares["mail", "waiting"].jobs == 40
    assert 40 * 200 < shares["mail", "waiting"].bytes < 40 * 20_000
    assert shares["mail", "failed"].jobs == 4, "looking cleans nothing up"
    assert broker.connection().dbsize() == before
    assert ["mail", "waiting", "40"] in [row[:3] for row in rows(page(oscar, "/storage"), "redis")]


def test_it_costs_the_same_however_many_jobs_and_queues(
    oscar: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    connection_ = broker.connection()
    for index in range(MOST_QUEUES + 20):
        connection_.sadd("rq:queues", f"rq:queue:q{index:03}")
        connection_.rpush(f"rq:queue:q{index:03}", *(f"job-{number}" for number in range(30)))
    make_schedule()
    before = connection_.info("commandstats")
    with django_assert_max_num_queries(30):
        text = page(oscar, "/storage")
    assert "20 more queues were not looked at" in text
    after = connection_.info("commandstats")
    assert not {"cmdstat_keys", "cmdstat_scan"} & {
        name for name in after if after[name]["calls"] != before.get(name, {"calls": 0})["calls"]
    }


def test_it_tells_what_it_can_while_redis_is_away(oscar: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis cannot be reached" in page(oscar, "/storage")
    assert oscar.get(PATH, headers={"Accept": "application/json"}).json()["redis"] is None
