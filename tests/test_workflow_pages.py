"""The pages of workflows: the list and its filters, one workflow with its steps, and what is done from there."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.models import OperatorAction
from audit.trail import process
from scheduler import workflow_actions as actions
from scheduler.workflow_models import Workflow, WorkflowStep, step_id_of
from scheduler.workflow_states import WorkflowStatus
from tests.factories import make_task
from tests.reading_pages import BASE, page
from tests.workflows import begin, committed, counted_row, record, run, states, step, work

pytestmark = pytest.mark.django_db
JSON = {"Accept": "application/json"}
FAILING: dict[str, Any] = {"charge": {"hopeless": True}}


@pytest.fixture
def desk(operator: User) -> Client:
    """The operator's browser."""
    client = Client()
    client.force_login(operator)
    return client


def as_json(client: Client, path: str, **parameters: Any) -> Any:
    response = client.get(f"{BASE}{path}", parameters, headers=JSON)
    assert response.status_code == 200, response.content
    return response.json()


def row_of(text: str, name: str) -> str:
    found = re.search(rf'<tr id="step-{name}".*?</tr>', text, re.DOTALL)
    assert found, name
    return found[0]


def panel_of(text: str) -> str:
    return text[text.index('<aside id="step"') : text.index("</aside>")]


def does(client: Client, workflow: Workflow, step_name: str = "", **sent: str) -> str:
    """What the page says after the form was sent."""
    way = f"steps/{step_name}/act" if step_name else "act"
    with committed():
        response = client.post(f"{BASE}/workflows/{workflow.pk}/{way}", sent)
    assert response.status_code == 303, response.content
    assert response["Location"].startswith(f"{BASE}/workflows/{workflow.pk}")
    return client.get(response["Location"]).content.decode()


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


# --- The list -----------------------------------------------------------------------------------------------------


def test_an_empty_list_says_how_to_start_one(browser: Client) -> None:
    text = page(browser, "/workflows")
    assert "No workflow was started yet." in text
    assert f'href="{BASE}/handlers"' in text


def test_it_lists_workflows_newest_first_with_counts_by_status(browser: Client) -> None:
    done = run(begin(initiator="ann"))
    failed = run(begin(context=FAILING))
    going = begin("tests.quick")
    text = page(browser, "/workflows")
    places = [text.index(f'href="{BASE}/workflows/{one.pk}"') for one in (going, failed, done)]
    assert places == sorted(places)
    assert "2 of 4" in text
    assert "1 failed" in text
    told = as_json(browser, "/workflows")
    assert (told["total"], told["counts"]["completed"], told["counts"]["failed"], told["counts"]["pending"]) == (
        3,
        1,
        1,
        1,
    )
    assert [one["id"] for one in told["workflows"]] == [str(one.pk) for one in (going, failed, done)]
    assert told["workflows"][2] | {"created_at": 0, "started_at": 0, "completed_at": 0, "duration_ms": 0} == {
        "id": str(done.pk), "handler": "tests.diamond", "version": "1.0.0", "status": "completed", "total_steps": 4,
        "completed_steps": 4, "failed_steps": 0, "progress": 100.0, "initiator": "ann", "created_at": 0,
        "started_at": 0, "completed_at": 0, "duration_ms": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "number"),
    [
        ({"status": "pending"}, 2),
        ({"status": "PAUSED"}, 0),
        ({"handler": "tests.quick"}, 1),
        ({"handler": "gone.away"}, 0),
        ({"initiator": "ann"}, 1),
        ({"initiator": "an"}, 0),
        ({"search": "iamon"}, 1),
        ({"handler": "tests.diamond", "initiator": "ann", "status": "pending"}, 1),
    ],
)
def test_it_filters(browser: Client, filters: dict[str, str], number: int) -> None:
    begin(initiator="ann")
    begin("tests.quick")
    assert as_json(browser, "/workflows", **filters)["total"] == number
    text = page(browser, "/workflows", **filters)
    assert text.count('class="row-link"') == number
    assert ("No workflow matches." in text) == (not number)


def test_it_finds_by_the_beginning_of_an_id_and_goes_to_a_whole_one(browser: Client) -> None:
    workflow = begin()
    begin()
    told = as_json(browser, "/workflows", search=str(workflow.pk)[:13])
    assert [one["id"] for one in told["workflows"]] == [str(workflow.pk)]
    response = browser.get(f"{BASE}/workflows", {"search": str(workflow.pk)})
    assert response["Location"] == f"{BASE}/workflows/{workflow.pk}"
    assert "No workflow matches." in page(browser, "/workflows", search=str(uuid4()))


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"status": "odd"}, "odd is not a status. Statuses are pending, running"),
        ({"handler": "fulfil"}, "Must be a namespace and a name"),
        ({"search": "a\x00b"}, "no NUL"),
        ({"initiator": "x" * 256}, "Must have 255 characters at most"),
    ],
)
def test_it_says_which_filters_cannot_be_used(browser: Client, filters: dict[str, str], sentence: str) -> None:
    for path in ("/workflows", "/workflows/parts"):
        response = browser.get(f"{BASE}{path}", filters)
        assert response.status_code == 400
    assert sentence in browser.get(f"{BASE}/workflows", filters).content.decode()
    assert sentence in browser.get(f"{BASE}/workflows", filters, headers=JSON).json()["error"]


