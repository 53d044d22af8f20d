"""Whoever prunes is killed between any two steps: the next one goes on, and every row is in SQL or in an archive."""

from __future__ import annotations

import gzip
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from audit import trail
from audit.models import OperatorAction
from audit.verification import verify
from monitoring import archives, pruning
from monitoring.models import Task
from monitoring.pruning import prune
from monitoring.retention_models import Pruned
from monitoring.turns import Busy, only_one
from tests.factories import make_task, miscounted
from tests.running import wait_for
from tests.test_crash_safety import die, ended_by, in_a_child

pytestmark = pytest.mark.django_db(transaction=True)

OLD = datetime.now(UTC) - timedelta(days=40)
NUMBER = 12


@pytest.fixture(autouse=True)
def small_chunks(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RETENTION_DAYS = {**settings.RETENTION_DAYS, "tasks": 30}
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(pruning, name, 4)


def prune_all(directory: Path) -> int:
    return sum(outcome.rows for outcome in prune(by=trail.process("tests"), names=["tasks"], archive_in=directory))


def prune_and_die(module: Any, step: str, occurrence: int, directory: Path) -> None:
    """Dies right after the step was done for the given time."""
    original, calls = getattr(module, step), [0]

    def deadly(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        calls[0] += 1
        if calls[0] == occurrence:
            die()
        return result

    setattr(module, step, deadly)
    prune_all(directory)


def archived(directory: Path) -> set[str]:
    """The ids in all files, each of which must be readable to its end."""
    files = directory.glob("*.jsonl.gz")
    return {json.loads(line)["id"] for path in files for line in gzip.open(path, "rt", encoding="utf-8")}


@pytest.mark.parametrize("occurrence", [1, 2])
@pytest.mark.parametrize(
    ("module", "step"),
    [
        (archives, "_write_whole"),
        (os, "fsync"),
        (pruning, "_delete"),
        (pruning, "_remember"),
        (pruning, "columns_of"),
    ],
)
def test_nothing_is_lost(module: Any, step: str, occurrence: int, tmp_path: Path) -> None:
    tasks = {str(make_task(created_at=OLD, completed_at=OLD).pk) for _ in range(NUMBER)}
    kept = make_task(created_at=OLD, status="RUNNING")
    killed = in_a_child(lambda: prune_and_die(module, step, occurrence, tmp_path))
    if (step, occurrence) != ("_remember", 2):  # it is done once
        assert ended_by(killed) == signal.SIGKILL
        left = {str(pk) for pk in Task.objects.exclude(pk=kept.pk).values_list("pk", flat=True)}
        assert left | archived(tmp_path) == tasks
        assert miscounted() == []
    else:
        assert ended_by(killed) == 0
    prune_all(tmp_path)
    assert archived(tmp_path) == tasks
    assert list(Task.objects.all()) == [kept]
    assert miscounted() == []
    told = [json.loads(deed.details)["rows"] for deed in OperatorAction.objects.filter(action="retention.prune")]
    assert sum(told) == NUMBER == Pruned.objects.get(kind="tasks").deleted
    verify()


def test_one_at_a_time_and_a_killed_one_holds_nobody_up(tmp_path: Path) -> None:
    sign = tmp_path / "inside"

    def stay() -> None:
        with only_one("prune"):
            sign.touch()
            signal.pause()

    child = in_a_child(stay)
    assert wait_for(sign.exists, 10)
    with pytest.raises(Busy):
        prune_all(tmp_path)
    os.kill(child, signal.SIGKILL)
    ended_by(child)
    connections.close_all()
    assert wait_for(_is_free, 10)
    assert prune_all(tmp_path) == 0


def _is_free() -> bool:
    try:
        with only_one("prune"):
            return True
    except Busy:
        return False
