"""Writes many rows at once: COPY on PostgreSQL, one prepared statement elsewhere.

Django's bulk_create and bulk_update compile every value of every row; at the recorder's rates that costs several times
what the database needs. Here the SQL is written once per model and only columns that need it are adapted per value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from django.db import connection, models


def insert(model: type[models.Model], rows: Sequence[Any], *, conflict: str = "") -> None:
    """INSERTs rows, which have the model's columns as attributes; ``conflict`` is an ON CONFLICT clause.

    Keys that the database gives are not learnt.
    """
    if not rows:
        return
    fields = _insertable(model)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = _adapted(map(attrgetter(*(field.attname for field in fields)), rows), fields)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and not conflict:
            # Django does not wrap what COPY raises; the recorder tells a lost connection from a bad row by the class.
            with (
                connection.wrap_database_errors,
                cursor.copy(f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN') as copy,
            ):
                for row in values:
                    copy.write_row(row)
            return
        marks = ", ".join(["%s"] * len(fields))
        sql = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({marks}) {conflict}'  # noqa: S608  # names only
        cursor.executemany(sql, list(values))


def update(
    model: type[models.Model], rows: Sequence[models.Model], names: Sequence[str], *, keep_if_null: Sequence[str] = ()
) -> None:
    """UPDATEs the named fields by primary key; one of ``keep_if_null`` that is not loaded or None keeps its value."""
    if not rows:
        return
    settable: list[Any] = [model._meta.get_field(name) for name in (*names, *keep_if_null)]
    assignments = ", ".join(
        f'"{field.column}" = COALESCE(%s{_cast(field)}, "{field.column}")'
        if field.name in keep_if_null
        else f'"{field.column}" = %s'
        for field in settable
    )
    primary_key: Any = model._meta.pk
    sql = f'UPDATE "{model._meta.db_table}" SET {assignments} WHERE "{primary_key.column}" = %s'  # noqa: S608  # names only
    fields = [*settable, primary_key]
    names = [field.attname for field in fields]
    # __dict__ and not getattr: a deferred column must not be loaded, it stays as it is.
    values = ([row.__dict__.get(name) for name in names] for row in rows)
    with connection.cursor() as cursor:
        cursor.executemany(sql, list(_adapted(values, fields)))


def _adapted(rows: Iterable[Sequence[Any]], fields: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The rows with each value as the driver takes it."""
    adapters = [(index, adapt) for index, field in enumerate(fields) if (adapt := _adapter(field))]
    if not adapters:
        yield from rows
        return
    for row in rows:
        values = list(row)
        for index, adapt in adapters:
            if values[index] is not None:
                values[index] = adapt(values[index])
        yield values


def _adapter(field: Any) -> Callable[[Any], Any] | None:
    """What turns a value of the field into what the driver takes, None if it takes the value as it is."""
    field = getattr(field, "target_field", field)  # a key of another row is stored as that row's own
    if isinstance(field, models.JSONField):
        return lambda value: field.get_db_prep_save(value, connection)
    if connection.vendor == "postgresql":
        return None
    if isinstance(field, models.UUIDField):
        return attrgetter("hex")
    if isinstance(field, models.DateTimeField):
        return _utc_text
    return None


def _utc_text(moment: datetime) -> str:
    """As Django stores times in SQLite; all of ours are UTC, so nothing is converted."""
    return str(moment)[:-6]  # without "+00:00"


def _cast(field: Any) -> str:
    """PostgreSQL cannot infer the type of a parameter inside COALESCE when it is NULL."""
    return f"::{field.db_type(connection)}" if connection.vendor == "postgresql" else ""


@lru_cache(maxsize=32)
def _insertable(model: type[models.Model]) -> tuple[Any, ...]:
    return tuple(field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField))
