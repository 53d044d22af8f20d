"""The recorder process: ``manage.py record``."""

from __future__ import annotations

import logging
import signal
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from monitoring import broker
from monitoring.recorder import OUTSIDE_TROUBLE, Recorder

logger = logging.getLogger("quarterdeck.recorder")

WAIT_MS = 1_000
GATHER_SECONDS = 0.04
"""After a small batch: wait for company, so that a busy system writes 25 transactions a second and not hundreds."""
SMALL_BATCH = 200
LONGEST_PAUSE_SECONDS = 5.0


class Command(BaseCommand):
    help = "Records what RQ reports into SQL, until it is told to stop. Any number may run; they take turns."

    stopping = False

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        recorder, started, pause = Recorder(), False, 0.0
        while not self.stopping:
            try:
                if not started:
                    recorder.start()
                    started = True
                    logger.info("recording from %s", recorder.position)
                recorded = recorder.record_next(wait_ms=WAIT_MS)
                pause = GATHER_SECONDS if 0 < recorded < SMALL_BATCH else 0.0
            except (*OUTSIDE_TROUBLE, broker.BrokerError) as error:
                pause = min(LONGEST_PAUSE_SECONDS, max(0.25, pause * 2))
                logger.warning("trying again in %.2g s: %s: %s", pause, type(error).__name__, error)
                close_old_connections()
            time.sleep(pause)
        logger.info("stopped at %s", recorder.position)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping = True
