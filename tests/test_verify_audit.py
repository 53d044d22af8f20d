"""``manage.py verify_audit``: whatever is done to the trail by hand, the first wrong row is named."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F

from audit import verification
from audit.models import OperatorAction, TrailHead
from audit.trail import GENESIS, Actor, Deed, hash_of, write_down
from tests.factories import NOON

pytestmark = pytest.mark.django_db

ROWS = 12
BY = Actor(name="oscar", source="jobs.single", address="::1")


@pytest.fixture
def trail() -> None:
    write_down([
        Deed(action="job.retry", by=BY, queue="mail", target=f"job {number}", reason="why not", details={"n": number})
        for number in range(1, ROWS + 1)
    ])  # fmt: skip


def verify(*, expect: str | None = None) -> str:
    told = StringIO()
    call_command("verify_audit", *([] if expect is None else [f"--expect={expect}"]), stdout=told)
    return told.getvalue()


def break_of(*, expect: str | None = None) -> str:
    with pytest.raises(CommandError) as error:
        verify(expect=expect)
    assert error.value.returncode == 1
    return str(error.value)


def row(number: int) -> Any:
    return OperatorAction.objects.filter(number=number)


@pytest.mark.usefixtures("trail")
def test_it_finds_a_whole_trail_whole_and_prints_its_head() -> None:
    told = verify()
    head = TrailHead.objects.get()
    assert f"whole: {ROWS} rows" in told
    assert f"head: {ROWS}:{head.hash}" in told
    assert f"head: {ROWS}:{head.hash}" in verify(expect=f"{ROWS}:{head.hash}")


def test_it_finds_an_empty_trail_whole() -> None:
    assert f"head: 0:{GENESIS}" in verify()


ALTERED = {
    "at": NOON, "action": "job.cancel", "actor": "vera", "source": "dlq", "outcome": "refused", "queue": "media",
    "target": "job 5000", "reason": "", "error": "no", "details": '{"n": 99}', "address": "127.0.0.1",
    "hash": "f" * 64,
}  # fmt: skip


def test_every_column_is_guarded() -> None:
    assert ALTERED.keys() == {field.name for field in OperatorAction._meta.fields} - {"number"}


@pytest.mark.usefixtures("trail")
@pytest.mark.parametrize("column", ALTERED)
def test_it_names_an_altered_row(column: str) -> None:
    row(5).update(**{column: ALTERED[column]})
    assert "broken at row 5: it was altered" in break_of()


@pytest.mark.usefixtures("trail")
def test_it_notices_a_millionth_of_a_second() -> None:
    row(7).update(at=F("at") + timedelta(microseconds=1))
    assert "broken at row 7: it was altered" in break_of()


@pytest.mark.usefixtures("trail")
@pytest.mark.parametrize(("first", "last"), [(1, 1), (4, 4), (3, 9), (1, ROWS - 1)])
def test_it_names_the_first_missing_row(first: int, last: int) -> None:
    OperatorAction.objects.filter(number__range=(first, last)).delete()
    assert f"broken at row {first}: it is missing; the next one there is {last + 1}" in break_of()


@pytest.mark.usefixtures("trail")
@pytest.mark.parametrize("left", [0, 1, ROWS - 1])
def test_it_notices_a_trail_cut_at_its_end(left: int) -> None:
    OperatorAction.objects.filter(number__gt=left).delete()
    assert f"broken at row {left + 1}: it is missing, like all up to the end: {ROWS} rows" in break_of()


@pytest.mark.usefixtures("trail")
@pytest.mark.parametrize("number", [0, -3, ROWS + 1])
def test_it_notices_an_inserted_row(number: int) -> None:
    forged = row(ROWS).get()
    forged.number, forged.actor = number, "nobody"
    forged.hash = hash_of(forged, TrailHead.objects.get().hash)
    forged.save(force_insert=True)
    assert f"broken at row {number}: it was put there by somebody else" in break_of()


@pytest.mark.usefixtures("trail")
def test_it_notices_a_row_pushed_between_two() -> None:
    for number in range(ROWS, 5, -1):
        row(number).update(number=number + 1)
    forged = row(5).get()
    forged.number = 6
    forged.hash = hash_of(forged, row(5).get().hash)
    forged.save(force_insert=True)
    assert "broken at row 7: it was altered" in break_of()


@pytest.mark.usefixtures("trail")
def test_it_notices_rows_in_another_order() -> None:
    row(3).update(number=1_000)
    row(8).update(number=3)
    row(1_000).update(number=8)
    assert "broken at row 3: it was altered" in break_of()


@pytest.mark.usefixtures("trail")
def test_it_notices_an_altered_head() -> None:
    TrailHead.objects.update(hash="0" * 64)
    assert f"broken at row {ROWS}: its hash is not the one in the trail's head" in break_of()
    TrailHead.objects.update(number=ROWS - 2)
    assert f"broken at row {ROWS - 1}: it was put there" in break_of()
    TrailHead.objects.all().delete()
    assert "broken at row 1: it was put there" in break_of()


@pytest.mark.usefixtures("trail")
def test_only_an_expected_head_shows_a_trail_written_anew() -> None:
    noted = f"{ROWS - 2}:{row(ROWS - 2).get().hash}"
    previous = row(3).get().hash
    for number in range(4, ROWS + 1):
        forged = row(number).get()
        forged.actor = "nobody"
        forged.hash = previous = hash_of(forged, previous)
        forged.save()
    TrailHead.objects.update(hash=previous)
    assert "whole" in verify()
    assert f"broken at row {ROWS - 2}: its hash is not the expected one" in break_of(expect=noted)
    OperatorAction.objects.filter(number__gt=3).delete()
    TrailHead.objects.update(number=3, hash=row(3).get().hash)
    assert "whole" in verify()
    assert f"broken at row 4: it is missing: the trail once had {ROWS - 2} rows" in break_of(expect=noted)


@pytest.mark.parametrize("head", ["", "12", "12:abc", f"-1:{GENESIS}", f"x:{GENESIS}"])
def test_it_says_what_a_head_looks_like(head: str) -> None:
    assert "NUMBER:HASH" in break_of(expect=head)


@pytest.mark.usefixtures("trail")
def test_it_reads_in_chunks(monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any) -> None:
    monkeypatch.setattr(verification, "CHUNK", 5)
    with django_assert_max_num_queries(7):  # the anchor, before it, three chunks, one that is empty, the head
        assert "whole" in verify()


@pytest.mark.usefixtures("trail")
def test_it_follows_a_trail_that_grows_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    look = verification._head
    grown: list[bool] = []

    def grow_and_look() -> verification.End:
        if not grown:
            grown.append(True)
            write_down([Deed(action="job.cancel", by=BY)])
        return look()

    monkeypatch.setattr(verification, "_head", grow_and_look)
    assert f"whole: {ROWS + 1} rows" in verify()


@pytest.mark.usefixtures("trail")
def test_it_changes_nothing() -> None:
    before = list(OperatorAction.objects.values_list())
    verify()
    assert list(OperatorAction.objects.values_list()) == before
    assert not connection.needs_rollback
