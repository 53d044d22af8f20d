"""The doctor: each line says how grave it is and what to do, a problem ends with 1, and no secret is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test.utils import override_settings

from monitoring import broker, doctor, redis_state
from monitoring.doctor import Level, Line
from monitoring.models import MetricSample
from monitoring.pausable import HONOURS
from monitoring.sampling import take_sample
from scheduler.bell import CHANNEL, Bell
from tests.pausing import register
from tests.running import ROOT, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def lines(about: str) -> list[Line]:
    return [line for line in doctor.examine() if line.about == about]


def graves(about: str) -> set[Level]:
    return {line.level for line in lines(about)}


def command(*words: str) -> tuple[str, int]:
    told, code = StringIO(), 0
    try:
        call_command("doctor", *words, stdout=told)
    except SystemExit as end:
        code = int(str(end.code))
    return told.getvalue(), code


def set_redis(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """The server looks as it does, but for the fields."""
    state = redis_state.look_at_redis()
    changed = redis_state.RedisState(**{**state.__dict__, **fields})
    monkeypatch.setattr(doctor, "look_at_redis", lambda: changed)


def test_a_healthy_installation_has_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    set_redis(monkeypatch, appends=True)  # a server that is given to the tests may keep nothing on disk
    register("deck-1", "default")
    take_sample()
    bell = Bell()
    bell.wait(0.01)
    assert wait_for(lambda: redis_state.listeners(CHANNEL) > 0, 5)
    try:
        told, code = command()
    finally:
        bell.close()
    assert code == 0, told
    assert "0 problem" in told
    for about in (
        "settings",
        "versions",
        "disk",
        "database",
        "redis",
        "recorder",
        "workers",
        "dispatcher",
        "attention",
    ):
        assert f" {about} " in told


def test_what_does_not_run_is_told_with_what_to_start() -> None:
    told, code = command()
    assert code == 1
    for word in ("record", "work", "dispatch"):
        assert f"python manage.py {word}" in told


def test_as_json() -> None:
    told, code = command("--json")
    document = json.loads(told)
    assert (code, document["level"]) == (1, "problem")
    assert {line["level"] for line in document["lines"]} <= {"ok", "warning", "problem"}
    assert all(line["advice"] for line in document["lines"] if line["level"] != "ok")
    assert all(set(line) == {"level", "about", "what", "advice"} for line in document["lines"])


def test_a_recorder_that_has_stopped_is_told() -> None:
    take_sample()
    assert graves("recorder") == {Level.OK}
    MetricSample.objects.update(at=datetime.now(UTC) - timedelta(minutes=5))
    assert Level.PROBLEM in graves("recorder")


def test_reports_that_wait_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    take_sample()
    monkeypatch.setattr(doctor, "LAG_SECONDS", 0.05)
    broker.enqueue("tests.jobs.echo")
    time.sleep(0.1)
    assert Level.PROBLEM in graves("recorder")


def test_workers_of_another_class_are_told() -> None:
    register("deck-1", "default")
    broker.connection().hdel("rq:worker:deck-1", HONOURS)
    (first, second) = lines("workers")
    assert (first.level, second.level) == (Level.OK, Level.WARNING)
    assert "deck-1" in second.what


@pytest.mark.parametrize(
    ("fields", "level", "says"),
    [
        ({"policy": "allkeys-lru"}, Level.PROBLEM, "noeviction"),
        ({"evicted": 7}, Level.PROBLEM, "7 keys were evicted"),
        ({"appends": False, "snapshots": False}, Level.PROBLEM, "keeps nothing on disk"),
        ({"appends": False, "snapshots": True}, Level.WARNING, "snapshots only"),
        ({"appends": False, "snapshots": None}, Level.WARNING, "does not say"),
        ({"used": 95, "most": 100}, Level.WARNING, "95 %"),
        ({"name": "redis", "version": "5.0.7"}, Level.PROBLEM, "5.0.7"),
    ],
)
def test_a_redis_that_may_lose_jobs_is_told(
    fields: dict[str, Any], level: Level, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_redis(monkeypatch, name="valkey", version="9.0.0", policy="noeviction", evicted=0, appends=True, most=0)
    assert graves("redis") == {Level.OK}
    set_redis(monkeypatch, **{"name": "valkey", "policy": "noeviction", "evicted": 0, "appends": True, **fields})
    found = [line for line in lines("redis") if line.level == level]
    assert any(says in line.what + line.advice for line in found)


@pytest.mark.parametrize(("ahead", "level"), [(0.2, Level.OK), (-2.0, Level.WARNING), (7.0, Level.PROBLEM)])
def test_a_clock_that_is_off_is_told(ahead: float, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    set_redis(monkeypatch, ahead_seconds=ahead)
    assert level in graves("clock")


def test_the_clocks_of_this_machine_agree() -> None:
    assert abs(redis_state.look_at_redis().ahead_seconds) < 0.5
    assert graves("clock") == {Level.OK}


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for left, level in ((10**6, Level.PROBLEM), (10**9, Level.WARNING), (10**12, Level.OK)):
        monkeypatch.setattr(
            "monitoring.doctor.shutil.disk_usage", lambda _, left=left: type("Usage", (), {"free": left})
        )
        assert graves("disk") == {level}


def test_a_redis_that_is_away_is_one_problem_among_others(settings: Any) -> None:
    settings.REDIS_URL = "redis://:hunter2-canary@127.0.0.1:1/0"
    told, code = command()
    assert code == 1
    assert "problem  redis" in told
    assert "REDIS_URL" in told
    assert "ok       database" in told
    assert "hunter2-canary" not in told


def test_what_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LIMIT_SECONDS", 0.2)
    monkeypatch.setitem(doctor.EXAMINATIONS, "versions", lambda: time.sleep(1) or [])  # type: ignore[func-returns-value]
    (line,) = lines("versions")
    assert line.level == Level.PROBLEM
    assert "no answer" in line.what


@override_settings(DEBUG=False, SECURE_HSTS_SECONDS=0, SESSION_COOKIE_SECURE=False, ALLOWED_HOSTS=["*"])
def test_settings_that_are_not_for_production_are_told() -> None:
    told = " ".join(line.what for line in lines("settings") if line.level == Level.WARNING)
    for word in ("security.W004", "security.W012", "ALLOWED_HOSTS"):
        assert word in told


def test_no_secret_is_told() -> None:
    environment = {
        "SECRET_KEY": "canary-secret-key-0123456789-0123456789-canary",
        "METRICS_TOKEN": "canary-metrics-token-0123456789",
        "WEBHOOK_SECRET": "canary-webhook-secret",
        "DATABASE_URL": "postgres://deck:canary-password@127.0.0.1:1/deck",
        "REDIS_URL": "redis://deck:canary-password@127.0.0.1:1/0",
        "DEBUG": "0",
        "DEMO": "0",
    }
    for words in (["doctor"], ["doctor", "--json"]):
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=os.environ | environment, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert "canary" not in done.stdout + done.stderr
        assert "problem" in done.stdout
