"""The rollups equal the rows, whatever history the recorder is given, and however it is cut into batches."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import StatusChange, TaskRun
from monitoring import broker, inbox
from monitoring.error_patterns import error_pattern_of
from monitoring.histograms import Histogram
from monitoring.hooks import OUTBOX
from monitoring.labels import given_to
from monitoring.ledger_models import ArrivalCount
from monitoring.models import (
    ErrorGroup,
    FailureCount,
    InboxPosition,
    LabelCount,
    RunCount,
    Span,
    StepCount,
    Task,
    TaskCount,
)
from monitoring.rebuilding import differences, rebuild
from monitoring.recorder import Recorder
from monitoring.statuses import FROM_RQ

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3_600_000
BEGINNING = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)


def add(at_ms: int, job: int, word: str, **more: Any) -> None:
    """Puts an entry with a chosen time into the outbox; times must not go backwards."""
    entry = {"id": f"job-{job}", "s": word, "q": "mail", "f": "a.send", **more}
    broker.connection().xadd(OUTBOX, {"e": json.dumps(entry)}, id=f"{at_ms}-*")


def record(limit: int = inbox.BATCH) -> None:
    recorder = Recorder(announce=lambda _: None)
    recorder.start()
    while recorder.record_next(limit=limit):
        pass


def forget_everything() -> None:
    broker.connection().flushdb()
    counts = (TaskCount, RunCount, FailureCount, LabelCount, StepCount, ArrivalCount)
    for model in (Task, StatusChange, TaskRun, *counts, ErrorGroup, InboxPosition):
        model.objects.all().delete()


steps = st.lists(
    st.tuples(
        st.integers(0, 5),  # which job
        st.sampled_from([*FROM_RQ, "failed", "reported", "removed"]),
        st.sampled_from(["mail", "media"]),
        st.sampled_from(["a.send", "a.convert", ""]),
        st.one_of(st.none(), st.floats(0, 1e7)),
        st.integers(0, 5 * HOUR),  # time until the next step
        st.sampled_from([None, "ValueError: 1", "ValueError: 2", "KeyError: 'a'"]),
    ),
    max_size=60,
)
descriptions = st.fixed_dictionaries(
    {},
    optional={
        "task_type": st.sampled_from(["GENERATION", "MAIL"]),
        "provider_type": st.sampled_from(["fal", "own"]),
        "origin_instance": st.just("deck-1"),
        "origin_zone": st.just("eu"),
        "origin_tenant_id": st.sampled_from(["north", "south"]),
        "scheduled_job": st.integers(1, 3),
        "handler": st.sampled_from(["shop.fulfil@1.0.0", "shop.fulfil@1.1.0"]),
        "retry_of": st.just("5e2d80c4-cbbf-48d0-96f2-af6041348ea7"),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(1, 20))
def test_it_counts_what_the_rows_say(history: list[Any], batch_size: int) -> None:
    forget_everything()
    at = BEGINNING
    removed: Counter[int] = Counter()
    for job, word, queue, function, milliseconds, pause, error in history:
        # Runs outlive a removed task, so a new job takes an id of its own.
        add(at, job + 10 * removed[job], word, q=queue, f=function, ms=milliseconds, x=error)
        removed[job] += word == "removed"
        at += pause
    record(limit=batch_size)
    assert differences() == []
    for task in Task.objects.all():
        failure = error_pattern_of(task.error).fingerprint if task.status == "FAILED" else None
        assert task.error_group == failure
        assert not failure or ErrorGroup.objects.filter(fingerprint=failure).exists()


def test_it_counts_runs_with_their_times_by_hour_and_day() -> None:
    for number, milliseconds in enumerate([100.0, 200.5, 400.0]):
        start = BEGINNING + number * 10 * HOUR
        add(start, number, "queued")
        add(start + 2_000, number, "started", w="w1")
        add(start + 3_000, number, "finished", ms=milliseconds)
    record()
    day = RunCount.objects.get(span=Span.DAY)
    assert (day.count, day.timed, day.run_us) == (3, 3, 700_500)
    assert (day.shortest_us, day.longest_us) == (100_000, 400_000)
    assert Histogram.from_json(day.run_histogram) == Histogram.of([100.0, 200.5, 400.0])
    assert (day.waited, day.wait_us) == (3, 6_000_000)
    hours = RunCount.objects.filter(span=Span.HOUR).order_by("start")
    assert [hour.start for hour in hours] == [
        datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=10 * number) for number in range(3)
    ]


def test_it_tells_retried_runs_from_the_ends_of_tasks() -> None:
    for word in ("queued", "started", "scheduled", "queued", "started", "finished"):
        add(BEGINNING, 1, word, ms=5)
    record()
    outcomes = RunCount.objects.filter(span=Span.DAY).values_list("outcome", "count")
    assert sorted(outcomes) == [("COMPLETED", 1), ("RETRIED", 1)]


def test_it_counts_a_cancelled_run_only_when_it_ends() -> None:
    for word in ("queued", "started", "canceled", "finished"):
        add(BEGINNING, 1, word, ms=5)
        record()
    assert [(cell.outcome, cell.count) for cell in RunCount.objects.filter(span=Span.DAY)] == [("COMPLETED", 1)]
    assert differences() == []


def test_verify_names_what_differs_and_rebuild_mends_it() -> None:
    add(BEGINNING, 1, "queued")
    add(BEGINNING, 1, "started")
    add(BEGINNING, 1, "finished", ms=5)
    add(BEGINNING, 2, "failed", x="ValueError: no")
    record()
    call_command("rebuild_rollups", "--verify", stdout=StringIO())
    TaskCount.objects.filter(span=Span.DAY, status="COMPLETED").update(count=7)
    RunCount.objects.filter(span=Span.HOUR, outcome="COMPLETED").delete()
    FailureCount.objects.filter(span=Span.DAY).update(count=7)
    said = StringIO()
    with pytest.raises(CommandError, match="3 cells differ"):
        call_command("rebuild_rollups", "--verify", stderr=said)
    assert "COMPLETED tasks of a.send in mail" in said.getvalue()
    assert "failures of a.send in mail" in said.getvalue()
    call_command("rebuild_rollups", stdout=StringIO())
    assert differences() == []


def test_rebuilding_groups_failures_by_the_rules_of_today() -> None:
    for number in range(3):
        add(BEGINNING + number, number, "failed", x=f"ValueError: no order {number}")
    add(BEGINNING + 3, 3, "finished")
    record()
    group = ErrorGroup.objects.get()
    Task.objects.filter(status="FAILED").update(error_group="old")
    Task.objects.filter(status="COMPLETED").update(error_group="wrong")
    ErrorGroup.objects.all().delete()
    call_command("rebuild_rollups", stdout=StringIO())
    assert set(Task.objects.values_list("status", "error_group")) == {
        ("FAILED", group.fingerprint),
        ("COMPLETED", None),
    }
    again = ErrorGroup.objects.get()
    assert (again.pk, again.pattern, again.first_seen_at) == (group.pk, "ValueError: no order <n>", group.first_seen_at)
    assert set(FailureCount.objects.values_list("span", "error_group", "count")) == {
        ("h", group.fingerprint, 3), ("d", group.fingerprint, 3),
    }  # fmt: skip


def test_the_migration_groups_failures_as_rebuilding_does() -> None:
    for number in range(3):
        add(BEGINNING + number * HOUR, number, "failed", x=f"ValueError: no order {number}", q=f"mail-{number % 2}")
    record()
    rows = set(FailureCount.objects.values_list("span", "start", "queue", "error_group", "count"))
    groups = list(ErrorGroup.objects.values_list())
    Task.objects.update(error_group=None)
    FailureCount.objects.all().delete()
    ErrorGroup.objects.all().delete()
    import_module("monitoring.migrations.0008_error_groups").group_failures(apps, None)
    assert differences() == []
    assert set(FailureCount.objects.values_list("span", "start", "queue", "error_group", "count")) == rows
    assert list(ErrorGroup.objects.values_list()) == groups


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.lists(descriptions, min_size=6, max_size=6), st.integers(1, 20))
def test_it_counts_labels_as_the_rows_have_them(
    history: list[Any], told: list[dict[str, Any]], batch_size: int
) -> None:
    forget_everything()
    at = BEGINNING
    removed: Counter[int] = Counter()
    for job, word, queue, function, milliseconds, pause, error in history:
        description = {"params": "{}", "meta": told[job]} if job % 2 else {"meta": told[job]}
        add(at, job + 10 * removed[job], word, q=queue, f=function, ms=milliseconds, d=description, x=error)
        removed[job] += word == "removed"  # as above
        at += pause
    record(limit=batch_size)
    assert differences() == []
    labels = sum(len(given_to(task)) for task in Task.objects.all())
    assert sum(LabelCount.objects.values_list("count", flat=True)) == labels


STEP: dict[str, Any] = {"params": "{}", "meta": {"handler": "shop.fulfil@1.0.0", "task_type": "charge"}}
AGAIN: dict[str, Any] = {**STEP, "meta": {**STEP["meta"], "retry_of": "5e2d80c4-cbbf-48d0-96f2-af6041348ea7"}}


def make_attempts() -> None:
    """A step that fails, is tried again, and succeeds; and a task of no handler."""
    for number, (description, word, error) in enumerate(
        ((STEP, "failed", "ValueError: 7"), (AGAIN, "finished", None), ({"params": "{}"}, "finished", None))
    ):
        at = BEGINNING + number * HOUR
        add(at, number, "queued", d=description)
        add(at + 500, number, "started")
        add(at + 1_000, number, word, ms=100 * (number + 1), x=error)
    record()


def test_it_counts_attempts_of_steps_with_their_times_and_errors() -> None:
    make_attempts()
    assert differences() == []
    failed, done = StepCount.objects.filter(span=Span.DAY).order_by("-status")
    assert (failed.handler, failed.kind, failed.queue) == ("shop.fulfil@1.0.0", "charge", "mail")
    assert (failed.count, failed.retries, failed.run_us, failed.wait_us) == (1, 0, 100_000, 500_000)
    assert failed.error_group == error_pattern_of("ValueError: 7").fingerprint
    assert (done.status, done.count, done.retries, done.error_group) == ("COMPLETED", 1, 1, "")
    assert Histogram.from_json(done.run_histogram) == Histogram.of([200])


def test_an_attempt_that_is_removed_is_counted_no_more_and_the_command_repairs_what_is_wrong() -> None:
    make_attempts()
    add(BEGINNING + 5 * HOUR, 0, "removed")
    record()
    assert StepCount.objects.filter(count=0).count() == 2
    assert differences() == []
    StepCount.objects.filter(count=1, span=Span.DAY).update(count=2)
    (sentence,) = differences()
    assert sentence.startswith("COMPLETED steps charge of shop.fulfil@1.0.0 in mail, d from 2026-03-01")
    rebuild()
    assert differences() == []
    assert StepCount.objects.count() == 2


def test_the_migration_counts_the_attempts_that_are_there_already() -> None:
    make_attempts()
    StepCount.objects.all().delete()
    import_module("monitoring.migrations.0012_count_steps").count_steps(apps, None)
    assert differences() == []


def test_verify_names_a_label_that_is_miscounted() -> None:
    add(BEGINNING, 1, "queued", d={"params": "{}", "meta": {"provider_type": "fal", "scheduled_job": 7}})
    record()
    assert differences() == []
    LabelCount.objects.filter(label="provider_type").update(count=2)
    LabelCount.objects.filter(label="scheduled_job").delete()
    assert differences() == [
        "QUEUED tasks of a.send in mail with provider_type fal: stored 2, the rows say 1",
        "QUEUED tasks of a.send in mail with scheduled_job 7: stored 0, the rows say 1",
    ]
    rebuild()
    assert differences() == []
