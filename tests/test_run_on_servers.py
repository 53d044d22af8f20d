"""The real thing once more, on the PostgreSQL and the Redis that the tests were given."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from monitoring.statuses import Status
from tests.running import Running, wait_for

DATABASE_URL, REDIS_URL = os.environ.get("DATABASE_URL", ""), os.environ.get("REDIS_URL", "")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc"),
    pytest.mark.skipif(
        not (DATABASE_URL.startswith("postgres") and REDIS_URL), reason="needs DATABASE_URL and REDIS_URL of servers"
    ),
]


@pytest.fixture
def database_url() -> Iterator[str]:
    """A database of its own beside the given one."""
    name = f"quarterdeck_run_{os.getpid()}"
    with psycopg.connect(DATABASE_URL, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield urlunsplit(urlsplit(DATABASE_URL)._replace(path=f"/{name}"))
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_it_runs_on_postgresql_and_redis(database_url: str, tmp_path: Path) -> None:
    one = Running(tmp_path / "data", DATABASE_URL=database_url, REDIS_URL=REDIS_URL)
    one.start()
    try:
        assert wait_for(one.answers, 40), one.log.read_text()
        with psycopg.connect(database_url, autocommit=True) as database:

            def seen() -> set[str]:
                return {row[0] for row in database.execute("SELECT DISTINCT new_status FROM audit_statuschange")}

            assert wait_for(lambda: seen() == set(Status.values), 30), seen()
        assert one.pids("valkey") == set()
        assert one.stop(signal.SIGINT) == 0
        assert one.pids() == set()
    finally:
        one.end()
