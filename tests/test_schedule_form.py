"""The form that makes and edits schedules: every field, its preview, and what is wrong beside the field."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from scheduler.definitions import EDITABLE_FIELDS
from scheduler.models import ScheduledJob
from scheduler.pages.definition_forms import DefinitionForm, initial_of
from tests.factories import make_task
from tests.reading_pages import page
from tests.schedule_pages import SCHEDULES, address_of, desk_of, schedule, trail

pytestmark = pytest.mark.django_db
NEW = f"{SCHEDULES}/new"
PREVIEW = f"{SCHEDULES}/preview"
SENT = {
    "name": "report", "description": "For the board", "handler": "demo.echo", "args": "[]", "kwargs": '{"value": 1}',
    "queue": "default", "kind": "cron", "cron": "30 9 * * MON-FRI", "interval_seconds": "", "run_at": "",
    "timezone": "Europe/Berlin", "start_at": "2090-01-01T00:00", "end_at": "2091-01-01T12:30:15", "max_runs": "7",
    "jitter_seconds": "5", "overlap_policy": "allow", "misfire_policy": "all", "misfire_grace_seconds": "90",
    "max_retries": "2", "retry_delay_seconds": "10", "retry_backoff": "linear", "timeout_seconds": "30",
    "is_enabled": "true", "tags": "a, b ,,c",
}  # fmt: skip
"""As a browser sends it."""


@pytest.fixture
def head(admin: User) -> Client:
    """The admin's browser."""
    return desk_of(admin)


def refused(client: Client, path: str = NEW, **changes: str) -> dict[str, str]:
    """What the form says beside its fields, by their names."""
    response = client.post(path, {**SENT, **changes})
    assert response.status_code == 400, response.content
    text = response.content.decode()
    assert 'role="alert"' in text
    return {name: unescape(told) for name, told in re.findall(r'id="(\w+)-error" class="field-error">([^<]*)<', text)}


def words_in(text: str) -> tuple[str, list[str]]:
    """What the preview says: the words, and the next fires by the clock of the zone."""
    words = re.search(r'class="preview-words">([^<]*)<', text)
    fires = re.findall(r'class="fire-local">([^<]*)<span class="fact-note"> ([^<]*)<', text)
    return unescape(words[1]) if words else "", [f"{clock}{offset}" for clock, offset in fires]


# --- A new one ----------------------------------------------------------------------------------------------------


def test_it_has_every_field_of_a_definition() -> None:
    fields = set(DefinitionForm().fields)
    assert fields == {*EDITABLE_FIELDS, "kind"}
    assert set(SENT) == fields


def test_it_makes_a_schedule(head: Client) -> None:
    response = head.post(NEW, SENT)
    job = ScheduledJob.objects.get()
    assert (response.status_code, response["Location"]) == (303, address_of(job))
    assert "report is scheduled." in page(head, f"/schedules/{job.uuid}")
    assert (job.name, job.handler, job.kwargs, job.cron, job.timezone) == (
        *("report", "demo.echo", {"value": 1}),
        *("30 9 * * MON-FRI", "Europe/Berlin"),
    )
    assert (job.interval_seconds, job.run_at, job.max_runs, job.jitter_seconds) == (None, None, 7, 5)
    assert job.start_at == datetime(2090, 1, 1, tzinfo=UTC)
    assert job.end_at == datetime(2091, 1, 1, 12, 30, 15, tzinfo=UTC)
    assert (job.overlap_policy, job.misfire_policy, job.misfire_grace_seconds) == ("allow", "all", 90)
    assert (job.max_retries, job.retry_delay_seconds, job.retry_backoff, job.timeout_seconds) == (2, 10, "linear", 30)
    assert (job.is_enabled, job.tags, job.created_by, job.description) == (
        True,
        ["a", "b", "c"],
        "ada",
        "For the board",
    )
    assert job.next_run_at is not None
    assert trail("action", "source", "target", "outcome") == [
        ("repeatable.create", "schedules", str(job.uuid), "success")
    ]


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [("cron", "cron", "0 0 * * *"), ("interval", "interval_seconds", 60), ("once", "run_at", None)],
)
def test_the_chosen_kind_decides_whatever_the_other_fields_hold(
    head: Client, kind: str, column: str, value: Any
) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    filled = {"cron": "0 0 * * *", "interval_seconds": "60", "run_at": f"{soon:%Y-%m-%dT%H:%M:%S}"}
    head.post(NEW, {**SENT, **filled, "kind": kind, "start_at": "", "end_at": ""})
    job = ScheduledJob.objects.get()
    given = {name: getattr(job, name) for name in filled if getattr(job, name)}
    assert given == {column: value or soon}


