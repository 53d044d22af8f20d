"""The dispatcher process: ``manage.py dispatch``."""

from __future__ import annotations

import logging
from typing import Any

from django.core.management.base import BaseCommand

from monitoring.stopping import StopRequest

logger = logging.getLogger("quarterdeck.dispatcher")


class Command(BaseCommand):
    help = "Stands by until it is told to stop. Starting what is due comes with the schedules; there are none yet."
    requires_system_checks = []  # `up`, `serve` and `check` run them; they load every page and API

    def handle(self, *args: Any, **options: Any) -> None:
        stop = StopRequest()
        logger.info("standing by: this version has no schedules to dispatch")
        stop.wait()
        logger.info("stopped")
