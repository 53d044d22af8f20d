"""Pausing and resuming a queue: in SQL, in the copy that workers read, and in the trail."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from audit.models import OperatorAction
from audit.trail import NotAllowedNow, NotPermitted
from monitoring import broker, pause_mirror, pauses
from monitoring.models import Queue
from monitoring.pause_mirror import Mirrored
from tests.pausing import OPERATOR, VIEWER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mail() -> Queue:
    return Queue.objects.create(name="mail", first_seen_at=datetime.now(UTC))


def mirrored() -> dict[str, Mirrored] | None:
    fields: Any = broker.connection().hgetall(pause_mirror.KEY)
    return pause_mirror.understand(fields)


def trail() -> list[tuple[str, str, str, str]]:
    rows = OperatorAction.objects.order_by("number")
    return list(rows.values_list("action", "queue", "actor", "outcome"))


def run_out(queue: Queue) -> None:
    """Lets the queue's pause be over by itself."""
    Queue.objects.filter(pk=queue.pk).update(paused_until=datetime.now(UTC) - timedelta(seconds=1))


def test_it_pauses_and_resumes(mail: Queue) -> None:
    assert pauses.pause_queue(mail, by=OPERATOR, reason="the mail server\x00 is down", seconds=60)
    mail.refresh_from_db()
    assert mail.is_paused
    assert (mail.paused_by, mail.pause_reason) == ("oscar", "the mail server\ufffd is down")
    assert mail.paused_at
    assert mail.paused_until == mail.paused_at + timedelta(seconds=60)
    assert mirrored() == {"mail": Mirrored(number=1, until=mail.paused_until.timestamp())}
    assert pauses.resume_queue(mail, by=OPERATOR)
    mail.refresh_from_db()
    assert not mail.is_paused
    assert (mail.paused_by, mail.pause_reason, mail.paused_until) == ("", "", None)
    assert mirrored() == {}
    assert trail() == [("queue.pause", "mail", "oscar", "success"), ("queue.resume", "mail", "oscar", "success")]


def test_it_pauses_a_queue_that_no_task_was_seen_in() -> None:
    pauses.pause_queue(Queue(name="new", first_seen_at=datetime.now(UTC)), by=OPERATOR)
    assert Queue.objects.get(name="new").is_paused


def test_the_second_operator_is_told(mail: Queue) -> None:
    pauses.pause_queue(mail, by=OPERATOR)
    with pytest.raises(NotAllowedNow, match="mail is paused already by oscar"):
        pauses.pause_queue(mail, by=OPERATOR)
    pauses.resume_queue(mail, by=OPERATOR)
    with pytest.raises(NotAllowedNow, match="mail is not paused"):
        pauses.resume_queue(mail, by=OPERATOR)
    assert [outcome for *_, outcome in trail()] == ["success", "refused"] * 2


def test_of_many_at_once_one_pauses(mail: Queue) -> None:
    together = threading.Barrier(5)
    outcomes = []

    def press() -> None:
        together.wait()
        try:
            pauses.pause_queue(mail, by=OPERATOR)
            outcomes.append("paused")
        except NotAllowedNow:
            outcomes.append("told")
        finally:
            connection.close()

    operators = [threading.Thread(target=press) for _ in range(5)]
    for operator in operators:
        operator.start()
    for operator in operators:
        operator.join()
    mail.refresh_from_db()
    assert (sorted(outcomes), mail.pause_number) == (["paused", *["told"] * 4], 1)


def test_a_viewer_may_not_and_that_stands_in_the_trail(mail: Queue) -> None:
    for verb in (pauses.pause_queue, pauses.resume_queue):
        with pytest.raises(NotPermitted):
            verb(mail, by=VIEWER)
    assert trail() == [("queue.pause", "mail", "vera", "refused"), ("queue.resume", "mail", "vera", "refused")]
    assert mirrored() is None


def test_it_says_when_workers_could_not_be_told_and_tells_them_later(mail: Queue, settings: Any) -> None:
    url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    assert not pauses.pause_queue(mail, by=OPERATOR)
    assert Queue.objects.get().is_paused
    settings.REDIS_URL = url
    pauses.keep()
    assert mirrored() == {"mail": Mirrored(number=1, until=None)}


def test_a_pause_that_ran_out_is_tidied_up_and_told_once(mail: Queue) -> None:
    pauses.pause_queue(mail, by=OPERATOR, seconds=60)
    run_out(mail)
    assert not Queue.objects.get().is_paused
    with pytest.raises(NotAllowedNow):
        pauses.resume_queue(mail, by=OPERATOR)
    for _ in range(2):
        pauses.keep()
    assert Queue.objects.get().paused_at is None
    assert mirrored() == {}
    assert trail()[2:] == [("queue.resume", "mail", "recorder", "success")]
    assert OperatorAction.objects.get(number=3).reason == pauses.BY_ITSELF


def test_a_queue_can_be_paused_again_at_once_when_a_pause_ran_out(mail: Queue) -> None:
    pauses.pause_queue(mail, by=OPERATOR, seconds=60)
    run_out(mail)
    pauses.pause_queue(mail, by=OPERATOR)
    pauses.keep()
    assert mirrored() == {"mail": Mirrored(number=2, until=None)}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"\0": "1"},
        {"\0": "1", "mail": "000000000007 "},
        {"\0": "1", "mail": "nonsense", "other": "000000000001 ", b"\xff": "x"},
    ],
)
def test_the_recorder_corrects_the_copy(mail: Queue, fields: dict[Any, str]) -> None:
    pauses.pause_queue(mail, by=OPERATOR)
    broker.connection().delete(pause_mirror.KEY)
    if fields:
        broker.connection().hset(pause_mirror.KEY, mapping=fields)
    pauses.keep()
    assert mirrored() == {"mail": Mirrored(number=1, until=None)}


def test_whoever_writes_late_changes_nothing() -> None:
    redis, first, second = broker.connection(), Mirrored(number=1, until=None), Mirrored(number=2, until=9e9)
    pause_mirror.hold(redis, "mail", second)
    pause_mirror.hold(redis, "mail", first)
    pause_mirror.release(redis, "mail", first)
    pause_mirror.correct(redis, {b"\0": b"1", b"mail": first.written().encode()}, {})
    assert mirrored() == {"mail": second}


def test_keeping_costs_little_while_nothing_changes(mail: Queue, django_assert_num_queries: Any) -> None:
    pauses.pause_queue(mail, by=OPERATOR)
    with django_assert_num_queries(2):
        pauses.keep()
