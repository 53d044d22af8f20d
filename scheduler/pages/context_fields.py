"""A form's fields from a JSON Schema, and the context that a filled-in form stands for.

Texts, numbers, choices and yes or no have fields of their own; anything else is written as JSON. What is left empty is
left out of the context, so that a handler's own defaults count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from scheduler.pages.json_values import NotAValue, value_of

PREFIX = "context."
"""Before a property's name in the form, which has other fields, too."""
MORE = "more"
_LIMITS = (
    ("minimum", "at least {}"), ("exclusiveMinimum", "above {}"), ("maximum", "at most {}"),
    ("exclusiveMaximum", "below {}"), ("multipleOf", "a multiple of {}"), ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"), ("pattern", "matching {}"), ("format", "as {}"),
)  # fmt: skip
_KINDS = {"string": "Text", "integer": "Whole number", "number": "Number", "boolean": "Yes or no"}


@dataclass(kw_only=True)
class Field:
    """One property of a context, and what was typed for it."""

    name: str
    schema: Mapping[str, Any]
    is_required: bool
    typed: str = ""
    is_unreadable: bool = False
    """Whether what was typed is no value of its kind."""
    errors: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """ "choice", "string", "integer", "number", "boolean" or "json"."""
        if isinstance(self.schema.get("enum"), list):
            return "choice"
        kind = self.schema.get("type")
        return kind if isinstance(kind, str) and kind in _KINDS else "json"

    @property
    def input_name(self) -> str:
        """What its input is called."""
        return f"{PREFIX}{self.name}"

    @property
    def path(self) -> str:
        """Where it stands in the context, as mistakes name it."""
        return path_of(self.name)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The values to choose from, as JSON, and as they are shown."""
        if self.kind == "boolean":
            return [("true", "Yes"), ("false", "No")]
        values = self.schema.get("enum", []) if self.kind == "choice" else []
        return [(json.dumps(value), value if isinstance(value, str) else json.dumps(value)) for value in values]

    @property
    def hint(self) -> str:
        """What may be written, as far as the schema says it briefly."""
        kind = "Choice" if self.kind == "choice" else _KINDS.get(self.kind, "JSON")
        limits = [words.format(self.schema[key]) for key, words in _LIMITS if key in self.schema]
        limits = [limit.removesuffix("s") if limit.endswith(" 1 characters") else limit for limit in limits]
        return ", ".join([kind, *limits])

    @property
    def label(self) -> str:
        """Its title, else its name."""
        title = self.schema.get("title")
        return title if isinstance(title, str) and title else self.name

    @property
    def description(self) -> str:
        """What the schema says of it."""
        text = self.schema.get("description", "")
        return text if isinstance(text, str) else ""

    def default(self) -> str:
        """What stands in its input at first."""
        if "default" not in self.schema:
            return ""
        value = self.schema["default"]
        return value if self.kind == "string" and isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def value(self) -> Any:
        """What was typed, as its kind; raises NotAValue."""
        if self.kind == "string":
            return self.typed
        if self.kind not in ("integer", "number"):
            return value_of(self.typed)
        try:
            value = value_of(self.typed)
        except NotAValue:
            value = None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotAValue(f"{self.typed[:100]!r} is not a {'whole ' * (self.kind == 'integer')}number.")
        return value


class ContextForm:
    """The fields of a schema, as they are at first or as they were sent."""

    def __init__(self, schema: Mapping[str, Any], sent: QueryDict | None = None) -> None:
        properties, required = schema.get("properties"), schema.get("required")
        self.required = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        self.fields = [
            Field(name=name, schema=of_it if isinstance(of_it, Mapping) else {}, is_required=name in self.required)
            for name, of_it in (properties if isinstance(properties, Mapping) else {}).items()
        ]
        self.takes_more = schema.get("additionalProperties") is not False
        self.more = "" if sent is None else sent.get(MORE, "")
        self.errors: dict[str, list[str]] = {}
        """What is wrong with what has no field, by its JSON path."""
        for one in self.fields:
            one.typed = one.default() if sent is None else sent.get(one.input_name, "")

    def context(self) -> dict[str, Any]:
        """What the form stands for; what cannot be read stands in the errors."""
        found: dict[str, Any] = {}
        try:
            more = value_of(self.more) if self.takes_more else None
            if more is not None and not isinstance(more, dict):
                raise NotAValue('This must be a JSON object, like {"to": "ann"}.')
            found |= more or {}
        except NotAValue as error:
            self.errors["$"] = [str(error)]
        for one in self.fields:
            if one.typed.strip():
                try:
                    found[one.name] = one.value()
                except NotAValue as error:
                    one.is_unreadable = True
                    one.errors.append(str(error))
        return found

    @property
    def has_errors(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.errors) or any(one.errors for one in self.fields)

    def take(self, mistakes: Mapping[str, list[str]]) -> None:
        """Puts each mistake, found by its JSON path, beside the field that it is about."""
        for path, sentences in mistakes.items():
            for sentence in sentences:
                one = self._field_of(path, sentence)
                if one is None:
                    self.errors.setdefault(path, []).append(sentence)
                elif not one.is_unreadable:
                    one.errors.append(sentence if path in ("$", one.path) else f"{path}: {sentence}")

    def _field_of(self, path: str, sentence: str) -> Field | None:
        for one in self.fields:
            is_missing = path == "$" and sentence == f"{one.name!r} is a required property."
            if is_missing or path == one.path or path.startswith((f"{one.path}.", f"{one.path}[")):
                return one
        return None


def path_of(name: str) -> str:
    """The JSON path of a property, as jsonschema writes it."""
    return f"$.{name}" if re.fullmatch("^[a-zA-Z][a-zA-Z0-9_]*$", name) else f"$['{_escaped(name)}']"


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", r"\'")
