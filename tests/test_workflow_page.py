"""One workflow's page: its steps, their graph, and the step that is chosen."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from scheduler.workflow_models import Workflow, WorkflowStep, step_id_of
from tests.factories import make_task
from tests.reading_pages import BASE, page
from tests.workflow_pages import FAILING, JSON, as_json, row_of
from tests.workflows import begin, record, run, step, work

pytestmark = pytest.mark.django_db


def panel_of(text: str) -> str:
    return text[text.index('<aside id="step"') : text.index("</aside>")]


def large(number: int, **fields: Any) -> Workflow:
    """A workflow of one step, many that depend on it, and one that depends on those."""
    workflow = Workflow.objects.create(
        namespace="tests", name="large", version="1.0.0", status="FAILED", total_steps=number, **fields
    )
    names = ["begin", *(f"w{index}" for index in range(number - 2)), "end"]
    needs: dict[str, list[str]] = {name: ["begin"] for name in names[1:-1]} | {"begin": [], "end": names[1:-1]}
    WorkflowStep.objects.bulk_create(
        WorkflowStep(
            id=step_id_of(workflow.pk, name), workflow=workflow, position=position, name=name, depends_on=needs[name],
            status="COMPLETED" if name != f"w{number - 3}" else "FAILED", results={"x": "y" * 100},
        )
        for position, name in enumerate(names)
    )  # fmt: skip
    return workflow


def test_it_shows_the_steps_in_topological_order_with_what_the_graph_needs(browser: Client) -> None:
    workflow = run(begin(context=FAILING))
    text = page(browser, f"/workflows/{workflow.pk}")
    order = [text.index(f'id="step-{name}"') for name in ("reserve", "charge", "pack", "ship")]
    assert order == sorted(order)
    assert 'data-after="charge pack"' in row_of(text, "ship")
    assert "status-failed" in row_of(text, "charge")
    assert 'data-word="Failed"' in row_of(text, "charge")
    assert "data-critical" in row_of(text, "reserve")
    assert 'data-graph="workflow-steps"' in text
    assert "ship waits for charge" in text


def test_it_chooses_the_first_step_that_failed_or_the_one_in_the_address(browser: Client) -> None:
    workflow = run(begin(context=FAILING))
    panel = panel_of(page(browser, f"/workflows/{workflow.pk}"))
    assert "it will never work" in panel
    assert f'href="{BASE}/tasks/{step(workflow, "charge").task_id}"' in panel
    panel = panel_of(page(browser, f"/workflows/{workflow.pk}", step="ship"))
    assert "It waits for" in panel
    assert ">charge</a>" in panel
    assert "There is no step <code>odd&lt;</code> here." in page(browser, f"/workflows/{workflow.pk}", step="odd<")


def test_it_masks_secrets_and_shows_what_no_database_would_take(browser: Client) -> None:
    odd = {"password": "hush", "text": "\x00\ud800<b>"}
    workflow = run(begin(context={"amount": 1, "api_key": "hush", "odd": odd}))
    WorkflowStep.objects.filter(pk=step(workflow, "pack").pk).update(results=odd, inputs={"token": "hush", "a": [1]})
    text = page(browser, f"/workflows/{workflow.pk}", step="pack")
    assert "hush" not in text
    assert text.count("********") == 4
    assert "&lt;b&gt;" in text


def test_its_parts_are_what_changes(browser: Client) -> None:
    workflow = begin()
    text = page(browser, f"/workflows/{workflow.pk}/parts")
    assert "<html" not in text
    for part in ("workflow-head", "workflow-actions", "workflow-steps", "step", "workflow-facts", "workflow-trail"):
        assert f'id="{part}"' in text
    assert "Queued" in row_of(text, "reserve")


def test_it_answers_in_json(browser: Client) -> None:
    told = as_json(browser, f"/workflows/{run(begin()).pk}")
    assert (told["status"], [one["name"] for one in told["steps"]]) == (
        "completed",
        ["reserve", "charge", "pack", "ship"],
    )
    assert told["steps"][3]["depends_on"] == ["charge", "pack"]


def test_unknown_workflows_and_steps_are_not_found(desk: Client) -> None:
    nowhere = f"{BASE}/workflows/{uuid4()}"
    for response in (
        desk.get(nowhere),
        desk.get(f"{nowhere}/parts"),
        desk.post(f"{nowhere}/act", {"action": "pause"}),
        desk.post(f"{nowhere}/steps/charge/act", {"action": "retry"}),
        desk.post(f"{BASE}/workflows/{begin().pk}/steps/odd/act", {"action": "retry"}),
    ):
        assert response.status_code == 404
        assert "No such workflow" in response.content.decode()
    assert desk.get(nowhere, headers=JSON).json()["ok"] is False
    assert desk.get(f"{BASE}/workflows/nonsense").status_code == 404


def test_a_thousand_steps_stay_usable(browser: Client, django_assert_max_num_queries: Any) -> None:
    workflow = large(1_000)
    with django_assert_max_num_queries(11):
        text = page(browser, f"/workflows/{workflow.pk}", step="end")
    assert "No graph is drawn" in text
    assert "data-graph" not in text
    assert text.count("<tr id=") == 300
    assert len(text) < 500_000
    assert "the first 20 of 998" in text
    assert "Page 1 of 4" in text
    assert page(browser, f"/workflows/{workflow.pk}", page="4").count("<tr id=") == 100
    failed = page(browser, f"/workflows/{workflow.pk}", only="failed")
    assert failed.count("<tr id=") == 1
    assert 'id="step-w997"' in failed
    with django_assert_max_num_queries(11):
        page(browser, f"/workflows/{large(5).pk}", step="end")


def test_a_step_of_a_workflow_leads_there_from_its_task(browser: Client) -> None:
    workflow = begin()
    work()
    record()
    task_id = step(workflow, "reserve").task_id
    assert f'href="{BASE}/workflows/{workflow.pk}?step=reserve"' in page(browser, f"/tasks/{task_id}")
    for data in ({"workflow_id": "no id", "step": "x"}, {"workflow_id": 7}, ["workflow_id"], "text"):
        assert "/workflows/no" not in page(browser, f"/tasks/{make_task(task_data=data).pk}")
