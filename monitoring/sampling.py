"""Takes a sample of how things stand every five seconds, in a thread of the recorder process.

Beside recording, never in its way: the thread has a database connection of its own, and what fails is skipped until
the next slot. Any number of recorders may run: a slot has one row, and the first to write it wins.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connection
from django.db.models import Min

from monitoring import broker, moments, statistics
from monitoring.hooks import OUTBOX
from monitoring.models import InboxPosition, MetricSample, Queue
from monitoring.statuses import Status

logger = logging.getLogger("quarterdeck.recorder")

SLOT_SECONDS = 5
STOP_SECONDS = 2.0
"""How long the end waits for a sample that is being taken: processes stop within five seconds, whatever hangs."""
PRUNED_AT_ONCE = 1_000
"""Rows deleted in one step; a step follows each sample, so a backlog shrinks two hundred times as fast as it grew."""
COUNTS = ("ended", "failures", "retries", "timed", "run_us", "recorded")
"""The recorder's counts since ever, which a sample repeats."""


class Sampler(threading.Thread):
    """Samples until the process ends."""

    def __init__(self) -> None:
        super().__init__(name="sampler", daemon=True)
        self._told_to_end = threading.Event()

    def run(self) -> None:
        """Waits for each slot to begin; a slot that was missed stays empty."""
        while not self._told_to_end.wait(seconds_to_next_slot()):
            try:
                take_sample()
                prune()
            except (DatabaseTrouble, broker.BrokerError) as error:
                logger.warning("no sample was taken: %s: %s", type(error).__name__, error)
                close_old_connections()
        connection.close()

    def stop(self) -> None:
        """Ends it, and waits a moment for a sample that is being taken."""
        self._told_to_end.set()
        self.join(timeout=STOP_SECONDS)


def seconds_to_next_slot() -> float:
    """From now to the beginning of the next slot."""
    return SLOT_SECONDS - time.time() % SLOT_SECONDS


def take_sample() -> None:
    """Writes down how things stand, unless the present slot has its sample; raises what Redis or SQL raise.

    Four queries and two round trips to Redis, however many tasks there are.
    """
    at = datetime.now(UTC)
    # The counts right after the clock: of two recorders, the one that looked later has both the later time and counts.
    counted = InboxPosition.objects.filter(stream=OUTBOX).values(*COUNTS).first() or dict.fromkeys(COUNTS, 0)
    by_status = statistics.counts_by_status()
    moment = moments.look(Queue.objects.values_list("name", flat=True))
    sample = MetricSample(
        slot=slot_of(at),
        at=at,
        waiting=by_status[Status.QUEUED],
        active=by_status[Status.RUNNING],
        delayed=by_status[Status.SCHEDULED] + by_status[Status.DEFERRED],
        completed=by_status[Status.COMPLETED],
        failed=by_status[Status.FAILED],
        total_queues=len(moment.queues),
        total_workers=len(moment.workers),
        **counted,
    )
    MetricSample.objects.bulk_create([sample], ignore_conflicts=True)


def slot_of(moment: datetime) -> int:
    """The slot that the moment lies in."""
    return int(moment.timestamp()) // SLOT_SECONDS


def prune() -> None:
    """Deletes some of the samples that are older than retention says, by a range of the key."""
    days = settings.RETENTION_DAYS["samples"]
    if not days:
        return
    first: int | None = MetricSample.objects.aggregate(first=Min("slot"))["first"]
    kept_from = slot_of(datetime.now(UTC) - timedelta(days=days))
    if first is not None and first < kept_from:
        MetricSample.objects.filter(slot__lt=min(kept_from, first + PRUNED_AT_ONCE)).delete()
