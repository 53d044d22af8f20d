"""The databases that benchmarks run on: SQLite always, PostgreSQL when a server answers; made and dropped here."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg

LOCAL_SERVER = "postgres://postgres@127.0.0.1:5432/postgres"


def postgres_server() -> str:
    """The URL of a PostgreSQL server that answers (``DATABASE_URL``'s, else a local one), or an empty text."""
    named = os.environ.get("DATABASE_URL", "")
    server = named if named.startswith("postgres") else LOCAL_SERVER
    try:
        psycopg.connect(server, connect_timeout=2).close()
    except psycopg.OperationalError:
        return ""
    return server


@contextmanager
def database(kind: str) -> Iterator[str]:
    """A ``DATABASE_URL`` of a fresh database; empty for SQLite, whose file lies in the benchmark's own directory."""
    if kind == "sqlite":
        yield ""
        return
    server, name = postgres_server(), f"quarterdeck_benchmark_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
