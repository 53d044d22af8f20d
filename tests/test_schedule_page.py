"""The page of one schedule: what it tells, what is done from it, and by whom."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit import roles
from audit.trail import Actor, NotAllowedNow
from monitoring.statuses import Status
from scheduler import actions
from scheduler.models import FireState, ScheduledFire, ScheduledJob
from tests.cast import client_of
from tests.factories import make_task
from tests.reading_pages import BASE, page, rows
from tests.schedule_pages import JSON, SCHEDULES, address_of, desk_of, make_runs, schedule, trail
from tests.scheduling import queued

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(operator: User) -> Client:
    """The operator's browser."""
    return desk_of(operator)


@pytest.fixture
def head(admin: User) -> Client:
    """The admin's browser."""
    return desk_of(admin)


# --- What it tells ----------------------------------------------------------------------------------------------------


def test_it_tells_the_definition_with_secrets_masked(browser: Client) -> None:
    job = schedule(
        "nightly", cron="30 2 * * *", timezone="Europe/Berlin", kwargs={"value": {"password": "hunter2"}},
        max_runs=10, jitter_seconds=30, tags=["a", "b"], description="For the <board>", max_retries=3,
    )  # fmt: skip
    text = page(browser, f"/schedules/{job.uuid}")
    for words in (
        "At 02:30 AM (Europe/Berlin)",
        "of at most 10",
        "up to 30 s",
        "a, b",
        "For the &lt;board&gt;",
        "demo.echo",
    ):
        assert words in text, words
    assert "hunter2" not in text
    answer = browser.get(address_of(job), **JSON).json()
    assert answer["kwargs"] == {"value": {"password": "********"}}
    assert len(answer["upcoming"]) == 5
    assert all(each["local_time"][11:19] == "02:30:00" for each in answer["upcoming"])


def test_its_next_fires_follow_the_clock_of_the_zone(browser: Client) -> None:
    job = schedule("spring", cron="30 2 28 3 *", timezone="Europe/Berlin")  # on 2027-03-28 there is no 02:30
    told = browser.get(address_of(job), **JSON).json()["upcoming"]
    local = {each["local_time"][:10]: each["local_time"][11:] for each in told}
    assert local.get("2027-03-28", "03:00:00+02:00") == "03:00:00+02:00"
    assert {"02:30:00+01:00", "02:30:00+02:00"} & set(local.values())
    text = page(browser, f"/schedules/{job.uuid}")
    assert all(f"{day} {clock[:8]}" in text for day, clock in local.items())


def test_it_sets_what_happened_against_what_was_expected(browser: Client) -> None:
    job = schedule()
    now = datetime.now(UTC)
    make_runs(job, Status.COMPLETED)
    make_runs(job, Status.FAILED, Status.COMPLETED, late=timedelta(seconds=40))
    fire = {"job": job, "due_at": now - timedelta(hours=1), "run_at": now - timedelta(hours=1)}
    ScheduledFire.objects.create(**fire, state=FireState.SKIPPED, count=7, last_due_at=now, reason="Nobody was there")
    told = rows(page(browser, f"/schedules/{job.uuid}"), "schedule-due")
    assert [row[1:] for row in told] == [
        ["40 s later", "Late", "Completed", "5 s"],
        ["<1 ms later", "On time", "Completed", "5 s"],
        ["40 s later", "Late", "Failed", "5 s"],
        ["–", "Skipped by policyNobody was there", "–", "–"],
    ]
    assert "and 6 more, to" in told[3][0]


def test_it_lists_its_executions_and_leads_to_their_tasks(browser: Client) -> None:
    job = schedule()
    runs = make_runs(job, *[Status.COMPLETED] * 11, Status.FAILED)
    make_runs(schedule("other"), Status.COMPLETED)
    text = page(browser, f"/schedules/{job.uuid}")
    assert "12 in all" in text
    shown = rows(text, "schedule-executions")
    assert [row[1] for row in shown] == ["Failed"] + ["Completed"] * 9
    assert f'href="{BASE}/tasks/{runs[-1].task_id}"' in text
    for number in ("2", "99"):
        assert len(rows(page(browser, f"/schedules/{job.uuid}", page=number), "schedule-executions")) == 2
    assert len(rows(page(browser, f"/schedules/{job.uuid}/parts", due="2"), "schedule-due")) == 2


