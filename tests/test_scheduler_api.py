"""The scheduler API: jobs, their executions, the figures and the truth table."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from audit.models import OperatorAction
from monitoring import broker
from monitoring.models import Task
from monitoring.statuses import Status
from scheduler.models import FireState, ScheduledFire, ScheduledJob
from scheduler.planning import execution_id
from scheduler.scheduler_api.vocabulary import length
from tests.cast import client_of
from tests.factories import make_task
from tests.scheduler_api import BASE, DEFINITION, ask
from tests.scheduling import MINUTE, dispatch, make_job, queued, record, work

pytestmark = pytest.mark.django_db
AUTHENTICATION = 3
"""Queries that find the user and the two sources of permissions."""


@pytest.fixture
def as_admin(admin: User) -> Client:
    return client_of(admin)


@pytest.fixture
def as_operator(operator: User) -> Client:
    return client_of(operator)


def make_execution(job: ScheduledJob, at: datetime, status: Status, **fields: Any) -> ScheduledFire:
    """An execution that ran for ten seconds, or waits, or runs."""
    task_id = uuid4()
    is_over = status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
    started = at if status != Status.QUEUED else None
    ended = at + timedelta(seconds=10) if is_over else None
    make_task(
        id=task_id, status=status, scheduled_job=job, created_at=at, started_at=started, completed_at=ended, **fields
    )
    return ScheduledFire.objects.create(
        job=job,
        due_at=at,
        run_at=at,
        state=FireState.STARTED,
        task_id=task_id,
        enqueued_at=at,
        started_at=started if is_over else None,
        over_at=ended,
        status=status if is_over else "",
    )


# --- Jobs ---------------------------------------------------------------------------------------------------------


def test_a_job_lives_from_its_creation_to_its_deletion(as_admin: Client) -> None:
    made = ask(as_admin, "post", "jobs", DEFINITION, 201)
    assert (made["scheduleType"], made["createdBy"], made["runCount"], made["problem"]) == ("Interval", "ada", 0, None)
    path = f"jobs/{made['id']}"
    assert ask(as_admin, "get", path) == made
    changed = ask(as_admin, "patch", path, {"cron": "30 2 * * *", "timezone": "Europe/Berlin"})
    assert (changed["scheduleType"], changed["intervalSeconds"], changed["name"]) == ("Cron", None, "report")
    replaced = ask(as_admin, "put", path, {**DEFINITION, "scheduleType": "Interval", "cron": "ignored", "tags": ["a"]})
    assert (replaced["cron"], replaced["timezone"], replaced["tags"]) == (None, "UTC", ["a"])
    assert ask(as_admin, "get", "jobs", search="EPO")["totalCount"] == 1
    ask(as_admin, "delete", path, None, 204)
    ask(as_admin, "get", path, None, 404)
    actions = OperatorAction.objects.order_by("number").values_list("action", "outcome", "target", "source")
    names = ["repeatable.create", "repeatable.update", "repeatable.update", "repeatable.remove"]
    assert list(actions) == [(name, "success", made["id"], "scheduler.api") for name in names]


def test_it_pauses_and_resumes(as_operator: Client) -> None:
    path = f"jobs/{make_job(datetime.now(UTC)).uuid}"
    paused = ask(as_operator, "post", f"{path}/pause")
    assert (paused["isPaused"], paused["nextRunAt"]) == (True, None)
    assert ask(as_operator, "post", f"{path}/pause", None, 409)["detail"] == "The job is paused already."
    assert ask(as_operator, "post", f"{path}/resume")["nextRunAt"] is not None
    ask(as_operator, "post", f"{path}/resume", None, 409)


def test_names_are_unique(as_admin: Client) -> None:
    ask(as_admin, "post", "jobs", DEFINITION, 201)
    assert "already" in ask(as_admin, "post", "jobs", DEFINITION, 409)["detail"]
    other = ask(as_admin, "post", "jobs", {**DEFINITION, "name": "other"}, 201)
    ask(as_admin, "patch", f"jobs/{other['id']}", {"name": "report"}, 409)


def test_secrets_in_arguments_are_masked_and_survive_an_edit(as_admin: Client) -> None:
    secret = {"value": {"password": "hunter2"}}
    made = ask(as_admin, "post", "jobs", {**DEFINITION, "kwargs": secret}, 201)
    assert made["kwargs"] == {"value": {"password": "********"}}
    ask(as_admin, "put", f"jobs/{made['id']}", {**DEFINITION, "kwargs": made["kwargs"], "description": "new"})
    assert ScheduledJob.objects.get().kwargs == secret


def test_it_shows_the_next_fires_on_a_clock_that_is_put_forward(api: Client) -> None:
    body = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "startAt": "2027-03-27T00:00:00Z", "count": 3}
    shown = ask(api, "post", "jobs/preview", body)
    assert shown["words"] == "At 02:30 AM (Europe/Berlin)"
    assert [fire["localTime"] for fire in shown["upcoming"]] == [
        "2027-03-27T02:30:00+01:00",
        "2027-03-28T03:00:00+02:00",
        "2027-03-29T02:30:00+02:00",
    ]
    assert not ScheduledJob.objects.exists()


def test_it_looks_ahead_for_a_job(api: Client) -> None:
    job = make_job(datetime.now(UTC), max_runs=5, jitter_seconds=30)
    ahead = ask(api, "get", f"jobs/{job.uuid}/upcoming", count=100)
    assert len(ahead["upcoming"]) == 5
    assert all(fire["dueAt"] <= fire["runAt"] for fire in ahead["upcoming"])


def test_it_tells_of_a_handler_that_is_gone(api: Client) -> None:
    job = make_job(datetime.now(UTC), handler="demo.gone@1.0.0")
    assert "There is no handler 'demo.gone@1.0.0'" in ask(api, "get", f"jobs/{job.uuid}")["problem"]


def test_it_lists_jobs_that_fail_again_and_again(api: Client) -> None:
    for failures in (2, 3, 5):
        make_job(name=f"{failures} times", consecutive_failures=failures)
    assert [job["name"] for job in ask(api, "get", "jobs/failed")] == ["5 times", "3 times"]
    assert len(ask(api, "get", "jobs/failed", threshold=2)) == 3


# --- Executions ---------------------------------------------------------------------------------------------------


def test_a_job_that_is_triggered_is_pending_at_once_and_succeeds(as_operator: Client) -> None:
    job = make_job(is_paused=True)
    execution = ask(as_operator, "post", f"jobs/{job.uuid}/trigger", None, 202)
    pending = ask(as_operator, "get", f"executions/{execution}")
    assert (pending["status"], pending["startedAt"], pending["triggeredBy"]) == ("Pending", None, "oscar")
    work()
    record()
    done = ask(as_operator, "get", f"executions/{execution}")
    assert (done["status"], done["output"], done["jobId"]) == ("Succeeded", "1", str(job.uuid))
    assert done["duration"].startswith("00:00:0")
    job.refresh_from_db()
    assert (job.run_count, job.last_status) == (0, "COMPLETED")


def test_a_failed_execution_is_retried_with_its_arguments(as_operator: Client) -> None:
    job = make_job(handler="demo.fail_with", kwargs={"message": "no"})
    first = ask(as_operator, "post", f"jobs/{job.uuid}/trigger", None, 202)
    work()
    record()
    failed = ask(as_operator, "get", f"executions/{first}")
    assert failed["status"] == "Failed"
    assert failed["errorMessage"].strip().endswith("RuntimeError: no")
    job.refresh_from_db()
    assert job.consecutive_failures == 1
    ScheduledJob.objects.update(kwargs={"message": "edited"}, updated_at=datetime.now(UTC))
    again = ask(as_operator, "post", f"executions/{first}/retry", None, 202)
    work()
    record()
    retried = ask(as_operator, "get", f"executions/{again}")
    assert (retried["retryParentId"], retried["jobId"]) == (first, str(job.uuid))
    assert retried["errorMessage"].strip().endswith("RuntimeError: no")
    assert Task.objects.get(pk=again).retry_of == Task.objects.get(pk=first).pk
    job.refresh_from_db()
    assert job.consecutive_failures == 2


def test_only_failed_executions_are_retried(as_operator: Client) -> None:
    job = make_job()
    for status in (Status.COMPLETED, Status.RUNNING, Status.QUEUED, Status.CANCELLED):
        fire = make_execution(job, datetime.now(UTC), status)
        refused = ask(as_operator, "post", f"executions/{fire.task_id}/retry", None, 400)
        assert refused["detail"].startswith("Only a failed execution")
    for unknown in (uuid4(), "x", make_task().id):
        ask(as_operator, "post", f"executions/{unknown}/retry", None, 400)
    assert set(OperatorAction.objects.values_list("action", "outcome")) == {("execution.retry", "refused")}


def test_a_pending_execution_that_is_cancelled_never_starts(as_operator: Client) -> None:
    job = make_job()
    execution = ask(as_operator, "post", f"jobs/{job.uuid}/trigger", None, 202)
    record()
    cancelled = ask(as_operator, "post", f"executions/{execution}/cancel")
    assert cancelled["status"] == "Cancelled"
    assert cancelled["cancelRequestedAt"] is not None
    record()
    ask(as_operator, "post", f"executions/{execution}/cancel", None, 409)
    work()
    record()
    assert ask(as_operator, "get", f"executions/{execution}")["status"] == "Cancelled"
    job.refresh_from_db()
    assert (job.consecutive_failures, job.last_status) == (0, "CANCELLED")


def test_one_that_the_recorder_has_not_seen_is_cancelled_too(as_operator: Client) -> None:
    execution = ask(as_operator, "post", f"jobs/{make_job().uuid}/trigger", None, 202)
    assert ask(as_operator, "post", f"executions/{execution}/cancel")["cancelRequestedAt"] is not None
    assert queued() == []


def test_one_that_redis_has_not_got_yet_is_cancelled_before(
    as_operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:

    def away(starts: Any) -> Any:
        raise broker.BrokerError("away")

    monkeypatch.setattr("scheduler.starting.starts.start_once", away)
    execution = ask(as_operator, "post", f"jobs/{make_job().uuid}/trigger", None, 202)
    monkeypatch.undo()
    assert ask(as_operator, "post", f"executions/{execution}/cancel")["status"] == "Cancelled"
    ask(as_operator, "post", f"executions/{execution}/cancel", None, 409)
    dispatch(datetime.now(UTC) + MINUTE)
    assert str(execution) not in queued()


def test_one_that_is_over_cannot_be_cancelled(as_operator: Client) -> None:
    fire = make_execution(make_job(), datetime.now(UTC), Status.COMPLETED)
    ask(as_operator, "post", f"executions/{fire.task_id}/cancel", None, 409)
    ask(as_operator, "post", f"executions/{uuid4()}/cancel", None, 404)


def test_it_pages_and_filters_executions(api: Client) -> None:
    job, other, now = make_job(), make_job(), datetime.now(UTC)
    kinds = [Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.RUNNING, Status.QUEUED]
    fires = [make_execution(job, now - number * MINUTE, kind) for number, kind in enumerate(kinds)]
    make_execution(other, now, Status.COMPLETED)
    path = f"jobs/{job.uuid}/executions"
    page = ask(api, "get", path, pageSize=2)
    assert [item["id"] for item in page["items"]] == [str(fire.task_id) for fire in fires[:2]]
    assert (page["totalCount"], page["pageNumber"], page["pageSize"], page["totalPages"]) == (5, 1, 2, 3)
    assert ask(api, "get", path, pageSize=1_000_000)["pageSize"] == 100
    assert ask(api, "get", path, pageNumber=999)["items"] == []
    for word, fire in zip(("succeeded", "Failed", "CANCELLED", "Running", "Pending"), fires, strict=True):
        assert [item["id"] for item in ask(api, "get", path, status=word)["items"]] == [str(fire.task_id)]
    since = (now - 2 * MINUTE).isoformat()
    assert ask(api, "get", path, fromDate=since)["totalCount"] == 3
    assert ask(api, "get", path, fromDate=since, toDate=since)["totalCount"] == 1
    assert ask(api, "get", "executions")["totalCount"] == 6


def test_it_tells_lengths_as_net_does() -> None:
    assert length(timedelta(seconds=4.9)) == "00:00:04.900"
    assert length(timedelta(days=1, hours=2, minutes=3, seconds=4.5674)) == "1.02:03:04.567"
    assert length(timedelta(milliseconds=999.9)) == "00:00:01.000"


# --- Figures ------------------------------------------------------------------------------------------------------


def test_it_counts_jobs_and_executions(api: Client) -> None:
    now = datetime.now(UTC)
    assert ask(api, "get", "dashboard/stats")["successRate"] == 100
    job = make_job(now, interval_seconds=3600)
    make_job(now, cron="0 0 1 1 *")
    make_job(now, is_enabled=False)
    for number, status in enumerate([Status.COMPLETED, Status.COMPLETED, Status.FAILED, Status.CANCELLED]):
        make_execution(job, now - number * MINUTE, status)
    make_execution(job, now - timedelta(hours=25), Status.FAILED)
    assert ask(api, "get", "dashboard/stats") == {
        "totalJobs": 3,
        "enabledJobs": 2,
        "successRate": 66.7,
        "upcomingExecutions": 24,
        "recentFailures": 1,
    }


def test_what_lies_ahead_is_counted_to_ten_thousand(api: Client) -> None:
    for _ in range(3):
        make_job(datetime.now(UTC), interval_seconds=1)
    started = time.monotonic()
    assert ask(api, "get", "dashboard/stats")["upcomingExecutions"] == 10_000
    assert time.monotonic() - started < 2


def test_it_shows_executions_over_time(api: Client) -> None:
    job, hour = make_job(), datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    make_execution(job, hour - timedelta(minutes=30), Status.COMPLETED)
    make_execution(job, hour - timedelta(seconds=5), Status.FAILED)  # over in the hour after
    make_execution(job, hour - timedelta(hours=2, minutes=1), Status.RUNNING)
    points = ask(api, "get", "executions/timeline", hours=4)
    assert [point["timestamp"] for point in points] == [
        (hour - timedelta(hours=number)).strftime("%Y-%m-%dT%H:00:00Z") for number in (3, 2, 1, 0)
    ]
    assert [(point["succeeded"], point["failed"], point["running"]) for point in points] == [
        (0, 0, 1),
        (0, 0, 1),
        (1, 0, 2),
        (0, 1, 1),
    ]
    assert len(ask(api, "get", "executions/timeline", hours=720)) == 720


def test_it_compares_the_plan_with_the_deed(api: Client) -> None:
    now = datetime.now(UTC)
    job = make_job(now - 10 * MINUTE, misfire_policy="skip", misfire_grace_seconds=100)
    dispatch(now - 4 * MINUTE)
    shown = ask(api, "get", f"jobs/{job.uuid}/fires")
    verdicts = [(line["verdict"], line["count"]) for line in shown["items"]]
    assert verdicts[:3] == [("Overdue", 1)] * 3
    assert ("Overlapped", 1) in verdicts
    assert verdicts[-1] == ("Skipped", 4)
    late = next(line for line in shown["items"] if line["verdict"] == "Late")
    assert late["execution"]["id"] == str(execution_id(job, now - 5 * MINUTE))
    assert late["latenessMs"] > 100_000
    assert shown["lastDay"]["Skipped"] == 4
    assert [line["verdict"] for line in ask(api, "get", f"jobs/{job.uuid}/fires", verdict="late")["items"]] == ["Late"]


# --- What it costs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("jobs", 2),
        ("jobs/failed?threshold=1", 1),
        ("jobs/{job}", 1),
        ("jobs/{job}/upcoming", 1),
        ("jobs/{job}/fires", 5),
        ("jobs/{job}/executions", 3),
        ("executions", 2),
        ("executions?status=pending&fromDate=2025-01-01", 1),
        ("executions/{execution}", 1),
        ("executions/timeline", 2),
        ("dashboard/stats", 3),
    ],
)
def test_it_asks_as_much_for_one_as_for_many(
    api: Client, path: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 30):
        for index in range(number):
            job = make_job(consecutive_failures=1)
            fire = make_execution(job, datetime.now(UTC) - index * MINUTE, Status.COMPLETED)
        address = path.replace("{job}", str(job.uuid)).replace("{execution}", str(fire.task_id))
        with django_assert_num_queries(AUTHENTICATION + queries):
            assert api.get(f"{BASE}/{address}").status_code == 200
