"""How large the tables are, how fast they grow, and how large they will be.

A look costs the same at any size: sizes and numbers of rows are the database's own estimates, rates come from rollups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError, connection
from django.db.models import Model

from monitoring import retention
from monitoring.retention import Kind
from monitoring.sampling import SLOT_SECONDS
from monitoring.totals import run_totals, task_totals

DAYS_AHEAD = 30
WEEK = timedelta(days=7)
MOST_MEASURED = 64 * 1024 * 1024
"""Bytes of an SQLite file up to which its tables are measured: that reads every page."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One kind of rows that has an age, as it is and will be."""

    kind: Kind
    rows: int
    """About so many."""
    bytes: int | None
    """With its indexes; None if that cannot be told."""
    oldest_at: datetime | None
    per_day: float
    """How many rows come in a day."""

    @property
    def rows_ahead(self) -> int:
        """About how many there will be in DAYS_AHEAD, if things go on like this."""
        grown = self.rows + DAYS_AHEAD * self.per_day
        return round(min(grown, self.per_day * (self.kind.days + 1)) if self.kind.days else grown)

    @property
    def bytes_ahead(self) -> int | None:
        """About how large it will be then. Deleting makes room inside a table; the file itself does not shrink."""
        if self.bytes is None or not self.rows:
            return self.bytes
        return max(self.bytes, round(self.bytes / self.rows * self.rows_ahead))


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The database as a whole."""

    tables: list[Table]
    bytes: int
    """All tables and indexes, also those that are not among ``tables``."""

    @property
    def bytes_ahead(self) -> int:
        """In DAYS_AHEAD; what is not measured is taken to stay as it is."""
        return self.bytes + sum((table.bytes_ahead or 0) - (table.bytes or 0) for table in self.tables)


def look_at_tables(now: datetime | None = None) -> Storage:
    """Every kind's table."""
    now = now or datetime.now(UTC)
    kinds = retention.kinds()
    total, sizes, rows = _on_postgres(kinds) if connection.vendor == "postgresql" else _on_sqlite(kinds)
    oldest = {kind.name: _oldest(kind) for kind in kinds}
    numbers = {kind.name: rows.get(kind.model._meta.db_table, 0) for kind in kinds}
    rates = _rates(numbers, now)
    return Storage(
        bytes=total,
        tables=[
            Table(
                kind=kind,
                rows=numbers[kind.name],
                bytes=sizes.get(kind.model._meta.db_table),
                oldest_at=oldest[kind.name],
                per_day=rates[kind.name]() if kind.name in rates else _mean(numbers[kind.name], oldest[kind.name], now),
            )
            for kind in kinds
        ],
    )


def _rates(rows: dict[str, int], now: datetime) -> dict[str, Callable[[], float]]:
    """Rows a day over the last week, of kinds that the rollups tell of."""
    tasks = sum(total.count for total in task_totals("status", start=now - WEEK, with_pruned=True).values()) / WEEK.days
    runs = sum(total.count for total in run_totals("outcome", start=now - WEEK).values()) / WEEK.days
    changes = rows["changes"] / rows["tasks"] if rows["tasks"] else 0.0
    return {
        "tasks": lambda: tasks,
        "runs": lambda: runs,
        "changes": lambda: tasks * changes,
        "samples": lambda: 86_400 / SLOT_SECONDS if rows["samples"] else 0.0,
    }


def _mean(rows: int, oldest_at: datetime | None, now: datetime) -> float:
    """Rows a day since the oldest; a day at least, so that a first hour is not taken for what is usual."""
    return rows / max(1.0, (now - oldest_at) / timedelta(days=1)) if oldest_at else 0.0


def _oldest(kind: Kind) -> datetime | None:
    """When the first row is from: by an index on a time, else by a key that grows with time."""
    by = _TIMES.get(kind.name, "pk")
    column = by if by != "pk" else kind.aged_by
    found: datetime | None = kind.rows.order_by(by).values_list(column, flat=True).first()
    return found


_TIMES = {"tasks": "created_at", "workflows": "created_at"}


# --- What the databases know --------------------------------------------------------------------------------------

Sizes = tuple[int, dict[str, int], dict[str, int]]
"""Bytes in all, bytes and rows by table."""


def _on_postgres(kinds: list[Kind]) -> Sizes:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(pg_class.oid),"
            " coalesce(nullif(pg_stat_get_live_tuples(pg_class.oid), 0), greatest(reltuples, 0))::bigint FROM pg_class"
            " WHERE oid = ANY(SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)",
            [[kind.model._meta.db_table for kind in kinds]],
        )
        found = cursor.fetchall()
        cursor.execute("SELECT pg_database_size(current_database())")
        (total,) = cursor.fetchone()
    return total, {name: size for name, size, _ in found}, {name: rows for name, _, rows in found}


def _on_sqlite(kinds: list[Kind]) -> Sizes:
    rows: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        (total,) = cursor.fetchone()
        for kind in kinds:
            name = kind.model._meta.db_table
            # Two looks at the ends of the table; rows deleted in between are counted, which is as near as can be.
            cursor.execute(f'SELECT (SELECT max(rowid) FROM "{name}") - (SELECT min(rowid) FROM "{name}") + 1')  # noqa: S608  # our own names
            rows[name] = cursor.fetchone()[0] or 0
    return total, _measured([kind.model for kind in kinds]) if total <= MOST_MEASURED else {}, rows


def _measured(models: list[type[Model]]) -> dict[str, int]:
    """The bytes of each table and its indexes; nothing where SQLite was built without what tells."""
    sql = (
        "SELECT tbl_name, sum(pgsize) FROM dbstat('main', 1) AS size JOIN sqlite_master USING (name)"
        " WHERE type IN ('table', 'index') GROUP BY tbl_name"
    )
    names = {model._meta.db_table for model in models}
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return {name: size for name, size in cursor.fetchall() if name in names}
    except DatabaseError:
        return {}