def test_its_chart_has_the_ends_of_its_own_executions(browser: Client) -> None:
    job = schedule()
    make_runs(job, Status.COMPLETED, Status.FAILED)
    make_runs(schedule("other"), Status.COMPLETED)
    for span, hours in (("day", 24), ("week", 168)):
        table = rows(page(browser, f"/schedules/{job.uuid}", range=span), "ends-table")
        assert len(table) == hours
        assert [sum(int(row[place]) for row in table) for place in (1, 2)] == [1, 1]


def test_its_page_costs_the_same_however_long_it_runs(browser: Client, django_assert_max_num_queries: Any) -> None:
    job = schedule()
    make_runs(job, *[Status.COMPLETED] * 60)
    for end in ("", "/parts"):
        with django_assert_max_num_queries(17):
            page(browser, f"/schedules/{job.uuid}{end}")


def test_the_page_of_a_task_leads_to_its_schedule(browser: Client) -> None:
    job = schedule("nightly")
    task = make_task(scheduled_job=job)
    assert f'<a href="{address_of(job)}">nightly</a>' in page(browser, f"/tasks/{task.pk}")


def test_parts_are_parts_of_the_page(browser: Client) -> None:
    job = schedule()
    make_runs(job, Status.COMPLETED)
    for path in ("/schedules", f"/schedules/{job.uuid}"):
        whole, parts = page(browser, path), page(browser, f"{path}/parts")
        assert "<html" not in parts
        ids = re.findall(r'<(?:section|header|nav|table|p) id="([a-z-]+)"', parts)
        assert ids
        assert all(whole.count(f'id="{one}"') == 1 for one in ids), ids


# --- What is done from it -----------------------------------------------------------------------------------------


def message_after(client: Client, job: ScheduledJob, **sent: str) -> str:
    """What is said after the form was sent."""
    response = client.post(address_of(job), sent)
    assert response.status_code == 303, response.content
    (message,) = client.get(response["Location"]).context["messages"]
    return str(message)


def test_it_pauses_resumes_and_runs(desk: Client) -> None:
    job = schedule()
    assert "report is paused" in message_after(desk, job, action="pause", reason="the board is on holiday")
    assert ScheduledJob.objects.get().is_paused
    assert "paused already" in message_after(desk, job, action="pause")
    assert "report is resumed." in message_after(desk, job, action="resume")
    assert "not paused" in message_after(desk, job, action="resume")
    assert "report is started." in message_after(desk, job, action="run")
    assert len(queued()) == 1
    assert trail("action", "source", "outcome", "reason") == [
        ("repeatable.pause", "schedules", "success", "the board is on holiday"),
        ("repeatable.pause", "schedules", "refused", ""),
        ("repeatable.resume", "schedules", "success", ""),
        ("repeatable.resume", "schedules", "refused", ""),
        ("repeatable.run", "schedules", "success", ""),
    ]
    assert "the board is on holiday" in page(desk, f"/schedules/{job.uuid}")


def test_what_cannot_be_done_is_shown_with_the_reason(desk: Client, browser: Client, head: Client) -> None:
    job = schedule()

    def off(client: Client) -> set[str]:
        text = page(client, f"/schedules/{job.uuid}")
        return set(re.findall(r'value="(\w+)" disabled title="[^"]+"', text))

    assert off(head) == {"resume"}
    assert off(desk) == {"resume", "remove"}
    assert off(browser) == {"run", "pause", "resume", "remove"}
    assert "Your role may look but not act." in page(browser, f"/schedules/{job.uuid}")


def test_removing_asks_first_and_leaves_the_tasks(head: Client) -> None:
    job = schedule()
    (run,) = make_runs(job, Status.COMPLETED)
    asked = head.post(address_of(job), {"action": "remove", "ask": "1", "reason": "moved"})
    assert asked.status_code == 200
    assert "Remove report?" in asked.content.decode()
    assert ScheduledJob.objects.exists()
    response = head.post(address_of(job), {"action": "remove", "reason": "moved"})
    assert (response.status_code, response["Location"]) == (303, SCHEDULES)
    assert not ScheduledJob.objects.exists()
    assert page(head, f"/tasks/{run.task_id}")
    gone = head.get(address_of(job))
    assert gone.status_code == 404
    assert "ada removed the schedule" in gone.content.decode()
    assert trail("action", "outcome", "reason") == [("repeatable.remove", "success", "moved")]


