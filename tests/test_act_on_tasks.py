"""The verbs: each asks RQ, changes a job whole or not at all, and ends in the trail, refused or not."""

from __future__ import annotations

from typing import Any

import pytest
import rq
from redis.exceptions import RedisError
from rq.job import Job
from rq.registry import CanceledJobRegistry, FailedJobRegistry

from audit import roles
from audit.models import OperatorAction, StatusChange
from audit.trail import Actor, NotAllowedNow, NotPermitted
from monitoring import actions, broker, callables
from monitoring.models import Queue, Task
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from tests.factories import make_task, miscounted

pytestmark = pytest.mark.django_db(transaction=True)

OPERATOR = Actor(name="oscar", source="jobs.single", address="127.0.0.1", permissions=frozenset({roles.OPERATE}))
VIEWER = Actor(name="vera", source="jobs.single", permissions=frozenset({roles.VIEW}))


def work(*queues: str) -> None:
    """Works the queues until they are empty."""
    names = [broker.queue(name) for name in queues or ("default",)]
    worker = rq.SimpleWorker(names, connection=broker.connection(), serializer="rq.serializers.JSONSerializer")
    worker.work(burst=True, logging_level="CRITICAL")


def recorded(job_id: str) -> Task:
    """The job's task, once all that was reported is recorded."""
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    return Task.objects.get(job_id=job_id)


def failed(**options: Any) -> Task:
    job_id = broker.enqueue("tests.jobs.fail", **options)
    work()
    return recorded(job_id)


def job_of(task: Task) -> Job:
    return Job.fetch(task.job_id, connection=broker.connection(), serializer="json")


def told() -> list[tuple[str, str, str, str]]:
    """The trail: what was done to what by whom, and how it went."""
    return list(OperatorAction.objects.order_by("number").values_list("action", "target", "actor", "outcome"))


def registered(registry: type[Any]) -> list[str]:
    return list(registry("default", connection=broker.connection()).get_job_ids(cleanup=False))


def test_it_retries_a_failed_task_on_its_queue() -> None:
    task = failed()
    actions.retry_task(task, by=OPERATOR, reason="the server is back")
    assert registered(FailedJobRegistry) == []
    task = recorded(task.job_id)
    assert (task.status, task.retry_count) == (Status.QUEUED, 1)
    work()
    assert recorded(task.job_id).attempts == 2
    row = OperatorAction.objects.get()
    assert told() == [("job.retry", task.job_id, "oscar", "success")]
    assert (row.queue, row.reason, row.address) == ("default", "the server is back", "127.0.0.1")


def test_it_retries_as_rq_itself_would() -> None:
    """The job is left in Redis as RQ's own requeue leaves it."""
    ours, theirs = failed(), failed()
    actions.retry_task(ours, by=OPERATOR)
    job_of(theirs).requeue()
    job, model = (broker.connection().hgetall(f"rq:job:{task.job_id}") for task in (ours, theirs))
    differing = {name for name in job.keys() | model.keys() if job.get(name) != model.get(name)}
    assert differing <= {b"created_at", b"enqueued_at", b"last_heartbeat", b"worker_name", b"exc_info"}
    assert broker.connection().lrange("rq:queue:default", 0, -1) == [ours.job_id.encode(), theirs.job_id.encode()]
    assert broker.connection().ttl(f"rq:job:{ours.job_id}") == -1


def test_it_retries_a_cancelled_task() -> None:
    task = recorded(broker.enqueue("tests.jobs.echo", args=["again"]))
    actions.cancel_task(task, by=OPERATOR)
    task = recorded(task.job_id)
    assert task.status == Status.CANCELLED
    assert registered(CanceledJobRegistry) == [task.job_id]
    actions.retry_task(task, by=OPERATOR)
    work()
    assert recorded(task.job_id).status == Status.COMPLETED
    assert registered(CanceledJobRegistry) == []


