"""A worker process: ``manage.py work``."""

from __future__ import annotations

import gc
import logging
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from monitoring import broker, callables

logger = logging.getLogger("quarterdeck.worker")

START_SECONDS = 30
"""How long Redis may take to answer at the start; it may be loading its data."""


class Command(BaseCommand):
    help = "Runs the tasks of the queues, one after the other, in forks. Start as many as should run at once."
    requires_system_checks = []  # `up`, `serve` and `check` run them; they load every page and API

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--queue", action="append", help="A queue to work for, first ones first; may repeat. All if left out."
        )
        parser.add_argument(
            "--grace", type=float, metavar="SECONDS", help="End a task that still runs so long after SIGTERM."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        queue_names = options["queue"] or settings.QUARTERDECK_QUEUES
        if unknown := sorted(set(queue_names) - set(settings.QUARTERDECK_QUEUES)):
            raise CommandError(f"not in QUARTERDECK_QUEUES: {', '.join(unknown)}.")
        try:
            broker.wait_until_ready(START_SECONDS)
            worker = broker.worker(queue_names, grace_seconds=options["grace"])
            callables.warm_up()
            gc.freeze()  # what is there now stays: no fork's collector goes through it, and copies its pages
            logger.info("%s works for %s", worker.name, ", ".join(queue_names))
            worker.work(with_scheduler=True)
            logger.info("%s stopped", worker.name)
        except broker.BrokerError as error:
            raise CommandError(f"the worker lost Redis: {type(error).__name__}: {error}") from error
