"""The event stream: what it tells, when, to whom, and how it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client as Browser

from audit.trail import process
from monitoring import broker, pauses, statistics
from monitoring.events import asgi, broadcast, snapshots
from monitoring.models import MetricSample, Queue, Task
from monitoring.sampling import take_sample
from monitoring.statuses import Status
from tests.event_client import NAMES, PATH, Client, fresh_events
from tests.factories import make_task
from tests.hub_client import bearer, cast, in_thread, record, token_of

pytest_plugins = ("tests.hub_fixtures",)
pytestmark = pytest.mark.django_db(transaction=True)

BASE = f"/{settings.MONITORING_BASE_PATH}"
Knock = Callable[..., Client]


@pytest.fixture
async def knock_events(watcher: User) -> AsyncIterator[Knock]:
    """Makes clients of one web process that will be let in; those that are still there at the end leave."""
    clients: list[Client] = []
    events = fresh_events()

    def knock(**headers: Any) -> Client:
        clients.append(Client(events=events, **{"authorization": bearer(watcher), **headers}))
        return clients[-1]

    yield knock
    for client in clients:
        client.stop(exceptions=False)
    await in_thread(len)([])  # after a snapshot that is being taken in that thread


def work() -> None:
    make_task(queue="mail", status=Status.QUEUED)
    make_task(queue="mail", status=Status.SCHEDULED)
    make_task(queue="mail", status=Status.DEFERRED)
    make_task(queue="mail", status=Status.RUNNING)
    make_task(queue="media/α", status=Status.COMPLETED, job_id="nightly <1>\n")
    make_task(queue="media/α", status=Status.FAILED)
    make_task(queue="media/α", status=Status.CANCELLED)
    broker.enqueue("tests.jobs.echo", queue_name="unseen")
    worker = broker.worker(["mail", "reports"])
    worker.register_birth()  # type: ignore[no-untyped-call]  # RQ has no types here
    pauses.pause_queue(Queue.objects.get(name="mail"), by=process("test"))
    take_sample()


async def test_it_tells_everything_at_once_in_the_document_s_shapes(knock_events: Knock) -> None:
    await in_thread(work)()
    client = knock_events()
    start = await client.ask()
    assert start["headers"]["content-type"].startswith("text/event-stream")
    events = [await client.hear() for _ in NAMES]
    assert tuple(event.name for event in events) == NAMES
    told = {event.name: event.data for event in events}
    assert told["overview"] == {"total_queues": 4, "total_jobs": 7, "total_workers": 1}
    assert told["jobdist"] == {"waiting": 1, "active": 1, "delayed": 2, "completed": 1, "failed": 1}
    assert told["metrics"] == {"throughput": 0, "avg_duration": None, "retries": 0, "failures": 0}
    assert told["queues"][:2] == [
        {"name": "mail", "paused": True, "waiting": 1, "active": 1, "delayed": 2, "failed": 0, "completed": 0},
        {"name": "media/α", "paused": False, "waiting": 0, "active": 0, "delayed": 0, "failed": 1, "completed": 1},
    ]
    (worker,) = told["workers"]
    assert worker.keys() == {"id", "queue", "concurrency", "heartbeat"}
    assert (worker["queue"], worker["concurrency"]) == ("mail, reports", 1)
    assert worker["heartbeat"].endswith("Z")
    assert [job["state"] for job in told["latest_jobs"]].count("delayed") == 2
    assert {"id": "nightly <1>\n", "queue": "media/α", "state": "completed", "time": "2025-01-15T12:00:00Z"} in told[
        "latest_jobs"
    ]
    assert told["latest_queues"] == [
        {"name": "mail", "time": "2025-01-15T12:00:00Z"},
        {"name": "media/α", "time": "2025-01-15T12:00:00Z"},
    ]
    assert client.reader.retry_ms == asgi.RETRY_MS
    await client.leave()


async def test_its_numbers_are_those_of_the_pages_and_of_surface_1(knock_events: Knock, watcher: User) -> None:
    await in_thread(work)()
    told = await (await knock_events().come_in()).hear_all()

    def look() -> None:
        browser = Browser(headers={"Authorization": bearer(watcher)})
        answer = browser.get(f"{BASE}/queues", headers={"Accept": "application/json"})
        shown = {queue["name"]: queue for queue in answer.json()}
        assert [queue["name"] for queue in told["queues"]] == list(shown)
        for queue in told["queues"]:
            for key in ("waiting", "active", "delayed", "completed", "failed"):
                assert queue[key] == shown[queue["name"]][key], (queue, key)
        counts = browser.get(f"{BASE}/api/tasks/counts").json()
        assert told["overview"]["total_jobs"] == counts["total"]
        assert told["jobdist"]["failed"] == counts["counts"]["Failed"]
        assert told["jobdist"]["completed"] == counts["counts"]["Completed"]
        assert told["jobdist"]["active"] == counts["counts"]["InProgress"]
        assert told["jobdist"]["waiting"] == counts["counts"]["Queued"]
        assert (
            told["overview"]["total_jobs"]
            == browser.get(f"{BASE}/api/dashboard/overview?range=All").json()["totalTasks"]
        )
        assert told["overview"]["total_workers"] == len(browser.get("/api/v1/monitoring/workers").json()["workers"])
        newest = browser.get(f"{BASE}/metrics/history?limit=1").json()["history"][0]
        assert told["metrics"] == {key: newest[key] for key in told["metrics"]}
        assert told["overview"]["total_queues"] == newest["total_queues"]
        assert told["jobdist"] == {key: newest[key] for key in told["jobdist"]}
        assert sum(statistics.counts_by_status().values()) == told["overview"]["total_jobs"]

    await in_thread(look)()


async def test_it_tells_what_changed_at_once_and_then_once_a_second(knock_events: Knock) -> None:
    client = await knock_events().come_in()
    first = await client.hear_all()
    assert first["overview"]["total_jobs"] == 0
    first_id = int(client.reader.last_id or 0)
    await asyncio.sleep(broadcast.PAUSE_SECONDS)
    broker.enqueue("tests.jobs.echo")
    began = time.monotonic()
    await in_thread(record)()
    event = await client.hear()
    assert time.monotonic() - began < 0.8  # at once, not with the next look in silence
    assert (event.name, event.data["total_jobs"]) == ("overview", 1)
    names = [event.name]
    for _ in range(3):
        broker.enqueue("tests.jobs.echo")
        await in_thread(record)()
    while event.name != "overview" or event.data["total_jobs"] < 4:
        event = await client.hear()
        names.append(event.name)
    assert time.monotonic() - began >= broadcast.PAUSE_SECONDS * 0.9
    assert names.count("overview") == 2  # the three came in one batch
    assert "metrics" not in names  # what did not change is not told again
    await client.hear()
    assert int(client.reader.last_id) > first_id


async def test_it_tells_what_makes_no_noise_too(knock_events: Knock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "SILENCE_SECONDS", 1.5)
    client = await knock_events().come_in()
    await client.hear_all()
    worker = broker.worker(["mail"])
    await in_thread(worker.register_birth)()
    told = {event.name: event.data for event in [await client.hear() for _ in range(3)]}
    assert (told["overview"]["total_workers"], told["workers"][0]["queue"]) == (1, "mail")


async def test_it_shows_a_sign_of_life(knock_events: Knock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asgi.HEARTBEAT_SECONDS < 15
    monkeypatch.setattr(asgi, "HEARTBEAT_SECONDS", 0.2)
    client = await knock_events().come_in()
    await client.hear_all()
    for _ in range(2):
        part = await client.receive_output(timeout=1)
        assert part["body"].startswith(b":")
        assert part["body"].endswith(b"\n\n")


async def test_many_clients_cost_one_look(knock_events: Knock, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    take = snapshots.take

    def counted() -> snapshots.Snapshot:
        looks.append(time.monotonic())
        return take()

    monkeypatch.setattr(snapshots, "take", counted)
    clients = [await knock_events().come_in() for _ in range(20)]
    for client in clients:
        await client.hear_all()
    assert len(looks) <= 3
    for client in clients:
        await client.leave()
    await asyncio.sleep(broadcast.PAUSE_SECONDS + 0.2)
    seen = len(looks)
    await asyncio.sleep(broadcast.PAUSE_SECONDS + 0.2)
    assert len(looks) == seen  # nobody listens, nobody looks


async def test_a_look_costs_the_same_however_many_tasks(django_assert_max_num_queries: Any) -> None:
    def look() -> None:
        for number in range(25):
            make_task(queue=f"queue {number}")
        with django_assert_max_num_queries(6):
            snapshot = snapshots.take()
        assert set(snapshot.events) == set(NAMES)

    await in_thread(look)()


async def test_a_seat_holds_the_newest_only() -> None:
    seat = broadcast.Seat()
    for number in range(1_000):
        seat.put(snapshots.Snapshot(number=number, events={}))
    newest = await seat.take(1)
    assert newest is not None
    assert newest.number == 999
    assert await seat.take(0.01) is None


async def test_it_is_told_that_redis_is_away(knock_events: Knock, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise broker.BrokerError("gone")

    await in_thread(partial(make_task, queue="mail"))()
    monkeypatch.setattr("monitoring.moments.look", away)
    told = await (await knock_events().come_in()).hear_all()
    assert told["overview"] == {"total_queues": 1, "total_jobs": 1, "total_workers": None}
    assert told["workers"] == []


# --- Who may listen -----------------------------------------------------------------------------------------------


async def test_a_session_and_a_token_are_let_in(watcher: User, knock_events: Knock) -> None:
    browser = Browser()
    await in_thread(browser.force_login)(watcher)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    for client in (Client(cookie=cookie), Client(query=f"access_token={token_of(watcher)}"), knock_events()):
        assert (await client.ask())["status"] == 200
        await client.leave()


async def test_others_are_answered_as_by_the_pages(watcher: User) -> None:
    stranger = await in_thread(cast)("stranger")
    start = await Client().answer()
    assert (start["status"], start["headers"]["location"]) == (302, f"{BASE}/login?next={PATH}")
    for client in (Client(authorization="Bearer nonsense"), Client(query="access_token=nonsense")):
        start = await client.answer()
        assert (start["status"], start["headers"]["www-authenticate"]) == (401, "Bearer")
    assert (await Client(authorization=bearer(stranger)).answer())["status"] == 403
    good = bearer(watcher)
    assert (await Client(authorization=good, origin="https://elsewhere.example").answer())["status"] == 403
    assert (await Client(authorization=good, sec_fetch_site="cross-site").answer())["status"] == 403
    assert (await Client(authorization=good, origin="http://testserver").ask())["status"] == 200
    assert (await Client(authorization=good, method="POST").answer())["status"] == 405
    start = await Client(authorization=good, method="HEAD").answer()
    assert (start["status"], start["headers"]["content-type"].split(";")[0]) == (200, "text/event-stream")
    assert (await Client(authorization=good, path=f"{PATH}/more").answer())["status"] == 404


@pytest.mark.parametrize("query", ["id=%00", "access_token=%00", "id=x&access_token=", "%ff=%fe", "a" * 3_000])
async def test_it_survives_nonsense(query: str) -> None:
    assert (await Client(query=query, cookie="sessionid=\x01;;=", last_event_id="%00").answer())["status"] in (302, 401)


async def test_an_unknown_host_is_refused(watcher: User) -> None:
    client = Client(authorization=bearer(watcher))
    client.scope["headers"][0] = (b"host", b"evil.example")
    assert (await client.answer())["status"] == 400


async def test_it_ends_with_the_login(watcher: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "RECHECK_SECONDS", 0.3)
    browser = Browser()
    await in_thread(browser.force_login)(watcher)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"
    client = await Client(cookie=cookie).come_in()
    await client.hear_all()
    await in_thread(browser.logout)()
    await client.see_the_end()
    short = await Client(query=f"access_token={token_of(watcher, timedelta(seconds=2))}").come_in()
    await short.see_the_end()
    client = await Client(authorization=bearer(watcher)).come_in()
    await in_thread(User.objects.filter(pk=watcher.pk).update)(is_active=False)
    await client.see_the_end()
    await in_thread(User.objects.filter(pk=watcher.pk).update)(is_active=True)
    client = await Client(authorization=bearer(watcher)).come_in()
    await in_thread(User.objects.filter(pk=watcher.pk).update)(password="another one")
    await client.see_the_end()


async def test_it_changes_nothing(knock_events: Knock) -> None:
    await in_thread(work)()
    redis = broker.connection()

    def state() -> Any:
        keys = sorted(redis.keys("rq:*"))
        return [redis.dump(key) for key in keys], list(Task.objects.values_list()), MetricSample.objects.count()

    before = await in_thread(state)()
    client = await knock_events().come_in()
    await client.hear_all()
    await client.leave()
    assert await in_thread(state)() == before
