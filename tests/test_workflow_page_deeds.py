"""What is done to workflows and steps from their page, and who may."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audit.models import OperatorAction
from audit.trail import process
from scheduler import workflow_actions as actions
from scheduler.workflow_models import Workflow
from scheduler.workflow_states import WorkflowStatus
from tests.reading_pages import BASE, page
from tests.workflow_pages import FAILING, row_of
from tests.workflows import begin, committed, run, states, step

pytestmark = pytest.mark.django_db


def does(client: Client, workflow: Workflow, step_name: str = "", **sent: str) -> str:
    """What the page says after the form was sent."""
    way = f"steps/{step_name}/act" if step_name else "act"
    with committed():
        response = client.post(f"{BASE}/workflows/{workflow.pk}/{way}", sent)
    assert response.status_code == 303, response.content
    assert response["Location"].startswith(f"{BASE}/workflows/{workflow.pk}")
    return client.get(response["Location"]).content.decode()


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