def test_it_says_so_when_somebody_else_removed_it_meanwhile(head: Client) -> None:
    job = schedule()
    ScheduledJob.objects.all().delete()
    for word in ("pause", "run", "remove"):
        response = head.post(address_of(job), {"action": word, "ask": "1"})
        assert (response.status_code, response["Location"]) == (303, SCHEDULES)
        assert "Somebody may have removed it meanwhile." in page(head, "/schedules")
        assert head.post(address_of(job), {"action": word}, **JSON).status_code == 404
    assert {outcome for _, _, outcome in trail()} == {"refused"}


def test_the_verbs_themselves_refuse_what_is_gone(db: None) -> None:
    job, ada = schedule(), Actor(name="ada", source="test", permissions=frozenset(roles.ALL))
    ScheduledJob.objects.all().delete()
    for verb in (actions.trigger_job, actions.pause_job, actions.delete_job):
        with pytest.raises(NotAllowedNow, match="deleted meanwhile"):
            verb(job, by=ada)
    assert not queued()


def test_it_answers_scripts_in_json(operator: User) -> None:
    job, script = schedule(), client_of(operator)
    assert script.post(address_of(job), {"action": "pause"}, **JSON).json() == {"ok": True}
    answer = script.post(address_of(job), {"action": "pause"}, **JSON)
    assert (answer.status_code, answer.json()["error"]) == (409, "The job is paused already.")
    assert script.post(address_of(job), {"action": "remove"}, **JSON).status_code == 403
    assert script.post(address_of(job), {"action": "explode"}, **JSON).status_code == 400


def test_a_viewer_is_refused_and_that_stands_in_the_trail(browser: Client) -> None:
    job = schedule()
    for word in ("run", "pause", "resume", "remove"):
        assert browser.post(address_of(job), {"action": word, "ask": "1"}).status_code == 403
        assert browser.post(f"{SCHEDULES}/{uuid4()}", {"action": word}).status_code == 403
    told = trail()
    assert told == [
        (f"repeatable.{word}", "vera", "refused") for word in ("run", "pause", "resume", "remove") for _ in range(2)
    ]
    assert not queued()


def test_an_operator_may_not_remove(desk: Client) -> None:
    job = schedule()
    assert desk.post(address_of(job), {"action": "remove"}).status_code == 403
    assert trail() == [("repeatable.remove", "oscar", "refused")]


def test_it_asks_for_a_login_for_csrf_and_for_post(operator: User, browser: Client, stranger: User) -> None:
    job = schedule()
    for path in (SCHEDULES, address_of(job), address_of(job, "/parts"), address_of(job, "/edit"), f"{SCHEDULES}/new"):
        assert Client().get(path).status_code == 302
        assert desk_of(stranger).get(path).status_code == 403
    assert Client().post(address_of(job), {"action": "pause"}).status_code == 302
    checking = Client(enforce_csrf_checks=True)
    checking.force_login(operator)
    assert checking.post(address_of(job), {"action": "pause"}).status_code == 403
    assert browser.put(address_of(job)).status_code == 405
    assert browser.post(SCHEDULES).status_code == 405
    assert browser.post(address_of(job, "/parts")).status_code == 405
    assert not trail()
    assert client_of(operator).post(address_of(job), {"action": "pause"}).status_code == 303, "a token needs no CSRF"


def test_unknown_ones_are_not_found(browser: Client) -> None:
    for end in ("", "/parts", "/edit"):
        response = browser.get(f"{SCHEDULES}/{uuid4()}{end}")
        assert response.status_code == 404
        assert "There is no schedule with the id" in response.content.decode()
    assert browser.get(f"{SCHEDULES}/{uuid4()}", **JSON).status_code == 404
    for odd in ("17", "x" * 300, "..", "00000000"):
        assert browser.get(f"{SCHEDULES}/{odd}").status_code == 404


def test_a_definition_that_nobody_can_read_takes_no_page_down(browser: Client) -> None:
    job = schedule()
    ScheduledJob.objects.filter(pk=job.pk).update(cron="what?", interval_seconds=None, timezone="Mars/Olympus")
    assert "what?" in page(browser, "/schedules")
    assert "what?" in page(browser, f"/schedules/{job.uuid}")
    assert browser.get(address_of(job), **JSON).json()["upcoming"] == []
