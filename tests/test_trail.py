"""The operators' trail: every deed with its outcome, chained, without gaps."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from audit import roles
from audit.models import OperatorAction, TrailHead
from audit.trail import GENESIS, Actor, Deed, NotAllowedNow, NotPermitted, audited, hash_of, write_down

OPERATOR = Actor(name="oscar", source="queues", address="::1", permissions=frozenset({roles.OPERATE}))


def pause(**options: Any) -> None:
    with audited("queue.pause", by=OPERATOR, needs=roles.OPERATE, queue="mail", reason="deploy", **options) as deed:
        deed.details["seconds"] = 60


@pytest.mark.django_db
def test_it_writes_down_who_did_what_and_why() -> None:
    pause(target="mail")
    row = OperatorAction.objects.get()
    assert (row.number, row.action, row.actor, row.source, row.outcome) == (
        1,
        "queue.pause",
        "oscar",
        "queues",
        "success",
    )
    assert (row.queue, row.target, row.reason, row.error, row.address) == ("mail", "mail", "deploy", "", "::1")
    assert row.details == '{"seconds": 60}'


@pytest.mark.django_db
@pytest.mark.parametrize(("error", "outcome"), [(NotAllowedNow("no"), "refused"), (ValueError("broken"), "failed")])
def test_what_is_raised_inside_is_its_outcome(error: Exception, outcome: str) -> None:
    with pytest.raises(type(error)), audited("queue.pause", by=OPERATOR, needs=roles.OPERATE):
        raise error
    row = OperatorAction.objects.get()
    assert (row.outcome, row.error) == (outcome, str(error))


@pytest.mark.django_db
def test_who_may_not_does_nothing_and_is_written_down() -> None:
    done = []
    with pytest.raises(NotPermitted), audited("repeatable.create", by=OPERATOR, needs=roles.MANAGE):
        done.append("this must not happen")
    assert not done
    assert OperatorAction.objects.get().outcome == "refused"


@pytest.mark.django_db
def test_each_row_is_chained_to_the_one_before() -> None:
    write_down([Deed(action="job.retry", by=OPERATOR, target=f"job {index}") for index in range(3)])
    pause()
    previous = GENESIS
    for number, row in enumerate(OperatorAction.objects.order_by("number"), start=1):
        assert (row.number, row.hash) == (number, hash_of(row, previous))
        previous = row.hash
    assert TrailHead.objects.get().hash == previous


@pytest.mark.django_db
def test_it_costs_the_same_for_many(django_assert_max_num_queries: Any) -> None:
    write_down([Deed(action="a", by=OPERATOR)])
    with django_assert_max_num_queries(11):  # SQLite takes a thousand values in a statement, so some seventy rows
        write_down([Deed(action="a", by=OPERATOR, target=str(index)) for index in range(400)])


@pytest.mark.django_db
def test_it_takes_texts_that_databases_refuse() -> None:
    write_down([Deed(action="a", by=OPERATOR, target="x\x00\ud800", reason="y" * 9_000, details={"z": "q" * 99_999})])
    row = OperatorAction.objects.get()
    assert "\x00" not in row.target
    assert len(row.reason) == 1_000
    assert "left_out" in row.details
    assert row.hash == hash_of(row, GENESIS)


@pytest.mark.django_db(transaction=True)
def test_those_who_act_at_once_make_one_chain() -> None:
    def act() -> None:
        for _ in range(5):
            pause()
        connection.close()

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = list(OperatorAction.objects.order_by("number"))
    assert [row.number for row in rows] == list(range(1, 21))
    hashes = [GENESIS, *(row.hash for row in rows)]
    assert all(row.hash == hash_of(row, before) for row, before in zip(rows, hashes, strict=False))
