"""Whether what Quarterdeck stands on answers: probes with a hard time limit, so that one that hangs is told, too.

A probe runs in a thread of its own, for nothing else can be relied on to come back: a database driver may wait for a
machine that is gone until TCP gives up. One that is still stuck when it is asked for again is not started twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from monitoring import broker
from monitoring.health import recorder_lag_seconds
from monitoring.redaction import mask_text

LIMIT_SECONDS = 1.5
"""All probes together take no longer; two seconds are promised."""
MOST_LAG_SECONDS = 60.0
"""A recorder that is further behind has stopped, or cannot write."""


class Unwell(Exception):
    """What was probed answers, and says that it is not well."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a probe found."""

    healthy: bool
    message: str
    response_time_ms: float
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What it measured, by name."""


def probe_all(further: Mapping[str, Probe] | None = None) -> dict[str, Finding]:
    """What every probe finds, and ``further`` ones, by name; at most LIMIT_SECONDS later, whatever hangs."""
    probes = {**PROBES, **(further or {})}
    deadline = time.monotonic() + LIMIT_SECONDS
    asked = {name: probe.start() for name, probe in probes.items()}
    return {name: probes[name].finding(answer, deadline) for name, answer in asked.items()}


class TooSlow(Exception):
    """There was no answer in time, or too many wait for one already."""


def within(seconds: float, ask: Callable[[], Any]) -> Any:
    """What ``ask`` returns or raises, asked in a thread; raises TooSlow after so many seconds.

    No more than MOST_STUCK such questions wait at once: whoever asks while all of them hang is told so at once.
    """
    if not _patience.acquire(blocking=False):
        raise TooSlow
    told: list[tuple[Any, BaseException | None]] = []
    ended = threading.Event()

    def run() -> None:
        try:
            told.append((ask(), None))
        except BaseException as error:  # raised again where it was asked
            told.append((None, error))
        finally:
            connection.close()  # the thread's own
            _patience.release()
            ended.set()

    threading.Thread(target=run, name="bounded", daemon=True).start()
    if not ended.wait(seconds):
        raise TooSlow
    value, error = told[0]
    if error is not None:
        raise error
    return value


MOST_STUCK = 8
_patience = threading.BoundedSemaphore(MOST_STUCK)


class _Answer:
    """What comes back from one thread."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.ended = threading.Event()
        self.finding: Finding | None = None


class Probe:
    """A question that may take for ever, asked in a thread."""

    def __init__(self, ask: Callable[[], tuple[str, dict[str, Any]]]) -> None:
        self.ask = ask
        self.lock = threading.Lock()
        self.running: _Answer | None = None

    def start(self) -> _Answer:
        """Asks, unless the last question is still unanswered: then one waits for that."""
        with self.lock:
            if self.running is None:
                self.running = _Answer()
                threading.Thread(target=self._run, args=[self.running], name="probe", daemon=True).start()
            return self.running

    def finding(self, answer: _Answer, deadline: float) -> Finding:
        """The answer, or that there was none before the deadline (of ``time.monotonic``)."""
        answer.ended.wait(max(0.0, deadline - time.monotonic()))
        if answer.finding is not None:
            return answer.finding
        waited = time.monotonic() - answer.began
        return Finding(
            healthy=False, message=f"No answer for {waited:.1f} s.", response_time_ms=round(waited * 1000, 3)
        )

    def _run(self, answer: _Answer) -> None:
        figures: dict[str, Any] = {}
        try:
            message, figures = self.ask()
            healthy = True
        except Exception as error:  # whatever it raises is the answer
            healthy, message = False, mask_text(str(error).strip().partition("\n")[0] or type(error).__name__, 300)
        finally:
            connection.close()  # the thread's own
        with self.lock:
            self.running = None
        took = round((time.monotonic() - answer.began) * 1000, 3)
        answer.finding = Finding(healthy=healthy, message=message, response_time_ms=took, figures=figures)
        answer.ended.set()


def _database() -> tuple[str, dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "The database answers.", {}


def _redis() -> tuple[str, dict[str, Any]]:
    broker.ping()
    return "Redis answers.", {}


def _migrations() -> tuple[str, dict[str, Any]]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise Unwell(f"{len(missing)} migrations are missing. Run: python manage.py migrate")
    return "The database has the tables of this version.", {}


def _recorder() -> tuple[str, dict[str, Any]]:
    lag = round(recorder_lag_seconds(), 3)
    if lag > MOST_LAG_SECONDS:
        raise Unwell(f"The recorder is {lag:,.0f} s behind. Check that `python manage.py record` runs.")
    return "What RQ reports is being recorded.", {"lag_seconds": lag}


PROBES = {
    "database": Probe(_database),
    "redis": Probe(_redis),
    "migrations": Probe(_migrations),
    "recorder": Probe(_recorder),
}
