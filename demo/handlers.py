"""The demo's handlers: what anyone who may run tasks tries out first, and what its schedules start."""

from __future__ import annotations

from demo import tasks, workflows  # noqa: F401  # it declares its handlers itself
from scheduler.registry import describe_namespace, handler

handler(tasks.echo, namespace="demo")
handler(tasks.sleep_for, namespace="demo")
handler(tasks.fail_with, namespace="demo")
describe_namespace("demo", "Small functions to try things out with.")
describe_namespace("shop", "Orders, from the cart to the parcel.")
describe_namespace("studio", "Videos in many renditions.")
describe_namespace("books", "What the nights add up.")
