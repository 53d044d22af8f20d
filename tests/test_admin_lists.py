"""The lists of Django's admin: what they find, what they cost, and what they make of nonsense."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from audit import record_lists
from audit.admin import STATUSES
from audit.models import StatusChange
from monitoring.inbox import task_id_for
from monitoring.models import InboxPosition, SetAsideEntry, Span, Task, TaskCount
from monitoring.statuses import Status
from scheduler.models import ScheduledJob
from tests.factories import NOON, make_change, make_run, make_schedule, make_task, make_tasks

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
LARGE = ["monitoring_task", "audit_statuschange", "audit_taskrun", "monitoring_taskcount", "monitoring_setasideentry"]
SESSION_AND_RIGHTS = 4
"""Queries that find the session, the user and the two sources of permissions."""
NONSENSE = [
    "'\"",
    "\x00",
    "%_\\",
    "%%%s %(x)s <script>",
    "[(*+?",
    "é💥\u202e",
    "-1",
    "99999999999999999999",
    "9" * 400,
    "a " * 127,
    "x" * 100_000,
    "2025-13-77",
    "0001-01-01T00:00:00+14:00",
]


@pytest.fixture
def desk(db: None) -> Client:
    """A superuser's browser: sees every list with everything on it."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def address_of(model: type[Model] | str) -> str:
    name = model if isinstance(model, str) else f"{model._meta.app_label}_{model._meta.model_name}"
    return reverse(f"admin:{name}_changelist")


def listed(desk: Client, model: type[Model] | str, **parameters: Any) -> str:
    """What the list shows."""
    response = desk.get(address_of(model), parameters)
    assert response.status_code == 200, response.headers
    return response.content.decode()


def rows_of(desk: Client, model: type[Model] | str, **parameters: Any) -> list[Any]:
    """The keys of the rows that the list shows, in order."""
    response = desk.get(address_of(model), parameters)
    assert response.status_code == 200, response.headers
    return [row.pk for row in response.context["cl"].result_list]


def fill(number: int) -> None:
    """That many rows of each model."""
    schedule = make_schedule()
    for count, task in enumerate(make_tasks(number, scheduled_job=schedule, worker="w1")):
        make_change(task.id, Status.QUEUED, Status.FAILED, error="boom " * 100)
        make_run(task.id)
        make_schedule()
        make_task(queue=f"queue {count}", task_type=f"shop.kind_{count}")
        SetAsideEntry.objects.create(stream_id=f"{count}-0", payload="{", reason="not JSON", set_aside_at=NOON)
        InboxPosition.objects.create(stream=f"stream {uuid4()}")
        User.objects.create(username=f"user {count} {uuid4()}"[:30])


# --- What is asked of the database --------------------------------------------------------------------------------


@pytest.fixture
def counting(desk: Client) -> Callable[..., list[str]]:
    """The statements of a list that count rows."""

    def of(model: str, **parameters: Any) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            desk.get(address_of(model), parameters)
        return [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()]

    return of


@pytest.mark.parametrize(
    "asked", [{}, {"status": "FAILED"}, {"queue": "mail"}, {"created_from": "2025-01-15"}, {"q": "mail"}]
)
def test_it_takes_totals_of_tasks_from_the_rollup(counting: Callable[..., list[str]], asked: dict[str, str]) -> None:
    make_tasks(3, queue="mail", status=Status.FAILED)
    for sql in counting("monitoring_task", **asked):
        # Of tasks it counts at most those of the broken hour at the beginning of a span.
        assert '"monitoring_task"' not in sql or ('"created_at" >= ' in sql and '"created_at" < ' in sql), sql


@pytest.mark.parametrize("model", LARGE)
@pytest.mark.parametrize(
    "asked", [{}, {"q": "abc"}, {"_facets": "True"}, {"all": ""}, {"p": "3"}, {"new_status": "FAILED"}]
)
def test_it_counts_no_table_beyond_its_reach(
    counting: Callable[..., list[str]], model: str, asked: dict[str, str]
) -> None:
    fill(2)
    for sql in counting(model, **asked):
        assert "LIMIT 10001" in sql, sql


def test_it_shows_the_exact_total_of_tasks(desk: Client) -> None:
    make_tasks(2, status=Status.FAILED)
    counted = {"count": 12_345_678, "timed": 0, "run_us": 0}
    where = {"queue": "mail", "task_type": "shop.mail.send", "status": "COMPLETED"}
    TaskCount.objects.create(span=Span.DAY, start=NOON.replace(hour=0), **where, **counted)
    assert "12,345,680 tasks" in listed(desk, Task)
    assert "12,345,678 tasks" in listed(desk, Task, queue="mail")
    assert "2 tasks" in listed(desk, Task, status="FAILED")