def test_it_shows_chips_that_remove_their_filter(browser: Client) -> None:
    text = page(browser, "/workflows", handler="tests.quick", status="failed")
    assert '<a class="chip" href="?status=failed"' in text
    assert "Handler: tests.quick" in text


def test_it_shows_pages(browser: Client) -> None:
    for _ in range(45):
        counted_row()
    first = as_json(browser, "/workflows", size="20")
    last = as_json(browser, "/workflows", size="20", page="99")
    assert (first["pages"], len(first["workflows"]), last["page"], len(last["workflows"])) == (3, 20, 3, 5)
    text = page(browser, "/workflows", size="20", page="2", status="pending")
    assert "21–40 of 45" in text
    assert 'href="?size=20&amp;status=pending&amp;page=3" rel="next"' in text


def test_the_lists_queries_do_not_grow(browser: Client, django_assert_max_num_queries: Any) -> None:
    for index in range(30):
        counted_row(namespace=f"n{index}", initiator=f"i{index}")
    for path in ("/workflows", "/workflows/parts"):
        with django_assert_max_num_queries(8):
            page(browser, path)


# --- One workflow -------------------------------------------------------------------------------------------------


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


# --- Acting on a workflow -----------------------------------------------------------------------------------------


def test_it_pauses_resumes_and_retries(desk: Client) -> None:
    workflow = begin(context={"charge": {"hopeless": True}})
    assert "Paused: no further attempt" in does(desk, workflow, action="pause", reason="the bank is closed")
    assert "the bank is closed" in page(desk, f"/workflows/{workflow.pk}")
    assert "It goes on." in does(desk, workflow, action="resume")
    run(workflow)
    assert "The failed steps are tried again." in does(desk, workflow, action="retry")
    assert states(workflow)["charge"] == "QUEUED"
    assert list(OperatorAction.objects.values_list("action", "source", "actor", "outcome")) == [
        (f"workflow.{verb}", "workflows", "oscar", "success") for verb in ("pause", "resume", "retry")
    ]


def test_it_asks_before_it_cancels(desk: Client) -> None:
    workflow = begin()
    response = desk.post(f"{BASE}/workflows/{workflow.pk}/act", {"action": "cancel", "reason": "wrong order"})
    text = response.content.decode()
    assert response.status_code == 200
    assert "4 steps of it will not be completed." in text
    assert "wrong order" in text
    assert Workflow.objects.get().status == "PENDING"
    assert "Cancelled: no further step starts" in does(desk, workflow, action="cancel", confirm="1")
    assert Workflow.objects.get().status == "CANCELLED"


def test_it_shows_what_is_not_possible_now_and_why(desk: Client, browser: Client) -> None:
    workflow = run(begin())
    text = page(desk, f"/workflows/{workflow.pk}", step="charge")
    for sentence in (
        "Cannot pause a workflow that is completed.",
        "Cannot retry a workflow that is completed; only a failed one.",
        "Cannot cancel a step that is complete.",
    ):
        assert f'disabled title="{sentence}"' in text
    assert "Cannot pause a workflow that is completed." in does(desk, workflow, action="pause")
    text = page(browser, f"/workflows/{workflow.pk}", step="charge")
    assert 'value="retry">' not in text
    assert "Your role may look but not act." in text
    assert 'name="reason"' not in text


def test_unknown_actions_do_nothing(desk: Client) -> None:
    workflow = begin()
    assert "Nothing was done: action must be one of pause, resume" in does(desk, workflow, action="explode")
    assert "Nothing was done: action must be one of retry, skip" in does(desk, workflow, "charge", action="pause")


# --- Acting on a step ---------------------------------------------------------------------------------------------


def test_it_retries_a_failed_step(desk: Client) -> None:
    workflow = run(begin(context=FAILING))
    seen = re.search(r'name="seen" value="([^"]+)"', page(desk, f"/workflows/{workflow.pk}"))
    assert seen
    text = does(desk, workflow, "charge", action="retry", seen=seen[1], reason="again")
    assert "charge is tried again, with all its attempts." in text
    assert step(workflow, "charge").status == "QUEUED"
    deed = OperatorAction.objects.get(action="step.retry")
    assert (deed.source, deed.reason, deed.outcome) == ("workflows", "again", "success")


def test_it_resolves_a_step_with_results(desk: Client) -> None:
    workflow = run(begin(context=FAILING))
    response = desk.post(
        f"{BASE}/workflows/{workflow.pk}/steps/charge/act",
        {"action": "resolve", "results": '{"receipt": ', "reason": "r1"},
    )
    text = response.content.decode()
    assert response.status_code == 400
    assert "This is not JSON" in text
    assert "{&quot;receipt&quot;: " in text
    assert 'value="r1"' in text
    assert f'href="{BASE}/workflows/{workflow.pk}?step=pack#step"' in text, "its own address takes no GET"
    assert "js/workflow.js" not in text, "an update would take away what was typed"
    assert step(workflow, "charge").status == "FAILED"
    assert "charge is resolved" in does(desk, workflow, "charge", action="resolve", results='{"receipt": "by hand"}')
    assert step(workflow, "charge").results == {"receipt": "by hand"}
    assert run(workflow).status == "COMPLETED"
    assert "Resolved manually" in row_of(page(desk, f"/workflows/{workflow.pk}"), "charge")


