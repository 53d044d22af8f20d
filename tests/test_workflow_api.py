"""The workflow API: handlers, tasks and steps, as its contract has them; roles, refusals and bad input."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from audit.models import OperatorAction
from scheduler.registry import registry
from scheduler.workflow_models import Workflow
from tests.cast import client_of
from tests.workflow_handlers import act
from tests.workflows import begin, committed, counted, run, states, step

pytestmark = pytest.mark.django_db
BASE = "/api/v1"
AUTHENTICATION = 3
TASK_KEYS = [
    *("id", "name", "namespace", "version", "full_name", "status", "context", "initiator", "source_system", "reason"),
    *("tags", "created_at", "updated_at", "started_at", "completed_at"),
]
STEP_KEYS = {
    *("id", "task_id", "name", "status", "attempts", "retry_limit", "retryable", "skippable", "inputs", "results"),
    *("error", "depends_on", "dependents", "ready", "next_retry_at", "started_at", "completed_at", "duration_ms"),
    "run_task_id",
}


@pytest.fixture
def acting(operator: User) -> Client:
    """The operator's client."""
    return client_of(operator)


def sent(client: Client, method: str, path: str, body: Any = None) -> Any:
    """The response to a request with a JSON body."""
    options = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    with committed():
        return getattr(client, method)(f"{BASE}/{path}", **options)


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The error of a refusal, checked for its shape."""
    assert response.status_code == status, response.content[:500]
    body: dict[str, Any] = response.json()
    assert list(body) == ["error"]
    error: dict[str, Any] = body["error"]
    assert {"type", "message", "code"} <= set(error) <= {"type", "message", "code", "details"}
    assert (error["code"], error["type"]) == (code, code.title().replace("_", ""))
    assert error["message"]
    return error


# --- Handlers -----------------------------------------------------------------------------------------------------


def test_it_lists_namespaces(api: Client) -> None:
    body = api.get(f"{BASE}/handlers").json()
    (ours,) = (each for each in body["namespaces"] if each["name"] == "tests")
    assert ours == {
        "name": "tests",
        "description": "What tests run.",
        "handler_count": 5,
        "handlers": ["chain", "diamond", "fan", "greet", "quick"],
    }
    assert body["total_namespaces"] == len(body["namespaces"])
    assert body["generated_at"].endswith("Z")


def test_a_namespace_that_nobody_described_has_no_description(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(registry.namespaces, "tests")
    body = api.get(f"{BASE}/handlers").json()
    assert {each["description"] for each in body["namespaces"] if each["name"] == "tests"} == {None}


def test_it_lists_the_handlers_of_a_namespace_in_their_newest_version(api: Client) -> None:
    body = api.get(f"{BASE}/handlers/tests").json()
    assert (body["namespace"], body["total_handlers"]) == ("tests", 5)
    (row,) = (each for each in body["handlers"] if each["name"] == "diamond")
    assert row == {
        "id": "tests.diamond@1.1.0",
        "namespace": "tests",
        "name": "diamond",
        "version": "1.1.0",
        "versions": ["1.0.0", "1.1.0"],
        "description": "",
        "step_count": 2,
        "step_names": ["reserve", "thank"],
    }


def test_it_shows_a_handler_with_its_graph(api: Client) -> None:
    body = api.get(f"{BASE}/handlers/tests/diamond", {"version": "1.0.0"}).json()
    assert (body["full_name"], body["description"]) == ("tests.diamond@1.0.0", "Four steps.")
    assert body["dependency_graph"] == {
        "nodes": ["reserve", "charge", "pack", "ship"],
        "edges": [
            {"from": "reserve", "to": "charge"},
            {"from": "reserve", "to": "pack"},
            {"from": "charge", "to": "ship"},
            {"from": "pack", "to": "ship"},
        ],
        "execution_order": ["reserve", "charge", "pack", "ship"],
    }
    assert body["step_templates"][3] == {
        "name": "ship",
        "description": act.__doc__.partition("\n")[0],  # type: ignore[union-attr]  # it has one
        "handler_class": "tests.workflow_handlers.act",
        "depends_on_step": None,
        "depends_on_steps": ["charge", "pack"],
        "default_retryable": True,
        "default_retry_limit": 3,
        "skippable": False,
        "custom_events": ["shipped"],
    }
    assert body["step_templates"][1]["depends_on_step"] == "reserve"
    assert body["context_schema"]["properties"]["amount"] == {"type": "integer", "minimum": 1}


def test_a_function_is_a_handler_of_one_step(api: Client) -> None:
    body = api.get(f"{BASE}/handlers/tests/greet").json()
    assert [template["name"] for template in body["step_templates"]] == ["greet"]
    assert body["context_schema"]["required"] == ["person"]


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


# --- Starting tasks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", [False, True])
def test_it_starts_a_task(acting: Client, wrapped: bool) -> None:
    order = {"name": "diamond", "namespace": "tests", "version": "1.0.0", "context": {"amount": 3}, "tags": ["a"]}
    response = sent(acting, "post", "tasks", {"task": order} if wrapped else order)
    assert response.status_code == 201, response.content
    body = response.json()
    assert list(body) == TASK_KEYS
    assert (body["full_name"], body["status"], body["initiator"]) == ("tests.diamond@1.0.0", "pending", "oscar")
    assert (body["context"], body["tags"], body["source_system"]) == ({"amount": 3}, ["a"], None)
    assert response["Location"] == f"{BASE}/tasks/{body['id']}"
    assert run(Workflow.objects.get(pk=body["id"])).status == "COMPLETED"
    assert acting.get(response["Location"]).json()["status"] == "complete"
    deed = OperatorAction.objects.get()
    assert (deed.action, deed.actor, deed.target, deed.outcome) == ("workflow.start", "oscar", body["id"], "success")


def test_it_takes_the_latest_version_unless_another_is_named(acting: Client) -> None:
    body = sent(acting, "post", "tasks", {"name": "diamond", "namespace": "tests", "context": {}}).json()
    assert body["version"] == "1.1.0"


def test_the_same_key_starts_one_task(acting: Client) -> None:
    order = {"name": "diamond", "namespace": "tests", "context": {}, "idempotency_key": "order-1"}
    first, second = (sent(acting, "post", "tasks", order) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert Workflow.objects.count() == 1
    Workflow.objects.update(created_at="2020-01-01T00:00:00Z")
    third = sent(acting, "post", "tasks", order)
    assert (third.status_code, Workflow.objects.count()) == (201, 2)


@pytest.mark.parametrize(
    ("order", "field", "sentence"),
    [
        ({}, "name", "required"),
        ({"name": "diamond"}, "context", "required"),
        ({"context": {"amount": 0}}, "$.amount", "less than the minimum"),
        ({"context": {"amount": "x"}}, "$.amount", "not of type 'integer'"),
        ({"context": []}, "$", "not of type 'object'"),
        ({"context": None}, "context", "null"),
        ({"context": ""}, "$", "not of type 'object'"),
        ({"context": "", "name": "quick", "version": "0.1.0"}, "$", "object"),
        ({"context": {}, "tags": "a"}, "tags", "list"),
        ({"context": {}, "tags": ["x" * 101]}, "tags.0", "100"),
        ({"context": {}, "run_at": "tomorrow"}, "run_at", "2025-01-15"),
        ({"context": {}, "priority": "high"}, "priority", "integer"),
        ({"context": {}, "initiator": "a\x00b"}, "initiator", "Null"),
        ({"context": {}, "webhook_url": "https://example.com/"}, "webhook_url", "WEBHOOK_SECRET"),
    ],
)
def test_it_names_each_mistake_of_an_order(acting: Client, order: dict[str, Any], field: str, sentence: str) -> None:
    known = {"name": "diamond", "namespace": "tests", "version": "1.0.0"} if "context" in order else {}
    error = refused(sent(acting, "post", "tasks", {**known, **order}), 422, "INVALID_TASK_CONFIG")
    assert sentence in " ".join(error["details"][field])
    assert Workflow.objects.count() == 0


def test_it_names_every_failure_of_a_context_by_its_path(acting: Client) -> None:
    order = {"name": "greet", "namespace": "tests", "context": {"times": "x", "extra": 1}}
    details = refused(sent(acting, "post", "tasks", order), 422, "INVALID_TASK_CONFIG")["details"]
    assert set(details) == {"$", "$.times"}
    assert len(details["$"]) == 2


@pytest.mark.parametrize(("name", "version"), [("ghost", ""), ("diamond", "9.9.9")])
def test_it_does_not_start_what_is_not_registered(acting: Client, name: str, version: str) -> None:
    order = {"name": name, "namespace": "tests", "version": version, "context": {}}
    error = refused(sent(acting, "post", "tasks", order), 404, "HANDLER_NOT_FOUND")
    assert (version == "") == ("Its versions are" not in error["message"])


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b'{"name": NaN}', b'{"a":' * 5_000])
def test_it_refuses_a_body_that_is_no_json_object(acting: Client, body: bytes) -> None:
    refused(acting.post(f"{BASE}/tasks", body, content_type="application/json"), 400, "MALFORMED_REQUEST")


def test_it_refuses_a_context_of_five_megabytes(acting: Client) -> None:
    order = {"name": "diamond", "namespace": "tests", "context": {"text": "x" * 5_000_000}}
    refused(sent(acting, "post", "tasks", order), 413, "MALFORMED_REQUEST")
    refused(acting.post(f"{BASE}/tasks", b"x", content_type="text/plain"), 415, "MALFORMED_REQUEST")


def test_odd_texts_in_a_context_come_out_as_they_went_in(acting: Client) -> None:
    context = {"nul": "a\x00b", "surrogate": "\ud800", "percent": "%s%%", "slash/key": "é", "deep": [[{"x": 1.0}]]}
    body = sent(acting, "post", "tasks", {"name": "diamond", "namespace": "tests", "context": context}).json()
    assert acting.get(f"{BASE}/tasks/{body['id']}").json()["context"] == context


def test_it_masks_what_sensitive_keys_hold(acting: Client) -> None:
    order = {
        "name": "diamond",
        "namespace": "tests",
        "context": {"card": {"api_key": "sk-1"}, "list": list(range(500))},
    }
    body = sent(acting, "post", "tasks", order).json()
    assert (body["context"]["card"], len(body["context"]["list"])) == ({"api_key": "********"}, 500)
    assert "sk-1" not in OperatorAction.objects.get().details
    assert Workflow.objects.get().context["card"] == {"api_key": "sk-1"}


# --- Reading tasks ------------------------------------------------------------------------------------------------


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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.dictionaries(
        st.sampled_from(["name", "namespace", "version", "context", "tags", "priority", "run_at", "idempotency_key",
                         "reason", "webhook_url", "task", "initiator"]),
        JSON,
    ),
    st.booleans(),
)  # fmt: skip
def test_it_never_fails_whatever_is_sent(acting: Client, body: dict[str, Any], fits: bool) -> None:
    known = {"name": "diamond", "namespace": "tests"} if fits else {}
    response = sent(acting, "post", "tasks", {**body, **known})
    assert response.status_code in (200, 201, 404, 422), response.content
    change = sent(acting, "patch", f"tasks/{uuid4()}/workflow_steps/x", body)
    assert change.status_code == 404
