"""``manage.py enqueue``: starting an allowed function by hand."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from rq.job import Job

from monitoring import broker


def enqueue(*words: str) -> Job:
    """Runs the command and returns the job whose id it printed."""
    output = StringIO()
    call_command("enqueue", *words, stdout=output)
    return Job.fetch(output.getvalue().strip(), connection=broker.connection(), serializer="json")


def refusal(*words: str) -> str:
    """What the command says when it refuses; nothing may have been enqueued."""
    with pytest.raises(CommandError) as refused:
        call_command("enqueue", *words)
    assert list(broker.connection().scan_iter("rq:job:*")) == []
    return str(refused.value)


def test_it_enqueues_a_function_with_its_arguments() -> None:
    named = '{"amount_cents": 5, "card_token": "t"}'
    job = enqueue("demo.tasks.charge_card", "--queue", "payments", "--args", '["o-1"]', "--kwargs", named)

    assert (job.func_name, job.args, job.kwargs) == (
        "demo.tasks.charge_card",
        ["o-1"],
        {"amount_cents": 5, "card_token": "t"},
    )
    assert (job.origin, job.get_status()) == ("payments", "queued")
    assert job.meta["quarterdeck"] == {"triggered_by": "command line"}


def test_it_enqueues_for_later() -> None:
    assert enqueue("demo.tasks.echo", "--args", "[1]", "--delay", "60").get_status() == "scheduled"


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "subprocess.run",
        "builtins.eval",
        "demo.tasks.time.sleep",
        "demo.tasks._send",
        "demo.tasks.__builtins__",
        "demo.tasks.CardDeclined",
        "demo.tasks.report_output",
        "demo.tasks",
        "demo.scenes.Shop",
        "demo.tasks.echo ",
        "",
    ],
)
def test_it_refuses_what_is_not_allowed(name: str) -> None:
    told = refusal(name)

    assert told.startswith(f"{name!r} may not be started. Allowed are: ")
    assert "demo.tasks.echo" in told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--args", "{"], "--args is not JSON"),
        (["--args", '"text"'], "--args must be a JSON list."),
        (["--kwargs", "[]"], "--kwargs must be a JSON object."),
        (["--args", "[1, 2]"], "echo(value: 'Any') -> 'Any': too many positional arguments."),
        ([], "missing a required argument: 'value'"),
        (["--args", "[1]", "--queue", "nowhere"], "--queue must be one of default, mail, media, reports, payments."),
        (["--args", "[1]", "--delay", "-1"], "--delay must be seconds from 0 to a year."),
        (["--args", "[1]", "--delay", "nan"], "--delay must be seconds from 0 to a year."),
        (["--args", "[1]", "--delay", "1e300"], "--delay must be seconds from 0 to a year."),
    ],
)
def test_it_says_what_is_wrong(words: list[str], sentence: str) -> None:
    assert sentence in refusal("demo.tasks.echo", *words)


def test_it_says_that_redis_is_away(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match="Redis cannot be reached"):
        call_command("enqueue", "demo.tasks.echo", "--args", "[1]")
