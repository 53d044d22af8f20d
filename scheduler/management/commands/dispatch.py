"""The dispatcher process: ``manage.py dispatch``."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, ProgrammingError, close_old_connections

from monitoring import broker
from monitoring.daily_pruning import DailyPruning
from monitoring.stopping import StopRequest
from scheduler.bell import Bell
from scheduler.dispatcher import Dispatcher
from scheduler.workflow_reconcile import Reconciler

logger = logging.getLogger("quarterdeck.dispatcher")

OUTSIDE_TROUBLE = (OperationalError, InterfaceError, ProgrammingError, broker.BrokerError)
"""The database or Redis is gone or busy, or a migration is still to come: tried again."""
START_SECONDS = 10
SLICE_SECONDS = 0.5
"""How long it listens for a change without looking whether it is to stop."""
LONGEST_PAUSE_SECONDS = 5.0


class Command(BaseCommand):
    help = (
        "Starts scheduled jobs and steps of workflows when they are due, until it is told to stop. Any number may run."
    )
    requires_system_checks = []  # `up`, `serve` and `check` run them; they load every page and API

    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.suppress(broker.BrokerError):
            broker.wait_until_ready(START_SECONDS)
        stop, dispatcher, reconciler, bell, pause = StopRequest(), Dispatcher(), Reconciler(), Bell(), 0.0
        pruning = DailyPruning()
        pruning.start()
        logger.info("dispatching")
        while not stop.came:
            try:
                sleep(min(reconciler.turn(), dispatcher.turn()), stop, bell)
                pause = 0.0
            except OUTSIDE_TROUBLE as error:
                pause = min(LONGEST_PAUSE_SECONDS, max(0.25, pause * 2))
                logger.warning("trying again in %.2g s: %s: %s", pause, type(error).__name__, error)
                close_old_connections()
                stop.wait(pause)
        bell.close()
        pruning.stop()
        logger.info("stopped")


def sleep(seconds: float, stop: StopRequest, bell: Bell) -> None:
    """Until the time is over, a job was changed, or it is to stop."""
    deadline = time.monotonic() + seconds
    while not stop.came and (left := deadline - time.monotonic()) > 0:
        if bell.wait(min(left, SLICE_SECONDS)):
            return
