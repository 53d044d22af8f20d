"""What producers call their tasks: kind, provider, origin, and which scheduled job made them. Most have none of these.

LabelCount counts the tasks that were given a label, and partial indexes hold them only: whoever uses none pays nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Case, CharField, F, Func, Q, QuerySet, When

from monitoring.models import LabelCount, Span, Task, TaskCount

COUNTED = ("kind", "provider_type", "origin_instance", "origin_zone", "origin_tenant_id", "scheduled_job")
"""The columns of Task whose values LabelCount counts."""
_GIVEN = attrgetter(*COUNTED[:-1], "scheduled_job_id")
LABELS = frozenset(
    {"shown_type", "provider_type", "origin_instance", "origin_zone", "origin_tenant_id", "is_recurring"}
)
"""The fields of a TaskFilter that ask for labels."""
NO_TYPE = ""
"""The name of no type."""


class Given(Func):
    """Whether a text column holds anything.

    The '' is written out: SQLite uses a partial index only if its condition stands in the query as in the index.
    """

    template = "%(expressions)s > ''"
    arity = 1
    output_field = BooleanField()


class ShortName(Func):
    """What stands after a name's last dot: the name without what is left when its dotless end is trimmed away."""

    template = "REPLACE(%(expressions)s, RTRIM(%(expressions)s, REPLACE(%(expressions)s, '.', '')), '')"
    arity = 1
    output_field = CharField()


SHOWN_TYPE = Case(When(Given("kind"), then=F("kind")), default=ShortName("task_type"))
"""What a task is called to those who asked for it: its declared kind, else the short name of its type."""


def shown_type_of(kind: str, task_type: str) -> str:
    """As SHOWN_TYPE, of values."""
    return kind or task_type.rpartition(".")[2]


def given_to(task: Task) -> list[tuple[str, str]]:
    """The task's labels, each with its value as LabelCount has it."""
    values = _GIVEN(task)
    return [(label, str(value)) for label, value in zip(COUNTED, values, strict=True) if value] if any(values) else []


def is_used(label: str) -> bool:
    """Whether any task has been given the label (a text column of Task)."""
    return Task.objects.filter(Given(label)).exists()


def resolved(asked: Mapping[str, Any]) -> dict[str, Any]:
    """A TaskFilter's input with the questions about labels that the rollups can answer put as they know them.

    That is where no task was ever given the label: then its name alone says what a task is called, and all of them are
    this instance's.
    """
    values = dict(asked.items())  # dict() of a QueryDict would make lists of its values
    if values.get("shown_type") and not is_used("kind"):
        values["types"] = types_called(values.pop("shown_type")) or [NO_TYPE]
    if values.get("origin_instance") == settings.QUARTERDECK_INSTANCE and not is_used("origin_instance"):
        del values["origin_instance"]
    return values


def types_called(short_name: str) -> list[str]:
    """The full types with that short name; days of the rollup name every type there is."""
    cells = _all_cells().alias(short_name=ShortName("task_type"))
    return list(cells.filter(short_name=short_name).values_list("task_type", flat=True).distinct())


def has_shown_type(shown: str) -> Q:
    """The condition on tasks with that SHOWN_TYPE."""
    return is_called(shown, types_called(shown))


def is_called(shown: str, types: Sequence[str], *, are_declared: bool = True) -> Q:
    """The same with the full types of that short name; where no task declares a kind, they alone tell."""
    if not are_declared:
        return Q(task_type__in=types)
    declared = Q(Given("kind"), kind=shown)
    return declared | Q(kind="", task_type__in=types) if types else declared


def comes_from(instance: str) -> Q:
    """The condition on tasks of an instance: those that name none are this one's."""
    if instance != settings.QUARTERDECK_INSTANCE:
        return Q(Given("origin_instance"), origin_instance=instance)
    return Q(origin_instance__in=["", instance])


def cells_of(field: str, value: Any) -> Iterator[tuple[int, QuerySet[Any]]]:
    """The cells of the rollups that count the tasks which a TaskFilter finds by one of LABELS.

    With each the sign by which its count goes into the sum: the tasks without a label are all but those with it.
    """
    if field == "is_recurring":
        if not value:
            yield +1, _all_cells()
        yield (+1 if value else -1), _given("scheduled_job")
    elif field == "shown_type":
        types = types_called(value)
        yield +1, _given("kind", value)
        yield +1, _all_cells().filter(task_type__in=types)
        yield -1, _given("kind").filter(task_type__in=types)
    elif field == "origin_instance" and value == settings.QUARTERDECK_INSTANCE:
        yield +1, _all_cells()
        yield -1, _given(field)
        yield +1, _given(field, value)
    else:
        yield +1, _given(field, value)


def _given(label: str, value: str | None = None) -> QuerySet[LabelCount]:
    cells = LabelCount.objects.filter(label=label)
    return cells if value is None else cells.filter(value=value)


def _all_cells() -> QuerySet[TaskCount]:
    return TaskCount.objects.filter(span=Span.DAY)
