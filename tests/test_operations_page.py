"""Operations on their pages: listed, followed and stopped."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit import roles
from audit.models import OperatorAction
from audit.trail import Actor
from monitoring import actions, chunks
from monitoring.operations import begin_operation
from monitoring.statuses import Status
from monitoring.stored_operations import Operation, State
from tests.factories import make_task
from tests.reading_pages import BASE, page
from tests.test_dead_letters_page import JSON, person

pytestmark = pytest.mark.django_db(transaction=True)

OSCAR = Actor(name="oscar", source="dlq", permissions=frozenset({roles.OPERATE}))


@pytest.fixture
def oscar() -> Client:
    return person("oscar", "operate_task")


@pytest.fixture
def vera() -> Client:
    return person("vera")


def begin(number: int = 3, **options: Any) -> Operation:
    for index in range(number):
        make_task(status=Status.FAILED, error=f"ValueError: no <order> {index}", queue="a/b")
    asked = {"queue": "a/b", "status": ["FAILED"]}
    return begin_operation(actions.RETRY, asked, by=OSCAR, reason="it's fixed <now>", **options)


def test_it_says_how_far_it_is_and_why_tasks_were_refused(oscar: Client) -> None:
    operation = begin()
    path = f"/operations/{operation.pk}"
    text = page(oscar, path)
    assert "Retry 3 tasks of a/b" in text
    assert "it&#x27;s fixed &lt;now&gt;" in text
    assert "Stop it" in text
    while chunks.advance():
        pass
    parts = page(oscar, f"{path}/parts")
    assert "<html" not in parts
    assert "Finished" in parts
    assert "Redis no longer holds the job" in parts
    assert "Stop it" not in parts
    told = oscar.get(f"{BASE}{path}", headers=JSON).json()
    assert (told["state"], told["total"], told["done"], told["refused"], told["left"]) == ("finished", 3, 0, 3, 0)
    assert sum(told["refusals"].values()) == 3


def test_it_shows_those_that_were_tried_first(oscar: Client) -> None:
    operation = begin(try_first=5)
    task = make_task(status=Status.FAILED)
    group = {"task": str(task.pk), "copy": str(task.pk), "retries": 0, "error_group": "a"}
    Operation.objects.update(
        state=State.STOPPED, ended_because="The same error came back.", position=1,
        tried=[{**group, "status": "FAILED", "new_error_group": "a"}, {**group, "status": ""},
               {**group, "status": "FAILED", "new_error_group": "b"}, {**group, "status": "GONE"}],
    )  # fmt: skip
    text = page(oscar, f"/operations/{operation.pk}")
    for words in ("with the same error", "with another error", "was removed", "The same error came back. 2 tasks were"):
        assert words in text


def test_it_lists_them_newest_first(vera: Client, django_assert_max_num_queries: Any) -> None:
    operations = [begin(1) for _ in range(3)]
    with django_assert_max_num_queries(7):
        text = page(vera, "/operations")
    places = [text.index(f'href="{BASE}/operations/{operation.pk}"') for operation in operations]
    assert places == sorted(places, reverse=True)
    told = vera.get(f"{BASE}/operations", headers=JSON).json()
    assert told["total"] == 3
    assert [one["id"] for one in told["operations"]] == [operation.pk for operation in reversed(operations)]
    for junk in ("0", "-1", "junk", "99999999999999999999"):
        assert page(vera, "/operations", page=junk)


def test_it_says_that_there_was_none(vera: Client) -> None:
    assert "There was none yet" in page(vera, "/operations")


def test_it_is_stopped_by_a_button(oscar: Client) -> None:
    operation = begin()
    for sentence in ("It stops after the tasks in hand.", "It has been asked to stop already."):
        response = oscar.post(f"{BASE}/operations/{operation.pk}/stop")
        assert (response.status_code, response.headers["Location"]) == (303, f"{BASE}/operations/{operation.pk}")
        (message,) = oscar.get(response.headers["Location"]).context["messages"]
        assert str(message) == sentence
    assert "oscar asked to stop it" in page(oscar, f"/operations/{operation.pk}")


def test_a_viewer_may_not_stop_it_and_that_stands_in_the_trail(vera: Client) -> None:
    operation = begin()
    assert "Stop it" not in page(vera, f"/operations/{operation.pk}")
    for number in (operation.pk, 999):
        assert vera.post(f"{BASE}/operations/{number}/stop").status_code == 403
    rows = OperatorAction.objects.filter(action="operation.stop").order_by("number")
    assert list(rows.values_list("actor", "target", "outcome")) == [
        ("vera", str(operation.pk), "refused"), ("vera", "999", "refused"),
    ]  # fmt: skip
    operation.refresh_from_db()
    assert operation.stop_asked_by == ""


@pytest.mark.parametrize("number", ["999", "99999999999999999999999", "0"])
def test_unknown_ones_are_not_found(oscar: Client, number: str) -> None:
    for path in ("", "/parts"):
        assert oscar.get(f"{BASE}/operations/{number}{path}").status_code == 404
    assert oscar.get(f"{BASE}/operations/{number}", headers=JSON).status_code == 404
    assert oscar.post(f"{BASE}/operations/{number}/stop").status_code == 404
    assert oscar.get(f"{BASE}/operations/{number}/stop").status_code == 405
