"""The pages of handlers: what is registered, and the form that starts a workflow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client

from audit.models import OperatorAction
from scheduler.pages.context_fields import ContextForm, path_of
from scheduler.registry import Registry, registry
from scheduler.workflow_models import Workflow
from scheduler.workflow_plans import mistakes_in_context
from tests.reading_pages import BASE, page, rows
from tests.workflows import committed

pytestmark = pytest.mark.django_db
DIAMOND = f"{BASE}/handlers/tests/diamond?version=1.0.0"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "title": "Who", "description": "The <person>."},
        "count": {"type": "integer", "minimum": 1, "default": 3},
        "share": {"type": "number"},
        "loud": {"type": "boolean", "default": False},
        "size": {"enum": ["small", 2, None]},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
        "odd name": {"type": ["string", "null"]},
    },
    "required": ["name", "lines"],
}


@pytest.fixture
def desk(operator: User) -> Client:
    """The operator's browser."""
    client = Client()
    client.force_login(operator)
    return client


def filled(**typed: str) -> ContextForm:
    """The form of SCHEMA as it was sent."""
    sent = QueryDict(mutable=True)
    sent.update(typed)
    return ContextForm(SCHEMA, sent)


# --- Looking ------------------------------------------------------------------------------------------------------


def test_it_lists_every_handler(browser: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(4):
        text = page(browser, "/handlers")
    found = {row[0]: row[1:] for row in rows(text, "handlers")}
    assert found["tests.diamond"][0] == "1.1.0, 1.0.0"
    assert found["tests.greet"][1] == "Greets a person."
    assert found["tests.chain"][2] == "100: s0, s1, s2, s3, s4, …"
    assert f'href="{BASE}/workflows?handler=tests.diamond"' in text
    told = browser.get(f"{BASE}/handlers", headers={"Accept": "application/json"}).json()
    (diamond,) = (one for one in told if one["name"] == "diamond")
    assert (diamond["version"], diamond["versions"]) == ("1.1.0", ["1.1.0", "1.0.0"])


def test_without_any_it_says_how_to_declare_one(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.pages.handlers.registry", Registry())
    assert "No handler is registered." in page(browser, "/handlers")


def test_it_shows_a_handler_with_its_graph_in_any_version(browser: Client) -> None:
    text = page(browser, "/handlers/tests/diamond")
    assert "Version 1.1.0" in text
    assert 'data-step="thank" data-after="reserve"' in text
    text = page(browser, "/handlers/tests/diamond", version="1.0.0")
    assert 'data-step="ship" data-after="charge pack"' in text
    assert 'data-graph="handler-steps"' in text
    assert "Four steps." in text
    told = browser.get(DIAMOND, headers={"Accept": "application/json"}).json()
    assert told["schema"]["properties"]["amount"] == {"type": "integer", "minimum": 1}


@pytest.mark.parametrize("path", ["nowhere/diamond", "tests/ghost", "tests/diamond?version=9.9.9", "tests/%00"])
def test_unknown_ones_are_not_found(desk: Client, path: str) -> None:
    for response in (desk.get(f"{BASE}/handlers/{path}"), desk.post(f"{BASE}/handlers/{path}")):
        assert response.status_code == 404
        assert "There is no handler" in response.content.decode()


# --- Fields -------------------------------------------------------------------------------------------------------


def test_each_kind_has_a_field_of_its_own() -> None:
    form = ContextForm(SCHEMA)
    assert {one.name: (one.kind, one.typed) for one in form.fields} == {
        "name": ("string", ""), "count": ("integer", "3"), "share": ("number", ""), "loud": ("boolean", "false"),
        "size": ("choice", ""), "lines": ("json", ""), "odd name": ("json", ""),
    }  # fmt: skip
    assert form.fields[0].hint == "Text, at least 2 characters"
    assert form.fields[4].choices == [('"small"', "small"), ("2", "2"), ("null", "null")]


def test_what_is_typed_becomes_the_context() -> None:
    form = filled(
        **{
            "context.name": " ann ", "context.count": "7", "context.share": "1.5e1", "context.loud": "true",
            "context.size": "2", "context.lines": '[{"sku": 1}]', "context.odd name": "null", "more": '{"extra": [1]}',
        }
    )  # fmt: skip
    assert form.context() == {
        "extra": [1], "name": " ann ", "count": 7, "share": 15.0, "loud": True, "size": 2, "lines": [{"sku": 1}],
        "odd name": None,
    }  # fmt: skip
    assert not form.has_errors


def test_what_is_left_empty_is_left_out() -> None:
    assert filled(**{"context.count": "", "context.loud": "", "context.lines": " "}).context() == {}


@pytest.mark.parametrize("typed", ["seven", "1,5", "true", "NaN", "Infinity", '"7"', "[7]", "0x10", "1" * 5_000])
def test_what_is_no_number_is_named(typed: str) -> None:
    form = filled(**{"context.count": typed})
    form.context()
    (field,) = (one for one in form.fields if one.errors)
    assert (field.path, field.errors[0].endswith("is not a whole number.")) == ("$.count", True)


@pytest.mark.parametrize("more", ["[]", "7", "{", '{"a": NaN}', "[" * 100_000])
def test_more_must_be_an_object(more: str) -> None:
    form = filled(more=more)
    form.context()
    assert list(form.errors) == ["$"]


def test_mistakes_stand_beside_their_fields_with_their_paths() -> None:
    form = filled(**{"context.lines": "[{}]", "context.count": "0", "more": '{"other": 1}'})
    form.take(
        {
            "$": ["'name' is a required property.", "It is odd."],
            "$.count": ["0 is less than the minimum of 1."],
            "$.lines[0]": ["'sku' is a required property."],
            "$['odd name']": ["7 is odd."],
            "$.other": ["No."],
        }
    )
    assert {one.name: one.errors for one in form.fields if one.errors} == {
        "name": ["'name' is a required property."],
        "count": ["0 is less than the minimum of 1."],
        "lines": ["$.lines[0]: 'sku' is a required property."],
        "odd name": ["7 is odd."],
    }
    assert form.errors == {"$": ["It is odd."], "$.other": ["No."]}


@pytest.mark.parametrize("name", ["plain", "odd name", "it's", "back\\slash", "_x", "a1"])
def test_paths_are_written_as_the_validator_writes_them(name: str) -> None:
    (handler,) = registry.versions["tests.greet"].values()
    strict = handler.__class__(**{**handler.__dict__, "schema": {"properties": {name: {"type": "string"}}}})
    assert list(mistakes_in_context(strict, {name: 1})) == [path_of(name)]


@pytest.mark.parametrize(
    "schema", [{}, {"properties": []}, {"properties": {"a": True, "b": {"enum": 7, "type": 7}}, "required": "a"}]
)
def test_any_schema_has_a_form(schema: dict[str, Any]) -> None:
    form = ContextForm(schema)
    assert {one.kind for one in form.fields} <= {"json"}
    assert form.takes_more


# --- Starting -----------------------------------------------------------------------------------------------------


def sends(client: Client, address: str = DIAMOND, **sent: str) -> Any:
    with committed():
        return client.post(address, sent)


def test_it_starts_a_workflow_and_goes_to_its_page(desk: Client) -> None:
    response = sends(desk, **{"context.amount": "3", "more": '{"note": "x"}', "reason": "by hand"})
    workflow = Workflow.objects.get()
    assert (response.status_code, response["Location"]) == (303, f"{BASE}/workflows/{workflow.pk}")
    assert (workflow.full_name, workflow.context) == ("tests.diamond@1.0.0", {"note": "x", "amount": 3})
    assert (workflow.initiator, workflow.reason) == ("oscar", "by hand")
    assert "tests.diamond@1.0.0 is started." in desk.get(response["Location"]).content.decode()
    deed = OperatorAction.objects.get()
    assert (deed.action, deed.source, deed.reason) == ("workflow.start", "handlers", "by hand")


def test_a_function_is_started_as_a_workflow_of_one_step(desk: Client) -> None:
    sends(desk, f"{BASE}/handlers/tests/greet", **{"context.person": "ann", "context.times": "2"})
    assert Workflow.objects.get().context == {"person": "ann", "times": 2}


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"context.amount": "0"}, "<code>$.amount</code>: 0 is less than the minimum of 1."),
        ({"context.amount": "x"}, "<code>$.amount</code>: &#x27;x&#x27; is not a whole number."),
        ({"more": "{"}, "<strong>$</strong>: This is not JSON"),
        ({"reason": "x" * 1_001}, "at most 1000 characters"),
        ({"reason": "a\x00b"}, "Null characters are not allowed"),
        ({"key": "odd"}, "Nothing was started."),
    ],
)
def test_mistakes_are_named_and_what_was_typed_stays(desk: Client, sent: dict[str, str], sentence: str) -> None:
    response = sends(desk, **sent)
    text = response.content.decode()
    assert response.status_code == 400
    assert sentence in text
    assert sent.get("context.amount", "") in text
    assert not Workflow.objects.exists()


