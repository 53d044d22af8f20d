"""What Redis holds of jobs, where other keys than RQ's stand under RQ's names, and where Redis refuses to answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import BusyLoadingError, NoPermissionError, ResponseError

from monitoring import broker, held
from monitoring.ledger_models import LostTask
from monitoring.models import Task
from monitoring.reconciling import Findings, Reconciler
from monitoring.statuses import Status
from tests.comparing import enqueue, plain, turn
from tests.test_operations import record, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]


def spoil(*keys: str) -> None:
    """Puts a text where each key is, or would be."""
    for key in keys:
        broker.connection().set(key, "none of RQ's")


def test_a_key_of_another_type_is_no_job_and_hides_no_other() -> None:
    spoiled, sound = (task.job_id for task in enqueue(2))
    spoil(f"rq:job:{spoiled}")
    assert list(held.jobs([spoiled, sound])) == [sound]
    assert list(held.jobs([spoiled, sound], with_calls=True)) == [sound]


def test_a_task_whose_job_was_overwritten_is_lost_at_the_second_look_and_no_other() -> None:
    spoiled, sound = enqueue(2)
    spoil(f"rq:job:{spoiled.job_id}")
    reconciler = Reconciler()
    assert turn(reconciler).missing == 1
    assert turn(reconciler).lost == 1
    assert turn(reconciler) == Findings(compared=1)
    assert LostTask.objects.get().task_id == spoiled.pk
    sound.refresh_from_db()
    assert sound.status == Status.QUEUED


def test_an_error_is_told_though_the_results_of_another_job_were_overwritten() -> None:
    spoiled, sound = (broker.enqueue("tests.jobs.fail") for _ in range(2))
    work()
    spoil(f"rq:results:{spoiled}")
    told = held.errors([spoiled, sound])
    assert told[spoiled] == ""
    assert told[sound].startswith("Traceback")


def test_jobs_without_a_report_are_found_beside_overwritten_registries() -> None:
    job_id = plain("print(q.enqueue('operator.neg', 1).id)")
    places = ("wip", "scheduled", "deferred", "finished", "failed", "canceled")
    spoil("rq:queue:mail", *(f"rq:{place}:default" for place in places))
    broker.connection().sadd("rq:queues", "rq:queue:mail")
    assert turn(Reconciler()).observed == 1
    assert Task.objects.get().job_id == job_id


def test_what_waits_in_a_queue_that_was_overwritten_is_stranded() -> None:
    enqueue()
    spoil("rq:queue:default")
    reconciler = Reconciler()
    turn(reconciler)
    turn(reconciler)
    assert LostTask.objects.get().evidence == "stranded"


def test_it_goes_through_each_place_from_the_newest_until_all_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "CHUNK", 2)
    server = broker.connection()
    server.rpush("rq:queue:default", "q1", "q2", "q3")
    server.zadd("rq:wip:default", {"with:colon:run": 1})
    server.zadd("rq:failed:default", {f"f{number}": number for number in range(9)})
    chunks = list(held.newest_ids("default", of_each=6))
    assert [set(chunk) for chunk in chunks if chunk] == [
        {"q2", "q3"}, {"with:colon"}, {"f7", "f8"}, {"q1"}, {"f5", "f6"}, {"f3", "f4"},
    ]  # fmt: skip
    walk = held.newest_ids("default", of_each=6)
    assert next(walk) == ["q2", "q3"]
    assert [chunk for chunk in (walk.send(True), *walk) if chunk and chunk[0].startswith("q")] == []


@pytest.fixture
def allowed_little(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever asks from now on may read no hashes, streams and lists; undone at the end."""
    server = broker.connection()
    name = "allowed_little"
    server.acl_setuser(name, enabled=True, nopass=True, keys=["*"], categories=["+@all"],
                       commands=["-hmget", "-xrevrange", "-lrange", "-zrange", "-llen"])  # fmt: skip
    limited = Redis.from_url(settings.REDIS_URL, username=name, password="any")
    monkeypatch.setattr(broker, "connection", lambda **_: limited)
    yield
    monkeypatch.undo()
    server.acl_deluser(name)


@pytest.mark.usefixtures("allowed_little")
def test_what_may_not_be_asked_for_is_not_missing() -> None:
    for ask in (lambda: held.jobs(["a"]), lambda: held.errors(["a"]), lambda: held.empty_queues(["default"]),
                lambda: next(held.newest_ids("default", of_each=500))):  # fmt: skip
        with pytest.raises(NoPermissionError):
            ask()


@pytest.mark.parametrize("error", [BusyLoadingError("LOADING"), ResponseError("MASTERDOWN Link is down")])
def test_nothing_is_given_up_while_redis_refuses(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    (task,) = enqueue()
    reconciler = Reconciler()
    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "parse_response", _refuses_with(error))
        for _ in range(3):
            with pytest.raises(type(error)):
                reconciler.turn()
    record()
    assert reconciler.suspects == {}
    task.refresh_from_db()
    assert task.status == Status.QUEUED


def _refuses_with(error: Exception) -> Any:
    read: Any = Pipeline.parse_response

    def parse_response(*args: Any, **options: Any) -> None:
        read(*args, **options)
        raise error

    return parse_response
