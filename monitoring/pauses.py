"""Pausing queues: workers start no job of a paused queue, running jobs go on, new ones wait.

SQL says what is paused; Redis holds a copy that workers read (``monitoring.pause_mirror``), and they say in Redis which
pauses they honour (``monitoring.pausable``). Whoever pauses or resumes writes SQL first and the copy at once after it.
The recorder process compares the two every few seconds and corrects the copy: so neither a crash between the two nor a
Redis that came back empty lasts, and a pause that ran out is tidied up and told in the trail.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from audit import roles
from audit.trail import Actor, Deed, NotAllowedNow, audited, process, write_down
from monitoring import broker, pause_mirror
from monitoring.models import Queue
from monitoring.moments import WorkerNow
from monitoring.pause_mirror import Mirrored
from monitoring.redaction import clean_text

LONGEST_SECONDS = 366 * 86_400
REASON_LIMIT = 1_000
KEEP_SECONDS = 2.0
BY_ITSELF = "The time it was paused for is over."
"""The reason in the trail when a queue resumes by itself."""

_OVER: dict[str, Any] = {"paused_at": None, "paused_by": "", "pause_reason": "", "paused_until": None}


def pause_queue(queue: Queue, *, by: Actor, reason: str = "", seconds: int | None = None) -> bool:
    """Pauses a queue, for so long or until it is resumed; returns whether workers could be told at once.

    If not, for Redis is away, they are told when it is back. Raises NotPermitted, NotAllowedNow if it is paused.
    """
    now = datetime.now(UTC)
    until = now + timedelta(seconds=seconds) if seconds else None
    reason = clean_text(reason[:REASON_LIMIT])
    details = {"until": until.isoformat()} if until else {}
    with audited(
        "queue.pause", by=by, needs=roles.OPERATE, queue=queue.name, target=queue.name, reason=reason, details=details
    ):
        pause = {"paused_at": now, "paused_by": by.name[:255], "pause_reason": reason, "paused_until": until}
        with transaction.atomic():
            row, _ = Queue.objects.get_or_create(name=queue.name, defaults={"first_seen_at": queue.first_seen_at})
            same = Queue.objects.filter(pk=row.pk)
            # The lock: of two who pause at once, the second finds no row to change.
            if not same.unpaused(now).update(**pause, pause_number=F("pause_number") + 1):
                raise NotAllowedNow(f"{queue.name} is paused already{_by_whom(same.get())}.")
            row.refresh_from_db()
        return _tell(pause_mirror.hold, row)


def resume_queue(queue: Queue, *, by: Actor, reason: str = "") -> bool:
    """Lets workers take jobs of a paused queue again; returns and raises as ``pause_queue``."""
    now = datetime.now(UTC)
    with audited("queue.resume", by=by, needs=roles.OPERATE, queue=queue.name, target=queue.name, reason=reason):
        row = Queue.objects.filter(name=queue.name).paused(now).first()
        same = Queue.objects.filter(pk=row.pk, pause_number=row.pause_number) if row else Queue.objects.none()
        if row is None or not same.paused(now).update(**_OVER):
            raise NotAllowedNow(f"{queue.name} is not paused.")
        return _tell(pause_mirror.release, row)


def _by_whom(queue: Queue) -> str:
    return f" by {queue.paused_by}" if queue.paused_by else ""


def _tell(change: Any, row: Queue) -> bool:
    try:
        change(broker.connection(), row.name, _mirrored(row))
    except broker.BrokerError:
        return False
    return True


def _mirrored(row: Queue) -> Mirrored:
    return Mirrored(number=row.pause_number, until=row.paused_until.timestamp() if row.paused_until else None)


# --- What the recorder process does ---------------------------------------------------------------------------------


class Keeper:
    """Keeps SQL and its copy in Redis together. Any number may do so at once."""

    def __init__(self) -> None:
        self.next_at = 0.0

    def keep_if_due(self) -> None:
        """Every few seconds; raises BrokerError and what the database raises."""
        if time.monotonic() >= self.next_at:
            keep()
            self.next_at = time.monotonic() + KEEP_SECONDS


def keep() -> None:
    """Tidies up what ran out, and corrects the copy. Two queries and a round trip while all is as it should be."""
    seen: Any = broker.connection().hgetall(pause_mirror.KEY)  # before SQL is asked: see ``correct``
    now = datetime.now(UTC)
    for row in Queue.objects.run_out(now):
        if Queue.objects.filter(pk=row.pk, pause_number=row.pause_number).run_out(now).update(**_OVER):
            _write_down_end_of(row)
    paused = {row.name: _mirrored(row) for row in Queue.objects.paused(now)}
    pause_mirror.correct(broker.connection(), seen, paused)


def _write_down_end_of(row: Queue) -> None:
    details = {"paused_by": row.paused_by, "until": row.paused_until.isoformat() if row.paused_until else None}
    write_down(
        [
            Deed(
                action="queue.resume", by=process("recorder"), queue=row.name, target=row.name, reason=BY_ITSELF,
                details=details,
            )
        ]
    )  # fmt: skip


# --- Who has acknowledged -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Acknowledgements:
    """How far a pause has got around among the living workers that listen to its queue."""

    acknowledged: list[WorkerNow]
    pending: list[WorkerNow]
    """They have not looked since."""
    unable: list[WorkerNow]
    """They know nothing of pauses: of another class, or an old version. They go on taking jobs."""

    @property
    def listening(self) -> int:
        """All of them."""
        return len(self.acknowledged) + len(self.pending) + len(self.unable)

    @property
    def holds(self) -> bool:
        """Whether no job of the queue starts any more."""
        return len(self.acknowledged) == self.listening


def acknowledgements(queue: Queue, workers: tuple[WorkerNow, ...]) -> Acknowledgements:
    """Which of the workers honour the queue's present pause."""
    groups: dict[str, list[WorkerNow]] = {"acknowledged": [], "pending": [], "unable": []}
    for worker in workers:
        if queue.name in worker.queues:
            groups[_group_of(worker, queue)].append(worker)
    return Acknowledgements(**groups)


def _group_of(worker: WorkerNow, queue: Queue) -> str:
    if worker.honours is None:
        return "unable"
    return "acknowledged" if worker.honours.get(queue.name) == queue.pause_number else "pending"
