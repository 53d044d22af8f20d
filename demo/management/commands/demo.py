"""The demo traffic: ``manage.py demo``."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from demo import workflows
from demo.schedules import make_schedules
from demo.traffic import Traffic
from monitoring.stopping import StopRequest

logger = logging.getLogger("quarterdeck.demo")


class Command(BaseCommand):
    help = "Makes a dozen schedules, and keeps enqueuing believable work, until it is told to stop."
    requires_system_checks = []  # `up`, `serve` and `check` run them; they load every page and API

    def handle(self, *args: Any, **options: Any) -> None:
        stop, traffic = StopRequest(), Traffic(settings.QUARTERDECK_QUEUES, start_workflow=workflows.start_one)
        make_schedules()
        logger.info("demo traffic begins; DEMO=0 leaves it out")
        while not stop.came:
            stop.wait(traffic.turn())
        logger.info("stopped")
