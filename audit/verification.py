"""Follows the trail's chain from its first row, or from where it was cut, to its head, and says where it breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from audit.models import OperatorAction, TrailHead
from audit.trail import CHAIN, GENESIS, hash_of

CHUNK = 5_000
ANCHOR = "operators cut"
"""The TrailHead that holds the last row which retention deleted; see ``cutting``."""


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
    The trail may grow meanwhile, and be cut. Rows are read in chunks, so memory is bounded.
    """
    while True:
        begin = anchor()
        try:
            return _verify_from(begin, expected)
        except Broken:
            if anchor() == begin:
                raise  # else the rows that are missing were deleted meanwhile


def anchor() -> End:
    """The last row that retention deleted; the beginning of all if none ever was."""
    row = TrailHead.objects.filter(chain=ANCHOR).first()
    return End(number=row.number, hash=row.hash) if row else End()


def _verify_from(end: End, expected: End | None) -> End:
    begin = end
    _compare(end, expected)
    for row in OperatorAction.objects.filter(number__lte=begin.number).order_by("number")[:1]:
        raise Broken(row.number, f"it was put there by somebody else: the first row is {begin.number + 1:,}.")
    while True:
        for row in _rows_after(end.number):
            end = follow(end, row)
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
    rows = OperatorAction.objects.order_by("number")
    while chunk := list(rows.filter(number__gt=number)[:CHUNK]):
        yield from chunk
        number = chunk[-1].number


def follow(end: End, row: OperatorAction) -> End:
    """The end after one more row; raises Broken if it is not the next one."""
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
