"""``manage.py reconcile``: compares the record with Redis once, as the recorder does every half minute."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from monitoring import broker
from monitoring.reconciling import SUSPECTS_AFTER_SECONDS, Findings, Reconciler


class Command(BaseCommand):
    help = (
        "Compares unfinished tasks with what Redis holds, twice, some seconds apart, and hands what it finds to the "
        "recorder, which must run. Redis is only read."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        reconciler = Reconciler()
        try:
            first = reconciler.turn()
            if reconciler.suspects:
                time.sleep(SUSPECTS_AFTER_SECONDS)
            second = reconciler.turn() if reconciler.suspects else None
        except broker.BrokerError as error:
            raise CommandError(f"Redis cannot be reached, so nothing was compared: {error}") from error
        for findings in (first, second):
            if findings is not None:
                self.stdout.write(sentence_of(findings))


def sentence_of(findings: Findings) -> str:
    """What a comparison came to, in words."""
    return (
        f"{findings.compared:,} unfinished tasks compared: {findings.behind:,} were further than recorded, "
        f"{findings.missing:,} are missing, {findings.lost:,} are lost; "
        f"{findings.observed:,} jobs had not been reported."
    )
