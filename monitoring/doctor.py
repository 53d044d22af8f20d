"""Examines an installation: what is set, what answers, what runs; and says what to do about what is not well.

Looking changes nothing. Whatever an examination raises is a finding, too, and secrets are masked in what is told.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import django
from django.conf import settings
from django.contrib.auth.models import User
from django.core import checks
from django.db import connection
from django.utils import timezone

from monitoring import demo_logins, health, moments, probes
from monitoring.models import MetricSample
from monitoring.redaction import mask_text
from monitoring.redis_state import RedisState, look_at_redis
from monitoring.sampling import SLOT_SECONDS

LIMIT_SECONDS = 8.0
"""After which an examination that hangs is given up."""
SKEW_SECONDS, MOST_SKEW_SECONDS = 1.0, 5.0
OLDEST_REDIS = (6, 2)
"""It trims streams by id."""
FEW_BYTES, TOO_FEW_BYTES = 2 * 1024**3, 256 * 1024**2
FULL_PERCENT = 85
LAG_SECONDS = 10.0


class Level(StrEnum):
    """How grave something is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that was looked at."""

    level: Level
    about: str
    what: str
    advice: str = ""
    """What to do; empty if all is well."""


def ok(about: str, what: str) -> Line:
    """All is well."""
    return Line(level=Level.OK, about=about, what=what)


def warning(about: str, what: str, advice: str) -> Line:
    """It works, and should not stay so."""
    return Line(level=Level.WARNING, about=about, what=what, advice=advice)


def problem(about: str, what: str, advice: str) -> Line:
    """Something does not work, or may lose data."""
    return Line(level=Level.PROBLEM, about=about, what=what, advice=advice)


Examination = Callable[[], Iterable[Line]]
_further: dict[str, Examination] = {}


def examine_also(about: str, examination: Examination) -> None:
    """Has the doctor look at what a higher app knows of, which calls this once it is ready."""
    _further[about] = examination


def examine() -> Iterator[Line]:
    """Everything, one after the other; each takes LIMIT_SECONDS at most."""
    for about, examination in {**EXAMINATIONS, **_further}.items():
        try:
            found = probes.within(LIMIT_SECONDS, partial(_made, examination))
        except probes.TooSlow:
            found = [problem(about, f"There was no answer within {LIMIT_SECONDS:.0f} s.", _ADVICE.get(about, _LOOK))]
        except Exception as error:  # whatever it raises is what is to be told
            said = str(error).strip().partition("\n")[0] or type(error).__name__
            found = [problem(about, f"It cannot be examined: {said}", _ADVICE.get(about, _LOOK))]
        for line in found:
            yield Line(level=line.level, about=line.about, what=mask_text(line.what, 500), advice=line.advice)


def _made(examination: Examination) -> list[Line]:
    return list(examination())


_LOOK = "Look at the lines before this one first."
_ADVICE = {
    "database": "Check DATABASE_URL, and that the server runs and lets this machine in.",
    "redis": "Check REDIS_URL, and that the server runs and lets this machine in.",
}


# --- What is set --------------------------------------------------------------------------------------------------


def _settings() -> Iterator[Line]:
    if settings.DEBUG:
        yield warning(
            "settings", "DEBUG is on: errors show code and settings, and cookies travel without HTTPS.",
            "Good for development on loopback. Anywhere else set DEBUG=0, see docs/deployment.md.",
        )  # fmt: skip
    if "*" in settings.ALLOWED_HOSTS:
        yield warning("settings", "ALLOWED_HOSTS has *, so any host name is believed.", "Name the site's own hosts.")
    deploying = not settings.DEBUG
    for message in checks.run_checks(include_deployment_checks=deploying):
        tell = problem if message.level >= checks.ERROR else warning
        yield tell("settings", f"{message.msg} ({message.id})", message.hint or "See docs/deployment.md.")
    if deploying:
        yield ok("settings", "DEBUG is off, SECRET_KEY is set, and the checks for production were made.")


def _accounts() -> Iterator[Line]:
    open_ = [] if settings.DEMO_LOGINS else demo_logins.still_open()
    if open_:
        yield problem(
            "accounts", f"The demo password of {', '.join(open_)} still works.",
            "Run python manage.py changepassword for each, or delete the user.",
        )  # fmt: skip
    active = User.objects.filter(is_active=True).count()
    if not active:
        yield warning("accounts", "Nobody can log in.", "Run python manage.py createsuperuser.")
    else:
        yield ok("accounts", f"{active:,} can log in.")


def _versions() -> Iterator[Line]:
    of_rq = version("rq")
    named = f"Python {python_version()}, Django {django.get_version()}, RQ {of_rq}"
    if of_rq.partition(".")[0] != "3":
        yield problem("versions", f"{named}: the hooks are made for RQ 3.", "Install the versions of requirements.txt.")
    else:
        yield ok("versions", f"{named}.")


def _disk() -> Iterator[Line]:
    places = {"QUARTERDECK_DATA_DIR": Path(settings.DATA_DIR)}
    if settings.RETENTION_ARCHIVE:
        places["RETENTION_ARCHIVE"] = Path(settings.RETENTION_ARCHIVE)
    for name, place in places.items():
        if not place.exists():
            yield warning("disk", f"{name} names {place}, which is not there yet.", "It is made when it is needed.")
            continue
        left = shutil.disk_usage(place).free
        told = f"{left / 1024**3:,.1f} GiB are free at {place} ({name})."
        if left < TOO_FEW_BYTES:
            yield problem("disk", told, "Make room now: nothing can be recorded on a full disk.")
        elif left < FEW_BYTES:
            yield warning("disk", told, "Make room, or delete what is old: docs/retention.md.")
        else:
            yield ok("disk", told)


# --- What answers -------------------------------------------------------------------------------------------------


def _database() -> Iterator[Line]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT version()" if connection.vendor == "postgresql" else "SELECT sqlite_version()")
        told = str(cursor.fetchone()[0])
    name = " ".join(told.split()[:2]) if connection.vendor == "postgresql" else f"SQLite {told}"
    yield ok("database", f"{name} answers.")
    if connection.vendor != "postgresql" and not settings.DEBUG:
        yield warning(
            "database", "SQLite has one writer at a time and serves one machine.",
            "For several machines, or hundreds of tasks a second, set DATABASE_URL to a PostgreSQL.",
        )  # fmt: skip
    try:
        yield ok("database", probes.PROBES["migrations"].ask()[0])
    except probes.Unwell as unwell:
        yield problem("database", str(unwell), "Stop the recorder, run it, and start the recorder again.")


def _redis() -> Iterator[Line]:
    state = look_at_redis()
    told = f"{state.name} {state.version} answers at {mask_text(settings.REDIS_URL, 200)}."
    if state.name == "redis" and tuple(map(int, state.version.split(".")[:2])) < OLDEST_REDIS:
        yield problem("redis", told, "It is too old: Redis 6.2 or any Valkey is needed.")
    else:
        yield ok("redis", told)
    yield from (_policy(state), _persistence(state), _room(state), _skew("Redis", state.ahead_seconds))


def _policy(state: RedisState) -> Line:
    if state.evicted:
        return problem(
            "redis", f"{state.evicted:,} keys were evicted because memory was full: jobs may be lost.",
            "Set maxmemory-policy to noeviction and give it more memory; `reconcile` finds what is gone.",
        )  # fmt: skip
    if state.policy != "noeviction":
        return problem(
            "redis", f"maxmemory-policy is {state.policy}: when memory is full, jobs vanish without a trace.",
            "CONFIG SET maxmemory-policy noeviction, and in its configuration file.",
        )  # fmt: skip
    return ok("redis", "maxmemory-policy is noeviction: nothing vanishes when memory is full.")


def _persistence(state: RedisState) -> Line:
    if state.appends:
        return ok("redis", "Its append-only file is on: jobs outlive a restart.")
    if state.snapshots:
        return warning(
            "redis", "It writes snapshots only: a crash loses the jobs since the last one.",
            "CONFIG SET appendonly yes, and in its configuration file.",
        )  # fmt: skip
    if state.snapshots is None:
        return warning(
            "redis", "Its append-only file is off, and whether it writes snapshots it does not say.",
            "Ask its provider for append-only persistence.",
        )  # fmt: skip
    return problem(
        "redis", "It keeps nothing on disk: a restart loses every job that waits, and reports not yet recorded.",
        "CONFIG SET appendonly yes, and in its configuration file.",
    )  # fmt: skip


def _room(state: RedisState) -> Line:
    if not state.most:
        return ok("redis", f"It uses {state.used / 1024**2:,.0f} MiB, without a limit of its own.")
    percent = 100 * state.used / state.most
    told = f"It uses {percent:.0f} % of its {state.most / 1024**2:,.0f} MiB."
    if percent < FULL_PERCENT:
        return ok("redis", told)
    return warning("redis", told, "When it is full nothing can be enqueued: see /storage for what takes the memory.")


def _clock() -> Iterator[Line]:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp()")
        (there,) = cursor.fetchone()
        middle = before + (datetime.now(UTC) - before) / 2
    yield _skew("The database", (there - middle).total_seconds())


def _skew(whose: str, ahead_seconds: float) -> Line:
    off = abs(ahead_seconds)
    told = f"{whose}'s clock is {off:.3f} s {'ahead of' if ahead_seconds > 0 else 'behind'} this machine's."
    advice = "Run an NTP client (chrony, systemd-timesyncd) on every machine: times are compared across them."
    if off > MOST_SKEW_SECONDS:
        return problem("clock", told, advice)
    return warning("clock", told, advice) if off > SKEW_SECONDS else ok("clock", told)


# --- What runs ----------------------------------------------------------------------------------------------------


def _recorder() -> Iterator[Line]:
    advice = "Start `python manage.py record`, or read in its log why it cannot write."
    lag = health.recorder_lag_seconds()
    if lag > LAG_SECONDS:
        yield problem("recorder", f"The oldest report has waited {lag:,.0f} s to be recorded.", advice)
    else:
        yield ok("recorder", f"What RQ reports is recorded; the oldest report waits {lag:.1f} s.")
    newest = MetricSample.objects.order_by("-slot").first()
    age = (timezone.now() - newest.at).total_seconds() if newest else None
    if age is None or age > 6 * SLOT_SECONDS:
        since = "none was ever taken" if age is None else f"the last is {age:,.0f} s old"
        yield problem("recorder", f"No recorder runs: it takes a sample every {SLOT_SECONDS} s, and {since}.", advice)
    else:
        yield ok("recorder", f"A recorder runs: its last sample is {age:.0f} s old.")


def _workers() -> Iterator[Line]:
    workers = moments.look(others=False).workers
    if not workers:
        yield problem("workers", "No worker is alive: nothing runs.", "Start `python manage.py work` as a service.")
        return
    machines = len({worker.host for worker in workers})
    yield ok("workers", f"{len(workers):,} alive, on {machines:,} machine{'s'[: machines != 1]}.")
    if others := [worker.name for worker in workers if worker.honours is None]:
        yield warning(
            "workers", f"{len(others):,} of another class cannot honour pauses: {', '.join(others[:5])}.",
            "Start them with -w monitoring.workers.Worker, or `python manage.py work`.",
        )  # fmt: skip


def _attention() -> Iterator[Line]:
    known = {"redis", "recorder"}  # examined above
    found = [one for one in health.concerns(health.failure_trend()) if one.kind not in known]
    for concern in found:
        yield warning("attention", concern.what, concern.advice)
    if not found:
        yield ok("attention", "Nothing else needs attention.")


EXAMINATIONS: dict[str, Examination] = {
    "settings": _settings,
    "versions": _versions,
    "disk": _disk,
    "database": _database,
    "accounts": _accounts,
    "redis": _redis,
    "clock": _clock,
    "recorder": _recorder,
    "workers": _workers,
    "attention": _attention,
}


def as_json(line: Line) -> dict[str, Any]:
    """For machines."""
    return {"level": line.level.value, "about": line.about, "what": line.what, "advice": line.advice or None}
