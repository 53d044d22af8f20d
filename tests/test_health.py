"""What needs attention: the recorder, Redis, failures, and what could not be understood."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Self

import pytest

from monitoring import broker, health, pauses
from monitoring.hooks import OUTBOX
from monitoring.models import Queue, SetAsideEntry
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from tests.factories import NOON, make_tasks
from tests.pausing import OPERATOR, register


def kinds() -> list[str]:
    return [concern.kind for concern in health.concerns(health.failure_trend())]


def report(seconds_ago: float) -> None:
    """Puts a report into the outbox that is that old."""
    entry = json.dumps({"id": "a", "s": "queued", "q": "default", "f": "f"})
    broker.connection().xadd(OUTBOX, {"e": entry}, id=f"{int((time.time() - seconds_ago) * 1000)}-1")


def test_it_is_well_when_there_is_nothing(db: None) -> None:
    assert kinds() == []


def test_it_notices_a_recorder_that_is_behind(db: None) -> None:
    report(seconds_ago=30)
    report(seconds_ago=0)
    assert 30 <= health.recorder_lag_seconds() < 40
    (concern,) = health.concerns(health.failure_trend())
    assert concern.kind == "recorder"
    assert "The recorder is 30 s behind" in concern.what
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    assert health.recorder_lag_seconds() == 0
    assert kinds() == []


@pytest.mark.parametrize("ahead", [-30, 30])
def test_a_recorder_is_not_behind_because_our_clock_is_wrong(
    db: None, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=ahead)

    monkeypatch.setattr(health, "datetime", Wrong)
    report(seconds_ago=5)
    assert 5 <= health.recorder_lag_seconds() < 15


def test_it_forgives_a_recorder_that_has_just_been_asked(db: None) -> None:
    report(seconds_ago=1)
    assert kinds() == []


def test_looking_changes_nothing(db: None) -> None:
    report(seconds_ago=30)
    before = broker.connection().dump(OUTBOX)
    kinds()
    assert broker.connection().dump(OUTBOX) == before


def test_it_notices_jobs_that_wait_where_nobody_listens(db: None) -> None:
    for name in ("mail", "a/b", "c", "d"):
        broker.queue(name).enqueue("tests.jobs.echo")
        broker.connection().delete(OUTBOX)  # no recorder runs here
        (concern,) = health.concerns(health.failure_trend())
        assert concern.kind == "unattended"
        if name == "mail":
            assert concern.what == "1 job waits in mail, and no worker listens to it."
            assert concern.queue == "mail"
    assert concern.what == "4 jobs wait in 4 queues (a/b, c, d and 1 more), and no worker listens to them."
    register("deck-1", "mail", "a/b", "c", "d")
    assert kinds() == []


def test_it_notices_jobs_that_wait_in_paused_queues(db: None) -> None:
    register("deck-1", "mail", "other")
    mail, other = (Queue.objects.create(name=name, first_seen_at=NOON) for name in ("mail", "other"))
    pauses.pause_queue(mail, by=OPERATOR, reason="the server is down")
    assert kinds() == [], "nothing waits"
    for name in ("mail", "mail", "other"):
        broker.queue(name).enqueue("tests.jobs.echo")
    broker.connection().delete(OUTBOX)
    (concern,) = health.concerns(health.failure_trend())
    assert (concern.kind, concern.queue) == ("paused", "mail")
    assert concern.what == "mail is paused by oscar, and 2 jobs wait there."
    assert concern.advice == "The reason given: the server is down."
    pauses.pause_queue(other, by=OPERATOR, seconds=60)
    (concern,) = health.concerns(health.failure_trend())
    assert concern.what == "2 queues are paused (mail, other), and 3 jobs wait there."


def test_it_notices_that_redis_is_away(db: None, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert kinds() == ["redis"]


def test_it_names_what_was_set_aside(db: None) -> None:
    for number in (1, 2):
        SetAsideEntry.objects.create(stream_id=f"{number}-0", payload="?", reason="not JSON", set_aside_at=NOON)
        (concern,) = health.concerns(health.failure_trend())
        assert concern.kind == "set_aside"
        assert ("1 report could" if number == 1 else "2 reports could") in concern.what


def outcomes(hours_ago: float, *, completed: int = 0, failed: int = 0) -> None:
    created_at = datetime.now(UTC) - timedelta(hours=hours_ago)
    make_tasks(completed, created_at=created_at, status=Status.COMPLETED)
    make_tasks(failed, created_at=created_at, status=Status.FAILED)


@pytest.mark.parametrize(
    ("recent", "usual", "is_spike"),
    [
        ({"failed": 6, "completed": 14}, {"failed": 1, "completed": 19}, True),
        ({"failed": 6, "completed": 14}, {"failed": 4, "completed": 16}, False),
        ({"failed": 4}, {"completed": 20}, False),  # too few to say
        ({"failed": 6, "completed": 5}, {}, True),  # nothing to compare with, but more than half
        ({"failed": 5, "completed": 15}, {}, False),
        ({}, {"failed": 20}, False),
    ],
)
def test_it_notices_when_clearly_more_fails_than_usual(
    db: None, recent: dict[str, int], usual: dict[str, int], is_spike: bool
) -> None:
    outcomes(0, **recent)
    outcomes(10, **usual)
    outcomes(40, completed=50)
    trend = health.failure_trend()
    assert trend.recent.failed == recent.get("failed", 0)
    assert trend.usual.failed == usual.get("failed", 0)
    assert trend.is_spike is is_spike
    assert kinds() == (["failures"] if is_spike else [])


def test_it_says_how_much_more_fails(db: None) -> None:
    outcomes(0, failed=5, completed=15)
    outcomes(10, failed=1, completed=19)
    (concern,) = health.concerns(health.failure_trend())
    assert concern.what.startswith("25.0 % of the tasks created since ")
    assert concern.what.endswith("have failed, against 5.0 % in the 24 hours before.")
