"""The demo traffic."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator

import pytest
from pytest_django import Settings
from rq.job import Job

import demo.tasks
from demo.scenes import WEIGHTS, Shop
from demo.traffic import AWAY_SECONDS, MOST_WAITING, Traffic
from monitoring import broker, callables

QUEUES = ["default", "mail", "media", "reports", "payments"]


class Clock:
    """A clock that a test turns by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def jobs() -> Iterator[Job]:
    """Every job there is."""
    for key in broker.connection().scan_iter("rq:job:*", count=1_000):
        if broker.connection().type(key) == b"hash":
            yield Job.fetch(key.decode().removeprefix("rq:job:"), connection=broker.connection(), serializer="json")


def statuses() -> set[str]:
    return {str(job.get_status().value) for job in jobs()}


@pytest.fixture
def traffic() -> Traffic:
    return Traffic(QUEUES, Clock())


@pytest.mark.parametrize("scene", WEIGHTS, ids=lambda scene: scene.__name__)
def test_it_plays_each_scene_with_arguments_that_fit(scene: Callable[[Shop], None]) -> None:
    scene(Shop(random.Random(1)))  # noqa: S311  # the same play each time

    played = list(jobs())
    assert played
    for job in played:
        inspect.signature(callables.resolve(str(job.func_name))).bind(*job.args, **job.kwargs)
        assert job.origin in QUEUES
        assert job.meta["quarterdeck"]["triggered_by"]


def test_it_opens_with_work_that_waits_in_every_way(traffic: Traffic) -> None:
    traffic.turn()

    assert statuses() == {"queued", "scheduled", "deferred"}
    assert {job.origin for job in jobs()} == {"mail", "media", "reports", "payments"}


def test_it_cancels_what_somebody_regrets(traffic: Traffic) -> None:
    traffic.turn()
    traffic.clock.now += 10  # type: ignore[attr-defined]  # the clock above
    traffic.turn()

    cancelled = [str(job.func_name) for job in jobs() if job.is_canceled]
    assert sorted(cancelled) == ["demo.tasks.make_thumbnails", "demo.tasks.send_reminder"]


def test_it_waits_while_the_workers_are_behind(traffic: Traffic) -> None:
    traffic.opened = True
    for number in range(MOST_WAITING + 1):
        broker.enqueue("demo.tasks.echo", args=[number])
    for _ in range(5):
        traffic.turn()

    assert broker.waiting(QUEUES) == MOST_WAITING + 1


def test_it_waits_for_redis_to_come_back(traffic: Traffic, settings: Settings) -> None:
    redis_url = settings.REDIS_URL
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [traffic.turn(), traffic.turn()] == [AWAY_SECONDS, AWAY_SECONDS]

    settings.REDIS_URL = redis_url
    assert traffic.turn() <= 5
    assert broker.waiting(QUEUES) > 0


def test_it_plays_less_work_than_two_workers_can_do() -> None:
    """A hundred and fifty scenes, about as many seconds, at the mean duration of each function."""
    shop = Shop(random.Random(3))  # noqa: S311  # the same play each time
    for _ in range(150):
        shop.next_scene()
    seconds = {"transcode_video": 3.5, "build_monthly_report": 2.0, "send_newsletter_batch": 1.4}

    work = sum(seconds.get(str(job.func_name).rpartition(".")[2], 0.5) for job in jobs())
    assert 50 < work < 200


def test_it_fails_in_ways_one_can_believe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    with pytest.raises(demo.tasks.CardDeclined, match="insufficient funds"):
        demo.tasks.charge_card("order-1", 500, "tok_declined")
    with pytest.raises(demo.tasks.UnsupportedCodec, match="prores"):
        demo.tasks.transcode_video("video-1", "prores")
    with pytest.raises(demo.tasks.MailboxUnavailable, match="no such user"):
        demo.tasks.send_welcome_mail(1, "ada@bounce.example")
    outcomes = {_outcome_of(lambda: demo.tasks.charge_card("order-1", 500, "tok_slow")) for _ in range(100)}
    assert outcomes == {"GatewayTimeout", "done"}
    assert {_outcome_of(lambda: demo.tasks.refund("order-1", 500)) for _ in range(100)} == {"LedgerLocked", "done"}


def test_it_succeeds_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    assert demo.tasks.echo({"a": [1]}) == {"a": [1]}
    assert demo.tasks.sleep_for(0) == "slept for 0 s"
    assert demo.tasks.charge_card("order-1", 500, "tok_visa") == {"order": "order-1", "charged_cents": 500}
    assert demo.tasks.make_thumbnails("video-1", 2) == ["video-1-1.jpg", "video-1-2.jpg"]
    assert demo.tasks.transcode_video("video-1")["video"] == "video-1"
    assert demo.tasks.send_newsletter_batch(7, 50) == {"issue": 7, "sent": 50}
    assert demo.tasks.build_monthly_report("2026-01")["revenue"] > 0
    assert demo.tasks.export_orders("2026-01-31")["rows"] > 0


def _outcome_of(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "done"
