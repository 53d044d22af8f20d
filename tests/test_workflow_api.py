"""The workflow API: tasks and steps are read and acted on, as its contract has it, by those who may."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from audit.models import OperatorAction
from scheduler.workflow_models import Workflow
from tests.cast import client_of
from tests.workflow_api import BASE, STEP_KEYS, TASK_KEYS, refused, sent
from tests.workflows import begin, counted, run, states, step

pytestmark = pytest.mark.django_db
AUTHENTICATION = 3


# --- Reading tasks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("handlers/nowhere", "NAMESPACE_NOT_FOUND"),
        ("handlers/nowhere/diamond", "NAMESPACE_NOT_FOUND"),
        ("handlers/tests/ghost", "HANDLER_NOT_FOUND"),
        ("handlers/tests/diamond?version=9.9.9", "HANDLER_NOT_FOUND"),
        (f"tasks/{uuid4()}", "TASK_NOT_FOUND"),
        ("tasks/nonsense", "TASK_NOT_FOUND"),
        ("tasks/nonsense%00/workflow_steps", "TASK_NOT_FOUND"),
        ("tasks/x/y/z", "PATH_NOT_FOUND"),
        ("nothing", "PATH_NOT_FOUND"),
    ],
)
def test_it_says_what_is_not_there(api: Client, path: str, code: str) -> None:
    refused(api.get(f"{BASE}/{path}"), 404, code)


def test_it_lists_tasks_by_filter_and_page(api: Client) -> None:
    old, new = begin(tags=["web", "a%b"]), begin("tests.diamond")
    begin("tests.greet", {"person": "Ada"})
    assert [task["id"] for task in api.get(f"{BASE}/tasks").json()["tasks"]][1:] == [str(new.pk), str(old.pk)]

    def count(**asked: Any) -> int:
        return int(api.get(f"{BASE}/tasks", asked).json()["pagination"]["total_count"])

    assert [count(name="diamond"), count(namespace="x"), count(version="1.0.0"), count(tag="web")] == [2, 0, 1, 1]
    assert [count(tag="a%b"), count(tag="we"), count(tag='"'), count(status="PENDING"), count(status="error")] == [
        1, 0, 0, 3, 0,
    ]  # fmt: skip
    assert [count(created_after="2020-01-01"), count(created_before="2020-01-01")] == [3, 0]
    page = api.get(f"{BASE}/tasks", {"page": 2, "per_page": 2}).json()
    assert page["pagination"] == {"current_page": 2, "per_page": 2, "total_pages": 2, "total_count": 3}
    assert [task["id"] for task in page["tasks"]] == [str(old.pk)]
    assert api.get(f"{BASE}/tasks", {"per_page": 1_000}).json()["pagination"]["per_page"] == 100
    assert api.get(f"{BASE}/tasks", {"page": 10**30}).json()["tasks"] == []


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("page", "0"), ("page", "x"), ("per_page", "0"), ("status", "done"), ("created_after", "yesterday"),
        ("name", "a\x00"), ("tag", "x" * 101),
    ],
)  # fmt: skip
def test_it_names_a_parameter_that_cannot_be_used(api: Client, parameter: str, value: str) -> None:
    error = refused(api.get(f"{BASE}/tasks", {parameter: value}), 400, "INVALID_PARAMETER")
    assert list(error["details"]) == [parameter]


def test_a_list_costs_the_same_for_one_and_for_many(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 20):
        for _ in range(number):
            begin()
        with django_assert_num_queries(AUTHENTICATION + 2):
            api.get(f"{BASE}/tasks")


def test_a_task_and_its_steps_cost_the_same_whatever_their_number(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for reference in ("tests.diamond", "tests.fan"):
        path = f"{BASE}/tasks/{begin(reference).pk}"
        for asked in (path, f"{path}?include_dependencies=true", f"{path}/workflow_steps"):
            with django_assert_num_queries(AUTHENTICATION + 2):
                assert api.get(asked).status_code == 200


def test_it_shows_a_task_with_its_dependencies(api: Client) -> None:
    workflow = run(begin(context={"charge": {"failures": 9}}))
    body = api.get(f"{BASE}/tasks/{workflow.pk}", {"include_dependencies": "true"}).json()
    assert list(body) == [*TASK_KEYS, "steps", "dependencies"]
    assert [(row["name"], row["status"]) for row in body["steps"]] == [
        ("reserve", "complete"), ("charge", "error"), ("pack", "complete"), ("ship", "pending"),
    ]  # fmt: skip
    found = body["dependencies"]
    assert found["analysis"].startswith("2 of 4 steps are complete; charge failed; ship waits for charge; ")
    assert (found["ready_steps"], found["completed_steps"]) == ([], ["reserve", "pack"])
    assert found["blocked_steps"] == [{"step": "ship", "waiting_for": ["charge"]}]
    assert (found["critical_path"][0], found["critical_path"][-1], found["parallelism"]) == ("reserve", "ship", 2)
    assert "dependencies" not in api.get(f"{BASE}/tasks/{workflow.pk}").json()


def test_it_shows_steps_in_order_and_one_by_id_or_name(api: Client) -> None:
    workflow = run(begin())
    rows = api.get(f"{BASE}/tasks/{workflow.pk}/workflow_steps").json()["steps"]
    assert [row["name"] for row in rows] == ["reserve", "charge", "pack", "ship"]
    charge = rows[1]
    assert set(charge) == STEP_KEYS
    assert (charge["depends_on"], charge["dependents"], charge["inputs"]) == (["reserve"], ["ship"], {"by": "reserve"})
    assert (charge["status"], charge["ready"], charge["error"]) == ("complete", False, None)
    assert charge["duration_ms"] > 0
    for key in (charge["id"], "charge"):
        assert api.get(f"{BASE}/tasks/{workflow.pk}/workflow_steps/{key}").json() == {"step": charge}
    for key in ("ghost", str(uuid4()), "a%00b"):
        refused(api.get(f"{BASE}/tasks/{workflow.pk}/workflow_steps/{key}"), 404, "STEP_NOT_FOUND")


# --- Acting on tasks ----------------------------------------------------------------------------------------------


def test_it_changes_reason_and_tags_and_nothing_else(acting: Client) -> None:
    path = f"tasks/{begin().pk}"
    body = sent(acting, "patch", path, {"reason": "because", "tags": ["x"]}).json()
    assert (body["reason"], body["tags"]) == ("because", ["x"])
    error = refused(sent(acting, "patch", path, {"status": "complete"}), 422, "INVALID_TASK_CONFIG")
    assert error["details"] == {"status": ["Cannot be changed here; what can is reason, tags."]}


def test_it_cancels_a_task_once(acting: Client) -> None:
    workflow = begin()
    path = f"tasks/{workflow.pk}"
    assert sent(acting, "delete", path).json() == {"cancelled": True}
    assert acting.get(f"{BASE}/{path}").json()["status"] == "cancelled"
    refused(sent(acting, "delete", path), 409, "TASK_NOT_CANCELLABLE")
    assert set(states(workflow).values()) == {"CANCELLED"}
    assert list(OperatorAction.objects.order_by("number").values_list("action", "outcome")) == [
        ("workflow.cancel", "success"), ("workflow.cancel", "refused"),
    ]  # fmt: skip


def test_it_pauses_and_resumes(acting: Client) -> None:
    workflow = begin()
    path = f"tasks/{workflow.pk}"
    refused(sent(acting, "post", f"{path}/resume"), 409, "TASK_NOT_RESUMABLE")
    assert sent(acting, "post", f"{path}/pause").json()["status"] == "pending"
    refused(sent(acting, "post", f"{path}/pause"), 409, "TASK_NOT_PAUSABLE")
    assert sent(acting, "post", f"{path}/resume").status_code == 200
    assert run(workflow).status == "COMPLETED"


def test_it_retries_a_failed_task_from_its_failed_steps(acting: Client) -> None:
    workflow = run(begin(context={"charge": {"failures": 3}}))
    ran_before = step(workflow, "pack").completed_at
    assert sent(acting, "post", f"tasks/{workflow.pk}/retry").json()["status"] == "in_progress"
    refused(sent(acting, "post", f"tasks/{workflow.pk}/retry"), 409, "TASK_NOT_RETRYABLE")
    assert run(workflow).status == "COMPLETED"
    assert step(workflow, "charge").attempts == 1
    assert step(workflow, "charge").run_number == 4
    assert step(workflow, "pack").completed_at == ran_before


# --- Acting on steps ----------------------------------------------------------------------------------------------


def test_it_resolves_a_failed_step_by_hand_and_the_task_goes_on(acting: Client) -> None:
    workflow = run(begin(context={"charge": {"hopeless": True}}))
    path = f"tasks/{workflow.pk}/workflow_steps/charge"
    body = {"workflow_step": {"status": "resolved_manually", "results": {"receipt": "by hand"}}}
    shown = sent(acting, "patch", path, body).json()["step"]
    assert (shown["status"], shown["results"], shown["error"]) == ("resolved_manually", {"receipt": "by hand"}, None)
    assert run(workflow).status == "COMPLETED"
    assert step(workflow, "ship").results["from"]["charge"] == {"receipt": "by hand"}
    counted(workflow)
    refused(sent(acting, "patch", path, body), 409, "STEP_NOT_EDITABLE")


def test_it_changes_the_inputs_and_the_limit_of_a_waiting_step(acting: Client) -> None:
    workflow = begin()
    path = f"tasks/{workflow.pk}/workflow_steps/charge"
    shown = sent(acting, "patch", path, {"retry_limit": 7, "inputs": {"by": "me", "more": 1}}).json()["step"]
    assert (shown["retry_limit"], shown["inputs"]) == (7, {"by": "me", "more": 1})
    assert run(workflow).status == "COMPLETED"
    assert step(workflow, "charge").results["inputs"] == {"by": "me", "more": 1}
    refused(sent(acting, "patch", path, {"retry_limit": 5}), 409, "STEP_NOT_EDITABLE")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"retry_limit": 101}, "retry_limit"),
        ({"retry_limit": -1}, "retry_limit"),
        ({"retry_limit": "many"}, "retry_limit"),
        ({"inputs": []}, "inputs"),
        ({"status": "complete"}, "status"),
        ({"results": 1}, "results"),
        ({"attempts": 0}, "attempts"),
        ({"workflow_step": 3}, "workflow_step"),
    ],
)
def test_it_names_what_is_wrong_with_a_change(acting: Client, body: dict[str, Any], field: str) -> None:
    response = sent(acting, "patch", f"tasks/{begin().pk}/workflow_steps/charge", body)
    assert list(refused(response, 422, "INVALID_STEP_UPDATE")["details"]) == [field]


def test_it_cancels_a_step_and_what_depends_on_it(acting: Client) -> None:
    workflow = begin()
    path = f"tasks/{workflow.pk}/workflow_steps/charge"
    assert sent(acting, "delete", path).json() == {"cancelled": True}
    refused(sent(acting, "delete", path), 409, "STEP_NOT_CANCELLABLE")
    assert run(workflow).status == "CANCELLED"
    assert states(workflow) == {"reserve": "COMPLETED", "charge": "CANCELLED", "pack": "COMPLETED", "ship": "CANCELLED"}
    counted(workflow)
    refused(sent(acting, "delete", f"tasks/{workflow.pk}/workflow_steps/pack"), 409, "STEP_NOT_CANCELLABLE")
    refused(sent(acting, "patch", path, {"status": "resolved_manually"}), 409, "STEP_NOT_EDITABLE")


# --- Who may ------------------------------------------------------------------------------------------------------


def writes(workflow: Workflow) -> list[tuple[str, str, Any]]:
    """Every request that acts."""
    task, charge = f"tasks/{workflow.pk}", f"tasks/{workflow.pk}/workflow_steps/charge"
    return [
        ("post", "tasks", {"name": "diamond", "namespace": "tests", "context": {}}),
        ("patch", task, {"reason": "x"}),
        ("delete", task, None),
        *(("post", f"{task}/{verb}", None) for verb in ("pause", "resume", "retry")),
        ("patch", charge, {"retry_limit": 1}),
        ("delete", charge, None),
    ]


def test_viewers_only_look_and_their_tries_stand_in_the_trail(api: Client) -> None:
    workflow = begin()
    for method, path, body in writes(workflow):
        refused(sent(api, method, path, body), 403, "AUTHORIZATION_FAILED")
        refused(sent(Client(), method, path, body), 401, "AUTHENTICATION_FAILED")
    refused(sent(api, "post", "tasks", {"nonsense": 1}), 403, "AUTHORIZATION_FAILED")
    assert set(OperatorAction.objects.values_list("outcome", "actor")) == {("refused", "vera")}
    assert OperatorAction.objects.count() == len(writes(workflow)) + 1
    assert Workflow.objects.count() == 1
    assert set(states(workflow).values()) == {"QUEUED", "PENDING"}


def test_nobody_else_reads(stranger: User) -> None:
    workflow = begin()
    for path in ("handlers", "handlers/tests", "handlers/tests/fan", "tasks", f"tasks/{workflow.pk}",
                 f"tasks/{workflow.pk}/workflow_steps", f"tasks/{workflow.pk}/workflow_steps/ship"):  # fmt: skip
        refused(client_of(stranger).get(f"{BASE}/{path}"), 403, "AUTHORIZATION_FAILED")
        response = Client().get(f"{BASE}/{path}")
        refused(response, 401, "AUTHENTICATION_FAILED")
        assert response["WWW-Authenticate"] == "Bearer"


def test_a_session_acts_with_its_token_only(operator: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(operator)
    refused(sent(browser, "delete", f"tasks/{begin().pk}"), 403, "AUTHORIZATION_FAILED")
