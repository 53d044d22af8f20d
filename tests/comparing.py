"""What tests of the comparison with Redis do again and again."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from monitoring import broker, held, reconciling
from monitoring.models import Task
from monitoring.reconciling import Findings, Reconciler
from tests.test_operations import record


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is on the way for no time at all, and the server, whose figures are real, has long been running."""
    monkeypatch.setattr(reconciling, "SETTLED_SECONDS", 0)
    look = held.server_facts
    monkeypatch.setattr(held, "server_facts", lambda: look()._replace(started_seconds_ago=3_600))


def turn(reconciler: Reconciler) -> Findings:
    """One comparison, and the recording of what it found."""
    findings = reconciler.turn()
    assert findings is not None
    record()
    return findings


def enqueue(number: int = 1, **options: Any) -> list[Task]:
    ids = [broker.enqueue("tests.jobs.echo", args=[1], **options) for _ in range(number)]
    record()
    return list(Task.objects.filter(job_id__in=ids).order_by("created_at", "pk"))


def plain(*lines: str) -> str:
    """Runs Python with plain RQ, pickles and all, and none of ours."""
    begin = f"import redis, rq; c = redis.Redis.from_url({settings.REDIS_URL!r}); q = rq.Queue('default', connection=c)"
    told = subprocess.run(
        [sys.executable, "-c", "\n".join([begin, *lines])], check=True, capture_output=True, text=True, cwd="/"
    )
    return told.stdout.strip()
