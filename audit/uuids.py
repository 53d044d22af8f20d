"""Finds UUIDs by how they begin."""

from __future__ import annotations

import re
from uuid import UUID


def is_whole(text: str) -> bool:
    """Whether it is a UUID as it is written: 32 hexadecimal digits with hyphens."""
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()) is not None


def range_of(prefix: str) -> tuple[UUID, UUID] | None:
    """The first and the last UUID that begin with the hexadecimal text, hyphens aside; None if none can.

    A range, for an index on a UUID column serves no other question about its beginning.
    """
    digits = prefix.strip().lower().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{1,32}", digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
