"""Why is it not running? What a waiting task's page says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rq
from django.test import Client
from rq.worker import WorkerStatus

from monitoring import broker, pauses
from monitoring.models import Queue, Task
from monitoring.recorder import Recorder
from monitoring.statuses import Status
from monitoring.waiting import Wait, wait_of
from tests.factories import make_run, make_task
from tests.pausing import OPERATOR, register
from tests.reading_pages import page

pytestmark = pytest.mark.django_db


def recorded(job_id: str) -> Task:
    recorder = Recorder()
    recorder.start()
    recorder.drain()
    return Task.objects.get(job_id=job_id)


def enqueued(**options: Any) -> Task:
    return recorded(broker.enqueue("tests.jobs.echo", **options))


def worker(name: str = "deck-1", *, state: WorkerStatus = WorkerStatus.IDLE) -> None:
    register(name, "default").set_state(state)


def why(task: Task, *dependencies: Task) -> Wait:
    wait = wait_of(task, [(needed.pk, needed) for needed in dependencies])
    assert wait
    return wait


def sentences(task: Task, *dependencies: Task) -> list[str]:
    return [reason.what for reason in why(task, *dependencies).reasons]


def test_it_says_nothing_of_tasks_that_do_not_wait() -> None:
    for status in (Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED):
        assert wait_of(make_task(status=status)) is None


def test_it_tells_the_place_in_line_and_that_nobody_listens() -> None:
    first, second = enqueued(), enqueued()
    assert sentences(first) == ["It is the first in line.", "No worker listens to its queue."]
    assert sentences(second)[0] == "It is number 2 in line: 1 comes before it."
    assert why(second).unknown == "Not before that has changed."


def test_it_expects_the_first_in_line_at_once_when_a_worker_is_free() -> None:
    worker()
    wait = why(enqueued())
    assert [reason.what for reason in wait.reasons] == ["It is the first in line."]
    assert wait.expected_at
    assert abs((wait.expected_at - datetime.now(UTC)).total_seconds()) < 5


def test_it_expects_the_others_by_the_measured_pace() -> None:
    worker(state=WorkerStatus.BUSY)
    tasks = [enqueued() for _ in range(5)]
    wait = why(tasks[4])
    assert [reason.what for reason in wait.reasons][1] == "The one worker that listens is busy."
    assert (wait.expected_at, wait.unknown) == (None, "No task of the queue ended in the last hour to measure by.")
    for _ in range(20):
        make_run(make_task().id, ended_at=datetime.now(UTC) - timedelta(minutes=3))
    wait = why(tasks[4])
    assert wait.expected_at
    assert (wait.expected_at - datetime.now(UTC)).total_seconds() == pytest.approx(150, abs=5)
    worker("deck-2", state=WorkerStatus.BUSY)
    assert sentences(tasks[4])[1] == "All 2 workers that listen are busy."


def test_it_names_who_paused_the_queue_why_and_until_when() -> None:
    worker()
    task = enqueued()
    queue = Queue.objects.get(name="default")
    pauses.pause_queue(queue, by=OPERATOR, reason="moving house", seconds=600)
    wait = why(task)
    paused = wait.reasons[1]
    assert paused.what == "The queue default was paused by oscar (moving house) until"
    assert wait.expected_at == paused.at
    pauses.resume_queue(queue, by=OPERATOR)
    pauses.pause_queue(queue, by=OPERATOR)
    wait = why(task)
    assert wait.reasons[1].what == "The queue default was paused by oscar until somebody resumes it."
    assert wait.expected_at is None


def test_it_tells_for_when_it_is_scheduled() -> None:
    task = enqueued(delay_seconds=3600)
    worker()
    (reason,) = why(task).reasons
    assert (reason.what, reason.at) == ("It is scheduled for", task.scheduled_for)
    assert why(task).expected_at == task.scheduled_for
    task.attempts, task.retry_count, task.max_retries = 1, 1, 3
    assert sentences(task) == ["Its last run failed: it is tried again (1 of at most 3) for"]
    broker.connection().flushdb()
    assert sentences(task) == ["Redis no longer holds the job, so no worker can take it."]


def test_it_names_what_it_depends_on() -> None:
    worker()
    needed = enqueued(delay_seconds=60)
    task = enqueued(after=[needed.job_id])
    assert task.status == Status.DEFERRED
    wait = why(task, needed)
    assert [(reason.what, reason.task) for reason in wait.reasons] == [
        ("It waits for another task, which must succeed first.", needed)
    ]
    assert wait.unknown == "That depends on others."
    needed.status = Status.FAILED
    assert sentences(task, needed) == ["It needs a task that has failed: that one must succeed first."]
    needed.status = Status.COMPLETED
    assert sentences(task, needed) == []


def test_it_names_the_rate_limit() -> None:
    worker()
    limit = rq.RateLimit("mail/hour", concurrency=1)
    jobs = [broker.queue("default").enqueue("tests.jobs.echo", rate_limit=limit) for _ in range(3)]
    held_back = [sentence for job in jobs[1:] for sentence in sentences(recorded(str(job.id)))]
    # RQ orders those of one second by their ids.
    assert sorted(held_back) == [
        f"It is held back by the rate limit 'mail/hour', which lets 1 at once; {before} held back before it."
        for before in ("0 are", "1 is")
    ]


def test_it_says_what_it_knows_while_redis_is_away(settings: Any) -> None:
    task = enqueued(delay_seconds=60)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert sentences(task) == ["It is scheduled for", "Redis cannot be reached: nothing starts."]


def test_the_page_tells_it_and_only_while_it_waits(browser: Client, django_assert_max_num_queries: Any) -> None:
    task = enqueued()
    with django_assert_max_num_queries(9):
        text = page(browser, f"/tasks/{task.pk}")
    assert "Why is it not running?" in text
    assert "No worker listens to its queue." in text
    assert "Expected start: not known. Not before that has changed." in text
    assert "Why is it not running?" not in page(browser, f"/tasks/{make_task().pk}")
