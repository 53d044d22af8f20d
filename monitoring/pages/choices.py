"""Choices of a range in an address: which one is made, and the links to the others."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import TextChoices
from django.http import QueryDict

from monitoring.pages.list_links import Link

Choice = TypeVar("Choice", bound=TextChoices)


def chosen(parameters: QueryDict, name: str, default: Choice) -> Choice:
    """The choice that the parameter names; the default if it names none."""
    try:
        return type(default)(parameters.get(name, default))
    except ValueError:
        return default


def links(parameters: QueryDict, name: str, current: TextChoices) -> list[Link]:
    """A link to every choice that leaves the address's other parameters as they are."""
    return [
        Link(
            label=choice.label.removeprefix("Last "),
            href=_address(parameters, name, choice),
            is_current=choice is current,
        )
        for choice in type(current)
    ]


def _address(parameters: QueryDict, name: str, choice: TextChoices) -> str:
    query = parameters.copy()
    query[name] = choice.value
    return f"?{query.urlencode()}"