def test_what_is_left_empty_has_its_default(head: Client) -> None:
    head.post(NEW, {"name": "short", "handler": "demo.echo", "kwargs": '{"value": 1}', "interval_seconds": "60",
                    "misfire_grace_seconds": "", "max_retries": "", "overlap_policy": ""})  # fmt: skip
    job = ScheduledJob.objects.get()
    assert (job.misfire_grace_seconds, job.max_retries, job.overlap_policy, job.queue) == (60, 0, "skip", "default")
    assert (job.timezone, job.is_enabled, job.args) == ("UTC", True, [])


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"name": " "}, "name", "Must not be empty."),
        ({"name": "x" * 256}, "name", "at most 255 characters"),
        ({"handler": ""}, "handler", "There is no handler"),
        ({"handler": "os.system"}, "handler", "no function of that name may be started"),
        ({"queue": "nowhere"}, "queue", "There is no such queue."),
        ({"cron": "61 * * * *"}, "cron", "Cannot be read"),
        ({"cron": ""}, "cron", "none is given"),
        ({"kind": "interval"}, "interval_seconds", "none is given"),
        ({"kind": "interval", "interval_seconds": "0"}, "interval_seconds", "from 1"),
        ({"kind": "interval", "interval_seconds": "-5"}, "interval_seconds", "from 1"),
        ({"kind": "interval", "interval_seconds": "1.5"}, "interval_seconds", "whole number"),
        ({"kind": "interval", "interval_seconds": "9" * 5000}, "interval_seconds", "whole number"),
        ({"kind": "once"}, "run_at", "none is given"),
        ({"kind": "once", "run_at": "2020-01-01T00:00", "start_at": "", "end_at": ""}, "run_at", "Is in the past."),
        ({"kind": "once", "run_at": "tomorrow"}, "run_at", "Must be a time like"),
        ({"kind": "weekly"}, "kind", "Select a valid choice"),
        ({"timezone": "Mars/Olympus"}, "timezone", "IANA"),
        ({"start_at": "2092-01-01T00:00"}, "end_at", "Is before the start."),
        ({"end_at": "2020-01-01T00:00"}, "end_at", "Is in the past."),
        ({"max_runs": "0"}, "max_runs", "from 1"),
        ({"max_runs": "99999999999"}, "max_runs", "from 1"),
        ({"jitter_seconds": "-1"}, "jitter_seconds", "from 0"),
        ({"misfire_grace_seconds": "soon"}, "misfire_grace_seconds", "whole number"),
        ({"max_retries": "1000"}, "max_retries", "from 0 to 100"),
        ({"timeout_seconds": "0"}, "timeout_seconds", "from 1"),
        ({"overlap_policy": "perhaps"}, "overlap_policy", "Select a valid choice"),
        ({"is_enabled": "perhaps"}, "is_enabled", "true or false"),
        ({"args": "[1"}, "args", "This is not JSON"),
        ({"args": "{}"}, "args", "must be a JSON list"),
        ({"kwargs": "[" * 100_000}, "kwargs", "nested too deeply"),
        ({"kwargs": '{"value": NaN}'}, "kwargs", "This is not JSON"),
        ({"kwargs": "{}"}, "kwargs", "value"),
        ({"kwargs": '{"value": 1, "more": 2}'}, "kwargs", "more"),
        ({"handler": "demo.sleep_for", "kwargs": '{"seconds": "long"}'}, "kwargs", "seconds: 'long' is not of type"),
        ({"kwargs": '{"value": "********"}'}, "kwargs", "still masked"),
        ({"tags": "x" * 51}, "tags", "1 to 50 characters"),
        ({"description": "a\0b"}, "description", "Null characters"),
    ],
)  # fmt: skip
def test_it_says_what_is_wrong_beside_the_field(
    head: Client, changes: dict[str, str], field: str, sentence: str
) -> None:
    told = refused(head, **changes)
    assert field in told, told
    assert sentence in told[field]
    assert not ScheduledJob.objects.exists()