@pytest.mark.parametrize("results", ["NaN", "[" * 100_000, '{"token": "********"}', "{'a': 1}"])
def test_results_that_are_none_are_refused(desk: Client, results: str) -> None:
    workflow = run(begin(context=FAILING))
    sent = {"action": "resolve", "results": results}
    assert desk.post(f"{BASE}/workflows/{workflow.pk}/steps/charge/act", sent).status_code == 400
    assert step(workflow, "charge").status == "FAILED"


def test_it_skips_a_step_that_may_be_skipped(desk: Client) -> None:
    workflow = begin()
    assert "charge is skipped" in does(desk, workflow, "charge", action="skip")
    assert "not declared to be skippable" in does(desk, workflow, "pack", action="skip")
    assert (step(workflow, "charge").status, step(workflow, "pack").status) == ("RESOLVED", "PENDING")


def test_it_asks_before_it_cancels_a_step_and_says_what_goes_with_it(desk: Client) -> None:
    workflow = begin()
    address = f"{BASE}/workflows/{workflow.pk}/steps/charge/act"
    assert "neither will one step that depends on it" in desk.post(address, {"action": "cancel"}).content.decode()
    assert "charge is cancelled, and all that depends on it." in does(
        desk, workflow, "charge", action="cancel", confirm="1"
    )
    assert states(workflow)["ship"] == "CANCELLED"


def test_it_tells_who_acts_on_what_has_changed_meanwhile(desk: Client) -> None:
    workflow = run(begin(context=FAILING))
    seen = f"FAILED-{step(workflow, 'charge').run_number}"
    with committed():
        actions.retry_step(step(workflow, "charge"), by=process("somebody"))
    for action in ("cancel", "skip", "resolve"):
        text = does(desk, workflow, "charge", action=action, seen=seen)
        assert "charge has changed since you looked: now it is queued, at attempt 2. Nothing was done." in text
    assert step(workflow, "charge").status == "QUEUED"
    assert OperatorAction.objects.filter(actor="oscar", outcome="refused").count() == 3


def test_a_retry_that_failed_again_is_a_change_too(desk: Client) -> None:
    workflow = run(begin(context=FAILING))
    with committed():
        actions.retry_step(step(workflow, "charge"), by=process("somebody"))
    run(workflow)
    assert "now it is failed, at attempt 2" in does(desk, workflow, "charge", action="retry", seen="FAILED-1")


# --- Roles --------------------------------------------------------------------------------------------------------


def test_who_may_not_is_refused_and_that_stands_in_the_trail(browser: Client) -> None:
    workflow = begin()
    ways = [f"{workflow.pk}/act", f"{workflow.pk}/steps/charge/act", f"{uuid4()}/act", f"{workflow.pk}/steps/odd/act"]
    sent = [
        *({"action": verb} for verb in ("pause", "resume", "retry", "cancel", "explode")),
        *({"action": verb, "results": "{", "seen": "old-1"} for verb in ("retry", "skip", "resolve", "cancel")),
    ]
    for way in ways:
        for form in sent:
            assert browser.post(f"{BASE}/workflows/{way}", form).status_code == 403, (way, form)
    trail = OperatorAction.objects.values_list("actor", "outcome")
    assert list(trail) == [("vera", "refused")] * len(ways) * len(sent)
    workflow.refresh_from_db()
    assert workflow.status == WorkflowStatus.PENDING


def test_it_asks_for_a_login_for_csrf_and_for_post(desk: Client, operator: User, stranger: User) -> None:
    workflow = begin()
    verbs = [f"{BASE}/workflows/{workflow.pk}/{way}" for way in ("act", "steps/charge/act")]
    looks = [f"{BASE}/workflows{way}" for way in ("", "/parts", f"/{workflow.pk}", f"/{workflow.pk}/parts")]
    checking, strange = Client(enforce_csrf_checks=True), Client()
    checking.force_login(operator)
    strange.force_login(stranger)
    for verb in verbs:
        assert desk.get(verb).status_code == 405
        assert Client().post(verb, {"action": "pause"}).status_code == 302
        assert checking.post(verb, {"action": "pause"}).status_code == 403
    for look in looks:
        assert desk.post(look).status_code == 405
        assert Client().get(look)["Location"].startswith(f"{BASE}/login")
        assert strange.get(look).status_code == 403
    assert not OperatorAction.objects.exists()


def test_a_long_running_one_says_since_when(browser: Client) -> None:
    counted_row(status="RUNNING", started_at=timezone.now(), total_steps=1)
    assert "data-running" in page(browser, "/workflows")
