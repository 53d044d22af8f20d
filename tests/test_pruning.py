"""Retention: what is old goes, what is told of it stays, and whoever is killed in the middle loses nothing."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit import trail
from audit.models import OperatorAction, StatusChange, TaskRun, TrailHead
from audit.trail import Actor, Deed, write_down
from audit.verification import End, verify
from monitoring import pruning, rebuilding
from monitoring.models import ErrorGroup, MetricSample, RunCount, StepCount, Task, TaskCount
from monitoring.overview import overview, task_types
from monitoring.pruning import prune
from monitoring.retention_models import Pruned
from monitoring.sampling import slot_of
from monitoring.statistics import counts_by_status
from monitoring.statuses import Status
from monitoring.trends import Period, Range, success_rate_trend
from monitoring.turns import Busy
from scheduler.models import Cause, FireState, ScheduledFire
from scheduler.workflow_count_models import Basis, WorkflowCount
from scheduler.workflow_models import Workflow
from tests.factories import make_change, make_run, make_schedule, make_task, miscounted
from tests.workflows import counted_row

pytestmark = pytest.mark.django_db

BY = trail.process("tests")
NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=40)
KINDS = ("tasks", "runs", "changes", "samples", "trail", "workflows", "executions")


@pytest.fixture(autouse=True)
def a_month(settings: Any) -> None:
    """Everything is kept for thirty days, unless a test says else."""
    settings.RETENTION_DAYS = dict.fromkeys(KINDS, 30)


def pruned(*names: str, **options: Any) -> dict[str, int]:
    """How many rows of each kind went."""
    return {outcome.kind.name: outcome.rows for outcome in prune(by=BY, names=names, **options)}


def a_past(number: int = 5) -> list[Task]:
    """Tasks with runs and changes, of forty days ago and of today; every second one failed, and is a step."""
    tasks = []
    for index in range(number):
        for at in (OLD, NOW):
            status = Status.FAILED if index % 2 else Status.COMPLETED
            extra = {"handler": "shop.fulfil@1", "kind": "pay", "error": "ValueError: no"} if index % 2 else {}
            task = make_task(created_at=at, completed_at=at, status=status, duration_ms=500.0, **extra)
            make_run(task.pk, started_at=at, ended_at=at, status=status)
            make_change(task.pk, None, Status.QUEUED, changed_at=at)
            make_change(task.pk, Status.QUEUED, status, changed_at=at)
            tasks.append(task)
    return tasks


def lines(path: Path | None) -> list[dict[str, Any]]:
    assert path
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def command(*words: str) -> str:
    told = StringIO()
    call_command("prune", *words, stdout=told)
    return told.getvalue()


# --- What goes and what stays -------------------------------------------------------------------------------------


def test_it_deletes_what_is_over_and_old_and_leaves_what_waits_or_runs() -> None:
    a_past()
    waiting = make_task(created_at=OLD, status=Status.QUEUED)
    late = make_task(created_at=OLD, completed_at=NOW)
    assert pruned("tasks") == {"tasks": 5}
    kept = set(Task.objects.values_list("pk", flat=True))
    assert len(kept) == 7
    assert {waiting.pk, late.pk} <= kept
    assert pruned("tasks") == {"tasks": 0}


def test_each_kind_has_its_own_age(settings: Any) -> None:
    a_past()
    settings.RETENTION_DAYS = {**dict.fromkeys(KINDS, 0), "changes": 30, "runs": 50}
    assert pruned() == {"runs": 0, "changes": 10}
    assert (Task.objects.count(), TaskRun.objects.count(), StatusChange.objects.count()) == (10, 10, 10)


def test_an_age_ends_with_a_day(settings: Any) -> None:
    settings.RETENTION_DAYS["changes"] = 1
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    kept = make_change(make_task().pk, None, Status.QUEUED, changed_at=midnight - timedelta(days=1))
    make_change(kept.task_id, None, Status.QUEUED, changed_at=midnight - timedelta(days=1, microseconds=1))
    pruned("changes")
    assert list(StatusChange.objects.all()) == [kept]


def test_rows_that_were_written_out_of_order_go_too() -> None:
    task = make_task()
    for days in (40, 1, 50, 0, 35, 2):
        make_change(task.pk, None, Status.QUEUED, changed_at=NOW - timedelta(days=days))
    make_run(task.pk, attempt=1, ended_at=None, started_at=OLD, status=Status.RUNNING)
    make_run(task.pk, attempt=2, ended_at=OLD)
    assert pruned("changes", "runs") == {"runs": 1, "changes": 3}
    assert TaskRun.objects.get().ended_at is None


def test_many_that_ended_in_the_same_moment_all_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "FIRST", 3)
    monkeypatch.setattr(pruning, "FEWEST", 3)
    monkeypatch.setattr(pruning, "MOST", 3)
    for _ in range(20):
        make_task(created_at=OLD, completed_at=OLD)
    assert pruned("tasks") == {"tasks": 20}
    assert miscounted() == []


def test_samples_and_executions_go() -> None:
    MetricSample.objects.bulk_create(sample(at) for at in (OLD, OLD + timedelta(seconds=5), NOW))
    job = make_schedule()
    fires = {
        "old": fire(job, OLD, FireState.STARTED, task_id=make_task().pk, over_at=OLD),
        "open": fire(job, OLD + timedelta(hours=1), FireState.STARTED, task_id=make_task().pk),
        "claimed": fire(job, OLD + timedelta(hours=2), FireState.CLAIMED),
        "missed": fire(job, OLD + timedelta(hours=3), FireState.MISSED),
        "new": fire(job, NOW, FireState.SKIPPED),
    }
    assert pruned("samples", "executions") == {"samples": 2, "executions": 2}
    assert set(ScheduledFire.objects.values_list("pk", flat=True)) == {
        fires[name].pk for name in ("open", "claimed", "new")
    }


def sample(at: datetime) -> MetricSample:
    columns = [field.name for field in MetricSample._meta.concrete_fields if field.name not in ("slot", "at")]
    return MetricSample(slot=slot_of(at), at=at, **dict.fromkeys(columns, 0))


def fire(job: Any, due_at: datetime, state: FireState, **fields: Any) -> ScheduledFire:
    return ScheduledFire.objects.create(
        job=job, due_at=due_at, run_at=due_at, cause=Cause.SCHEDULE, state=state, **fields
    )


# --- What is told of it stays -------------------------------------------------------------------------------------


def test_lists_count_what_is_there_and_history_what_was(browser: Client) -> None:
    a_past()
    trend, types, totals = success_rate_trend(Period.LAST_90_DAYS), task_types(Range.ALL), overview(Range.ALL)
    assert sum(point.total for point in trend) == 10
    pruned("tasks", "runs", "changes")
    assert success_rate_trend(Period.LAST_90_DAYS) == trend
    assert task_types(Range.ALL) == types
    told = overview(Range.ALL)
    assert (told.by_status, told.mean_run_ms) == (totals.by_status, totals.mean_run_ms)
    assert sum(counts_by_status().values()) == Task.objects.count() == 5
    assert StepCount.objects.filter(count__gt=0, start__lt=NOW - timedelta(days=30)).exists()
    assert RunCount.objects.filter(count__gt=0, start__lt=NOW - timedelta(days=30)).exists()


def test_the_rollups_verify_after_it_and_can_be_built_anew() -> None:
    a_past()
    assert miscounted() == []
    pruned("tasks", "runs", "changes")
    assert miscounted() == []
    history = success_rate_trend(Period.LAST_90_DAYS), overview(Range.ALL).by_status
    rebuilding.rebuild()
    assert miscounted() == []
    assert (success_rate_trend(Period.LAST_90_DAYS), overview(Range.ALL).by_status) == history
    TaskCount.objects.filter(start__gte=NOW - timedelta(days=2), span="d").update(count=7)
    assert miscounted()


def test_a_run_that_is_not_counted_is_found_after_it() -> None:
    a_past()
    pruned("runs")
    RunCount.objects.filter(start__gte=NOW - timedelta(days=2)).delete()
    assert miscounted()


def test_workflows_go_with_their_steps_and_what_has_ended_is_still_told() -> None:
    times = {"created_at": OLD, "started_at": OLD, "completed_at": OLD + timedelta(minutes=1)}
    old = counted_row(status="COMPLETED", **times)
    old.steps.create(id=old.pk, position=0, name="pay")
    going = counted_row(status="RUNNING", created_at=OLD)
    due = counted_row(status="FAILED", webhook_due_at=NOW, **times)
    assert pruned("workflows") == {"workflows": 1}
    assert set(Workflow.objects.values_list("pk", flat=True)) == {going.pk, due.pk}
    ended = WorkflowCount.objects.filter(basis=Basis.ENDED, span="d", status="COMPLETED")
    assert sum(ended.values_list("count", flat=True)) == 1
    created = WorkflowCount.objects.filter(basis=Basis.CREATED, span="d", status="COMPLETED")
    assert sum(created.values_list("count", flat=True)) == 0
    assert miscounted() == []
    rebuilding.rebuild()
    assert miscounted() == []
    assert sum(ended.values_list("count", flat=True)) == 1


# --- The trail ----------------------------------------------------------------------------------------------------


def write_trail(monkeypatch: pytest.MonkeyPatch, number: int = 10, old: int = 6) -> None:
    """The first ``old`` rows forty days ago."""
    by = Actor(name="oscar", source="tests")

    with monkeypatch.context() as patch:
        patch.setattr(trail, "datetime", SimpleNamespace(now=lambda _: OLD))
        write_down([Deed(action="job.retry", by=by, target=str(index)) for index in range(old)])
    write_down([Deed(action="job.retry", by=by, target=str(index)) for index in range(old, number)])


def test_the_trail_still_verifies_from_its_first_kept_row(monkeypatch: pytest.MonkeyPatch) -> None:
    write_trail(monkeypatch)
    whole = verify()
    assert pruned("trail") == {"trail": 6}
    assert OperatorAction.objects.order_by("number").values_list("number", flat=True)[0] == 7
    assert verify(whole).number == 11  # and the deed that tells of it
    assert pruned("trail") == {"trail": 0}


@pytest.mark.parametrize("where", [7, 9])
def test_a_cut_trail_that_was_altered_or_shortened_is_found_out(where: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trail(monkeypatch)
    pruned("trail")
    OperatorAction.objects.filter(number=where).update(actor="mallory")
    with pytest.raises(CommandError, match=f"row {where}"):
        call_command("verify_audit")
    OperatorAction.objects.filter(number=where).delete()
    with pytest.raises(CommandError, match=f"row {where}"):
        call_command("verify_audit")


def test_a_row_put_before_the_cut_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    write_trail(monkeypatch)
    kept = OperatorAction.objects.get(number=3)
    pruned("trail")
    kept.save(force_insert=True)
    with pytest.raises(CommandError, match="row 3: it was put there by somebody else: the first row is 7"):
        call_command("verify_audit")
    anchor = TrailHead.objects.get(chain="operators cut")
    assert End(number=anchor.number, hash=anchor.hash).number == 6


def test_a_broken_trail_is_evidence_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    write_trail(monkeypatch)
    OperatorAction.objects.filter(number=4).update(actor="mallory")
    with pytest.raises(CommandError, match="row 4"):
        command("trail")
    assert OperatorAction.objects.filter(number__lte=6).count() == 6


def test_the_trail_tells_who_deleted_what(tmp_path: Path) -> None:
    a_past()
    list(prune(by=BY, names=["tasks", "changes", "samples"], archive_in=tmp_path))
    deeds = {deed.target: json.loads(deed.details) for deed in OperatorAction.objects.filter(action="retention.prune")}
    assert {name: details["rows"] for name, details in deeds.items()} == {"tasks": 5, "changes": 10}
    assert deeds["tasks"]["archived"] == 5
    assert Path(deeds["tasks"]["archive"]).exists()


# --- The archive --------------------------------------------------------------------------------------------------


def test_the_archive_holds_every_row_that_goes(tmp_path: Path) -> None:
    tasks = [task for task in a_past() if task.created_at == OLD]
    before = {str(task.pk): task for task in tasks}
    (outcome,) = prune(by=BY, names=["tasks"], archive_in=tmp_path / "made" / "here")
    told = lines(outcome.archive)
    assert {row["id"] for row in told} == before.keys()
    assert all(datetime.fromisoformat(row["created_at"]) == OLD for row in told)
    assert set(told[0]) == {field.attname for field in Task._meta.concrete_fields}
    assert outcome.archive
    assert outcome.archive.stat().st_mode & 0o077 == 0
    assert list(prune(by=BY, names=["tasks"], archive_in=tmp_path)) != []
    assert not list(tmp_path.glob("*.gz")), "nothing was deleted, so no file was made"


def test_an_archived_workflow_has_its_steps(tmp_path: Path) -> None:
    old = counted_row(status="COMPLETED", created_at=OLD, completed_at=OLD, tags=["a"])
    old.steps.create(id=old.pk, position=0, name="pay")
    (outcome,) = prune(by=BY, names=["workflows"], archive_in=tmp_path)
    (row,) = lines(outcome.archive)
    assert row["tags"] == ["a"]
    assert [step["name"] for step in row["steps"]] == ["pay"]


def test_what_cannot_be_archived_is_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_past()
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="the archive cannot be written"):
        command("tasks", f"--archive={tmp_path / 'file'}")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("monitoring.archives.os.fsync", full)
        with pytest.raises(CommandError, match="No space left on device"):
            command("tasks", f"--archive={tmp_path}")
    assert Task.objects.count() == 10
    assert miscounted() == []
    assert command("tasks", f"--archive={tmp_path}").count("tasks: 5 ") == 1


# --- The command, and who does it daily ---------------------------------------------------------------------------


def test_a_dry_run_counts_exactly_and_deletes_nothing() -> None:
    a_past()
    told = command("--dry-run")
    assert "tasks: 5 from before" in told
    assert "runs: 5 from before" in told
    assert "changes: 10 from before" in told
    assert Task.objects.count() == 10
    assert not Pruned.objects.exists()
    counted = {outcome.kind.name: outcome.rows for outcome in pruning.count()}
    assert counted == pruned()


def test_nothing_goes_unless_an_age_is_given(settings: Any) -> None:
    a_past()
    settings.RETENTION_DAYS = dict.fromkeys(KINDS, 0)
    told = command()
    assert "tasks: kept for ever (RETENTION_TASKS_DAYS is not set)" in told
    assert Task.objects.count() == 10


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(CommandError, match="nothing called users"):
        command("users")


def test_it_prunes_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    from monitoring.daily_pruning import DailyPruning, due_today

    a_past()
    assert set(due_today(NOW)) == set(KINDS)
    assert DailyPruning().prune_what_is_due()
    assert Task.objects.count() == 5
    assert due_today(datetime.now(UTC)) == []
    assert set(due_today(datetime.now(UTC) + timedelta(days=1))) == set(KINDS)


def test_a_daily_run_goes_on_with_the_others_when_one_cannot_be_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    from monitoring.daily_pruning import DailyPruning

    a_past()
    write_trail(monkeypatch)
    OperatorAction.objects.filter(number=2).update(actor="mallory")
    counted_row(status="COMPLETED", created_at=OLD, completed_at=OLD)
    assert not DailyPruning().prune_what_is_due()
    assert Task.objects.count() == 5
    assert not Workflow.objects.exists()
    assert OperatorAction.objects.filter(number__lte=6).count() == 6


@pytest.fixture
def stops_after_one() -> Any:
    asked = iter([False, True])
    return lambda: next(asked, True)


def test_it_stops_when_asked_and_goes_on_later(stops_after_one: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "FIRST", 2)
    a_past()
    assert pruned("tasks", stopping=stops_after_one) == {"tasks": 2}
    assert Pruned.objects.get(kind="tasks").finished_at is None
    assert miscounted() == []
    assert pruned("tasks") == {"tasks": 3}
    assert ErrorGroup.objects.exists(), "what an error was called is remembered"


def test_two_processes_do_not_prune_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: str) -> Any:
        raise Busy("prune")

    monkeypatch.setattr(pruning, "only_one", busy)
    with pytest.raises(CommandError, match="another process is pruning"):
        command("tasks")
