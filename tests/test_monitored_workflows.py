"""The workflows of the monitoring API, each answer held against its document's schemas."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from scheduler.workflow_models import Workflow, WorkflowStep
from tests.cast import client_of
from tests.monitoring_api import AUTHENTICATION, BASE, ask, check, ids, refused
from tests.workflows import begin, run, step

pytestmark = pytest.mark.django_db


def test_it_lists_workflows(api: Client) -> None:
    done, waiting = run(begin(origin_zone="eu")), begin()
    body = ask(api, "workflows")
    assert (body["total"], body["page"], body["page_size"], body["pages"]) == (2, 1, 50, 1)
    assert list(ids(body)) == [str(waiting.pk), str(done.pk)]
    first, second = body["items"]
    assert (first["status"], first["current_step"], first["progress"]) == ("PENDING", "reserve", 0)
    assert (second["status"], second["current_step"], second["progress"]) == ("COMPLETED", None, 100)
    assert (second["final_step_id"], second["origin_zone"], second["has_error"]) == ("ship", "eu", False)
    assert second["duration_ms"] > 0


def test_it_shows_a_workflow_with_its_steps_in_order(api: Client) -> None:
    workflow = run(begin(context={"charge": {"failures": 9}, "token": "s3cret"}))
    body = ask(api, f"workflows/{workflow.pk}")
    assert [row["step_id"] for row in body["steps"]] == ["reserve", "charge", "pack", "ship"]
    charge = body["steps"][1]
    assert (charge["status"], charge["retry_count"], charge["max_retries"]) == ("FAILED", 2, 2)
    assert (charge["dependencies"], charge["task_id"]) == (["reserve"], str(step(workflow, "charge").task_id))
    assert charge["input_mappings"] == [{"input": "by", "from": "results.reserve.by"}]
    assert body["errors"] == ["charge: ValueError: charge fails on attempt 3"]
    assert (body["status"], body["error_message"], body["progress"]) == ("FAILED", body["errors"][0], 50)
    assert body["config"]["context"]["token"] == "********"


def test_a_skipped_step_has_a_word_of_its_own_and_odd_results_stand_in_an_object(api: Client) -> None:
    skipped = run(begin(context={"charge": {"skip": True}}))
    assert ask(api, f"workflows/{skipped.pk}")["steps"][1]["status"] == "SKIPPED"
    greeting = run(begin("tests.greet", {"person": "Ada"}))
    assert ask(api, f"workflows/{greeting.pk}")["steps"][0]["result"] == {"value": "hello Ada"}


def test_a_later_attempt_is_a_resumed_task(api: Client) -> None:
    workflow = run(begin(context={"charge": {"failures": 1}}))
    for name, count in (("charge", 1), ("pack", 0)):
        task = ask(api, f"tasks/{step(workflow, name).task_id}")
        assert (task["is_resumed"], task["resume_attempt_count"]) == (count > 0, count)
        assert (task["last_resume_attempt"] is None) == (count == 0)
        assert task["task_type"] == name


def test_it_counts_workflows(api: Client) -> None:
    run(begin())
    begin("tests.greet", {"person": "Ada"})
    body = ask(api, "workflows/stats")
    assert body["by_status"] == {
        "PENDING": 1, "RUNNING": 0, "PAUSED": 0, "COMPLETED": 1, "FAILED": 0, "CANCELLED": 0,
    }  # fmt: skip
    assert (body["total_workflows"], body["workflows_last_hour"], body["avg_steps_per_workflow"]) == (2, 2, 2.5)
    assert ask(api, "workflows/stats", origin_zone="eu")["total_workflows"] == 0


def test_it_filters_and_sorts(api: Client) -> None:
    diamond, greeting = begin(), begin("tests.greet", {"person": "Ada"})

    def found(**asked: Any) -> list[str]:
        return list(ids(ask(api, "workflows", **asked)))

    assert found(search="DIAM") == found(search=str(diamond.pk)[:9]) == [str(diamond.pk)]
    assert found(search="%") == []
    assert found(status="completed") == []
    assert found(sort_by="name", sort_order="asc") == [str(diamond.pk), str(greeting.pk)]
    for column in ("created_at", "started_at", "completed_at", "status", "name"):
        assert len(found(sort_by=column)) == 2
    assert found(page=2, page_size=1) == [str(diamond.pk)]
    assert found(page=10**30) == []


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("page", "0"), ("page_size", "201"), ("status", "EXECUTING"), ("sort_by", "id"), ("created_after", "x"),
     ("search", "a\x00")],
)  # fmt: skip
def test_it_names_a_parameter_that_cannot_be_used(api: Client, parameter: str, value: str) -> None:
    assert [mistake["loc"] for mistake in refused(api, "workflows", **{parameter: value})] == [["query", parameter]]


@pytest.mark.parametrize("workflow_id", [str(uuid4()), "nonsense", "a%00b", "stats2"])
def test_it_says_what_is_not_there(api: Client, workflow_id: str) -> None:
    response = api.get(f"{BASE}/workflows/{workflow_id}")
    assert (response.status_code, response.json()) == (404, {"detail": "Workflow not found"})


def test_a_list_and_a_workflow_cost_the_same_whatever_their_size(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for reference in ("tests.diamond", "tests.fan"):
        workflow = begin(reference)
        for path in ("workflows", f"workflows/{workflow.pk}"):
            with django_assert_num_queries(AUTHENTICATION + 2):
                ask(api, path)
    with django_assert_num_queries(AUTHENTICATION + 5):
        ask(api, "workflows/stats")


def test_only_roles_read(stranger: User) -> None:
    for path in ("workflows", "workflows/stats", f"workflows/{uuid4()}"):
        assert client_of(stranger).get(f"{BASE}/{path}").status_code == 403
        response = Client().get(f"{BASE}/{path}")
        assert (response.status_code, response.json()) == (401, {"detail": "Not authenticated"})


def test_a_workflow_whose_handler_is_gone_is_still_shown(api: Client) -> None:
    workflow = begin()
    Workflow.objects.update(name="gone", version="9.9.9")
    WorkflowStep.objects.update(results=None)
    body = ask(api, f"workflows/{workflow.pk}")
    check(body, "WorkflowDetailResponse")
    assert body["steps"][1]["input_mappings"] == []
