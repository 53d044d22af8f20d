"""Workflows and steps in Django's admin: found, shown with their secrets masked, and acted on by the same verbs."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import OperatorAction
from scheduler.workflow_models import Workflow, WorkflowStep
from tests.test_admin import at_desk, page_of, text_of
from tests.workflows import begin, committed, counted, run, states, step

pytestmark = pytest.mark.django_db
WORKFLOWS, STEPS = (f"admin:scheduler_{name}_changelist" for name in ("workflow", "workflowstep"))


@pytest.fixture
def desk(operator: User) -> Client:
    """An operator's browser."""
    return at_desk(operator)


def found(desk: Client, name: str, **asked: str) -> list[Any]:
    response = desk.get(reverse(name), asked)
    assert response.status_code == 200, response.headers
    return [row.pk for row in response.context["cl"].result_list]


def act(desk: Client, name: str, action: str, *rows: Any) -> str:
    """Chooses rows and an action; the messages that follow."""
    with committed():
        answer = desk.post(
            reverse(name), {"action": action, "_selected_action": [str(row.pk) for row in rows]}, follow=True
        )
    return " ".join(str(message) for message in answer.context["messages"])


def test_workflows_are_found_by_id_handler_and_status(desk: Client) -> None:
    diamond, greeting = begin(), begin("tests.greet", {"person": "Ada"})
    assert found(desk, WORKFLOWS) == [greeting.pk, diamond.pk]
    assert found(desk, WORKFLOWS, q=str(diamond.pk)[:10]) == [diamond.pk]
    assert found(desk, WORKFLOWS, q="tests.greet") == [greeting.pk]
    assert found(desk, WORKFLOWS, q="tests.diamond@1.0.0") == [diamond.pk]
    assert found(desk, WORKFLOWS, q="tests.diamond@9.9.9") == found(desk, WORKFLOWS, q="greet") == []
    run(greeting)
    assert found(desk, WORKFLOWS, status="COMPLETED") == [greeting.pk]


def test_steps_are_listed_in_their_order(desk: Client) -> None:
    workflow = begin()
    begin()
    rows = found(desk, STEPS, workflow__id__exact=str(workflow.pk))
    assert [WorkflowStep.objects.get(pk=pk).name for pk in rows] == ["reserve", "charge", "pack", "ship"]
    assert sorted(found(desk, STEPS, q=str(workflow.pk)[:13])) == sorted(rows)
    assert found(desk, STEPS, q=str(rows[2])) == [rows[2]]
    assert found(desk, STEPS, q="ship") == []
    assert len(found(desk, STEPS)) == 8


def test_pages_mask_secrets_and_lead_on(desk: Client) -> None:
    workflow = run(begin(context={"token": "s3cret", "charge": {"failures": 9}}))
    Workflow.objects.filter(pk=workflow.pk).update(tags=["web"])
    WorkflowStep.objects.filter(name="reserve").update(results={"password": "hunter2", "shelf": "B7"})
    page = text_of(desk, page_of(workflow))
    assert "s3cret" not in page
    assert "********" in page
    assert page_of(step(workflow, "charge")) in page
    assert f"{reverse(STEPS)}?workflow__id__exact={workflow.pk}" in page
    page = text_of(desk, page_of(step(workflow, "reserve")))
    assert "hunter2" not in page
    assert "B7" in page
    assert page_of(workflow) in page
    assert reverse("admin:monitoring_task_change", args=[step(workflow, "reserve").task_id]) in page
    assert "charge fails on attempt 3" in text_of(desk, page_of(step(workflow, "charge")))


def test_nobody_adds_changes_or_deletes(desk: Client) -> None:
    workflow = begin()
    for row in (workflow, step(workflow, "pack")):
        assert desk.post(page_of(row), {"status": "COMPLETED"}).status_code == 403
        assert desk.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
        address = reverse(f"admin:scheduler_{row._meta.model_name}_add")
        assert desk.get(address).status_code == 403


def test_it_pauses_resumes_retries_and_cancels_by_the_verbs(desk: Client) -> None:
    workflow, other = begin(context={"charge": {"hopeless": True}}), begin()
    assert act(desk, WORKFLOWS, "pause", workflow, other) == "2 paused."
    told = act(desk, WORKFLOWS, "pause", workflow)
    assert told == f"tests.diamond@1.0.0 {workflow.pk}: Cannot pause a workflow that is paused."
    assert act(desk, WORKFLOWS, "resume", workflow, other) == "2 resumed."
    assert act(desk, WORKFLOWS, "cancel", other) == "1 cancelled."
    assert run(workflow).status == "FAILED"
    assert act(desk, WORKFLOWS, "retry", workflow) == "1 retried."
    assert states(workflow)["charge"] == "QUEUED"
    assert set(states(other).values()) == {"CANCELLED"}
    deeds = list(OperatorAction.objects.order_by("number").values_list("action", "outcome", "actor", "source"))
    assert ("workflow.pause", "refused", "oscar", "admin") in deeds
    assert [action for action, outcome, *_ in deeds if outcome == "success"] == [
        *["workflow.pause"] * 2, *["workflow.resume"] * 2, "workflow.cancel", "workflow.retry",
    ]  # fmt: skip


def test_it_cancels_and_retries_steps_by_the_verbs(desk: Client) -> None:
    workflow = run(begin(context={"charge": {"hopeless": True}}))
    assert act(desk, STEPS, "retry", step(workflow, "charge")) == "1 retried."
    assert "Cannot cancel a step that is complete." in act(desk, STEPS, "cancel", step(workflow, "pack"))
    assert act(desk, STEPS, "cancel", step(workflow, "charge")) == "1 cancelled."
    assert states(workflow)["ship"] == "CANCELLED"
    counted(workflow)


def test_viewers_look_and_strangers_do_not(viewer: User, stranger: User) -> None:
    workflow = begin()
    desk = at_desk(viewer)
    assert found(desk, WORKFLOWS) == [workflow.pk]
    assert 'value="pause"' not in text_of(desk, reverse(WORKFLOWS))
    act_anyway = desk.post(reverse(WORKFLOWS), {"action": "cancel", "_selected_action": [str(workflow.pk)]})
    assert act_anyway.status_code in (200, 302)
    assert set(states(workflow).values()) == {"QUEUED", "PENDING"}
    for name in (WORKFLOWS, STEPS):
        assert at_desk(stranger).get(reverse(name)).status_code == 403


@pytest.mark.parametrize("name", [WORKFLOWS, STEPS])
def test_a_list_costs_the_same_for_one_and_for_many(desk: Client, name: str) -> None:
    costs = []
    for number in (1, 10):
        for _ in range(number):
            begin()
        with CaptureQueriesContext(connection) as queries:
            found(desk, name)
        costs.append(len(queries))
    assert costs[0] == costs[1]
