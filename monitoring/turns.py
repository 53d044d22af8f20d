"""Lets one process at a time do something, wherever it runs; whoever is killed holds nobody up."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

from django.conf import settings
from django.db import connection


class Busy(Exception):
    """Another process is doing it."""


@contextmanager
def only_one(deed: str) -> Iterator[None]:
    """Raises Busy while another process is inside with the same deed.

    On PostgreSQL a lock of the session, else of a file beside the database: both end with the process that holds them.
    """
    with _of_session(deed) if connection.vendor == "postgresql" else _of_file(deed):
        yield


@contextmanager
def _of_session(deed: str) -> Iterator[None]:
    key = crc32(f"quarterdeck {deed}".encode())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise Busy(deed)
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


@contextmanager
def _of_file(deed: str) -> Iterator[None]:
    with (settings.DATA_DIR / f"{deed}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(deed) from error
        yield
