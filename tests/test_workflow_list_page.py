"""The page of workflows: what it lists, in which order, its filters and its pages."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from tests.reading_pages import BASE, page
from tests.workflow_pages import FAILING, JSON, as_json
from tests.workflows import begin, counted_row, run

pytestmark = pytest.mark.django_db


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


def test_a_long_running_one_says_since_when(browser: Client) -> None:
    counted_row(status="RUNNING", started_at=timezone.now(), total_steps=1)
    assert "data-running" in page(browser, "/workflows")
