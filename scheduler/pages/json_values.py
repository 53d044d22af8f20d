"""JSON as people type it into a field."""

from __future__ import annotations

import json
from typing import Any

from monitoring.redaction import MASK


class NotAValue(ValueError):
    """What was typed is no JSON that can be taken; the text says why."""


def value_of(text: str) -> Any:
    """The value; None for an empty text. Raises NotAValue."""
    if not text.strip():
        return None
    try:
        value = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise NotAValue("This is nested too deeply.") from None
    except ValueError as error:
        raise NotAValue(f"This is not JSON: {error}.") from error
    if MASK in text:
        raise NotAValue(f"A value is still masked ({MASK}): write what it stands for.")
    return value


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
