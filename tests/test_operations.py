"""Verbs over many tasks: counted before, carried out in chunks, stopped, killed and gone on with; one outcome each."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import rq
from django.contrib.auth.models import Permission, User

from audit import roles
from audit.models import OperatorAction
from audit.trail import Actor, NotAllowedNow, NotPermitted
from monitoring import actions, broker, chunks, operations
from monitoring.filters import BadFilter
from monitoring.models import Task
from monitoring.operations import act_on_matching, begin_operation, count_matching_verb, stop_operation
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from monitoring.stored_operations import Operation, OperationTask, State
from tests.factories import make_task
from tests.test_crash_safety import die, ended_by, in_a_child

pytestmark = pytest.mark.django_db(transaction=True)

FAILED = {"queue": "default", "status": ["FAILED"]}


@pytest.fixture
def account() -> User:
    user = User.objects.create_user("oscar")
    user.user_permissions.add(Permission.objects.get(codename="operate_task"))
    return user


@pytest.fixture
def oscar(account: User) -> Actor:
    return Actor(name=account.username, source="jobs.bulk", permissions=frozenset({roles.OPERATE}))


def record() -> None:
    recorder = Recorder(announce=lambda _: None)
    recorder.start()
    recorder.drain()


def work() -> None:
    """Works the queue until it is empty, and records what was reported."""
    worker = rq.SimpleWorker([broker.queue("default")], connection=broker.connection(), serializer="json")
    worker.work(burst=True, logging_level="CRITICAL")
    record()


def fail(number: int, function: str = "tests.jobs.fail") -> list[str]:
    """So many jobs that have run and failed; their ids in the order of lists, for two may share a millisecond."""
    ids = [broker.enqueue(function, args=[f"boom {index}"]) for index in range(number)]
    work()
    tasks = Task.objects.filter(job_id__in=ids).order_by("created_at", "pk")
    return list(tasks.values_list("job_id", flat=True))


def carry_out() -> None:
    """Does all there is to do."""
    while chunks.advance():
        pass


def trail() -> list[tuple[str, str]]:
    """What was done to each task, without what was done to operations."""
    rows = OperatorAction.objects.exclude(action__startswith="operation.").order_by("number")
    return list(rows.values_list("target", "outcome"))


def queued() -> list[str]:
    return list(broker.queue("default").get_job_ids())


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "CHUNK", 4)
    monkeypatch.setattr(operations, "AT_ONCE", 3)


def test_it_counts_before_what_it_would_do() -> None:
    for status in Status:
        make_task(status=status)
        make_task(status=status, queue="mail")
    assert count_matching_verb(actions.RETRY, {}) == 4
    assert count_matching_verb(actions.RETRY, {"queue": "mail"}) == 2
    assert count_matching_verb(actions.RETRY, FAILED) == 1
    assert count_matching_verb(actions.CANCEL, FAILED) == 0
    assert count_matching_verb(actions.REMOVE, {"task_type": "nothing like it"}) == 0
    with pytest.raises(BadFilter):
        count_matching_verb(actions.RETRY, {"status": ["NONSENSE"]})


def test_it_deals_with_a_few_at_once(oscar: Actor) -> None:
    ids = fail(3)
    results = act_on_matching(actions.RETRY, FAILED, by=oscar, action="dlq.retry", reason="fixed")
    assert isinstance(results, list)
    assert [(result.task.job_id, result.error) for result in results] == [(job_id, "") for job_id in ids]
    assert queued() == ids, "oldest first"
    assert set(OperatorAction.objects.values_list("action", "reason")) == {("dlq.retry", "fixed")}
    record()
    assert act_on_matching(actions.RETRY, FAILED, by=oscar) == []


@pytest.mark.usefixtures("small_chunks")
def test_it_stores_more_and_carries_it_out_in_chunks(oscar: Actor) -> None:
    ids = fail(10)
    operation = act_on_matching(actions.RETRY, FAILED, by=oscar, action="dlq.retry", reason="fixed")
    assert isinstance(operation, Operation)
    assert (operation.total, operation.state, operation.asked) == (10, State.WAITING, FAILED)
    start = OperatorAction.objects.get()
    assert (start.action, start.target, start.queue) == ("operation.start", str(operation.pk), "default")
    assert json.loads(start.details)["total"] == 10

    assert chunks.advance()
    operation.refresh_from_db()
    assert (operation.state, operation.position, operation.done) == (State.RUNNING, 4, 4)
    assert queued() == ids[:4]
    carry_out()
    operation.refresh_from_db()
    assert (operation.state, operation.done, operation.refused, operation.left) == (State.FINISHED, 10, 0, 0)
    assert queued() == ids
    assert trail() == [(job_id, "success") for job_id in ids]
    row = OperatorAction.objects.filter(target=ids[5]).get()
    assert (row.action, row.actor, row.reason) == ("dlq.retry", "oscar", "fixed")
    assert json.loads(row.details) == {"operation": operation.pk}
    assert not OperationTask.objects.exists()
    assert not broker.connection().keys("quarterdeck:operation*")


@pytest.mark.usefixtures("small_chunks")
def test_what_fails_again_is_not_picked_up_twice(oscar: Actor) -> None:
    ids = fail(6)
    act_on_matching(actions.RETRY, FAILED, by=oscar)
    chunks.advance()
    work()  # the first four have failed again, and match again
    carry_out()
    assert Counter(target for target, _ in trail()) == Counter(ids)


@pytest.mark.usefixtures("small_chunks")
def test_each_refusal_is_counted_with_its_sentence(oscar: Actor) -> None:
    ids = fail(5)
    operation = act_on_matching(actions.RETRY, FAILED, by=oscar)
    assert isinstance(operation, Operation)
    actions.retry_task(Task.objects.get(job_id=ids[0]), by=oscar)  # somebody was faster
    actions.remove_task(Task.objects.get(job_id=ids[1]), by=oscar)
    record()
    carry_out()
    operation.refresh_from_db()
    assert (operation.done, operation.refused) == (3, 2)
    assert operation.refusals == {"Cannot retry a task that is queued.": 1, "It was removed meanwhile.": 1}


@pytest.mark.usefixtures("small_chunks")
def test_it_stops_between_chunks(oscar: Actor) -> None:
    ids = fail(10)
    operation = act_on_matching(actions.RETRY, FAILED, by=oscar)
    assert isinstance(operation, Operation)
    chunks.advance()
    stop_operation(operation, by=oscar, reason="wrong queue")
    with pytest.raises(NotAllowedNow, match="asked to stop already"):
        stop_operation(operation, by=oscar)
    carry_out()
    operation.refresh_from_db()
    assert (operation.state, operation.ended_because) == (State.STOPPED, "oscar stopped it.")
    assert (operation.done, operation.left) == (4, 6)
    assert queued() == ids[:4]
    with pytest.raises(NotAllowedNow, match="over already"):
        stop_operation(operation, by=oscar)
    stops = OperatorAction.objects.filter(action="operation.stop").order_by("number")
    assert list(stops.values_list("outcome", flat=True)) == ["success", "refused", "refused"]


@pytest.mark.usefixtures("small_chunks")
def test_it_stops_when_its_actor_may_not_any_more(oscar: Actor, account: User) -> None:
    fail(10)
    operation = act_on_matching(actions.RETRY, FAILED, by=oscar)
    assert isinstance(operation, Operation)
    chunks.advance()
    account.user_permissions.clear()
    carry_out()
    operation.refresh_from_db()
    assert (operation.state, operation.done) == (State.STOPPED, 4)
    assert operation.ended_because == "oscar may not act on tasks any more."


def test_a_viewer_may_not_and_that_stands_in_the_trail_once() -> None:
    fail(3)
    vera = Actor(name="vera", source="jobs.bulk", permissions=frozenset({roles.VIEW}))
    with pytest.raises(NotPermitted):
        act_on_matching(actions.RETRY, FAILED, by=vera, action="dlq.retry")
    with pytest.raises(NotPermitted):
        begin_operation(actions.RETRY, FAILED, by=vera)
    told = OperatorAction.objects.order_by("number").values_list("action", "queue", "outcome")
    assert list(told) == [("dlq.retry", "default", "refused"), ("operation.start", "default", "refused")]
    assert queued() == []
    assert not Operation.objects.exists()


def test_it_does_not_begin_with_nothing_to_do(oscar: Actor) -> None:
    with pytest.raises(NotAllowedNow, match="nothing to retry"):
        begin_operation(actions.RETRY, FAILED, by=oscar)
    with pytest.raises(NotAllowedNow):
        begin_operation(actions.RETRY, {"id_prefix": "no hexadecimal"}, by=oscar)
    assert not Operation.objects.exists()


@pytest.mark.usefixtures("small_chunks")
def test_operations_take_turns(oscar: Actor) -> None:
    fail(10)
    first = begin_operation(actions.RETRY, FAILED, by=oscar)
    second = begin_operation(actions.REMOVE, {"status": ["CANCELLED", "FAILED"]}, by=oscar)
    seen = []
    for _ in range(4):
        chunks.advance()
        seen.append(tuple(Operation.objects.order_by("pk").values_list("position", flat=True)))
    assert seen == [(4, 0), (4, 4), (8, 4), (8, 8)]
    carry_out()
    for one in (first, second):
        one.refresh_from_db()
        assert one.state == State.FINISHED
        assert one.done + one.refused == 10


def test_it_moves_many(oscar: Actor) -> None:
    make_task(queue="mail")
    ids = [broker.enqueue("tests.jobs.echo") for _ in range(5)]
    record()
    begin_operation(actions.move_to("mail"), {"queue": "default"}, by=oscar)
    carry_out()
    assert broker.connection().llen("rq:queue:mail") == 5
    assert queued() == []
    record()
    assert Task.objects.filter(queue="mail", job_id__in=ids).count() == 5


@pytest.mark.usefixtures("small_chunks")
def test_one_that_breaks_leaves_the_others_their_turns(oscar: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fail(6)
    broken = begin_operation(actions.RETRY, FAILED, by=oscar)
    Operation.objects.filter(pk=broken.pk).update(verb="dance")
    begin_operation(actions.RETRY, FAILED, by=oscar)
    carry_out()
    assert queued() == ids
    broken.refresh_from_db()
    assert (broken.state, broken.position) == (State.WAITING, 0)


@pytest.mark.usefixtures("small_chunks")
def test_it_waits_for_a_redis_that_is_away(oscar: Actor, settings: Any) -> None:
    ids = fail(6)
    begin_operation(actions.RETRY, FAILED, by=oscar)
    here = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(broker.BrokerError):
        chunks.advance()
    assert trail() == []
    settings.REDIS_URL = here
    carry_out()
    assert trail() == [(job_id, "success") for job_id in ids]


# --- Killed -------------------------------------------------------------------------------------------------------


def die_after(module: Any, step: str, occurrence: int) -> Callable[[], None]:
    """Carries out and dies right after the step has run for the given time."""

    def deed() -> None:
        original, calls = getattr(module, step), Counter[str]()

        def deadly(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            calls[step] += 1
            if calls[step] == occurrence:
                die()
            return result

        setattr(module, step, deadly)
        carry_out()

    return deed


STEPS = [(broker, "_run"), (actions, "write_down"), (chunks, "perform"), (chunks, "_count"), (broker, "throw_away")]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("verb", ["retry", "remove"])
@pytest.mark.parametrize("occurrence", [1, 2])
@pytest.mark.parametrize(("module", "step"), STEPS, ids=[step for _, step in STEPS])
def test_each_task_has_one_outcome_when_killed_after(
    oscar: Actor, module: Any, step: str, occurrence: int, verb: str
) -> None:
    ids = fail(10)
    operation = begin_operation(actions.VERBS[verb], FAILED, by=oscar)
    assert ended_by(in_a_child(die_after(module, step, occurrence))) == signal.SIGKILL
    record()  # by now the rows say that the tasks are queued, or are gone
    carry_out()
    operation.refresh_from_db()
    assert (operation.state, operation.done, operation.refused) == (State.FINISHED, 10, 0), operation.refusals
    assert trail() == [(job_id, "success") for job_id in ids]
    assert queued() == (ids if verb == "retry" else [])


@pytest.mark.usefixtures("small_chunks")
def test_a_chunk_that_redis_has_done_is_written_down_even_if_stopped(oscar: Actor, account: User) -> None:
    ids = fail(10)
    operation = begin_operation(actions.RETRY, FAILED, by=oscar)
    assert ended_by(in_a_child(die_after(broker, "_run", 1))) == signal.SIGKILL
    stop_operation(operation, by=oscar)
    account.user_permissions.clear()
    carry_out()
    operation.refresh_from_db()
    assert (operation.state, operation.done) == (State.STOPPED, 4)
    assert trail() == [(job_id, "success") for job_id in ids[:4]]


@pytest.mark.usefixtures("small_chunks")
def test_several_processes_do_each_task_once(oscar: Actor) -> None:
    ids = fail(40)
    operation = begin_operation(actions.RETRY, FAILED, by=oscar)
    other = begin_operation(actions.RETRY, {"status": ["CANCELLED", "FAILED"]}, by=oscar)

    def deed() -> None:
        while Operation.objects.filter(state__in=("WAITING", "RUNNING")).exists():
            carry_out()

    children = [in_a_child(deed) for _ in range(3)]
    assert [ended_by(child) for child in children] == [0, 0, 0]
    for one in (operation, other):
        one.refresh_from_db()
        assert one.state == State.FINISHED
    assert operation.done + other.done == 40
    assert Counter(target for target, outcome in trail() if outcome == "success") == Counter(ids)
    assert sorted(queued()) == sorted(ids)


@pytest.mark.usefixtures("small_chunks")
def test_each_task_has_one_outcome_while_processes_are_killed_at_random(oscar: Actor) -> None:
    chance = random.Random(20261125)  # noqa: S311  # a repeatable test, not a secret
    ids = fail(200)
    operation = begin_operation(actions.RETRY, FAILED, by=oscar)
    kills = 0
    for _ in range(12):
        children = [in_a_child(carry_out) for _ in range(2)]
        time.sleep(chance.uniform(0.002, 0.03))
        for child in children:
            os.kill(child, signal.SIGKILL)
            kills += ended_by(child) == signal.SIGKILL
        record()
    assert kills > 0
    carry_out()
    operation.refresh_from_db()
    assert (operation.state, operation.done, operation.refused) == (State.FINISHED, 200, 0), operation.refusals
    # In whatever order: two processes take turns, and one that was killed may have been ahead.
    assert Counter(trail()) == Counter((job_id, "success") for job_id in ids)
    assert sorted(queued()) == sorted(ids)


def test_it_starts_anew_once_what_redis_has_forgotten(oscar: Actor) -> None:
    task = make_task(status=Status.FAILED, task_type="tests.jobs.echo", arguments='{"args":[1],"kwargs":{}}')
    begin_operation(actions.RETRY, FAILED, by=oscar)
    assert ended_by(in_a_child(die_after(chunks, "_count", 1))) == signal.SIGKILL
    carry_out()
    assert trail() == [(task.job_id, "success")]
    assert queued() == [actions.id_of_copy(task)]