def test_a_missing_property_is_named_at_its_field(desk: Client) -> None:
    text = sends(desk, f"{BASE}/handlers/tests/greet").content.decode()
    assert "<code>$.person</code>: &#x27;person&#x27; is a required property." in text


def test_a_form_that_is_sent_twice_starts_one(desk: Client) -> None:
    key = re.search(r'name="key" value="([0-9a-f]{32})"', desk.get(DIAMOND).content.decode())
    assert key
    first, second = (sends(desk, key=key[1]) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert "This form was sent before" in desk.get(second["Location"]).content.decode()
    assert Workflow.objects.count() == 1


# --- Roles --------------------------------------------------------------------------------------------------------


def test_who_may_not_start_sees_no_form_and_is_refused(browser: Client) -> None:
    text = page(browser, "/handlers/tests/diamond")
    assert "Your role may look but not act." in text
    assert 'method="post" novalidate' not in text
    for path in ("tests/diamond", "tests/ghost"):
        assert browser.post(f"{BASE}/handlers/{path}", {"context.amount": "x"}).status_code == 403
    assert list(OperatorAction.objects.order_by("pk").values_list("actor", "action", "outcome", "target")) == [
        ("vera", "workflow.start", "refused", f"tests.{name}") for name in ("diamond", "ghost")
    ]
    assert not Workflow.objects.exists()


def test_it_asks_for_a_login_and_for_csrf(operator: User, stranger: User) -> None:
    checking, strange = Client(enforce_csrf_checks=True), Client()
    checking.force_login(operator)
    strange.force_login(stranger)
    assert checking.post(DIAMOND).status_code == 403
    assert Client().post(DIAMOND).status_code == 302
    for path in ("/handlers", "/handlers/tests/diamond"):
        assert Client().get(f"{BASE}{path}").status_code == 302
        assert strange.get(f"{BASE}{path}").status_code == 403
    assert checking.put(DIAMOND).status_code == 403