def test_what_was_typed_stays_when_something_is_wrong(head: Client) -> None:
    response = head.post(NEW, {**SENT, "name": "<my> report", "cron": "every day", "tags": "a, b"})
    text = response.content.decode()
    for typed in ('value="&lt;my&gt; report"', 'value="every day"', 'value="a, b"', 'value="allow" selected'):
        assert typed in text, typed
    assert "Correct what is marked: Cron expression." in text


def test_a_name_that_is_taken_is_told_beside_it(head: Client) -> None:
    schedule("report")
    assert "There is a job with the name 'report' already." in refused(head)["name"]


def test_it_offers_handlers_and_queues_to_choose_from(head: Client) -> None:
    make_task(queue="of/others")
    text = unescape(page(head, "/schedules/new", queue="of/others"))
    assert '<option value="of/others" selected>' in text
    assert '<option value="demo.sleep_for">demo.sleep_for(seconds)</option>' in text
    assert '<option value="Europe/Berlin"></option>' in text


def test_it_copies_another(head: Client) -> None:
    job = schedule("nightly", cron="0 2 * * *", kwargs={"value": "tidy"})
    text = unescape(page(head, "/schedules/new", copy=str(job.uuid)))
    assert 'value="nightly (copy)"' in text
    assert 'value="0 2 * * *"' in text
    for junk in ("", "17", "\0"):
        assert page(head, "/schedules/new", copy=junk)


# --- The preview --------------------------------------------------------------------------------------------------


def test_it_previews_the_next_five_fires_by_the_clock_of_the_zone(browser: Client) -> None:
    sent = {"kind": "cron", "cron": "30 2 * * *", "timezone": "Europe/Berlin", "start_at": "2027-03-26T12:00"}
    words, fires = words_in(page(browser, "/schedules/preview", **sent))
    assert words == "At 02:30 AM (Europe/Berlin)"
    assert fires == [
        "2027-03-27 02:30:00+01:00",
        "2027-03-28 03:00:00+02:00",  # there is no 02:30 that day
        "2027-03-29 02:30:00+02:00",
        "2027-03-30 02:30:00+02:00",
        "2027-03-31 02:30:00+02:00",
    ]


def test_its_preview_says_what_is_wrong(browser: Client) -> None:
    text = unescape(page(browser, "/schedules/preview", kind="cron", cron="* * *", timezone="UTC"))
    assert "<strong>Cron expression</strong>: Must have five fields" in text
    assert words_in(text) == ("", [])
    assert "none is given" in page(browser, "/schedules/preview")


def test_a_button_previews_without_javascript(head: Client) -> None:
    response = head.post(NEW, {**SENT, "start_at": "2090-01-02T00:00", "name": "", "action": "preview"})
    text = response.content.decode()
    assert response.status_code == 200
    words, fires = words_in(text)
    assert words == "At 09:30 AM, Monday through Friday (Europe/Berlin)"
    assert fires[0] == "2090-01-02 09:30:00+01:00"
    assert len(fires) == 5
    assert 'value="30 9 * * MON-FRI"' in text
    assert not ScheduledJob.objects.exists()
    assert not trail()


def test_the_preview_of_a_change_counts_on_from_what_is_stored(head: Client) -> None:
    job = schedule(max_runs=10, run_count=8, start_at=datetime(2090, 1, 1, tzinfo=UTC))
    sent = {"kind": "interval", "interval_seconds": "60", "max_runs": "10", "start_at": "2090-01-01T00:00"}
    assert len(words_in(page(head, "/schedules/preview", id=str(job.uuid), **sent))[1]) == 2
    assert len(words_in(page(head, "/schedules/preview", **sent))[1]) == 5
    job.refresh_from_db()
    assert (job.interval_seconds, job.run_count) == (60, 8)


# --- One that is there --------------------------------------------------------------------------------------------


def edited(job: ScheduledJob, **changes: str) -> dict[str, str]:
    """What a browser sends of the form of a job."""
    initial = {name: "" if value is None else str(value) for name, value in initial_of(job).items()}
    return {**initial, **changes}


