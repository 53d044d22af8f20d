"""SQL that Django has no words for."""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, DurationField, Func

_PARTS_OF_A_UUID = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))


class Elapsed(Func):
    """The time from the second moment to the first."""

    template = "(%(expressions)s)"
    arg_joiner = " - "
    arity = 2
    output_field = DurationField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """In microseconds. Django's own subtraction calls Python for every row, which is ten times slower."""
        moments = [compiler.compile(moment)[0] for moment in self.get_source_expressions()]
        first, second = (
            f"strftime('%%s', substr({at}, 1, 19)) * 1000000 + substr({at} || '.000000', 21, 6)" for at in moments
        )
        return f"({first} - ({second}))", ()


class ByCodePoint(Func):
    """A text, compared as Python and SQLite compare texts, in whichever language the PostgreSQL database was made."""

    template = "%(expressions)s"
    arity = 1
    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='%(expressions)s COLLATE "C"', **context)


class OwnJobId(Func):
    """The job id that is nothing but the task's own id, from a UUID."""

    template = "(%(expressions)s)::text"
    arity = 1
    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """SQLite holds UUIDs without their hyphens."""
        cut = "substr({0}, {1}, {2})"
        parts = " || '-' || ".join(cut.format("%(expressions)s", at, size) for at, size in _PARTS_OF_A_UUID)
        return self.as_sql(compiler, connection, template=f"({parts})", **context)


class Unindexed(Func):
    """The same value, for which SQLite looks in no index; PostgreSQL knows by itself when an index does not pay."""

    template = "%(expressions)s"
    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)
