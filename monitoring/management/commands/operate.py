"""The process that carries out what is too much for a request: ``manage.py operate``."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from monitoring import broker, chunks
from monitoring.recorder import OUTSIDE_TROUBLE
from monitoring.stopping import StopRequest

logger = logging.getLogger("quarterdeck.operations")

START_SECONDS = 10
"""How long it waits in silence for a Redis that starts at the same time."""
LOOK_SECONDS = 0.5
"""How often it looks for something to do."""
BREATH_SECONDS = 0.01
"""Between two chunks, so that others come to write on a database that has one lock for all."""
LONGEST_PAUSE_SECONDS = 5.0


class Command(BaseCommand):
    help = "Carries out operations over many tasks, until it is told to stop. Any number may run; they take turns."
    requires_system_checks = []  # `up`, `serve` and `check` run them; they load every page and API

    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.suppress(broker.BrokerError):
            broker.wait_until_ready(START_SECONDS)
        stop, pause, trouble = StopRequest(), 0.0, 0.0
        logger.info("waiting for operations")
        while not stop.wait(pause):
            try:
                pause, trouble = (BREATH_SECONDS if chunks.advance() else LOOK_SECONDS), 0.0
            except (*OUTSIDE_TROUBLE, broker.BrokerError) as error:
                pause = trouble = min(LONGEST_PAUSE_SECONDS, max(0.25, trouble * 2))
                logger.warning("trying again in %.2g s: %s: %s", pause, type(error).__name__, error)
                close_old_connections()
        logger.info("stopped")