def test_it_edits(head: Client) -> None:
    job = schedule(kwargs={"value": {"password": "hunter2"}})
    text = page(head, f"/schedules/{job.uuid}/edit")
    assert "hunter2" not in text
    response = head.post(address_of(job, "/edit"), edited(job, kind="cron", cron="0 3 * * *", name="renamed"))
    assert (response.status_code, response["Location"]) == (303, address_of(job))
    job.refresh_from_db()
    assert (job.name, job.cron, job.interval_seconds) == ("renamed", "0 3 * * *", None)
    assert job.kwargs == {"value": {"password": "hunter2"}}, "what was shown masked stays as it is"
    assert trail("action", "outcome") == [("repeatable.update", "success")]


def test_masked_arguments_must_be_written_out_once_they_are_changed(head: Client) -> None:
    job = schedule(kwargs={"value": {"password": "hunter2", "to": "ann"}})
    changed = edited(job, kwargs='{"value": {"password": "********", "to": "bob"}}')
    response = head.post(address_of(job, "/edit"), changed)
    assert response.status_code == 400
    assert "A value is still masked" in response.content.decode()
    job.refresh_from_db()
    assert job.kwargs["value"] == {"password": "hunter2", "to": "ann"}


def test_saving_without_a_change_changes_nothing(head: Client) -> None:
    job = schedule(start_at=datetime(2025, 1, 1, 0, 0, 0, 123456, tzinfo=UTC), max_retries=3, tags=["a", "b"])
    before = {name: getattr(job, name) for name in EDITABLE_FIELDS}
    assert head.post(address_of(job, "/edit"), edited(job)).status_code == 303
    job = ScheduledJob.objects.get()
    assert {name: getattr(job, name) for name in EDITABLE_FIELDS} == before


def test_a_schedule_whose_handler_is_gone_can_get_another(head: Client) -> None:
    job = schedule(handler="demo.vanished")
    assert '<option value="demo.vanished" selected>' in page(head, f"/schedules/{job.uuid}/edit")
    head.post(address_of(job, "/edit"), edited(job, handler="demo.echo"))
    job.refresh_from_db()
    assert job.handler == "demo.echo"


def test_one_that_is_removed_meanwhile_is_not_found(head: Client, browser: Client) -> None:
    job = schedule()
    sent = edited(job)
    ScheduledJob.objects.all().delete()
    assert head.post(address_of(job, "/edit"), sent).status_code == 404
    assert browser.post(address_of(job, "/edit"), sent).status_code == 403
    assert trail() == [("repeatable.update", "ada", "refused"), ("repeatable.update", "vera", "refused")]


# --- Who may ------------------------------------------------------------------------------------------------------


def test_only_admins_may(browser: Client, operator: User) -> None:
    job = schedule()
    for client in (browser, desk_of(operator)):
        assert "Only administrators may do this." in page(client, "/schedules/new")
        assert client.post(NEW, SENT).status_code == 403
        assert client.post(address_of(job, "/edit"), edited(job, name="x")).status_code == 403
    assert [told[:2] for told in trail()] == [
        (f"repeatable.{word}", name) for name in ("vera", "oscar") for word in ("create", "update")
    ]
    assert {outcome for _, _, outcome in trail()} == {"refused"}
    assert ScheduledJob.objects.get().name == "report"


def test_it_asks_for_a_login_and_for_csrf(admin: User, stranger: User) -> None:
    assert Client().post(NEW, SENT).status_code == 302
    assert desk_of(stranger).post(NEW, {"action": "preview"}).status_code == 403
    checking = Client(enforce_csrf_checks=True)
    checking.force_login(admin)
    assert checking.post(NEW, SENT).status_code == 403
    assert desk_of(admin).put(NEW).status_code == 405
    assert desk_of(admin).post(PREVIEW).status_code == 405
    assert not ScheduledJob.objects.exists()


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.dictionaries(
        st.sampled_from(sorted(SENT)),
        st.one_of(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
            st.integers().map(str),
            st.datetimes().map(str),
            st.sampled_from(["* * * * *", "[]", "{}", "null", "-1", "true", "%", "UTC", "once", "interval"]),
        ),
    )
)
def test_it_never_fails_whatever_is_sent(head: Client, sent: dict[str, str]) -> None:
    ScheduledJob.objects.all().delete()
    assert head.post(NEW, {**SENT, **sent}).status_code in (303, 400)
    assert head.post(NEW, {**SENT, **sent, "action": "preview"}).status_code == 200
    assert head.get(PREVIEW, sent).status_code == 200
