"""Starts a function by hand: ``manage.py enqueue demo.tasks.echo --args '["hello"]'``."""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from monitoring import broker, callables


class Command(BaseCommand):
    help = "Enqueues a function of a module named in QUARTERDECK_CALLABLES, and prints the job's id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("function", help="Its dotted name, e.g. demo.tasks.echo.")
        parser.add_argument("--queue", default=settings.QUARTERDECK_QUEUES[0], help="Default: the first one.")
        parser.add_argument(
            "--args", default="[]", dest="positional", metavar="JSON", help="A list, e.g. '[1, \"a\"]'."
        )
        parser.add_argument(
            "--kwargs", default="{}", dest="named", metavar="JSON", help="An object, e.g. '{\"a\": 1}'."
        )
        parser.add_argument("--delay", type=float, default=0, metavar="SECONDS", help="Start it so much later.")

    def handle(self, *args: Any, **options: Any) -> None:
        function = resolve(options["function"])
        positional, named = (
            read_json("--args", options["positional"], list),
            read_json("--kwargs", options["named"], dict),
        )
        check_call(function, positional, named)
        if options["queue"] not in settings.QUARTERDECK_QUEUES:
            raise CommandError(f"--queue must be one of {', '.join(settings.QUARTERDECK_QUEUES)}.")
        if not (math.isfinite(options["delay"]) and 0 <= options["delay"] <= 366 * 86_400):
            raise CommandError("--delay must be seconds from 0 to a year.")
        try:
            job_id = broker.enqueue(
                options["function"],
                queue_name=options["queue"],
                args=positional,
                kwargs=named,
                delay_seconds=options["delay"],
                meta={"triggered_by": "command line"},
            )
        except broker.BrokerError as error:
            raise CommandError(f"Redis cannot be reached: {error}") from error
        self.stdout.write(job_id)


def resolve(dotted_name: str) -> Callable[..., Any]:
    """The allowed function of that name, or a CommandError that names those that are."""
    try:
        return callables.resolve(dotted_name)
    except callables.NotAllowed as error:
        raise CommandError(str(error)) from error


def read_json(option: str, text: str, kind: type) -> Any:
    """The option's value, which must be a list or an object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CommandError(f"{option} is not JSON: {error}.") from error
    if not isinstance(value, kind):
        raise CommandError(f"{option} must be a JSON {'list' if kind is list else 'object'}.")
    return value


def check_call(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> None:
    """Refuses arguments that the function does not take, here and not in a worker later."""
    if error := callables.misfit(function, args, kwargs):
        raise CommandError(error)
