"""Whatever is sent to the scheduler API, by whomever: an answer in its shape, never an error of the server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit.models import OperatorAction
from monitoring.statuses import Status
from scheduler.models import ScheduledJob
from tests.cast import client_of
from tests.scheduler_api import BASE, DEFINITION, PROBLEM, ask
from tests.scheduling import make_job

pytestmark = pytest.mark.django_db


ONLY = {"intervalSeconds": None}
"""Without the interval that the definition has."""


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({**ONLY, "cron": "61 * * * *"}, "cron", "Cannot be read"),
        ({**ONLY, "cron": "* * * *"}, "cron", "five fields"),
        ({**ONLY, "cron": "0 0 30 2 *"}, "cron", "never be due"),
        ({"cron": "x" * 300}, "cron", "255"),
        ({**ONLY, "cron": 5}, "cron", "five fields"),
        ({**ONLY, "cron": "0 0 * * *", "timezone": "Mars/Olympus"}, "timezone", "IANA"),
        ({"cron": "0 0 * * *", "timezone": ""}, "timezone", "blank"),
        ({"cron": "0 0 * * *", "intervalSeconds": 5}, "intervalSeconds", "Give one of"),
        ({"intervalSeconds": None}, "cron", "none is given"),
        ({"intervalSeconds": 0}, "intervalSeconds", "from 1"),
        ({"intervalSeconds": -5}, "intervalSeconds", "from 1"),
        ({"intervalSeconds": 10**30}, "intervalSeconds", "from 1"),
        ({"intervalSeconds": 1.5}, "intervalSeconds", "integer"),
        ({"intervalSeconds": "soon"}, "intervalSeconds", "integer"),
        ({"scheduleType": "OneTime"}, "cron", "none is given"),
        ({"scheduleType": "Weekly"}, "scheduleType", "Cron, Interval, OneTime"),
        ({"intervalSeconds": None, "runAt": "2020-01-01T00:00:00Z"}, "runAt", "past"),
        ({"intervalSeconds": None, "runAt": "tomorrow"}, "runAt", "2025-01-15T10:00:00Z"),
        ({"intervalSeconds": None, "runAt": "9999-12-31T23:59:59-12:00"}, "runAt", "Must be a time like"),
        ({"endAt": "2020-01-01T00:00:00Z"}, "endAt", "past"),
        ({"startAt": "2090-01-01", "endAt": "2080-01-01"}, "endAt", "before the start"),
        ({"startAt": "0001-01-01"}, "startAt", "1970"),
        ({"maxRuns": 0}, "maxRuns", "from 1"),
        ({"jitterSeconds": 60}, "jitterSeconds", "less than the interval"),
        ({"maxRetries": 1_000}, "maxRetries", "from 0 to 100"),
        ({"timeoutSeconds": 0}, "timeoutSeconds", "from 1"),
        ({"misfireGraceSeconds": -1}, "misfireGraceSeconds", "from 0"),
        ({"overlapPolicy": "Perhaps"}, "overlapPolicy", "Skip, Allow, CancelRunning"),
        ({"misfirePolicy": "x"}, "misfirePolicy", "Skip, RunOnce, RunAll"),
        ({"retryBackoff": None}, "retryBackoff", "null"),
        ({"handler": "demo.gone"}, "handler", "There is no handler"),
        ({"handler": "demo.echo@9.9.9"}, "handler", "There is no handler"),
        ({"handler": "os.system"}, "handler", "There is no handler"),
        ({"handler": "scheduler.attempts.run_attempt"}, "handler", "There is no handler"),
        ({"handler": "a\x00b"}, "handler", "Null characters"),
        ({"handler": ""}, "handler", "blank"),
        ({"name": "x" * 256}, "name", "255"),
        ({"name": "  "}, "name", "blank"),
        ({"name": None}, "name", "null"),
        ({"queue": "no such queue"}, "queue", "There is no such queue"),
        ({"queue": "x" * 256}, "queue", "255"),
        ({"kwargs": {}}, "kwargs", "Missing a required argument"),
        ({"kwargs": {"value": 1, "more": 2}}, "kwargs", "unexpected keyword"),
        ({"kwargs": [1]}, "kwargs", "JSON object"),
        ({"args": {"a": 1}}, "args", "JSON list"),
        ({"args": [1, 2, 3], "kwargs": {}}, "args", "Too many positional"),
        ({"kwargs": {"value": "\x00"}}, "kwargs", "NUL"),
        ({"kwargs": {"value": "x" * 70_000}}, "kwargs", "65,536"),
        ({"handler": "demo.sleep_for", "kwargs": {"seconds": "long"}}, "kwargs.seconds", "not of type 'number'"),
        ({"handler": "demo.sleep_for", "kwargs": {}, "args": ["long"]}, "args.0", "not of type 'number'"),
        ({"tags": "x"}, "tags", "list"),
        ({"tags": ["x" * 51]}, "tags.0", "50"),
        ({"tags": ["x"] * 21}, "tags", "at most 20"),
        ({"isEnabled": "perhaps"}, "isEnabled", "boolean"),
        ({"description": "x" * 6_000}, "description", "5000"),
    ],
)
def test_it_names_the_field_and_what_is_wrong(admin: User, change: dict[str, Any], field: str, told: str) -> None:
    refused = ask(client_of(admin), "post", "jobs", {**DEFINITION, **change}, 400)
    assert (refused["status"], refused["title"], refused["type"]) == (400, "Bad Request", "about:blank")
    assert told in " ".join(refused["errors"][field]), refused["errors"]
    assert not ScheduledJob.objects.exists()


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        ("executions", {"status": "Done"}, "status"),
        ("executions", {"fromDate": "yesterday"}, "fromDate"),
        ("executions", {"toDate": "2025-13-45"}, "toDate"),
        ("executions", {"pageNumber": 0}, "pageNumber"),
        ("executions", {"pageSize": 0}, "pageSize"),
        ("executions", {"pageSize": "many"}, "pageSize"),
        ("jobs", {"isEnabled": "perhaps"}, "isEnabled"),
        ("jobs", {"search": "\x00"}, "search"),
        ("jobs/failed", {"threshold": 0}, "threshold"),
        ("jobs/failed", {"threshold": 10**20}, "threshold"),
        ("executions/timeline", {"hours": 0}, "hours"),
        ("executions/timeline", {"hours": 721}, "hours"),
        ("executions/timeline", {"hours": "x"}, "hours"),
    ],
)
def test_it_names_the_parameter(api: Client, path: str, parameters: dict[str, Any], field: str) -> None:
    assert list(ask(api, "get", path, None, 400, **parameters)["errors"]) == [field]


def test_an_unknown_job_or_execution_is_a_404(api: Client) -> None:
    for unknown in (uuid4(), "x", "%00", "💥", "0" * 500, "a%2Fb"):
        for path in (f"jobs/{unknown}", f"jobs/{unknown}/executions", f"jobs/{unknown}/fires", f"executions/{unknown}"):
            answer = api.get(f"{BASE}/{path}")
            assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
    assert api.get(f"{BASE}/nothing").json()["title"] == "Not Found"


WRITES = [
    ("post", "jobs", "repeatable.create", False),
    ("put", "jobs/{job}", "repeatable.update", False),
    ("patch", "jobs/{job}", "repeatable.update", False),
    ("delete", "jobs/{job}", "repeatable.remove", False),
    ("post", "jobs/{job}/pause", "repeatable.pause", True),
    ("post", "jobs/{job}/resume", "repeatable.resume", True),
    ("post", "jobs/{job}/trigger", "repeatable.run", True),
    ("post", "executions/{execution}/cancel", "execution.cancel", True),
    ("post", "executions/{execution}/retry", "execution.retry", True),
]


@pytest.fixture
def places(db: None) -> dict[str, str]:
    from tests.test_scheduler_api import make_execution

    job = make_job(datetime.now(UTC))
    return {"job": str(job.uuid), "execution": str(make_execution(job, datetime.now(UTC), Status.FAILED).task_id)}


@pytest.mark.parametrize(("method", "path", "action", "for_operators"), WRITES)
def test_a_refused_write_is_a_403_and_stands_in_the_trail(  # noqa: PLR0917  # pytest hands all over by name
    method: str, path: str, action: str, for_operators: bool, places: dict[str, str], viewer: User, operator: User
) -> None:
    who = [viewer] if for_operators else [viewer, operator]
    for user in who:
        refused = ask(client_of(user), method, path.format(**places), {}, 403)
        assert refused["title"] == "Forbidden"
        row = OperatorAction.objects.order_by("-number")[0]
        assert (row.action, row.actor, row.outcome) == (action, user.username, "refused")


@pytest.mark.parametrize(("method", "path", "action", "for_operators"), WRITES)
def test_a_write_without_a_login_is_a_401(
    method: str, path: str, action: str, for_operators: bool, places: dict[str, str]
) -> None:
    answer = getattr(Client(), method)(f"{BASE}/{path.format(**places)}")
    assert (answer.status_code, answer["WWW-Authenticate"], answer["Content-Type"]) == (401, "Bearer", PROBLEM)


def test_strangers_read_nothing(stranger: User, places: dict[str, str]) -> None:
    for path in ("jobs", "executions", "dashboard/stats", "executions/timeline", f"jobs/{places['job']}"):
        ask(client_of(stranger), "get", path, None, 403)
        assert Client().get(f"{BASE}/{path}").status_code == 401


def test_other_methods_and_bodies_are_refused_in_shape(admin: User) -> None:
    client = client_of(admin)
    for answer, status in (
        (client.put(f"{BASE}/jobs"), 405),
        (client.post(f"{BASE}/executions"), 405),
        (client.post(f"{BASE}/jobs", "x", content_type="text/plain"), 415),
        (client.post(f"{BASE}/jobs", "{", content_type="application/json"), 400),
        (client.post(f"{BASE}/jobs", "[]", content_type="application/json"), 400),
        (client.post(f"{BASE}/jobs", b"\xff", content_type="application/json"), 400),
        (client.post(f"{BASE}/jobs", '{"name": NaN}', content_type="application/json"), 400),
        (client.post(f"{BASE}/jobs", "[" * 5_000, content_type="application/json"), 400),
        (client.post(f"{BASE}/jobs", "x" * (1024 * 1024 + 1), content_type="application/json"), 413),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (status, PROBLEM)
        assert answer.json()["status"] == status


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = [
    *("name", "description", "handler", "args", "kwargs", "queue", "scheduleType", "cron", "intervalSeconds", "runAt"),
    *("timezone", "startAt", "endAt", "maxRuns", "jitterSeconds", "overlapPolicy", "misfirePolicy", "tags"),
    *("misfireGraceSeconds", "maxRetries", "retryDelaySeconds", "retryBackoff", "timeoutSeconds", "isEnabled"),
]


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=st.dictionaries(st.sampled_from(KEYS), JSON, min_size=1, max_size=3))
def test_no_definition_is_an_error_of_the_server(admin: User, change: dict[str, Any]) -> None:
    client = client_of(admin)
    ScheduledJob.objects.all().delete()
    for path in ("jobs", "jobs/preview"):
        body = {**DEFINITION, **change}
        answer = client.post(f"{BASE}/{path}", body, content_type="application/json")
        assert answer.status_code in (200, 201, 400), (change, answer.content)


def test_times_that_have_passed_may_stay_as_they_are(admin: User) -> None:
    client = client_of(admin)
    made = ask(
        client, "post", "jobs", {**DEFINITION, "endAt": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}, 201
    )
    ScheduledJob.objects.update(end_at=datetime(2025, 1, 1, tzinfo=UTC))
    assert ask(client, "patch", f"jobs/{made['id']}", {"description": "over"})["description"] == "over"
    ask(client, "patch", f"jobs/{made['id']}", {"maxRuns": 5}, 400)
