"""Counts of workflows: true to the rows whatever is done to them, folded or not, and cheap whatever is asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.roles import OPERATE
from audit.trail import Actor, NotAllowedNow
from scheduler import workflow_actions as actions
from scheduler.workflow_count_models import Basis, WorkflowCount
from scheduler.workflow_counts import Cell, Tally, added_up, fold, totals
from scheduler.workflow_lists import Asked, counts_by_status, matching, total_matching
from scheduler.workflow_models import Workflow
from scheduler.workflow_recounts import differences
from scheduler.workflow_states import WorkflowStatus
from tests.monitoring_api import AUTHENTICATION, BASE, ask
from tests.workflows import begin, committed, counted_row, dispatch, let_time_pass, record, run, work

pytestmark = pytest.mark.django_db


OSCAR = Actor(name="oscar", source="tests", permissions=frozenset({OPERATE}))


def stored() -> dict[Cell, Tally]:
    """The cells that hold anything."""
    return {cell: tally for cell, tally in added_up(WorkflowCount.objects.all()).items() if tally}


VERBS = (
    "begin",
    "greet",
    "fail",
    "work",
    "record",
    "dispatch",
    "fold",
    "cancel",
    "pause",
    "resume",
    "retry",
    "resolve",
)


def go_on() -> None:
    """Backoffs are over, and the dispatcher comes by."""
    let_time_pass()
    dispatch()


def do(verb: str, which: int) -> None:
    """One thing that may happen; what the state does not allow does not."""
    known = list(Workflow.objects.order_by("created_at", "pk"))
    workflow = known[which % len(known)] if known else begin()
    deeds: dict[str, Callable[[], Any]] = {
        "begin": lambda: begin(origin_zone="eu"),
        "greet": lambda: begin("tests.greet", {"person": "Ada"}),
        "fail": lambda: begin(context={"charge": {"hopeless": True}}),
        "work": work, "record": record, "fold": fold,
        "dispatch": go_on,
        "cancel": lambda: actions.cancel_workflow(workflow.pk, by=OSCAR),
        "pause": lambda: actions.pause_workflow(workflow.pk, by=OSCAR),
        "resume": lambda: actions.resume_workflow(workflow.pk, by=OSCAR),
        "retry": lambda: actions.retry_workflow(workflow.pk, by=OSCAR),
        "resolve": lambda: actions.edit_step(workflow.steps.order_by("position")[0], by=OSCAR, resolve=True),
    }  # fmt: skip
    try:
        with committed():
            deeds[verb]()
    except NotAllowedNow:
        pass


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 5)), max_size=14))
def test_they_are_what_the_rows_say_whatever_happens(deeds: list[tuple[str, int]]) -> None:
    for verb, which in deeds:
        do(verb, which)
        assert differences() == [], (verb, deeds)


def test_folding_changes_no_sum_and_leaves_a_row_for_each_cell() -> None:
    run(begin(context={"charge": {"failures": 9}}))
    run(begin())
    before = stored()
    assert WorkflowCount.objects.count() > len(before)
    assert fold() > 0
    assert stored() == before
    assert WorkflowCount.objects.count() == len(before)
    begin()
    assert fold() > 0
    assert WorkflowCount.objects.count() == len(stored())
    assert fold() == 0
    assert differences() == []


def test_the_dispatcher_folds() -> None:
    begin()
    assert WorkflowCount.objects.filter(is_new=True).exists()
    dispatch()
    assert not WorkflowCount.objects.filter(is_new=True).exists()


def test_the_ends_have_their_times() -> None:
    workflow = run(begin())
    (tally,) = (tally for cell, tally in stored().items() if cell.basis == Basis.ENDED and cell.span == "d")
    assert (tally.count, tally.timed, len(tally.run_histogram)) == (1, 1, 1)
    assert tally.run_us == round((workflow.duration_ms or 0) * 1000)


def test_no_workflow_takes_less_than_no_time() -> None:
    now = datetime.now(UTC)
    assert Workflow(started_at=now, completed_at=now - timedelta(seconds=30)).duration_ms == 0


def test_the_command_finds_and_repairs_what_is_wrong() -> None:
    begin()
    call_command("rebuild_rollups", verify=True, stdout=StringIO())
    Workflow.objects.update(status="PAUSED")
    wrong = StringIO()
    with pytest.raises(CommandError, match="4 cells differ"):
        call_command("rebuild_rollups", verify=True, stderr=wrong)
    assert "PAUSED workflows of tests.diamond@1.0.0, creation in the hour from" in wrong.getvalue()
    call_command("rebuild_rollups", stdout=StringIO())
    call_command("rebuild_rollups", verify=True, stdout=StringIO())


def test_the_migration_counts_what_is_there_already() -> None:
    run(begin(context={"charge": {"failures": 9}}))
    begin(origin_zone="eu")
    WorkflowCount.objects.all().delete()
    import_module("scheduler.migrations.0004_count_workflows").count_workflows(apps, None)
    assert differences() == []


def make(created_at: datetime, **fields: Any) -> Workflow:
    """A finished workflow of four steps, counted."""
    known = {"namespace": "shop", "name": "fulfil", "status": "COMPLETED", "total_steps": 4}
    return counted_row(**{**known, "created_at": created_at, **fields})


def test_totals_over_time_are_exact(api: Client) -> None:
    now = datetime.now(UTC)
    for minutes in (1, 59, 61, 23 * 60 + 59, 24 * 60 + 1, 60 * 24 * 40):
        make(now - timedelta(minutes=minutes))
    body = ask(api, "workflows/stats")
    assert (body["total_workflows"], body["workflows_last_hour"], body["workflows_last_24h"]) == (6, 2, 4)
    for minutes in (0, 30, 60, 90, 60 * 24, 60 * 24 * 50):
        since = now - timedelta(minutes=minutes)
        found = totals(start=since).get((), None)
        assert (found.count if found else 0) == Workflow.objects.filter(created_at__gte=since).count()
        asked = {"created_after": since.isoformat()}
        assert ask(api, "workflows", **asked)["total"] == Workflow.objects.filter(created_at__gte=since).count()


def test_the_whole_is_told_without_reading_workflows(api: Client) -> None:
    make(datetime(2025, 1, 15, tzinfo=UTC))
    for asked in ({}, {"origin_zone": "eu"}):
        with CaptureQueriesContext(connection) as queries:
            ask(api, "workflows/stats", **asked)
        # Of workflows it counts those of the two broken hours at most.
        reading = [query["sql"] for query in queries if 'FROM "scheduler_workflow"' in query["sql"]]
        assert len(reading) <= 2
        assert all('"created_at" >= ' in sql and '"created_at" < ' in sql for sql in reading), reading


@pytest.mark.parametrize(
    "asked",
    [{}, {"status": "failed"}, {"origin_zone": "eu"}, {"origin_instance": "deck-1"}],
)
def test_a_list_takes_its_total_from_the_rollup(api: Client, asked: dict[str, str]) -> None:
    make(datetime.now(UTC), status="FAILED", origin_zone="eu", origin_instance="deck-1")
    make(datetime.now(UTC), status="FAILED", origin_zone="eu", origin_instance="deck-1")
    with CaptureQueriesContext(connection) as queries:
        assert api.get(f"{BASE}/workflows", asked).json()["total"] == 2
    assert not [query for query in queries if "COUNT(" in query["sql"] and '"scheduler_workflow"' in query["sql"]]
    assert len(queries) == AUTHENTICATION + 2


@pytest.mark.parametrize(
    "asked",
    [
        Asked(), Asked(name="fulfil"), Asked(origin_zone="eu"), Asked(initiator="ada"), Asked(origin_tenant_id="north"),
        Asked(tag="x"), Asked(search="ful"), Asked(created_from=datetime(2025, 1, 15, 12, 30, tzinfo=UTC)),
        Asked(statuses=(WorkflowStatus.FAILED,), created_to=datetime(2025, 1, 15, 12, 45, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_counts_by_status_equal_the_rows_whatever_is_asked(asked: Asked) -> None:
    for minute, status in enumerate(WorkflowStatus):
        made = {"status": status, "origin_zone": "eu" if minute % 2 else "", "name": "fulfil" if minute < 4 else "b"}
        known = {"initiator": "ada", "origin_tenant_id": "north", "tags": ["x"]} if minute % 3 else {}
        make(datetime(2025, 1, 15, 12, 10 * minute, tzinfo=UTC), **made, **known)
    rows = {status: matching(asked).filter(status=status).count() for status in WorkflowStatus}
    assert counts_by_status(asked) == rows
    assert total_matching(asked) == sum(rows.values()) > 0


# --- Lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "asked", "index"),
    [
        ("monitoring/workflows", {}, "workflow_created"),
        ("monitoring/workflows", {"status": "FAILED"}, "workflow_status_created"),
        ("monitoring/workflows", {"origin_zone": "eu"}, "workflow_zone"),
        ("monitoring/workflows", {"origin_tenant_id": "north"}, "workflow_tenant"),
        ("monitoring/workflows", {"origin_instance": "deck-1"}, "workflow_instance"),
        ("tasks", {"namespace": "shop", "name": "fulfil"}, "workflow_handler_created"),
    ],
)
def test_a_list_is_found_through_an_index(api: Client, path: str, asked: dict[str, str], index: str) -> None:
    for number in range(40):
        known = {"status": "FAILED", "origin_zone": "eu", "origin_tenant_id": "north", "origin_instance": "deck-1"}
        make(datetime.now(UTC) - timedelta(minutes=number), **(known if number % 20 == 0 else {"name": "other"}))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE scheduler_workflow")
        if connection.vendor == "postgresql":  # it would rather read a table of so few rows as it is, and sort it
            for way in ("seqscan", "sort"):
                cursor.execute(f"SET LOCAL enable_{way} = off")
    with CaptureQueriesContext(connection) as queries:
        assert api.get(f"/api/v1/{path}", asked).status_code == 200
    listing = [query["sql"] for query in queries if 'FROM "scheduler_workflow"' in query["sql"]]
    plans = "\n".join(plan_of(sql) for sql in listing)
    assert index in plans, plans


def plan_of(sql: str) -> str:
    """How the database would carry the query out."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        return "\n".join(line[-1] for line in cursor.fetchall())
