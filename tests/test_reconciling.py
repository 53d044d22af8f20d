"""The comparison of the record with Redis: what is lost is named, what was never reported is seen, and nothing else."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Self

import pytest
import rq
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from audit.models import StatusChange
from monitoring import broker, held, rebuilding, reconciling
from monitoring.hooks import OUTBOX
from monitoring.ledger_models import Evidence, LostTask, Reconciliation
from monitoring.models import InboxPosition, Task
from monitoring.reconciling import Findings, Reconciler
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from tests.comparing import enqueue, plain, turn
from tests.running import wait_for
from tests.test_looking_changes_nothing import heard
from tests.test_operations import record, work
from tests.workflows import begin, dispatch

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]


# --- Lost ----------------------------------------------------------------------------------------------------------


def test_a_deleted_job_is_lost_at_the_second_look_with_its_evidence() -> None:
    (task,) = enqueue()
    reconciler = Reconciler()
    turn(reconciler)
    broker.connection().delete(f"rq:job:{task.job_id}")
    first = turn(reconciler)
    assert (first.missing, first.lost) == (1, 0)
    task.refresh_from_db()
    assert task.status == Status.QUEUED
    assert turn(reconciler).lost == 1
    task.refresh_from_db()
    assert (task.status, task.error_type) == (Status.FAILED, "JobLost")
    lost = LostTask.objects.get()
    assert (lost.task_id, lost.was, lost.queue) == (task.pk, Status.QUEUED, "default")
    assert lost.evidence in (Evidence.DELETED, Evidence.EXPIRED)
    assert lost.details["memory_policy"] == "noeviction"
    assert lost.missing_since < lost.found_at
    change = StatusChange.objects.filter(task_id=task.pk).latest("pk")
    assert (change.old_status, change.new_status, change.source) == ("QUEUED", "FAILED", "reconcile")
    assert turn(reconciler).lost == 0
    assert rebuilding.differences() == []


def test_a_job_that_was_just_over_is_not_lost_while_its_report_is_on_the_way() -> None:
    (task,) = enqueue()
    reconciler = Reconciler()
    rq.SimpleWorker([broker.queue("default")], connection=broker.connection(), serializer="json").work(
        burst=True, logging_level="CRITICAL"
    )
    broker.connection().delete(f"rq:job:{task.job_id}")  # as with a short time to live
    for _ in range(3):  # the recorder stands still, the comparison goes on
        findings = reconciler.turn()
        assert findings is not None
        assert findings.lost == 0
    record()
    task.refresh_from_db()
    assert task.status == Status.COMPLETED
    assert not LostTask.objects.exists()
    turn(reconciler)
    assert reconciler.suspects == {}


def test_a_loss_is_found_though_the_outbox_was_emptied_by_hand() -> None:
    (task,) = enqueue()
    broker.connection().xadd(OUTBOX, {"e": "{}"})
    broker.connection().delete(f"rq:job:{task.job_id}")
    broker.connection().xtrim(OUTBOX, maxlen=0)  # what is recorded will not reach the newest report any more
    reconciler = Reconciler()
    reconciler.turn()
    findings = reconciler.turn()
    assert findings is not None
    assert findings.lost == 1


def test_a_loss_that_is_overtaken_by_a_report_is_void() -> None:
    (task,) = enqueue()
    reconciler = Reconciler()
    broker.connection().delete(f"rq:job:{task.job_id}")
    reconciler.turn()
    recorder = Recorder(announce=lambda _: None)
    recorder.start()
    broker.connection().xadd(OUTBOX, {"e": f'{{"id":"{task.job_id}","s":"started","q":"default"}}'})
    findings = reconciler.turn()
    assert findings is not None
    assert findings.lost == 1
    recorder.drain()
    task.refresh_from_db()
    assert task.status == Status.RUNNING
    assert not LostTask.objects.exists()


def test_an_emptied_redis_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = enqueue(3)
    broker.connection().flushdb()
    reconciler = Reconciler()
    facts = held.server_facts()
    monkeypatch.setattr(held, "server_facts", lambda: facts._replace(started_seconds_ago=0))
    turn(reconciler)
    assert turn(reconciler).lost == 3
    assert set(LostTask.objects.values_list("task_id", "evidence")) == {(task.pk, "emptied") for task in tasks}


@pytest.mark.parametrize(("evicted", "expired", "evidence"), [(2, 0, "evicted"), (0, 2, "expired"), (0, 0, "deleted")])
def test_the_servers_figures_say_why(
    monkeypatch: pytest.MonkeyPatch, evicted: int, expired: int, evidence: str
) -> None:
    (task,) = enqueue()
    facts = held.server_facts()
    monkeypatch.setattr(held, "server_facts", lambda: facts)
    reconciler = Reconciler()
    turn(reconciler)
    broker.connection().delete(f"rq:job:{task.job_id}")
    facts = facts._replace(evicted_keys=facts.evicted_keys + evicted, expired_keys=facts.expired_keys + expired)
    turn(reconciler)
    turn(reconciler)
    lost = LostTask.objects.get()
    assert (lost.evidence, lost.details["keys_evicted"], lost.details["keys_expired"]) == (evidence, evicted, expired)


def test_a_job_whose_queue_was_deleted_is_stranded() -> None:
    enqueue(2)
    broker.connection().delete("rq:queue:default")
    reconciler = Reconciler()
    turn(reconciler)
    assert turn(reconciler).lost == 2
    assert set(LostTask.objects.values_list("evidence", flat=True)) == {"stranded"}


def test_a_lost_task_that_goes_on_after_all_is_told_of_as_recovered() -> None:
    (task,) = enqueue()
    broker.connection().delete("rq:queue:default")
    reconciler = Reconciler()
    turn(reconciler)
    turn(reconciler)
    assert LostTask.objects.get().recovered_at is None
    broker.connection().rpush("rq:queue:default", task.job_id)
    work()
    task.refresh_from_db()
    assert task.status == Status.COMPLETED
    assert LostTask.objects.get().recovered_at is not None


def test_steps_that_have_not_begun_are_left_to_the_workflow_engine() -> None:
    workflow = begin("tests.quick")
    dispatch()
    record()
    (step,) = workflow.steps.filter(status="QUEUED")
    broker.connection().flushdb()
    reconciler = Reconciler()
    for _ in range(3):
        assert turn(reconciler).lost == 0
    assert step.task_id is not None
    assert Task.objects.get(pk=step.task_id).status == Status.QUEUED


def test_what_waits_for_others_or_for_its_time_is_not_lost() -> None:
    (first,) = enqueue()
    enqueue(after=[first.job_id])
    enqueue(delay_seconds=600)
    reconciler = Reconciler()
    for _ in range(3):
        assert turn(reconciler) == Findings(compared=3)


def test_there_is_no_false_alarm_beside_traffic() -> None:
    chance = random.Random(7)  # noqa: S311  # a repeatable test, not a secret
    reconciler = Reconciler()
    for _ in range(12):
        enqueue(chance.randrange(1, 8), retries=chance.randrange(2))
        broker.enqueue("tests.jobs.fail_until", args=[2], retries=1)
        reconciler.turn()
        if chance.random() < 0.6:
            work()
        reconciler.turn()
    work()
    turn(reconciler)
    turn(reconciler)
    assert not LostTask.objects.exists()
    assert not StatusChange.objects.filter(source="reconcile").exists()
    assert rebuilding.differences() == []


def test_it_goes_on_after_a_recorder_that_was_killed() -> None:
    """What one suspects is forgotten with it, and found again by another."""
    (task,) = enqueue()
    broker.connection().delete(f"rq:job:{task.job_id}")
    turn(Reconciler())
    other = Reconciler()
    assert turn(other).lost == 0
    assert turn(other).lost == 1


def test_of_two_one_compares() -> None:
    assert Reconciler().turn(unless_within=60) is not None
    assert Reconciler().turn(unless_within=60) is None


def test_a_comparison_in_the_future_keeps_nobody_from_comparing() -> None:
    assert Reconciler().turn() is not None
    Reconciliation.objects.update(at=datetime.now(UTC) + timedelta(days=400))  # the clock was set back since
    assert Reconciler().turn(unless_within=60) is not None
    assert Reconciler().turn(unless_within=60) is None


def test_how_long_ago_a_task_changed_is_told_by_redis_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ahead(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=30)

    monkeypatch.setattr(reconciling, "SETTLED_SECONDS", 10)
    monkeypatch.setattr(reconciling, "datetime", Ahead)
    enqueue()
    findings = Reconciler().turn()
    assert findings is not None
    assert findings.compared == 0


# --- The comparison itself ------------------------------------------------------------------------------------------


def test_it_only_reads_but_for_its_reports() -> None:
    (task,) = enqueue()
    plain("q.enqueue('operator.neg', 1)")
    broker.connection().delete(f"rq:job:{task.job_id}")
    reconciler = Reconciler()
    commands = [*heard(reconciler.turn), *heard(reconciler.turn)]
    reads = {"INFO", "TIME", "EXISTS", "XINFO", "HMGET", "XLEN", "SMEMBERS", "LRANGE", "ZRANGE", "LLEN"}
    assert set(commands) - reads - {"MULTI", "EXEC"} == {"XADD"}


def test_a_mistake_of_ours_does_not_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "EVERY_SECONDS", 0.01)
    turns: list[float] = []

    def fail(self: Reconciler, **options: Any) -> None:
        turns.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(Reconciler, "turn", fail)
    reconciler = Reconciler()
    reconciler.start()
    assert wait_for(lambda: len(turns) > 2, 10)
    reconciler.stop()
    assert not reconciler.is_alive()


@given(st.lists(st.sampled_from(["enqueue", "work", "record", "trim", "delete", "turn"]), max_size=25))
@how(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_counts_are_right_whatever_happens(deeds: list[str]) -> None:
    broker.connection().flushdb()
    Task.objects.all().delete()
    StatusChange.objects.all().delete()
    InboxPosition.objects.all().delete()
    rebuilding.rebuild()
    reconciler, ids = Reconciler(), []
    for deed in deeds:
        if deed == "enqueue":
            ids.append(broker.enqueue("tests.jobs.echo"))
        elif deed == "work":
            work()
        elif deed == "record":
            record()
        elif deed == "trim":
            broker.connection().xtrim(OUTBOX, maxlen=0)
        elif deed == "delete" and ids:
            broker.connection().delete(f"rq:job:{ids[-1]}")
        else:
            turn(reconciler)
    for _ in range(3):
        turn(reconciler)
    assert rebuilding.differences() == []
    assert not Task.objects.filter(status__in=["QUEUED", "RUNNING"]).exclude(
        job_id__in=broker.queue("default").get_job_ids()
    )


def test_looking_at_many_costs_few_round_trips(django_assert_num_queries: Any) -> None:
    enqueue(300)
    reconciler = Reconciler()
    began = broker.connection().info("stats")["total_commands_processed"]
    with django_assert_num_queries(15):
        reconciler.turn()
    assert broker.connection().info("stats")["total_commands_processed"] - began < 300 + 60
