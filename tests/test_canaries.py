"""Trying a few before the rest: it goes on when they succeed, and stops when one fails again."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from audit import roles
from audit.models import OperatorAction
from audit.trail import Actor
from monitoring import actions, broker, chunks
from monitoring.models import Task
from monitoring.operations import begin_operation, stop_operation
from monitoring.statuses import Status
from monitoring.stored_operations import Operation, State
from tests.factories import make_task
from tests.test_operations import queued, record, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def oscar() -> Actor:
    User.objects.create_user("oscar").user_permissions.add(Permission.objects.get(codename="operate_task"))
    return Actor(name="oscar", source="dlq", permissions=frozenset({roles.OPERATE}))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.canaries.LOOK_SECONDS", 0)


def fail_once(number: int, *, heals: bool = True) -> list[str]:
    """Jobs that failed once, oldest first; they succeed when they run again, or fail in the same way."""
    jobs: list[tuple[str, list[Any]]] = [("tests.jobs.fail_until", [2]) if heals else ("tests.jobs.fail", ["boom"])]
    ids = [broker.enqueue(function, args=args) for function, args in jobs * number]
    work()
    # Several are made within one millisecond, and those are taken by their ids.
    oldest_first = Task.objects.filter(job_id__in=ids).order_by("created_at", "pk")
    return list(oldest_first.values_list("job_id", flat=True))


def begin(by: Actor) -> Operation:
    return begin_operation(actions.RETRY, {"status": ["FAILED"]}, by=by, action="dlq.retry", try_first=5)


def look(operation: Operation) -> Operation:
    """Does what there is to do now, without waiting for anything."""
    for _ in range(3):
        chunks.advance()
    operation.refresh_from_db()
    return operation


def test_it_retries_five_and_waits_for_them(oscar: Actor) -> None:
    ids = fail_once(8)
    operation = look(begin(oscar))
    assert (operation.state, operation.done, operation.left) == (State.TRYING, 5, 3)
    assert queued() == ids[:5]
    record()  # they are queued again, and that is not the end
    assert look(operation).state == State.TRYING
    assert [one["status"] for one in operation.tried] == [Status.QUEUED] * 5


def test_it_goes_on_with_the_rest_when_they_succeed(oscar: Actor) -> None:
    ids = fail_once(8)
    operation = look(begin(oscar))
    work()
    look(operation)
    assert (operation.state, operation.done, operation.ended_because) == (State.FINISHED, 8, "")
    assert {one["status"] for one in operation.tried} == {Status.COMPLETED}
    assert queued() == ids[5:]
    told = OperatorAction.objects.filter(action="dlq.retry", outcome="success").order_by("number")
    assert list(told.values_list("target", flat=True)) == ids


def test_it_stops_when_the_same_error_returns(oscar: Actor) -> None:
    fail_once(8, heals=False)
    operation = look(begin(oscar))
    work()
    look(operation)
    assert (operation.state, operation.done, operation.left) == (State.STOPPED, 5, 3)
    assert operation.ended_because == "The same error came back: 5 of the 5 tried failed again."
    assert queued() == []
    assert Task.objects.filter(status=Status.FAILED, attempts=1).count() == 3
    assert not operation.tasks.exists()


def test_it_tells_another_error_from_the_same(oscar: Actor) -> None:
    ids = fail_once(6)
    operation = look(begin(oscar))
    job = broker.queue("default").fetch_job(ids[2])
    assert job is not None
    job.meta = {}  # it has forgotten that it ran, and fails with its first error
    job.save_meta()
    Task.objects.filter(job_id=ids[2]).update(error_group="another")
    Operation.objects.update(tried=[one | {"error_group": "another"} for one in operation.tried])
    work()
    look(operation)
    assert operation.state == State.STOPPED
    assert operation.ended_because == "Another error came: 1 of the 5 tried failed."


def test_it_stops_when_none_that_was_tried_ran_to_its_end(oscar: Actor) -> None:
    ids = fail_once(6)
    operation = look(begin(oscar))
    record()
    tried = list(Task.objects.filter(job_id__in=ids[:5]))
    actions.perform(actions.CANCEL, tried[:3], by=oscar)
    actions.perform(actions.REMOVE, tried[3:], by=oscar)
    record()
    look(operation)
    assert (operation.state, operation.left) == (State.STOPPED, 1)
    assert operation.ended_because == "None of those that were tried ran to its end."


def test_it_tries_the_next_ones_in_place_of_refused_ones(oscar: Actor) -> None:
    ids = fail_once(8)
    operation = begin(oscar)
    actions.perform(actions.RETRY, list(Task.objects.filter(job_id__in=ids[:5])), by=oscar)
    record()
    look(operation)
    assert (operation.state, operation.refused, operation.done) == (State.TRYING, 5, 3)
    work()
    assert look(operation).state == State.FINISHED


def test_it_finishes_when_all_are_refused(oscar: Actor) -> None:
    ids = fail_once(3)
    operation = begin(oscar)
    actions.perform(actions.REMOVE, list(Task.objects.filter(job_id__in=ids)), by=oscar)
    record()
    assert (look(operation).state, operation.refused) == (State.FINISHED, 3)


def test_it_can_be_stopped_while_it_waits(oscar: Actor) -> None:
    fail_once(8)
    operation = look(begin(oscar))
    stop_operation(operation, by=oscar)
    assert (look(operation).state, operation.done, operation.left) == (State.STOPPED, 5, 3)


def test_it_watches_the_job_that_stands_in_for_a_forgotten_one(oscar: Actor) -> None:
    tasks = [
        make_task(status=Status.FAILED, task_type="tests.jobs.echo", arguments='{"args":[1],"kwargs":{}}')
        for _ in range(6)
    ]
    operation = look(begin(oscar))
    assert (operation.state, operation.done) == (State.TRYING, 5)
    work()
    look(operation)
    assert (operation.state, operation.done) == (State.FINISHED, 6)
    assert {one["status"] for one in operation.tried} == {Status.COMPLETED}
    assert all(one["task"] != str(task.pk) for one in operation.tried for task in tasks)


def test_others_go_on_while_it_waits(oscar: Actor) -> None:
    fail_once(8)
    operation = look(begin(oscar))
    begin_operation(actions.REMOVE, {"status": ["CANCELLED", "FAILED"]}, by=oscar)
    for _ in range(6):
        chunks.advance()
    assert Operation.objects.exclude(pk=operation.pk).get().state == State.FINISHED
    operation.refresh_from_db()
    assert operation.state == State.TRYING
