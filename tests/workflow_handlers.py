"""Workflows that tests run: a diamond whose steps do as the context says, chains, fans, and single functions."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from scheduler.registry import describe_namespace, handler, registry
from scheduler.steps import PermanentError, RetryAfter, Step, Steps

describe_namespace("tests", "What tests run.")


def act(step: Step) -> dict[str, Any]:
    """Does what the context wants of this step, notes that it did, and returns who it is and what it was given."""
    wish = step.context.get(step.name, {})
    if "effects" in step.context:
        with Path(step.context["effects"]).open("a") as effects:
            effects.write(f"{step.workflow_id} {step.name} {step.attempt}\n")
    time.sleep(wish.get("sleep", 0))
    if step.attempt <= wish.get("failures", 0):
        raise ValueError(f"{step.name} fails on attempt {step.attempt}")
    if step.attempt <= wish.get("horse_kills", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    if seconds := wish.get("retry_after"):
        raise RetryAfter(seconds, "the bank is closed")
    if wish.get("hopeless"):
        raise PermanentError("it will never work")
    if "returns" in wish:
        return {"odd": object(), "set": {1}, "nan": float("nan"), "keys": {1: 2}}[wish["returns"]]  # type: ignore[return-value]
    return {"by": step.name, "attempt": step.attempt, "from": dict(step.results), "inputs": dict(step.inputs)}


def not_wanted(step: Step) -> bool:
    """Whether the context wants this step to be skipped."""
    return bool(step.context.get(step.name, {}).get("skip"))


diamond = Steps("diamond", namespace="tests", version="1.0.0", description="Four steps.", schema={
    "type": "object", "properties": {"amount": {"type": "integer", "minimum": 1}},
})  # fmt: skip
diamond.step(act, name="reserve")
diamond.step(
    act, name="charge", after="reserve", skippable=True, skip_if=not_wanted, inputs={"by": "results.reserve.by"}
)
diamond.step(act, name="pack", after="reserve", backoff=[0])
diamond.step(act, name="ship", after=["charge", "pack"], custom_events=["shipped"])

longer = Steps("diamond", namespace="tests", version="1.1.0")
longer.step(act, name="reserve")
longer.step(act, name="thank", after="reserve")

quick = Steps("quick", namespace="tests", description="Tries again at once, up to 20 times.")
for _name, _after in (("a", ()), ("b", "a"), ("c", "a"), ("d", ["b", "c"])):
    quick.step(act, name=_name, after=_after, backoff=[0], retry_limit=20)

chain = Steps("chain", namespace="tests")
for _number in range(100):
    chain.step(act, name=f"s{_number}", after=[f"s{_number - 1}"] if _number else [])

fan = Steps("fan", namespace="tests")
fan.step(act, name="begin")
for _number in range(100):
    fan.step(act, name=f"w{_number}", after="begin")
fan.step(act, name="end", after=[f"w{_number}" for _number in range(100)])


@handler(namespace="tests", name="greet", version="2.0.0")
def greet(person: str, times: int = 1) -> str:
    """Greets a person."""
    return ", ".join([f"hello {person}"] * times)


registry.finish()