def test_the_second_of_two_operators_is_told() -> None:
    task = failed()
    actions.retry_task(task, by=OPERATOR)
    with pytest.raises(NotAllowedNow, match="Cannot retry a task that is queued"):
        actions.retry_task(task, by=OPERATOR)  # its page still shows the failed task
    assert broker.connection().llen("rq:queue:default") == 1
    assert [outcome for *_, outcome in told()] == ["success", "refused"]


@pytest.mark.parametrize("options", [{}, {"delay_seconds": 3600}, {"after": ["first"]}])
def test_it_cancels_whatever_waits(options: dict[str, Any]) -> None:
    broker.queue("default").enqueue("tests.jobs.echo", job_id="first")
    task = recorded(broker.enqueue("tests.jobs.echo", **options))
    actions.cancel_task(task, by=OPERATOR)
    work()
    assert recorded(task.job_id).status == Status.CANCELLED
    assert job_of(task).get_status() == "canceled"
    assert not broker.connection().zrange("rq:scheduled:default", 0, -1)


def test_it_cancels_a_job_with_a_rate_limit_through_rq() -> None:
    jobs = [
        broker.queue("default").enqueue("tests.jobs.echo", rate_limit=rq.RateLimit("mail", concurrency=1))
        for _ in range(2)
    ]
    task = recorded(jobs[1].id)
    actions.cancel_task(task, by=OPERATOR)
    assert recorded(task.job_id).status == Status.CANCELLED


def test_it_does_not_cancel_what_a_worker_has_just_taken() -> None:
    task = recorded(broker.enqueue("tests.jobs.echo"))
    broker.connection().lmove("rq:queue:default", "rq:queue:default:intermediate", "LEFT", "RIGHT")
    with pytest.raises(NotAllowedNow, match="just taking it"):
        actions.cancel_task(task, by=OPERATOR)
    assert job_of(task).get_status() == "queued"


def test_it_removes_a_task_with_its_job_and_its_count() -> None:
    task, other = failed(), failed()
    actions.remove_task(task, by=OPERATOR)
    assert recorded(other.job_id).status == Status.FAILED
    assert not Task.objects.filter(pk=task.pk).exists()
    assert not Job.exists(task.job_id, connection=broker.connection())
    assert registered(FailedJobRegistry) == [other.job_id]
    assert not broker.connection().keys(f"*{task.job_id}*")
    assert StatusChange.objects.filter(task_id=task.pk).exists(), "the trail outlives what it speaks of"
    assert miscounted() == []


def test_it_removes_a_task_whose_job_redis_has_forgotten() -> None:
    task = failed()
    job_of(task).delete()
    actions.remove_task(task, by=OPERATOR)
    keeper = recorded(broker.enqueue("tests.jobs.echo"))
    assert list(Task.objects.values_list("pk", flat=True)) == [keeper.pk]


def test_a_task_that_comes_and_goes_in_one_batch_leaves_nothing() -> None:
    job_id = broker.enqueue("tests.jobs.echo")
    broker.remove([job_id])
    keeper = recorded(broker.enqueue("tests.jobs.echo"))
    assert list(Task.objects.values_list("pk", flat=True)) == [keeper.pk]
    assert miscounted() == []


def test_it_moves_a_queued_task_to_another_queue() -> None:
    make_task(queue="mail")
    task = recorded(broker.enqueue("tests.jobs.echo"))
    actions.move_task(task, to="mail", by=OPERATOR)
    work("default")
    assert recorded(task.job_id).status == Status.QUEUED
    work("mail")
    moved = recorded(task.job_id)
    assert (moved.queue, moved.status) == ("mail", Status.COMPLETED)
    assert Queue.objects.filter(name="mail").exists()
    with pytest.raises(actions.NoSuchQueue, match="No queue has the name 'nowhere'"):
        actions.move_task(task, to="nowhere", by=OPERATOR)


