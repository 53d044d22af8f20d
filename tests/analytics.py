"""Asks the analytics API as its users do, and makes what it tells of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from monitoring.statuses import RunStatus, Status
from tests.factories import make_run, make_task

BASE = "/api/v1/analytics"
HANDLER = "tests.diamond@1.0.0"


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Each test begins without answers that another one got."""
    caches["analytics"].clear()
    yield
    caches["analytics"].clear()


def ask(api: Client, path: str, **asked: Any) -> dict[str, Any]:
    """The answer, of which no other cache may keep anything."""
    answer = api.get(f"{BASE}/{path}", asked)
    assert answer.status_code == 200, answer.content
    assert "no-store" in answer["Cache-Control"]
    body: dict[str, Any] = answer.json()
    return body


def make_ended(minutes_ago: float, status: str = RunStatus.COMPLETED, **fields: Any) -> None:
    """A run that ended so long ago."""
    task_type = fields.pop("task_type", "shop.mail.send_receipt")
    queue = fields.pop("queue", "default")
    task = make_task(task_type=task_type, queue=queue)
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    make_run(task.pk, status=status, ended_at=at, **fields)


def make_attempt(hours_ago: float, status: Status = Status.COMPLETED, **fields: Any) -> None:
    """An attempt of a step that ended so long ago, as the recorder leaves it."""
    at = datetime.now(UTC) - timedelta(hours=hours_ago)
    known = {"handler": HANDLER, "kind": "charge", "duration_ms": 100.0, "wait_ms": 10.0, **fields}
    make_task(status=status, created_at=at, completed_at=at, **known)
