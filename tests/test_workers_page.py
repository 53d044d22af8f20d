"""The workers' page: who works, on what, and the button that stops a worker after its job."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import rq
from django.contrib.auth.models import User
from django.test import Client
from rq.job import Job
from rq.worker import WorkerStatus

from audit.models import OperatorAction
from audit.trail import NotAllowedNow
from monitoring import broker
from monitoring.moments import look
from monitoring.worker_stops import stop_worker
from tests.factories import make_task
from tests.pausing import OPERATOR, living, register
from tests.reading_pages import BASE, page, rows
from tests.running import ROOT, wait_for

WORKERS = f"{BASE}/workers"


@pytest.fixture
def deck(db: None) -> rq.Worker:
    """A worker of ours that runs a task's job."""
    worker = register("deck-1", "mail", "a/b")
    worker.set_state(WorkerStatus.BUSY)
    broker.connection().sadd(worker.executions_key, f"{make_task().id}:a1")
    return worker


@pytest.fixture
def working() -> Iterator[subprocess.Popen[bytes]]:
    """A worker process with half a second of grace."""
    process = subprocess.Popen([sys.executable, "manage.py", "work", "--queue", "mail", "--grace", "0.5"], cwd=ROOT)
    try:
        assert wait_for(lambda: bool(living()), 30)
        yield process
    finally:
        process.kill()
        process.wait()


def status_of(job_id: str) -> str:
    return str(Job.fetch(job_id, connection=broker.connection(), serializer="json").get_status().value)


def start_task(seconds: float) -> str:
    job_id = broker.enqueue("tests.jobs.sleep", args=[seconds], queue_name="mail")
    assert wait_for(lambda: status_of(job_id) == "started", 20)
    return job_id


def test_it_shows_every_worker(browser: Client, deck: rq.Worker) -> None:
    register("plain", "mail", plain=True)
    text = page(browser, "/workers")
    shown = {row[0]: row[1:] for row in rows(text, "workers")}
    assert shown["deck-1"][:2] == ["Busy its task", "mail, a/b"]
    assert [shown[name][7] for name in ("deck-1", "plain")] == ["Honours", "Cannot"]
    assert f'href="{BASE}/queues/a~2Fb"' in text
    assert "1 worker cannot honour pauses" in text
    assert "Stop after its job" not in text, "a viewer may not"


def test_it_answers_with_the_same_as_json(browser: Client, deck: rq.Worker) -> None:
    (told,) = browser.get(WORKERS, headers={"Accept": "application/json"}).json()
    for name in ("heartbeat", "started_at"):
        assert told.pop(name).endswith("Z")
    assert told.pop("pid") > 0
    assert told.pop("host")
    assert told.pop("task_id") == told.pop("job_id")
    assert told.pop("memory_mb") > 1
    assert told == {
        "id": "deck-1", "queue": "mail,a/b", "queues": ["mail", "a/b"], "concurrency": 1, "state": "busy",
        "completed": 0, "failed": 0, "utilization_percent": 0.0, "tasks_per_minute": 0.0, "honours_pauses": True,
        "paused_queues": [],
    }  # fmt: skip


def test_it_says_that_redis_is_away(browser: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Redis cannot be reached" in page(browser, "/workers")
    assert browser.get(WORKERS, headers={"Accept": "application/json"}).status_code == 503


def test_it_says_how_to_begin(browser: Client) -> None:
    assert "python manage.py work" in page(browser, "/workers")


def test_its_queries_do_not_grow(browser: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        register(f"w{number}", "mail")
    with django_assert_max_num_queries(7):
        page(browser, "/workers")


# --- Stopping -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="as the other tests with worker processes")
@pytest.mark.django_db(transaction=True)
def test_it_stops_after_its_job_however_long_that_takes(working: subprocess.Popen[bytes]) -> None:
    desk = Client()
    desk.force_login(User.objects.create_superuser("oscar"))  # no groups: such a test leaves the tables empty
    job_id = start_task(2)
    left = broker.enqueue("tests.jobs.echo", queue_name="mail")
    (worker,) = living()
    assert desk.post(WORKERS, {"action": "stop", "name": worker.name})["Location"] == WORKERS
    text = page(desk, "/workers")
    assert f"{worker.name} takes no more jobs and stops after the one it runs." in text
    assert "stops after it" in text
    with pytest.raises(NotAllowedNow, match="was asked to stop already"):
        stop_worker(worker.name, by=OPERATOR)  # RQ would take it for "at once", and end the task
    assert working.wait(timeout=10) == 0
    assert [status_of(job_id), status_of(left)] == ["finished", "queued"], "the grace is for signals only"
    assert list(OperatorAction.objects.values_list("action", "target", "actor", "outcome")) == [
        ("worker.stop", worker.name, "oscar", "success"),
        ("worker.stop", worker.name, "oscar", "refused"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="as the other tests with worker processes")
@pytest.mark.django_db(transaction=True)
def test_a_signal_after_it_has_its_grace(working: subprocess.Popen[bytes]) -> None:
    job_id = start_task(60)
    (worker,) = living()
    stop_worker(worker.name, by=OPERATOR)
    assert wait_for(lambda: b"shutdown_requested_date" in broker.connection().hkeys(f"rq:worker:{worker.name}"), 5)
    working.send_signal(signal.SIGTERM)
    assert working.wait(timeout=10) == 0
    assert status_of(job_id) == "failed"


def test_who_does_not_hear_cannot_be_asked(deck: rq.Worker) -> None:
    for name, why in (("deck-1", "deck-1 does not hear"), ("nobody", "No living worker has the name 'nobody'")):
        with pytest.raises(NotAllowedNow, match=why):
            stop_worker(name, by=OPERATOR)
    assert not look().workers[0].is_stopping
    assert broker.connection().exists("rq:worker:nobody") == 0


@pytest.mark.parametrize("sent", [{}, {"action": "stop"}, {"action": "kill", "name": "deck-1"}])
def test_it_says_what_is_wrong_with_the_form(browser: Client, sent: dict[str, str]) -> None:
    assert browser.post(WORKERS, sent).status_code == 303
    assert "Nothing was done" in page(browser, "/workers")


@pytest.mark.parametrize("name", ["\x00", "a/b%", "☕" * 300])
def test_odd_names_are_told_that_there_is_no_such_worker(operator: User, name: str) -> None:
    desk = Client()
    desk.force_login(operator)
    assert desk.post(WORKERS, {"action": "stop", "name": name}).status_code == 303
    assert "No living worker has the name" in page(desk, "/workers")


def test_a_viewer_may_not(browser: Client, deck: rq.Worker) -> None:
    assert browser.post(WORKERS, {"action": "stop", "name": "deck-1"}).status_code == 403
    assert OperatorAction.objects.get().outcome == "refused"