@pytest.mark.parametrize(
    ("verb", "status", "sentence"),
    [
        ("cancel", Status.COMPLETED, "Cannot cancel a task that is completed."),
        ("stop", Status.QUEUED, "Cannot stop a task that is queued."),
        ("retry", Status.RUNNING, "Cannot retry a task that is already running."),
        ("remove", Status.RUNNING, "Cannot remove a task that is already running."),
    ],
)
def test_it_refuses_what_the_state_does_not_allow(verb: str, status: Status, sentence: str) -> None:
    task = make_task(status=status)
    assert [result.error for result in actions.perform(actions.VERBS[verb], [task], by=OPERATOR)] == [sentence]
    assert told() == [(f"job.{verb}", task.job_id, "oscar", "refused")]


def test_a_viewer_may_not_and_that_stands_in_the_trail() -> None:
    task = failed()
    with pytest.raises(NotPermitted, match="may look but not act"):
        actions.retry_task(task, by=VIEWER)
    assert registered(FailedJobRegistry) == [task.job_id]
    assert told() == [("job.retry", task.job_id, "vera", "refused")]


def test_a_broker_that_is_away_is_a_failure_in_the_trail(settings: Any) -> None:
    task = make_task(status=Status.FAILED)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(RedisError):
        actions.retry_task(task, by=OPERATOR)
    assert told() == [("job.retry", task.job_id, "oscar", "failed")]


def test_it_starts_anew_what_redis_has_forgotten_and_once_only() -> None:
    task = failed(args=["again"])
    job_of(task).delete()
    actions.retry_task(task, by=OPERATOR)
    with pytest.raises(NotAllowedNow, match="There is a job"):
        actions.retry_task(task, by=OPERATOR)
    copy = recorded(broker.queue("default").get_job_ids()[0])
    assert (copy.task_type, copy.retry_of, copy.triggered_by) == (task.task_type, task.pk, "oscar")
    assert copy.arguments == task.arguments


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"task_type": "os.system", "arguments": '{"args":[],"kwargs":{}}'}, "may not be started"),
        ({"arguments": '{"args":["********"],"kwargs":{}}'}, "masked"),
        ({"arguments": '{"cut":"…"}'}, "not recorded"),
        ({"arguments": ""}, "not recorded"),
    ],
)
def test_it_does_not_start_anew_what_it_does_not_know_whole(fields: dict[str, Any], sentence: str) -> None:
    task = make_task(**{"status": Status.FAILED, "task_type": "tests.jobs.echo", **fields})
    with pytest.raises(NotAllowedNow, match=sentence):
        actions.retry_task(task, by=OPERATOR)
    assert not broker.connection().keys("rq:queue:*")


def test_it_runs_a_task_again_with_other_arguments() -> None:
    task = failed(args=["old"], kwargs={})
    job_id = actions.retry_task_with(task, args=[], kwargs={"message": "new", "api_key": "hush"}, by=OPERATOR)
    copy = recorded(job_id)
    assert copy.retry_of == task.pk
    row = OperatorAction.objects.get()
    assert job_id in row.details
    assert "hush" not in row.details
    with pytest.raises(NotAllowedNow, match="masked value"):
        actions.retry_task_with(task, args=["********"], kwargs={}, by=OPERATOR)
    with pytest.raises(NotAllowedNow, match="is queued"):
        actions.retry_task_with(copy, args=[], kwargs={}, by=OPERATOR)
    with pytest.raises(callables.NotAllowed):
        actions.retry_task_with(make_task(task_type="os.system"), args=["ls"], kwargs={}, by=OPERATOR)


def test_many_at_once_have_an_outcome_each() -> None:
    tasks = [failed() for _ in range(3)]
    actions.retry_task(tasks[1], by=OPERATOR)
    results = actions.perform(actions.RETRY, tasks, by=OPERATOR, action="dlq.retry")
    assert [result.outcome for result in results] == ["success", "refused", "success"]
    assert [target for action, target, *_ in told() if action == "dlq.retry"] == [task.job_id for task in tasks]
