"""Follows the trail's chain from its first row to its head, and says where it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.models import OperatorAction, TrailHead
from audit.trail import CHAIN, GENESIS, hash_of

CHUNK = 5_000


class Broken(Exception):
    """The trail is not what was written; ``number`` is the first row that is wrong, the text says what is."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"row {number:,}: {what}")
        self.number = number


@dataclass(frozen=True, kw_only=True)
class End:
    """The last row of a trail, by which a later look can be compared."""

    number: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


def verify(expected: End | None = None) -> End:
    """Follows the whole chain and returns its end; raises Broken.

    ``expected`` is an end that was noted earlier, elsewhere: it shows even a trail that was written anew as a whole.
    The trail may grow meanwhile. Rows are read in chunks, so memory is bounded.
    """
    end = End()
    while True:
        for row in _rows_after(end.number):
            end = _follow(end, row)
            _compare(end, expected)
        head = _head()
        if head.number <= end.number or not OperatorAction.objects.filter(number__gt=end.number).exists():
            break  # else rows were added since
    if head.number > end.number:
        raise Broken(end.number + 1, f"it is missing, like all up to the end: {head.number:,} rows were written.")
    if head.number < end.number:
        raise Broken(head.number + 1, f"it was put there by somebody else: {head.number:,} rows were written.")
    if head.hash != end.hash:
        raise Broken(end.number, "its hash is not the one in the trail's head: one of the two was altered.")
    if expected and expected.number > end.number:
        raise Broken(end.number + 1, f"it is missing: the trail once had {expected.number:,} rows.")
    return end


def _rows_after(number: int) -> Iterator[OperatorAction]:
    """In order; below 1 are none, and if there are they come first."""
    rows = OperatorAction.objects.order_by("number")
    yield from rows.filter(number__lt=1) if number == 0 else ()
    while chunk := list(rows.filter(number__gt=number)[:CHUNK]):
        yield from chunk
        number = chunk[-1].number


def _follow(end: End, row: OperatorAction) -> End:
    if row.number < 1:
        raise Broken(row.number, "it was put there by somebody else: the first row is 1.")
    if row.number != end.number + 1:
        raise Broken(end.number + 1, f"it is missing; the next one there is {row.number:,}.")
    if row.hash != hash_of(row, end.hash):
        raise Broken(row.number, "it was altered, or another was put in its place: its hash does not fit.")
    return End(number=row.number, hash=row.hash)


def _compare(end: End, expected: End | None) -> None:
    if expected and expected.number == end.number and expected.hash != end.hash:
        raise Broken(end.number, "its hash is not the expected one: the trail was written anew up to here or further.")


def _head() -> End:
    head = TrailHead.objects.filter(chain=CHAIN).first()
    return End(number=head.number, hash=head.hash or GENESIS) if head else End()
