"""Health probes: what answers, what does not, and what hangs."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder

from monitoring import broker, probes
from monitoring.hooks import OUTBOX
from monitoring.probes import Probe, Unwell, probe_all

pytestmark = pytest.mark.django_db(transaction=True)


def test_all_is_well() -> None:
    found = probe_all()
    assert list(found) == ["database", "redis", "migrations", "recorder"]
    assert all(finding.healthy for finding in found.values()), found
    assert found["recorder"].figures == {"lag_seconds": 0.0}


def test_redis_that_is_away_is_told(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = probe_all()
    assert not found["redis"].healthy
    assert "Connection refused" in found["redis"].message
    assert found["database"].healthy


def test_a_recorder_that_is_far_behind_is_told() -> None:
    broker.connection().xadd(OUTBOX, {"e": "{}"}, id=f"{int((time.time() - 90) * 1000)}-0")
    finding = probe_all()["recorder"]
    assert not finding.healthy
    assert "90 s behind" in finding.message


def test_missing_migrations_are_told() -> None:
    newest = MigrationRecorder.Migration.objects.filter(app="monitoring").order_by("-name")[0]
    newest.delete()
    try:
        finding = probe_all()["migrations"]
    finally:
        newest.save(force_insert=True)
    assert not finding.healthy
    assert "python manage.py migrate" in finding.message


def test_one_that_hangs_is_given_up_and_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    asked = []

    def hang() -> tuple[str, dict[str, Any]]:
        asked.append(1)
        release.wait(20)
        return "at last", {}

    monkeypatch.setattr(probes, "PROBES", {"slow": Probe(hang), "quick": Probe(lambda: ("here", {}))})
    monkeypatch.setattr(probes, "LIMIT_SECONDS", 0.2)
    try:
        for _ in range(2):
            found = probe_all()
            assert found["quick"].healthy
            assert not found["slow"].healthy
            assert found["slow"].message.startswith("No answer for 0.")
        assert asked == [1]
    finally:
        release.set()


def test_a_secret_in_an_error_is_masked() -> None:
    def refuse() -> tuple[str, dict[str, Any]]:
        raise Unwell("cannot reach redis://user:hunter2@10.0.0.1/0\nand more")

    probe = Probe(refuse)
    finding = probe.finding(probe.start(), time.monotonic() + 5)
    assert "hunter2" not in finding.message
    assert "and more" not in finding.message
