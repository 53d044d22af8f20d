"""Handlers made of steps: what is taken in, and what ``manage.py check`` says of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduler.registry import Handler, Registry, registry, templates_of
from scheduler.steps import PermanentError, Step, Steps, Template, default_backoff, mapped_inputs


def work(step: Step) -> None:
    """Does nothing."""


@pytest.fixture
def taken() -> Iterator[Registry]:
    """The registry, as it was before afterwards."""
    versions, mistakes = dict(registry.versions), list(registry.mistakes)
    yield registry
    registry.versions, registry.mistakes = versions, mistakes


def declared(build: Callable[[Steps], Any], **options: Any) -> list[str]:
    """The mistakes that a handler leads to."""
    steps = Steps("odd", namespace="tests", **options)
    build(steps)
    before = len(registry.mistakes)
    registry.finish()
    return registry.mistakes[before:]


def circle(steps: Steps) -> None:
    steps.step(work, name="a", after="c")
    steps.step(work, name="b", after="a")
    steps.step(work, name="c", after="b")


def twice(steps: Steps) -> None:
    steps.step(work, name="a")
    steps.step(work, name="a")


@pytest.mark.parametrize(
    ("build", "options", "sentence"),
    [
        (circle, {}, "cannot be run: steps depend on each other in a circle: a → c → b → a."),
        (lambda steps: steps.step(work, name="a", after="ghost"), {}, "step 'a' depends on 'ghost', which is no step."),
        (twice, {}, "has two steps of the name 'a'."),
        (str, {}, "has no steps."),
        (lambda steps: steps.step(work), {"version": "one"}, "has a version that is not semantic: 'one'."),
        (lambda steps: steps.step(work), {"schema": {"type": 7}}, "has a schema that is none"),
        (lambda steps: steps.step(work, name="a b"), {}, "has a step with a name that is none: 'a b'."),
        (lambda steps: steps.step(lambda: None, name="a"), {}, "that needs a function of one argument, the step."),
        (lambda steps: steps.step(work, retry_limit=101), {}, "that has a retry_limit outside 0 to 100."),
        (lambda steps: steps.step(work, timeout_seconds=0), {}, "that has a timeout outside one second to seven days."),
        (lambda steps: steps.step(work, backoff=[]), {}, "that has a backoff without times"),
        (lambda steps: steps.step(work, inputs={"x": "results.ghost.y"}), {}, "has an input from 'results.ghost.y'"),
    ],
)
def test_check_names_the_handler_and_what_is_wrong(
    taken: Registry, build: Callable[[Steps], Any], options: dict[str, Any], sentence: str
) -> None:
    (mistake,) = declared(build, **options)
    version = options.get("version", "0.1.0")
    assert mistake.startswith(f"The handler tests.odd@{version} (tests.test_handler_declarations) ")
    assert sentence in mistake
    assert "tests.odd" not in taken.versions
    with pytest.raises(CommandError, match=r"tests\.odd"):
        call_command("check")


def test_a_version_may_be_registered_once(taken: Registry) -> None:
    assert declared(lambda steps: steps.step(work)) == []
    (mistake,) = declared(lambda steps: steps.step(work))
    assert "is registered twice, also as tests.test_handler_declarations." in mistake


def test_the_latest_version_is_the_highest_and_no_pre_release(taken: Registry) -> None:
    for version in ("1.10.0", "1.9.0", "2.0.0-rc.1", "2.0.0-beta"):
        assert declared(lambda steps: steps.step(work), version=version) == []
    latest = taken.latest("tests.odd")
    assert isinstance(latest, Handler)
    assert latest.version == "1.10.0"
    assert list(taken.versions["tests.odd"]) == ["1.9.0", "1.10.0", "2.0.0-beta", "2.0.0-rc.1"]


def test_a_step_is_named_and_described_by_its_function(taken: Registry) -> None:
    steps = Steps("plain", namespace="tests", queue="mail")

    @steps.step
    def greet(step: Step) -> str:
        """Greets.

        At length.
        """
        return "hello"

    registry.finish()
    (template,) = templates_of(taken.versions["tests.plain"]["0.1.0"])
    assert (template.name, template.description, template.retry_limit) == ("greet", "Greets.", 3)
    assert greet.__name__ == "greet"


def test_backoff_grows_to_thirty_seconds_unless_declared() -> None:
    assert [default_backoff(number) for number in (1, 2, 3, 4, 5, 99)] == [2, 4, 8, 16, 30, 30]
    listed = Template(name="a", function=work, backoff=[1, 5])
    assert [listed.backoff_seconds(number) for number in (1, 2, 3)] == [1, 5, 5]
    computed = Template(name="a", function=work, backoff=lambda attempt: attempt * 0.5)
    assert computed.backoff_seconds(3) == 1.5


def test_inputs_come_from_the_context_and_from_results() -> None:
    mappings = {"first": "context.orders.0.id", "total": "results.sum.total"}
    found = mapped_inputs(mappings, {"orders": [{"id": 7}]}, {"sum": {"total": 3}})
    assert found == {"first": 7, "total": 3}
    with pytest.raises(PermanentError, match=r"its input from 'context\.orders\.0\.id' finds no '0'"):
        mapped_inputs(mappings, {"orders": []}, {"sum": {"total": 3}})


def test_a_step_tells_its_declared_events_only() -> None:
    from uuid import uuid4

    step = Step(name="a", context={}, inputs={}, results={}, workflow_id=uuid4(), attempt=1, custom_events=["sent"])
    step.tell("sent", parcel=1)
    with pytest.raises(ValueError, match="declares no event 'lost'"):
        step.tell("lost")


def test_a_namespace_is_described_once_and_by_a_name() -> None:
    known = Registry()
    for _ in range(2):
        known.describe("shop", "Orders.")
    assert (known.namespaces, known.mistakes) == ({"shop": "Orders."}, [])
    known.describe("shop", "Something else.")
    known.describe("a shop", "Orders.")
    assert known.mistakes == [
        "The namespace shop is described twice: as 'Orders.' and as 'Something else.'.",
        "The namespace 'a shop' has no such name. Use letters, digits, _ and -.",
    ]
    assert known.namespaces["shop"] == "Orders."
