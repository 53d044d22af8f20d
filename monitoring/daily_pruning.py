"""Prunes once a day by itself, in a thread of the dispatcher process; of any number of dispatchers one does it."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connection

from audit import trail
from audit.verification import Broken
from monitoring import pruning
from monitoring.retention_models import Pruned
from monitoring.turns import Busy

logger = logging.getLogger("quarterdeck.retention")

LOOK_SECONDS = 60.0
TROUBLE_SECONDS = 3_600.0
"""After something went wrong: what is a day old can wait an hour more."""
STOP_SECONDS = 2.0
"""How long the end waits for a chunk that is under way; a killed one is rolled back and loses nothing."""


class DailyPruning(threading.Thread):
    """Looks every minute whether a kind has not been pruned since the UTC day began."""

    def __init__(self) -> None:
        super().__init__(name="pruning", daemon=True)
        self._told_to_end = threading.Event()

    def run(self) -> None:
        """Until the process ends."""
        pause = LOOK_SECONDS
        while not self._told_to_end.wait(pause):
            try:
                pause = LOOK_SECONDS if self.prune_what_is_due() else TROUBLE_SECONDS
            except DatabaseTrouble as error:
                logger.warning("nothing is pruned: %s: %s", type(error).__name__, error)
                close_old_connections()
        connection.close()

    def prune_what_is_due(self) -> bool:
        """Whether all went well, or another process is at it."""
        went_well = True
        for name in due_today(datetime.now(UTC)):
            try:
                self._prune(name)
            except Busy:
                return True
            except (OSError, Broken) as error:
                logger.error("%s were not pruned: %s", name, error)
                went_well = False
            if self._told_to_end.is_set():
                break
        return went_well

    def stop(self) -> None:
        """Ends it after the present chunk."""
        self._told_to_end.set()
        self.join(STOP_SECONDS)

    def _prune(self, name: str) -> None:
        directory = Path(settings.RETENTION_ARCHIVE) if settings.RETENTION_ARCHIVE else None
        by = trail.process("dispatcher")
        for outcome in pruning.prune(by=by, names=[name], archive_in=directory, stopping=self._told_to_end.is_set):
            if outcome.rows:
                logger.info("%s %s from before %s deleted", f"{outcome.rows:,}", name, f"{outcome.before:%Y-%m-%d}")


def due_today(now: datetime) -> list[str]:
    """The kinds that have an age and were not pruned to the end since the UTC day began."""
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0)
    done = set(Pruned.objects.filter(finished_at__gte=begin).values_list("kind", flat=True))
    return [kind.name for kind, _ in pruning.due(now) if kind.name not in done]
