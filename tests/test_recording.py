"""What is written down of a job, and what never is: masked, bounded, never unpickled, set aside when not understood."""

from __future__ import annotations

import json
import pickle
import time
from typing import Any
from uuid import UUID

import pytest
import rq
from django.core.exceptions import ValidationError
from django.db import OperationalError
from rq.job import Job

from audit.models import StatusChange, TaskRun
from monitoring import broker, inbox, recorder, redaction
from monitoring.hooks import OUTBOX
from monitoring.models import InboxPosition, Queue, SetAsideEntry, Span, Task, TaskCount
from monitoring.statistics import counts_by_status
from monitoring.statuses import Status
from tests import jobs

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "hunter2-canary"  # what must never be seen again


def queue(**options: Any) -> rq.Queue:
    return rq.Queue("default", connection=broker.connection(), **{"serializer": "json", **options})


def work(**options: Any) -> None:
    worker = rq.SimpleWorker([queue(**options)], connection=broker.connection(), **{"serializer": "json", **options})
    worker.work(burst=True, logging_level="CRITICAL")


def record() -> int:
    diligent = recorder.Recorder()
    diligent.start()
    return diligent.drain()


def task_of(job: Job) -> Task:
    return Task.objects.get(pk=inbox.task_id_for(job.id))


def add_entry(**entry: Any) -> None:
    broker.connection().xadd(OUTBOX, {"e": json.dumps(entry)})


# --- Masking ------------------------------------------------------------------------------------------------------


def test_it_masks_secrets_before_they_reach_the_outbox() -> None:
    secrets = {"password": SECRET, "nested": [{"Api-Key": SECRET, "authorization": f"Bearer {SECRET}"}]}
    queue().enqueue("tests.jobs.echo", secrets)
    queue().enqueue("tests.jobs.echo", value={"session_key": SECRET, "url": f"redis://me:{SECRET}@host/0"})
    queue().enqueue("tests.jobs.fail", f"login failed: password={SECRET}, token: '{SECRET}'")
    queue().enqueue(jobs.connect, "ann", SECRET)  # positional: known by the parameter's name
    queue().enqueue("tests.jobs.echo", 1, meta={"quarterdeck": {"config": {"token": SECRET}}})
    queue().enqueue("tests.jobs.report_everything")
    work()
    outbox = b"".join(entry.payload for entry in inbox.read(inbox.START))
    assert SECRET.encode() not in outbox
    assert b"hidden-value" not in outbox
    record()
    for model in (Task, StatusChange, TaskRun):
        for row in model.objects.all().values():
            assert SECRET not in str(row)
    arguments = Task.objects.get(task_type="tests.jobs.connect").arguments
    assert json.loads(arguments) == {"args": ["ann", "********"], "kwargs": {}}


def test_it_keeps_what_is_no_secret() -> None:
    job = queue().enqueue("tests.jobs.fail", "InvalidTokenError: it has expired")
    work()
    record()
    task = task_of(job)
    assert "InvalidTokenError: it has expired" in task.error
    assert task.error_type == "ValueError"


# --- Odd and oversized values -------------------------------------------------------------------------------------


def test_it_cuts_a_ten_megabyte_argument() -> None:
    job = queue().enqueue("tests.jobs.echo", "x" * 10_000_000)
    record()
    arguments = json.loads(task_of(job).arguments)
    assert "characters left out" in arguments["args"][0]
    assert len(arguments["args"][0]) < 3_000


@pytest.mark.parametrize(
    "value",
    [
        "nul \x00 and \ud800 alone",
        {"\x00": "\udfff", "a" * 100_000: 1},
        [[[[[[[[[[["deep"]]]]]]]]]]],
        list(range(100_000)),
        10**400,
    ],
    ids=["text", "keys", "deep", "long", "huge"],
)
def test_it_records_odd_values_safely(value: Any) -> None:
    job = queue().enqueue("tests.jobs.echo", value)
    work()
    record()
    task = task_of(job)
    assert task.status == Status.COMPLETED
    assert len(task.arguments) < 20_000
    assert "\x00" not in task.arguments
    json.loads(task.arguments)
    json.loads(task.result or "null")


def test_it_records_values_that_json_does_not_know() -> None:
    values = (b"\x00\xff" * 50, {1, 2}, float("nan"), float("inf"), object)
    job = queue(serializer="pickle").enqueue("tests.jobs.echo", values)
    record()
    (recorded,) = json.loads(task_of(job).arguments)["args"]
    assert recorded[0] == "<100 bytes>"
    assert recorded[1] == [1, 2]
    assert recorded[2:] == ["nan", "inf", "<class 'object'>"]


def test_it_cuts_a_traceback_of_a_hundred_thousand_lines_and_keeps_its_end() -> None:
    job = queue().enqueue("tests.jobs.fail", "\n".join(f"line {number}" for number in range(100_000)))
    work()
    record()
    task = task_of(job)
    assert len(task.error) < 70_000
    assert task.error.rstrip().endswith("line 99999")
    assert task.error.startswith("Traceback")


