"""JSON in a text column: what was put in comes out again, to the letter.

PostgreSQL's own JSON refuses NUL and lone surrogates, which JSON allows, and gives keys and numbers another form.
Handlers' contexts and results are theirs, so they are kept as they are. ASCII, so that any database takes it.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import models


class NotJSON(ValueError):
    """The value cannot be written as JSON; the text says what stands in the way."""


def to_text(value: Any) -> str:
    """The value as a JSON document; raises NotJSON, also for NaN, for infinity and for keys that are no texts."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
        if _has_odd_keys(value):
            raise NotJSON("a key is not a text, and would come back as one")
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJSON(str(error)) from error
    return text


def _has_odd_keys(value: Any) -> bool:
    if isinstance(value, dict):
        return any(not isinstance(key, str) or _has_odd_keys(item) for key, item in value.items())
    return isinstance(value, list | tuple) and any(_has_odd_keys(item) for item in value)


class JSONTextField(models.TextField):  # type: ignore[type-arg]  # the stubs' parameters do not exist at run time
    """A value that is kept as a JSON document."""

    _pyi_private_set_type: Any  # what the stubs take a field's values to be
    _pyi_private_get_type: Any

    def get_prep_value(self, value: Any) -> str | None:
        """The document."""
        return None if value is None else to_text(value)

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        """The value."""
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        """As it is: forms and fixtures hand over values."""
        return value
