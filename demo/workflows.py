"""The demo's workflows: an order that is fulfilled, a video in twenty renditions, and the report of the night."""

from __future__ import annotations

import random
from typing import Any

from demo import tasks
from demo.tasks import CardDeclined, GatewayTimeout
from scheduler.steps import PermanentError, RetryAfter, Step, Steps
from scheduler.workflow_starts import start_workflow

RENDITIONS = 20

# --- An order: a diamond, with a payment that sometimes fails -----------------------------------------------------

orders = Steps(
    "fulfil_order",
    namespace="shop",
    version="1.0.0",
    description="From a paid cart to a parcel.",
    schema={
        "type": "object",
        "properties": {
            "order": {"type": "string", "minLength": 1},
            "amount_cents": {"type": "integer", "minimum": 1},
            "card_token": {"type": "string", "default": "tok_visa"},
            "gift_wrap": {"type": "boolean", "default": False},
        },
        "required": ["order", "amount_cents"],
    },
)


@orders.step
def reserve(step: Step) -> dict[str, Any]:
    """Takes the goods off the shelf."""
    tasks.sleep_for(random.uniform(0.1, 0.4))  # noqa: S311  # a play, no secret
    return {"shelf": random.choice("ABCDE"), "amount_cents": step.context["amount_cents"]}  # noqa: S311  # as above


@orders.step(
    after="reserve", queue="payments", retry_limit=4, inputs={"amount_cents": "results.reserve.amount_cents"},
    custom_events=["charged"],
)  # fmt: skip
def charge(step: Step) -> dict[str, Any]:
    """Charges the card; a time-out is tried again in a few seconds, what the bank declines is not."""
    token = step.context.get("card_token", "tok_visa")
    try:
        receipt = tasks.charge_card(step.context["order"], step.inputs["amount_cents"], token)
    except GatewayTimeout as error:
        raise RetryAfter(3, str(error)) from error
    except CardDeclined as error:
        raise PermanentError(str(error)) from error
    step.tell("charged", amount_cents=receipt["charged_cents"])
    return receipt


@orders.step(after="reserve", skippable=True, skip_if=lambda step: not step.context.get("gift_wrap"))
def wrap(step: Step) -> dict[str, Any]:
    """Wraps gifts."""
    tasks.sleep_for(random.uniform(0.2, 0.6))  # noqa: S311  # as above
    return {"paper": "stars"}


@orders.step(after=["charge", "wrap"], queue="mail")
def ship(step: Step) -> dict[str, Any]:
    """Hands over the parcel and tells the customer."""
    wrapped = step.results["wrap"] is not None
    return {"parcel": f"{step.context['order']}-{step.results['charge']['charged_cents']}", "wrapped": wrapped}


# --- A video: fan-out and fan-in ----------------------------------------------------------------------------------

media = Steps(
    "publish_video",
    namespace="studio",
    version="1.0.0",
    description="Cuts a video into scenes, renders them side by side, and puts them together.",
    queue="media",
    schema={"type": "object", "properties": {"video": {"type": "string"}}, "required": ["video"]},
)


@media.step
def cut(step: Step) -> list[str]:
    """Finds the scenes."""
    return [f"{step.context['video']}-{number:02}" for number in range(1, RENDITIONS + 1)]


def render(step: Step) -> str:
    """Renders one scene."""
    number = int(step.name.rpartition("_")[2])
    tasks.sleep_for(random.uniform(0.05, 0.3))  # noqa: S311  # as above
    return f"{step.results['cut'][number - 1]}.mp4"


for _number in range(1, RENDITIONS + 1):
    media.step(render, name=f"render_{_number}", after="cut")


@media.step(after=[f"render_{number}" for number in range(1, RENDITIONS + 1)])
def join(step: Step) -> dict[str, Any]:
    """Puts the scenes together."""
    return {"video": step.context["video"], "scenes": len(step.results)}


# --- The report of the night: a chain -----------------------------------------------------------------------------

nightly = Steps("nightly_report", namespace="books", version="1.0.0", description="Sales of a day.", queue="reports")


@nightly.step
def collect(step: Step) -> dict[str, Any]:
    """Exports the orders."""
    return tasks.export_orders(step.context.get("day", "2026-01-01"))


@nightly.step(after="collect", inputs={"rows": "results.collect.rows"})
def sum_up(step: Step) -> dict[str, Any]:
    """Adds them up."""
    return {"orders": step.inputs["rows"], "revenue_cents": step.inputs["rows"] * 4_990}


@nightly.step(after="sum_up", queue="mail")
def send(step: Step) -> dict[str, Any]:
    """Mails the result to the accountants."""
    return tasks.send_report(f"{step.results['sum_up']['orders']} orders", "books@example.com")


# --- Traffic ------------------------------------------------------------------------------------------------------


def start_one(chance: random.Random) -> None:
    """Starts one of them; of the orders most go well."""
    number = chance.randint(1_000, 9_999)
    kind = chance.choices([orders, media, nightly], [70, 15, 15])[0]
    contexts: dict[Steps, dict[str, Any]] = {
        orders: {
            "order": f"order-{number}",
            "amount_cents": chance.randint(500, 40_000),
            "card_token": chance.choices(["tok_visa", "tok_slow", "tok_declined"], [70, 20, 10])[0],
            "gift_wrap": chance.random() < 0.4,
        },
        media: {"video": f"video-{number}"},
        nightly: {"day": f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"},
    }
    start_workflow(f"{kind.namespace}.{kind.name}", contexts[kind], initiator="web-shop", source_system="demo")
