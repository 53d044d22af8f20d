"""Cuts the beginning off the operators' trail, so that the rest still verifies.

The number and hash of the last row that went stay as the anchor, to which the first kept row is chained. A part that
does not verify is never cut off: it is evidence.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.models import OperatorAction, TrailHead
from audit.trail import CHAIN, GENESIS
from audit.verification import ANCHOR, anchor, follow

__all__ = ["anchor", "cut", "lock"]


def lock() -> None:
    """Keeps the trail from growing until the transaction ends."""
    TrailHead.objects.select_for_update().get_or_create(chain=CHAIN, defaults={"hash": GENESIS})


def cut(rows: Sequence[OperatorAction]) -> None:
    """Moves the anchor to the last of the rows, which are the trail's first and are about to be deleted.

    Raises Broken if they are not what was written.
    """
    end = anchor()
    for row in sorted(rows, key=lambda row: row.number):
        end = follow(end, row)
    TrailHead.objects.update_or_create(chain=ANCHOR, defaults={"number": end.number, "hash": end.hash})
