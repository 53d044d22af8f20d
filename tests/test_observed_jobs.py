"""Jobs that no hook reported: the comparison with Redis writes them down, and nothing that it should not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rq

from audit.models import StatusChange
from monitoring import broker, inbox, rebuilding
from monitoring.hooks import OUTBOX
from monitoring.inbox import Entry
from monitoring.ledger_models import Reconciliation
from monitoring.models import Pruned, Task
from monitoring.reconciling import Reconciler
from monitoring.statuses import Status
from tests.comparing import enqueue, plain, turn
from tests.test_looking_changes_nothing import heard
from tests.test_operations import record, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]


def test_plain_rq_is_seen_with_its_whole_life() -> None:
    ids = plain(
        "import operator",
        "a = q.enqueue('operator.add', 1, 2); b = q.enqueue('operator.truediv', 1, 0)",
        "rq.SimpleWorker([q], connection=c).work(burst=True, logging_level='CRITICAL')",
        "w = q.enqueue('operator.neg', 1); print(a.id, b.id, w.id)",
    ).split()
    reconciler = Reconciler()
    assert turn(reconciler).observed == 3
    tasks = [Task.objects.get(job_id=job_id) for job_id in ids]
    assert [task.status for task in tasks] == [Status.COMPLETED, Status.FAILED, Status.QUEUED]
    assert [task.task_type for task in tasks] == ["operator.add", "operator.truediv", "operator.neg"]
    assert tasks[1].error_type == "ZeroDivisionError"
    assert tasks[0].started_at is not None
    assert tasks[0].duration_ms is not None
    changes = StatusChange.objects.filter(task_id=tasks[0].pk).order_by("pk")
    assert [(change.new_status, change.source) for change in changes] == [
        ("QUEUED", "reconcile"), ("RUNNING", "reconcile"), ("COMPLETED", "reconcile")
    ]  # fmt: skip
    assert turn(reconciler).observed == 0
    assert Reconciliation.objects.get().observed == 3
    plain("rq.SimpleWorker([q], connection=c).work(burst=True, logging_level='CRITICAL')")
    assert turn(reconciler).behind == 1
    tasks[2].refresh_from_db()
    assert tasks[2].status == Status.COMPLETED
    assert rebuilding.differences() == []


def test_what_retention_has_deleted_does_not_come_back_from_rqs_registries() -> None:
    broker.enqueue("tests.jobs.fail")
    broker.enqueue("tests.jobs.echo")
    work()
    waiting = broker.enqueue("tests.jobs.echo")
    record()
    Task.objects.all().delete()  # as prune does, of which this remembers how far it came
    Pruned.objects.create(kind="tasks", before=datetime.now(UTC) + timedelta(seconds=1))
    reconciler = Reconciler()
    assert turn(reconciler).observed == 1
    assert Task.objects.get().job_id == waiting
    assert heard(reconciler.turn).count("HMGET") == 1, "the waiting one; the two are not asked for every time"
    Pruned.objects.update(before=datetime.now(UTC) - timedelta(minutes=1))
    assert turn(Reconciler()).observed == 2


def test_nobody_but_reconcile_may_say_when_something_happened() -> None:
    taken = datetime.fromtimestamp(1_790_000_000, tz=UTC)
    earlier = taken - timedelta(days=3)
    entry = {"id": "a", "s": "queued", "q": "default", "when": earlier.timestamp()}
    assert inbox.parse(Entry("1790000000000-0", json.dumps(entry).encode())).at == taken
    assert inbox.parse(Entry("1790000000000-0", json.dumps({**entry, "if": ""}).encode())).at == earlier
    later = {**entry, "if": "", "when": 1_990_000_000}
    assert inbox.parse(Entry("1790000000000-0", json.dumps(later).encode())).at == taken


def test_a_pickle_stays_closed(tmp_path: Any) -> None:
    file = tmp_path / "opened"
    plain(
        "class Bomb:",
        f"    def __reduce__(self): return (open, ({str(file)!r}, 'w'))",
        "q.enqueue('operator.neg', Bomb())",
    )
    assert turn(Reconciler()).observed == 1
    assert Task.objects.get().task_type == "operator.neg"
    assert not file.exists()


def test_what_was_trimmed_behind_the_recorders_back_is_found() -> None:
    (known,) = enqueue()
    new = broker.enqueue("tests.jobs.echo")
    rq.SimpleWorker([broker.queue("default")], connection=broker.connection(), serializer="json").work(
        burst=True, logging_level="CRITICAL"
    )
    broker.connection().xtrim(OUTBOX, maxlen=0)
    findings = turn(Reconciler())
    assert (findings.behind, findings.observed, findings.lost) == (1, 1, 0)
    assert set(Task.objects.filter(job_id__in=[known.job_id, new]).values_list("status", flat=True)) == {"COMPLETED"}
