"""The recorder process: ``manage.py record``."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from monitoring import broker
from monitoring.pauses import Keeper
from monitoring.reconciling import Reconciler
from monitoring.recorder import OUTSIDE_TROUBLE, Recorder
from monitoring.sampling import Sampler
from monitoring.stopping import StopRequest

logger = logging.getLogger("quarterdeck.recorder")

START_SECONDS = 10
"""How long it waits in silence for a Redis that starts at the same time."""
WAIT_MS = 1_000
GATHER_SECONDS = 0.04
"""After a small batch: wait for company, so that a busy system writes 25 transactions a second and not hundreds."""
SMALL_BATCH = 200
LONGEST_PAUSE_SECONDS = 5.0


class Command(BaseCommand):
    help = "Records what RQ reports into SQL and keeps pauses, until it is told to stop. Any number may run."
    requires_system_checks = []  # `up`, `serve` and `check` run them; they load every page and API

    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.suppress(broker.BrokerError):
            broker.wait_until_ready(START_SECONDS)
        stop = StopRequest()
        beside: tuple[Sampler, Reconciler] = (Sampler(), Reconciler())
        for thread in beside:
            thread.start()
        recorder, keeper, started, pause = Recorder(), Keeper(), False, 0.0
        while not stop.came:
            try:
                if not started:
                    recorder.start()
                    started = True
                    logger.info("recording from %s", recorder.position)
                keeper.keep_if_due()
                recorded = recorder.record_next(wait_ms=WAIT_MS)
                pause = GATHER_SECONDS if 0 < recorded < SMALL_BATCH else 0.0
            except (*OUTSIDE_TROUBLE, broker.BrokerError) as error:
                pause = min(LONGEST_PAUSE_SECONDS, max(0.25, pause * 2))
                logger.warning("trying again in %.2g s: %s: %s", pause, type(error).__name__, error)
                close_old_connections()
            stop.wait(pause)
        for thread in beside:
            thread.stop()
        logger.info("stopped at %s", recorder.position)
