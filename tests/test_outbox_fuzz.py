"""Whatever stands in the outbox: the recorder goes on, and what it writes is sound."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.models import StatusChange, TaskRun
from monitoring import broker, inbox
from monitoring.facts import DESCRIPTIVE_DOCUMENTS, DESCRIPTIVE_TEXTS
from monitoring.hooks import OUTBOX
from monitoring.ledger_models import Evidence, LostTask
from monitoring.models import ErrorGroup, InboxPosition, Queue, SetAsideEntry, Task
from monitoring.rebuilding import differences, rebuild
from monitoring.recorder import Recorder
from monitoring.statuses import FROM_RQ, RunStatus, Status

pytestmark = pytest.mark.django_db(transaction=True)

IDS = ("a", "b", "c", "5e2d80c4-cbbf-48d0-96f2-af6041348ea7")
WORDS = (*FROM_RQ, inbox.REPORTED, inbox.REMOVED)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([10**400, -1, 0, 2**31, 2**63])
    | st.floats()
    | st.text(max_size=300)
    | st.sampled_from(["\x00", "\ud800", "a" * 300, "token=hidden-value", "<script>", "é" * 130_000])
)
anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


def or_anything(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what it should be."""
    return st.one_of(strategy, strategy, strategy, anything)


_objects = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("url", "media_type", "name", "service", "status"), anything)
)
_meta = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys((*DESCRIPTIVE_TEXTS, "task_type"), or_anything(st.text(max_size=20))),
        **dict.fromkeys(DESCRIPTIVE_DOCUMENTS, or_anything(st.dictionaries(st.text(max_size=9), anything, max_size=3))),
        "priority": or_anything(st.integers(-5, 5)),
        "scheduled_job": or_anything(st.integers(1, 3)),
        "retry_of": or_anything(st.uuids().map(str)),
    },
)
_description = st.fixed_dictionaries(
    {},
    optional={
        "created": or_anything(st.floats(0, 2e9)),
        "params": or_anything(st.text(max_size=50)),
        "retries": or_anything(st.integers(0, 5)),
        "after": or_anything(st.lists(st.sampled_from(IDS), max_size=3)),
        "meta": or_anything(_meta),
    },
)
_told = st.fixed_dictionaries(
    {},
    optional={
        "progress": or_anything(st.floats(-10, 200)),
        "message": or_anything(st.text(max_size=30)),
        "output": or_anything(st.text(max_size=30)),
        "media": or_anything(_objects),
        "service_request": or_anything(_objects),
    },
)
_loss = st.fixed_dictionaries(
    {},
    optional={
        "evidence": or_anything(st.sampled_from(sorted(Evidence))),
        "since": or_anything(st.floats(0, 2e9)),
        "details": or_anything(st.dictionaries(st.text(max_size=9), anything, max_size=3)),
    },
)
reports = st.fixed_dictionaries(
    {"id": or_anything(st.sampled_from(IDS)), "s": or_anything(st.sampled_from(WORDS))},
    optional={
        "q": or_anything(st.sampled_from(["default", "mail", ""])),
        "f": or_anything(st.sampled_from(["shop.send", "shop.pay"])),
        "w": or_anything(st.sampled_from(["w-1", "w-2"])),
        "ms": or_anything(st.floats(-1e6, 1e6)),
        "r": or_anything(st.just('"done"')),
        "x": or_anything(st.sampled_from(["ValueError: no order 1", "Traceback …\nKeyError: 'x'"])),
        "at": or_anything(st.floats(0, 2e9)),
        "d": or_anything(_description),
        "t": or_anything(_told),
        "lost": or_anything(_loss),
    },
)
payloads = st.one_of(
    *[reports.map(lambda report: json.dumps(report).encode())] * 6,
    anything.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
)


def empty() -> None:
    """As before the first entry."""
    broker.connection().delete(OUTBOX)
    for model in (Task, StatusChange, TaskRun, LostTask, Queue, ErrorGroup, SetAsideEntry, InboxPosition):
        model._default_manager.all().delete()
    rebuild()


@settings(
    max_examples=300, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(entries=st.lists(payloads, min_size=1, max_size=25), size=st.sampled_from([1, 7, 1_000]))
def test_the_recorder_goes_on_and_what_it_writes_is_sound(entries: list[bytes], size: int) -> None:
    empty()
    for entry in entries:
        broker.connection().xadd(OUTBOX, {"e": entry})
    recorder = Recorder(announce=lambda _: None)
    recorder.start()
    while recorder.record_next(limit=size):
        pass
    position = InboxPosition.objects.get()
    assert inbox.length() == 0
    assert position.recorded + position.set_aside == len(entries)
    assert position.set_aside == SetAsideEntry.objects.count()
    sound_tasks()
    sound_changes()
    assert differences() == []


def sound_tasks() -> None:
    for task in Task.objects.all():
        fields = Task._meta.concrete_fields
        # Lengths, choices, numbers in range; what nobody told may be missing.
        task.clean_fields(exclude={field.name for field in fields if not getattr(task, field.attname)})
        assert task.status in Status
        assert 0 <= task.progress <= 100
        assert task.task_type
        assert task.queue
        for name in (*DESCRIPTIVE_TEXTS, "arguments", "error", "output"):
            text = getattr(task, name)
            assert "\x00" not in text
            assert text.encode().decode() == text  # no lone surrogate
        assert "hidden-value" not in task.error + task.output
    for run in TaskRun.objects.all():
        assert run.status in RunStatus


def sound_changes() -> None:
    """Each change begins where the one before it ended, and the last is where the task stands."""
    chains: dict[Any, list[StatusChange]] = {}
    for change in StatusChange.objects.order_by("id"):
        chains.setdefault(change.task_id, []).append(change)
    for task_id, chain in chains.items():
        for before, after in pairwise(chain):
            assert after.old_status in (before.new_status, None)  # None: it was removed, and came again
        task = Task.objects.filter(pk=task_id).first()
        assert task is None or task.status == chain[-1].new_status