def test_it_keeps_html_in_names_as_it_is() -> None:
    job = queue().enqueue("tests.jobs.<script>alert(1)</script>")
    record()
    assert task_of(job).task_type == "tests.jobs.<script>alert(1)</script>"


class Explosive:
    """Takes revenge on whoever unpickles it."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("the job was unpickled",))


def test_it_records_a_pickled_job_from_elsewhere_without_unpickling_it() -> None:
    job = queue(serializer="pickle").create_job("tests.jobs.echo", args=(1,))
    job.data = pickle.dumps(("tests.jobs.echo", None, (Explosive(),), {}))
    job.description = f"tests.jobs.echo({SECRET})"
    job.save()
    stored = Job.fetch(job.id, connection=broker.connection())
    queue(serializer="pickle")._enqueue_job(stored)
    record()
    task = task_of(job)
    assert task.task_type == "tests.jobs.echo"
    assert task.arguments == ""


# --- What producers and running tasks tell ------------------------------------------------------------------------


def test_it_takes_what_the_producer_says_of_its_job() -> None:
    said = {
        "task_type": "GENERATION",
        "origin_tenant_id": "t-7",
        "priority": 5,
        "config": {"model": "small"},
        "retry_of": "5e2d80c4-cbbf-48d0-96f2-af6041348ea7",
        "unknown": "ignored",
    }
    job = queue().enqueue("tests.jobs.echo", 1, meta={"quarterdeck": said, "own": 1}, retry=rq.Retry(max=4))
    record()
    task = task_of(job)
    assert (task.kind, task.origin_tenant_id, task.priority) == ("GENERATION", "t-7", 5)
    assert task.config == {"model": "small"}
    assert task.retry_of == UUID("5e2d80c4-cbbf-48d0-96f2-af6041348ea7")
    assert task.max_retries == 4


@pytest.mark.parametrize("said", [{"priority": "high", "config": 3, "retry_of": "x", "kind": ["a"]}, [1], "text", {}])
def test_it_survives_nonsense_from_producers(said: Any) -> None:
    job = queue().enqueue("tests.jobs.echo", 1, meta={"quarterdeck": said})
    record()
    assert task_of(job).status == Status.QUEUED


def test_it_takes_what_a_running_task_reports() -> None:
    job = queue().enqueue("tests.jobs.report_everything")
    work()
    record()
    task = task_of(job)
    assert task.output == "first line\nsecond line\n"
    assert task.media == [{"url": "out/a.png", "media_type": "image", "name": None}]
    assert task.service_requests == [{"service": "mailer", "status": 200, "api_key": "********"}]
    assert (task.progress, task.progress_message) == (100, "halfway")


def test_it_keeps_reports_over_several_batches() -> None:
    job = queue().enqueue("tests.jobs.report_everything")
    work()
    slow = recorder.Recorder()
    slow.start()
    while slow.record_next(limit=1):
        pass
    task = task_of(job)
    assert task.output == "first line\nsecond line\n"
    assert task.media is not None
    assert task.result == '"done"'


def test_reporting_outside_a_job_does_nothing() -> None:
    from monitoring import reporting

    reporting.report_progress(50)
    assert inbox.length() == 0


# --- Entries that are not understood ------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["finished", "failed"])
def test_a_run_that_the_clock_was_set_back_in_is_recorded_and_timed_by_redis(word: str) -> None:
    run: list[dict[str, Any]] = [{"s": "queued"}, {"s": "started"}, {"s": word, "ms": -29_950.0}]
    for number, report in enumerate(run):
        entry = {"id": "a", "q": "default", "f": "tests.jobs.echo", **report}
        broker.connection().xadd(OUTBOX, {"e": json.dumps(entry)}, id=f"{1_700_000_000_000 + 40 * number}-0")
    record()
    task = Task.objects.get(job_id="a")
    assert task.status in (Status.COMPLETED, Status.FAILED)
    assert task.duration_ms == 40.0
    assert not SetAsideEntry.objects.exists()


NONSENSE: list[dict[Any, Any]] = [
    {"e": b"\xff\xfe not json"},
    {"e": "[" * 100_000},
    {"e": "17"},
    {"e": '{"id": "a", "s": "exploded"}'},
    {"e": '{"id": "", "s": "queued"}'},
    {"e": '{"id": ["a"], "s": "queued"}'},
    {"e": '{"id": "a", "s": "started", "ms": "long"}'},
    {"e": '{"id": "a", "s": "finished", "ms": -1e300}'},
    {"e": '{"id": "a", "s": "scheduled", "at": 1e300}'},
    {"e": '{"id": "a", "s": "queued", "d": []  , "t": [1]}'},
    {"other": "field"},
]


def test_it_sets_aside_what_it_cannot_understand_and_goes_on() -> None:
    first = queue().enqueue("tests.jobs.echo", 1)
    for fields in NONSENSE:
        broker.connection().xadd(OUTBOX, fields)
    last = queue().enqueue("tests.jobs.echo", 2)
    assert record() == len(NONSENSE) + 2
    assert task_of(first).status == task_of(last).status == Status.QUEUED
    assert SetAsideEntry.objects.count() == len(NONSENSE)
    assert all(entry.reason for entry in SetAsideEntry.objects.all())
    assert InboxPosition.objects.get().set_aside == len(NONSENSE)


def test_it_finds_the_one_entry_that_it_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    enqueued = [queue().enqueue("tests.jobs.echo", number) for number in range(20)]
    original = recorder.write_tasks

    def picky(batch: Any) -> None:
        if inbox.task_id_for(enqueued[13].id) in batch.tasks:
            raise ValidationError("the database refuses this row")
        original(batch)

    monkeypatch.setattr(recorder, "write_tasks", picky)
    assert record() == 20
    assert Task.objects.count() == 19
    entry = SetAsideEntry.objects.get()
    assert enqueued[13].id in entry.payload
    assert "the database refuses this row" in entry.reason


def test_it_ignores_reports_of_tasks_it_knows_nothing_of() -> None:
    add_entry(id="never-seen", s="reported", t={"progress": 5})
    add_entry(id="never-seen", s="deleted")
    assert record() == 2
    assert not Task.objects.exists()
    assert not SetAsideEntry.objects.exists()


def test_it_accepts_a_task_first_seen_in_the_middle_of_its_life() -> None:
    add_entry(id="half-seen", s="finished", q="mail", f="a.b", ms=12.5)
    record()
    task = Task.objects.get()
    assert (task.status, task.queue, task.task_type, task.duration_ms) == ("COMPLETED", "mail", "a.b", 12.5)
    assert TaskRun.objects.get().status == "COMPLETED"


def test_it_records_odd_transitions_without_arguing() -> None:
    for word in ("finished", "queued", "canceled", "started", "scheduled", "finished", "failed"):
        add_entry(id="odd", s=word, q="q", f="f")
    record()
    assert list(StatusChange.objects.order_by("id").values_list("new_status", flat=True)) == [
        "COMPLETED", "QUEUED", "CANCELLED", "RUNNING", "SCHEDULED", "COMPLETED", "FAILED",
    ]  # fmt: skip


# --- Counting while writing ---------------------------------------------------------------------------------------


def test_it_counts_every_task_once_by_status() -> None:
    for number in range(7):
        queue().enqueue("tests.jobs.echo", number)
    queue().enqueue("tests.jobs.fail")
    record()
    assert counts_by_status()[Status.QUEUED] == 8
    work()
    record()
    counts = counts_by_status()
    assert (counts[Status.QUEUED], counts[Status.COMPLETED], counts[Status.FAILED]) == (0, 7, 1)
    assert set(counts) == set(Status)
    assert sum(cell.count for cell in TaskCount.objects.filter(span=Span.HOUR)) == Task.objects.count() == 8


def test_it_remembers_every_queue() -> None:
    for name in ("mail", "a/b %", "mail"):
        rq.Queue(name, connection=broker.connection(), serializer="json").enqueue("tests.jobs.echo")
    record()
    assert [known.name for known in Queue.objects.all()] == ["a/b %", "mail"]


# --- Several recorders, and a database that goes away -------------------------------------------------------------


def test_it_goes_on_from_where_a_faster_recorder_is() -> None:
    queue().enqueue("tests.jobs.echo", 1)
    slow = recorder.Recorder()
    slow.start()
    entries = inbox.read(slow.position)
    assert record() == 1
    assert slow._record(entries, after=slow.position) == 0
    queue().enqueue("tests.jobs.echo", 2)
    assert slow.drain() == 1
    assert Task.objects.count() == StatusChange.objects.count() == 2


def test_it_tries_a_batch_again_when_the_database_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    queue().enqueue("tests.jobs.echo", 1)

    def away(batch: Any) -> None:
        raise OperationalError("the database went away")

    monkeypatch.setattr(recorder, "write_changes", away)
    with pytest.raises(OperationalError):
        record()
    monkeypatch.undo()
    assert not Task.objects.exists()
    assert record() == 1
    assert not SetAsideEntry.objects.exists()


# --- How long masking takes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["token" * 40_000, "a" * 200_000, "token " * 30_000, "a://" * 50_000, "x://" + "a" * 200_000, " " * 200_000]
)
def test_masking_takes_a_time_that_grows_with_the_text_and_not_with_its_square(text: str) -> None:
    began = time.perf_counter()
    redaction.without_secrets(text)
    assert time.perf_counter() - began < 2


def test_it_masks_in_texts_of_contexts_too_and_cuts_nothing() -> None:
    long = "a" * 10_000
    told = {"note": f"password={SECRET} {long}", "list": [f"redis://me:{SECRET}@host/0"], "number": 3}
    masked = redaction.without_secrets(told)
    assert masked == {"note": f"password=******** {long}", "list": ["redis://me:********@host/0"], "number": 3}
