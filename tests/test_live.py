"""What the recorder announces through the channel layer."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from channels.layers import get_channel_layer
from pytest_django import Settings

from audit.models import StatusChange
from monitoring import broker, live
from monitoring.hooks import OUTBOX
from monitoring.models import Task
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from tests.hub_client import in_thread

pytestmark = pytest.mark.django_db(transaction=True)


def record(*, limit: int = 1_000) -> None:
    recorder = Recorder()
    recorder.start()
    while recorder.record_next(limit=limit):
        pass


class Listener:
    """Somebody else than the hub who listens."""

    async def join(self, *groups: str) -> Listener:
        self.layer = get_channel_layer()
        self.channel = await self.layer.new_channel()
        own = f"listener.{uuid4().hex}"
        for group in (*groups, own):
            await self.layer.group_add(group, self.channel)
        await self.layer.group_send(own, {"type": "ready"})
        assert await self.hear() == {"type": "ready"}
        return self

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            message: dict[str, Any] = await self.layer.receive(self.channel)
            return message

    async def hears_nothing(self) -> bool:
        try:
            async with asyncio.timeout(0.2):
                await self.layer.receive(self.channel)
        except TimeoutError:
            return True
        return False


def tell(job_id: str, **told: Any) -> None:
    """Reports as a running task does."""
    entry = json.dumps({"id": job_id, "s": "reported", "q": "default", "t": told})
    broker.connection().xadd(OUTBOX, {"e": entry})


def start(job_id: str) -> None:
    broker.connection().xadd(OUTBOX, {"e": json.dumps({"id": job_id, "s": "started", "q": "default", "f": "a.b"})})


def end(job_id: str) -> None:
    broker.connection().xadd(OUTBOX, {"e": json.dumps({"id": job_id, "s": "finished", "q": "default", "f": "a.b"})})


async def test_it_announces_changes_in_numbered_messages_of_a_hundred() -> None:
    listener = await Listener().join(live.CHANGES)
    ids = [broker.enqueue("tests.jobs.echo", args=[number]) for number in range(230)]
    await in_thread(record)()
    messages = [await listener.hear() for _ in range(3)]
    assert [len(message["events"]) for message in messages] == [100, 100, 30]
    assert [event["task_id"] for message in messages for event in message["events"]] == ids
    first = messages[0]["number"]
    assert [message["number"] for message in messages] == [first, first + 1, first + 2]
    assert {(message["type"], message["group"]) for message in messages} == {("task.changes", "changes")}
    assert len({message["announcer"] for message in messages}) == 1


async def test_it_announces_what_the_rows_say_after_they_are_committed() -> None:
    listener = await Listener().join(live.CHANGES)
    job_id = broker.enqueue("tests.jobs.echo", args=[1])
    await in_thread(record)()
    (event,) = (await listener.hear())["events"]
    change = await in_thread(StatusChange.objects.get)(task_id=job_id)
    assert event == {
        "task_id": job_id,
        "stream_id": change.stream_id,
        "at": change.changed_at.isoformat(),
        "status": "QUEUED",
        "task_type": "tests.jobs.echo",
        "handler": "tests.jobs.echo",
        "queue": "default",
        "parameters": '{"args":[1],"kwargs":{}}',
        "message": "Task queued",
        "error": None,
    }
    assert await in_thread(live.newest_change)() == change.stream_id


async def test_it_announces_progress_of_running_tasks_to_its_own_group() -> None:
    changes, progress = await Listener().join(live.CHANGES), await Listener().join(live.PROGRESS)
    running, over = str(uuid4()), str(uuid4())
    start(running)
    start(over)
    await in_thread(record)()
    await changes.hear()
    tell(running, progress=40, message="halfway")
    await in_thread(record)()
    message = await progress.hear()
    assert (message["type"], message["group"]) == ("task.progress", "progress")
    assert message["events"] == [{"task_id": running, "progress": 40.0, "message": "halfway"}]
    tell(over, progress=90)
    end(over)
    await in_thread(record)()
    assert await progress.hears_nothing()
    assert (await changes.hear())["events"][0]["status"] == "COMPLETED"


async def test_long_parameters_stay_json_and_long_errors_keep_their_end() -> None:
    listener = await Listener().join(live.CHANGES)
    broker.enqueue("tests.jobs.echo", args=["x" * 1_500, "y" * 1_500, "z" * 1_500])
    entry = {"id": str(uuid4()), "s": "failed", "q": "default", "f": "a.b", "x": "E" * 9_000 + "\nValueError: the end"}
    broker.connection().xadd(OUTBOX, {"e": json.dumps(entry)})
    await in_thread(record)()
    queued, failed = (await listener.hear())["events"]
    assert json.loads(queued["parameters"])["cut"].startswith('{"args":["xxx')
    assert len(queued["parameters"]) <= live.PARAMETERS_LIMIT
    assert len(failed["error"]) < live.ERROR_LIMIT + 100
    assert failed["error"].endswith("ValueError: the end")


def test_a_layer_that_is_away_costs_nothing_but_a_line_in_the_log(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = settings.CHANNEL_LAYERS["default"]
    monkeypatch.setattr(live, "SENDING_SECONDS", 0.3)
    settings.CHANNEL_LAYERS = {
        "default": {**layer, "CONFIG": {**layer["CONFIG"], "hosts": [f"unix://{tmp_path}/nobody.sock"]}}
    }
    job_id = broker.enqueue("tests.jobs.echo")
    with caplog.at_level(logging.WARNING):
        record()
    assert Task.objects.get(id=job_id).status == Status.QUEUED
    assert StatusChange.objects.count() == 1
    assert "pages will catch up" in caplog.text


def test_the_newest_change_is_found_without_reading_the_others(django_assert_num_queries: Any) -> None:
    assert live.newest_change() == ""
    for _ in range(3):
        broker.enqueue("tests.jobs.echo")
    record()
    with django_assert_num_queries(1):
        newest = live.newest_change()
    assert newest == StatusChange.objects.order_by("-id").values_list("stream_id", flat=True)[0]
