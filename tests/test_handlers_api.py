"""Handlers in the workflow API: their namespaces, their versions and their graphs."""

from __future__ import annotations

import pytest
from django.test import Client

from scheduler.registry import registry
from tests.workflow_api import BASE
from tests.workflow_handlers import act

pytestmark = pytest.mark.django_db


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