@pytest.fixture
def short_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that count and page to the fifth row, two rows a page."""
    monkeypatch.setattr(record_lists, "REACH", 5)
    for model_admin in admin.site._registry.values():
        monkeypatch.setattr(model_admin, "list_per_page", 2)
        monkeypatch.setattr(model_admin, "list_max_show_all", 3)


def test_it_says_that_there_are_more_than_it_counted(desk: Client, short_reach: None) -> None:
    for _ in range(5):
        make_change(uuid4(), None, Status.QUEUED)
    assert "5 status changes" in listed(desk, StatusChange)
    make_change(uuid4(), None, Status.QUEUED)
    assert "5+ status changes" in listed(desk, StatusChange)


def test_it_pages_to_its_reach_and_no_further(desk: Client, short_reach: None) -> None:
    tasks = make_tasks(9)
    newest_first = [task.pk for task in reversed(tasks)]
    assert "9 tasks" in listed(desk, Task)
    assert rows_of(desk, Task) == newest_first[:2]
    assert rows_of(desk, Task, p=3) == newest_first[4:6]
    assert desk.get(address_of(Task), {"p": 4}).status_code == 302
    assert rows_of(desk, Task, o="4.0") == [task.pk for task in tasks[:2]]


def test_it_shows_no_whole_table_where_the_counts_are_wrong(desk: Client, short_reach: None) -> None:
    make_tasks(9)
    TaskCount.objects.all().delete()
    assert len(rows_of(desk, Task)) == 3


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_it_needs_as_many_queries_for_thirty_rows_as_for_two(
    desk: Client, model: type[Model], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    fill(2)
    with CaptureQueriesContext(connection) as few:
        listed(desk, model)
    fill(28)
    with django_assert_max_num_queries(min(len(few), SESSION_AND_RIGHTS + 6)):
        listed(desk, model)


def test_it_leaves_large_columns_in_the_database(desk: Client) -> None:
    fill(2)
    for model, column in ((Task, "arguments"), (StatusChange, "error")):
        with CaptureQueriesContext(connection) as queries:
            listed(desk, model)
        assert not any(f'"{model._meta.db_table}"."{column}"' in query["sql"] for query in queries)


# --- What lists find ----------------------------------------------------------------------------------------------


def test_it_finds_tasks_by_the_beginning_of_their_id(desk: Client) -> None:
    wanted = make_task(id=UUID("5f1c0000-1234-4000-8000-000000000001"))
    make_task(id=UUID("5f1d0000-1234-4000-8000-000000000001"))
    for prefix in ("5f1c", "5F1C0000-12", " 5f1c0000-1234-4000-8000-000000000001 "):
        assert rows_of(desk, Task, q=prefix) == [wanted.pk]


def test_it_finds_a_task_by_a_job_id_that_is_no_uuid(desk: Client) -> None:
    wanted = make_task(id=task_id_for("nightly letter"), job_id="nightly letter")
    make_task()
    assert rows_of(desk, Task, q="nightly letter") == [wanted.pk]
    assert "1 task" in listed(desk, Task, q="nightly letter")


def test_it_finds_tasks_by_part_of_their_type(desk: Client) -> None:
    wanted = make_task(task_type="shop.mail.send_receipt", created_at=NOON + timedelta(minutes=59))
    fed = make_task(task_type="shop.feed.read", created_at=NOON - timedelta(days=3))
    assert rows_of(desk, Task, q="mail.SEND") == [wanted.pk]
    assert rows_of(desk, Task, q="fee") == [fed.pk]
    assert rows_of(desk, Task, q="shop") == [wanted.pk, fed.pk]
    assert "2 tasks" in listed(desk, Task, q="shop")
    assert rows_of(desk, Task, q="%") == []


def test_it_filters_tasks(desk: Client) -> None:
    failed = make_task(status=Status.FAILED, queue="mail")
    late = make_task(created_at=NOON + timedelta(days=2))
    assert rows_of(desk, Task, status="FAILED") == [failed.pk]
    assert rows_of(desk, Task, queue="mail") == [failed.pk]
    assert rows_of(desk, Task, created_from="2025-01-16") == [late.pk]
    assert rows_of(desk, Task, created_to="2025-01-15") == [failed.pk]
    assert rows_of(desk, Task, queue="mail", status="COMPLETED") == []


def test_it_finds_the_trail_of_a_task(desk: Client) -> None:
    task = make_task()
    change, run = make_change(task.id, None, Status.QUEUED), make_run(task.id)
    make_change(uuid4(), None, Status.QUEUED), make_run(uuid4())
    for prefix in (str(task.id), task.id.hex[:12]):
        assert rows_of(desk, "audit_statuschange", q=prefix) == [change.pk]
        assert rows_of(desk, "audit_taskrun", q=prefix) == [run.pk]
    assert rows_of(desk, "audit_taskrun", q="no id") == []


def test_it_filters_the_newest_of_the_trail(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task()
    old = make_change(task.id, Status.RUNNING, Status.FAILED)
    make_change(task.id, None, Status.QUEUED)
    new = make_change(task.id, Status.RUNNING, Status.FAILED)
    assert rows_of(desk, StatusChange, new_status="FAILED") == [new.pk, old.pk]
    monkeypatch.setattr(record_lists, "WINDOW", 2)
    assert rows_of(desk, StatusChange, new_status="FAILED") == [new.pk]
    assert rows_of(desk, StatusChange, new_status="FAILED", q=str(task.id)) == [new.pk, old.pk]


def test_it_knows_every_status() -> None:
    assert set(STATUSES) == set(Status)


# --- Nonsense -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda text: ascii(text[:20]))
def test_it_survives_nonsense(desk: Client, nonsense: str) -> None:
    fill(1)
    desk.raise_request_exception = False
    for model in MODELS:
        for name in ("q", "p", "o", *filter_names(model)):
            response = desk.get(address_of(model), {name: nonsense}, follow=True)
            assert response.status_code == 200, (model, name)
    for name in ("e", "all", "_popup", "_to_field", "_facets", "id", "status__regex"):
        assert desk.get(address_of(Task), {name: nonsense}, follow=True).status_code in (200, 400), name
    for parameters in ({"q": "mail", "p": nonsense}, {"status": nonsense, "q": nonsense}):
        assert desk.get(address_of(Task), parameters, follow=True).status_code == 200


def filter_names(model: type[Model]) -> set[str]:
    """What the addresses of the model's list may hold to filter by."""
    model_admin: Any = admin.site._registry[model]
    classes = [each for each in model_admin.list_filter if not isinstance(each, str)]
    return {*model_admin.lookups, *(each.parameter_name for each in classes)}


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda text: ascii(text[:20]))
def test_it_survives_keys_that_are_none(desk: Client, nonsense: str) -> None:
    desk.raise_request_exception = False
    for model in MODELS:
        for deed in ("change", "delete", "history"):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{deed}"
            response = desk.get(reverse(name, args=[nonsense]), follow=True)
            assert response.status_code in (200, 400, 403, 404), (model, deed, nonsense[:40])


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda text: ascii(text[:20]))
def test_it_survives_nonsense_that_is_sent(desk: Client, nonsense: str) -> None:
    desk.raise_request_exception = False
    fill(1)
    for model in (SetAsideEntry, ScheduledJob, User, Group):
        chosen = {"action": "delete_selected", "_selected_action": [nonsense], "index": nonsense, "post": "yes"}
        for form in (chosen, chosen | {"index": "0"}, {"action": nonsense, "_selected_action": ["1"]}):
            assert desk.post(address_of(model), form).status_code in (200, 302), model
    job = dict.fromkeys(("name", "cron", "interval_seconds", "next_run_at_0", "next_run_at_1", "max_runs"), nonsense)
    add = reverse("admin:scheduler_scheduledjob_add")
    assert desk.post(add, job).status_code in (200, 302)
    assert desk.get(add, job | {"next_run_at": nonsense}).status_code == 200
    assert SetAsideEntry.objects.count() == 1
    listed(desk, ScheduledJob)


def test_it_filters_by_nothing_that_is_not_offered(desk: Client) -> None:
    for lookup in ("error__icontains", "created_at__year", "id__in", "worker", "scheduled_job__name__contains"):
        assert desk.get(address_of(Task), {lookup: "1"}).status_code == 400


def test_it_sorts_by_nothing_that_is_not_offered(desk: Client) -> None:
    tasks = make_tasks(3)
    assert rows_of(desk, Task, o="1") == [task.pk for task in reversed(tasks)]
    assert rows_of(desk, Task, o="4") == [task.pk for task in tasks]
    with CaptureQueriesContext(connection) as queries:
        rows_of(desk, Task, o="4.5")
    orders = [query["sql"].partition("ORDER BY")[2] for query in queries if 'FROM "monitoring_task"' in query["sql"]]
    assert all("last_run_at" not in order for order in orders)
