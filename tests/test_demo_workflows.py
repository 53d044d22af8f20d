"""The demo's workflows run to their ends, and its traffic starts them."""

from __future__ import annotations

import random

import pytest

from demo import workflows
from demo.traffic import Traffic
from scheduler.workflow_models import Workflow
from tests.workflows import begin, committed, dispatch, let_time_pass, record, states, step, work

pytestmark = pytest.mark.django_db
QUEUES = ["default", "mail", "media", "reports", "payments"]


@pytest.fixture(autouse=True)
def _swiftly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of a play."""
    monkeypatch.setattr("demo.tasks.time.sleep", lambda _: None)


def played(reference: str, context: dict[str, object]) -> Workflow:
    """A workflow, run to its end on every queue."""
    workflow = begin(reference, context)
    for _ in range(40):
        work(*QUEUES)
        record()
        let_time_pass()
        dispatch()
        workflow.refresh_from_db()
        if workflow.is_over:
            return workflow
    raise AssertionError(states(workflow))


def test_an_order_is_fulfilled() -> None:
    workflow = played("shop.fulfil_order", {"order": "o-1", "amount_cents": 4990, "gift_wrap": True})
    assert workflow.status == "COMPLETED"
    assert step(workflow, "ship").results == {"parcel": "o-1-4990", "wrapped": True}


def test_a_declined_card_fails_the_order_at_once_and_nothing_is_wrapped_needlessly() -> None:
    workflow = played("shop.fulfil_order", {"order": "o-2", "amount_cents": 1, "card_token": "tok_declined"})
    assert (workflow.status, step(workflow, "charge").attempts) == ("FAILED", 1)
    assert step(workflow, "wrap").is_skipped


def test_a_video_is_rendered_in_twenty_parts() -> None:
    workflow = played("studio.publish_video", {"video": "v"})
    assert (workflow.status, workflow.total_steps) == ("COMPLETED", 22)
    assert step(workflow, "join").results == {"video": "v", "scenes": 20}


def test_the_report_of_the_night_is_sent() -> None:
    assert played("books.nightly_report", {}).status == "COMPLETED"


def test_the_traffic_starts_a_workflow_now_and_then() -> None:
    traffic = Traffic(QUEUES, start_workflow=workflows.start_one)
    traffic.chance = random.Random(3)  # noqa: S311  # the same play each time
    with committed():
        for _ in range(30):
            traffic.turn()
    assert 1 <= Workflow.objects.count() <= 10
