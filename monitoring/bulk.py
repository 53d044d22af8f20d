"""Writes many rows with one prepared statement.

Django's bulk_create and bulk_update compile every value of every row; at the recorder's rates that costs several times
what the database needs. Here the SQL is written once per model and only columns that need it are adapted per value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection, models

_NEEDS_ADAPTING = (models.UUIDField, models.DateTimeField, models.JSONField)


def insert(model: type[models.Model], rows: Sequence[models.Model], *, conflict: str = "") -> None:
    """INSERTs unsaved instances; ``conflict`` is an ON CONFLICT clause. The instances do not learn their keys."""
    if not rows:
        return
    fields = _insertable(model)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    sql = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({marks}) {conflict}'  # noqa: S608  # names of columns only
    _execute_many(sql, fields, rows)


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
    sql = f'UPDATE "{model._meta.db_table}" SET {assignments} WHERE "{primary_key.column}" = %s'  # noqa: S608  # names of columns only
    _execute_many(sql, [*settable, primary_key], rows)


def _execute_many(sql: str, fields: Sequence[Any], rows: Iterable[models.Model]) -> None:
    adapters = [(field.attname, _adapter(field)) for field in fields]
    parameters = []
    for row in rows:
        # __dict__ and not getattr: a deferred column must not be loaded, it stays as it is.
        values = row.__dict__
        parameters.append(
            [adapt(value) if (value := values.get(name)) is not None and adapt else value for name, adapt in adapters]
        )
    with connection.cursor() as cursor:
        cursor.executemany(sql, parameters)


def _adapter(field: Any) -> Callable[[Any], Any] | None:
    if not isinstance(field, _NEEDS_ADAPTING):
        return None
    return lambda value: field.get_db_prep_save(value, connection)


def _cast(field: Any) -> str:
    """PostgreSQL cannot infer the type of a parameter inside COALESCE when it is NULL."""
    return f"::{field.db_type(connection)}" if connection.vendor == "postgresql" else ""


@lru_cache(maxsize=32)
def _insertable(model: type[models.Model]) -> tuple[Any, ...]:
    return tuple(field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField))
