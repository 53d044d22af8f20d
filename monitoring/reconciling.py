"""Compares what is recorded as unfinished with what Redis holds, and what Redis holds with what is recorded.

Redis is only read. What is found goes into the outbox like the hooks' own reports, with the status that the record had
when it was looked at: the recorder writes it unless something has happened since, so nothing is written in two places
and a race costs nothing. A task is given up only when its job was missing twice, with every report of the time between
recorded: a job that is over may be gone from Redis before the report of its end is in SQL.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connection, transaction

from monitoring import broker, deaths, held, inbox, redaction
from monitoring.held import HeldJob, ServerFacts
from monitoring.hooks import OUTBOX
from monitoring.ledger_models import JOB_LOST, Evidence, Reconciliation
from monitoring.models import InboxPosition, Queue, Task
from monitoring.retention import pruned_before
from monitoring.statuses import FROM_RQ, UNFINISHED, Status

logger = logging.getLogger("quarterdeck.reconcile")

EVERY_SECONDS = 30.0
SUSPECTS_AFTER_SECONDS = 5.0
"""How soon those that are missing are looked for again."""
SETTLED_SECONDS = 10
"""Tasks that changed more lately are left alone: reports of them may be on the way."""
ROUNDING = timedelta(seconds=2)
"""Redis tells in whole seconds when it started, and of clocks that are cut off, not rounded."""
AT_ONCE = 20_000
"""Unfinished tasks compared in one pass; the next one goes on behind them."""
OF_EACH_PLACE = 20_000
"""Jobs looked at in a queue, and in each of its registries, for those that no hook reported."""
_COLUMNS = ("id", "job_id", "status", "queue", "worker", "updated_at")
_PATHS: dict[Status, tuple[str, ...]] = {
    Status.QUEUED: (),
    Status.SCHEDULED: (),
    Status.DEFERRED: (),
    Status.RUNNING: ("queued",),
    Status.COMPLETED: ("queued", "started"),
    Status.FAILED: ("queued", "started"),
    Status.CANCELLED: ("queued",),
}
"""The reports that come before one of that status, for a job of which there was none."""


PutsBack = Callable[[Collection[UUID]], Collection[UUID]]
_left_to: list[PutsBack] = []


def leave_to(puts_back: PutsBack) -> None:
    """Has comparisons leave alone what a higher app puts back by itself: it names those among ids of missing tasks."""
    if puts_back not in _left_to:
        _left_to.append(puts_back)


@dataclass(frozen=True)
class Suspect:
    """A task whose job was missing once."""

    since: datetime
    last_report: str
    """The newest report then: once it is recorded, so is every one from before the job was missed."""
    evidence: Evidence
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a pass came to."""

    compared: int = 0
    behind: int = 0
    """Tasks of which Redis knew more than the record."""
    observed: int = 0
    """Jobs that no hook had reported."""
    missing: int = 0
    """Tasks whose job was not there, for the first time."""
    lost: int = 0


@dataclass(frozen=True, kw_only=True)
class Server:
    """What the server says of itself, beside what it had said the time before."""

    facts: ServerFacts
    evicted_before: int
    expired_before: int

    def evidence(self, task: Task, *, is_stranded: bool) -> tuple[Evidence, dict[str, Any]]:
        """Why the task's job may be gone, with the figures that say so."""
        started_at = self.facts.now - timedelta(seconds=self.facts.started_seconds_ago)
        evicted = _since(self.facts.evicted_keys, self.evicted_before)
        expired = _since(self.facts.expired_keys, self.expired_before)
        details = {
            "last_report": task.updated_at.isoformat(timespec="milliseconds"),
            "redis_started": started_at.isoformat(timespec="seconds"),
            "keys_evicted": evicted,
            "keys_expired": expired,
            "memory_policy": self.facts.policy,
            **({"worker": task.worker} if task.worker else {}),
        }
        if is_stranded:
            return Evidence.STRANDED, details
        if started_at > task.updated_at - ROUNDING:
            return Evidence.EMPTIED, details
        if evicted:
            return Evidence.EVICTED, details
        return (Evidence.EXPIRED if expired else Evidence.DELETED), details


def _since(count: int, before: int) -> int:
    """How many more; a server that was restarted counts from nothing."""
    return count - before if count >= before else count


class Reconciler(threading.Thread):
    """Compares every half minute, in a thread of the recorder process, beside recording and never in its way.

    Of several recorders, one compares; what it suspects is its own, and found again by another.
    """

    def __init__(self) -> None:
        super().__init__(name="reconciler", daemon=True)
        self.suspects: dict[UUID, Suspect] = {}
        self.behind_of: UUID | None = None
        self.left_alone: set[str] = set()
        """Jobs that RQ keeps longer than retention keeps their rows: not to be asked for again in every turn."""
        self._told_to_end = threading.Event()

    def run(self) -> None:
        """Goes on whatever fails: what could not be compared now is compared the next time.

        Also after a mistake of ours: what lies in Redis is anyone's, and a thread that has died compares nothing more.
        """
        while not self._told_to_end.wait(SUSPECTS_AFTER_SECONDS if self.suspects else EVERY_SECONDS):
            try:
                self.turn(unless_within=SUSPECTS_AFTER_SECONDS / 2 if self.suspects else EVERY_SECONDS / 2)
            except (DatabaseTrouble, broker.BrokerError) as error:
                logger.warning("nothing was compared: %s: %s", type(error).__name__, error)
                close_old_connections()
            except Exception:
                logger.exception("nothing was compared")
        connection.close()

    def stop(self) -> None:
        """Ends it, and waits a moment for a comparison that is under way."""
        self._told_to_end.set()
        self.join(timeout=3)

    def turn(self, *, unless_within: float = 0.0) -> Findings | None:
        """Compares now; None if another did so in the last seconds. Raises BrokerError and what the database raises."""
        facts = held.server_facts()
        now = facts.now
        with transaction.atomic():
            Reconciliation.objects.get_or_create(pk=1)
            row = Reconciliation.objects.select_for_update().get(pk=1)
            # One that lies in the future was made before a clock was set back, and tells nothing.
            if row.at is not None and timedelta(0) <= now - row.at < timedelta(seconds=unless_within):
                return None
            server = Server(facts=facts, evicted_before=row.evicted_keys, expired_before=row.expired_keys)
            row.at, row.evicted_keys, row.expired_keys = now, facts.evicted_keys, facts.expired_keys
            row.save(update_fields=["at", "evicted_keys", "expired_keys"])
        findings = self._compare(server)
        Reconciliation.objects.filter(pk=1).update(compared=findings.compared)
        return findings

    def _compare(self, server: Server) -> Findings:
        last_report = held.last_report()  # before Redis is asked for the jobs: see Suspect
        tasks = self._unfinished(server.facts.now)
        found = held.jobs([task.job_id for task in tasks])
        stranded = _stranded(tasks, found)
        gone = {task.pk for task in tasks if task.job_id not in found}
        put_back = {pk for puts_back in _left_to for pk in puts_back(gone)} if gone else set()
        missing = [task for task in tasks if task.pk in stranded or (task.pk in gone and task.pk not in put_back)]
        behind = [task for task in tasks if task.job_id in found and task.pk not in stranded]
        entries = _catching_up(behind, found)
        lost = self._give_up(missing, server, last_report, stranded)
        observed = _unreported(self.left_alone)
        held.report([*entries, *lost, *observed.entries])
        findings = Findings(
            compared=len(tasks),
            behind=len({entry["id"] for entry in entries}),
            observed=observed.jobs,
            missing=len(self.suspects),
            lost=len(lost),
        )
        if findings.lost or findings.observed:
            logger.warning("%s lost, %s seen without a report", findings.lost, findings.observed)
        return findings

    def _unfinished(self, now: datetime) -> list[Task]:
        """What is suspected and what runs, then the waiting ones in turn, by their ids."""
        settled = Task.objects.filter(updated_at__lt=now - timedelta(seconds=SETTLED_SECONDS)).only(*_COLUMNS)
        first = list(settled.filter(status=Status.RUNNING)[:AT_ONCE])
        first += settled.filter(pk__in=list(self.suspects)[:AT_ONCE], status__in=UNFINISHED - {Status.RUNNING})
        waiting = settled.filter(status__in=UNFINISHED - {Status.RUNNING}).order_by("pk")
        if self.behind_of is not None:
            waiting = waiting.filter(pk__gt=self.behind_of)
        rest = list(waiting[:AT_ONCE])
        self.behind_of = rest[-1].pk if len(rest) == AT_ONCE else None
        return list({task.pk: task for task in (*first, *rest)}.values())

    def _give_up(
        self, missing: Sequence[Task], server: Server, last_report: str, stranded: set[UUID]
    ) -> list[dict[str, Any]]:
        """Reports for those that are missing again; the others are suspects from now on."""
        is_drained = not inbox.length()  # also where somebody else has emptied it: nothing is on the way
        recorded = InboxPosition.objects.filter(stream=OUTBOX).values_list("last_id", flat=True).first() or inbox.START
        before, self.suspects = self.suspects, {}
        entries = []
        for task in missing:
            suspect = before.get(task.pk)
            if suspect is None or not (is_drained or _position(suspect.last_report) <= _position(recorded)):
                evidence, details = server.evidence(task, is_stranded=task.pk in stranded)
                self.suspects[task.pk] = suspect or Suspect(server.facts.now, last_report, evidence, details)
                continue
            entries.append(_loss(task, suspect))
        return entries


def _position(stream_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = stream_id.partition("-")
    return int(milliseconds), int(sequence)


def _stranded(tasks: Iterable[Task], found: dict[str, HeldJob]) -> set[UUID]:
    """Queued tasks with a job that still says so, while its queue is empty: no worker will ever take it."""
    queued = {
        task.pk: job.queue
        for task in tasks
        if task.status == Status.QUEUED and (job := found.get(task.job_id)) and job.status == "queued"
    }
    empty = held.empty_queues(sorted(set(queued.values()))) if queued else set()
    return {pk for pk, queue in queued.items() if queue in empty}


def _loss(task: Task, suspect: Suspect) -> dict[str, Any]:
    sentence = f"{JOB_LOST}: {suspect.evidence.label}. The job had not ended and is not there any more."
    told = {"evidence": suspect.evidence, "since": suspect.since.timestamp(), "details": suspect.details}
    return {"id": task.job_id, "s": "failed", "q": task.queue, "if": task.status, "x": sentence, "lost": told}


# --- What Redis knows and the record does not ----------------------------------------------------------------------


def _catching_up(tasks: Sequence[Task], found: dict[str, HeldJob]) -> list[dict[str, Any]]:
    """Reports for tasks whose job is further than the record, though every report of it is long recorded."""
    behind = [
        (task, found[task.job_id])
        for task in tasks
        if (status := FROM_RQ.get(found[task.job_id].status)) and status != task.status
    ]
    errors = held.errors([job.job_id for _, job in behind if job.status == "failed"])
    entries = []
    for task, job in behind:
        entries += _reports(job, _after(_path_to(job.status), task.status), task.status, errors)
    return entries


def _path_to(word: str) -> tuple[str, ...]:
    """The words that lead to one of RQ's; the last is the word itself."""
    return (*_PATHS[FROM_RQ[word]], word)


def _after(words: Sequence[str], status: str) -> Sequence[str]:
    """What of the path is left from a status on; at least its end."""
    reached = [number for number, word in enumerate(words) if FROM_RQ[word] == status]
    left = words[reached[0] + 1 :] if reached else words
    return left or words[-1:]


def _reports(job: HeldJob, words: Sequence[str], status: str, errors: dict[str, str]) -> list[dict[str, Any]]:
    """A report for each word, each of which expects the one before."""
    entries = []
    for word in words:
        entries.append(_report(job, word, status, errors))
        status = FROM_RQ[word]
    return entries


def _report(job: HeldJob, word: str, status: str, errors: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": job.job_id, "s": word, "q": job.queue, "f": job.function, "if": status}
    when = {"started": job.started_at, "finished": job.ended_at, "failed": job.ended_at}.get(word, job.enqueued_at)
    if when or job.created_at:
        entry["when"] = (when or job.created_at).timestamp()  # type: ignore[union-attr]  # one of them is there
    if not status:
        entry["d"] = _description(job)
    if word == "started":
        entry["w"] = job.worker
    if word in ("finished", "failed") and job.started_at and job.ended_at:
        entry["ms"] = round((job.ended_at - job.started_at).total_seconds() * 1000, 3)
    if word == "failed":
        error = errors.get(job.job_id, "")
        entry["x"] = redaction.mask_text(error, 65_536)
        if death := deaths.evidence(error, job_id=job.job_id, worker=job.worker, connection=broker.connection()):
            entry["lost"] = death
    return entry


def _description(job: HeldJob) -> dict[str, Any]:
    """As the hooks write it where a job is enqueued; the arguments only if they are not pickled."""
    description: dict[str, Any] = {}
    if job.created_at:
        description["created"] = job.created_at.timestamp()
    if job.call:
        description["params"] = redaction.to_json({"args": job.call[2], "kwargs": job.call[3]})
    return description


@dataclass(frozen=True)
class _Unreported:
    entries: list[dict[str, Any]]
    jobs: int


def _unreported(left_alone: set[str]) -> _Unreported:
    """Jobs of processes without the hooks: what lies in a queue or a registry and has no row.

    Those that are left alone are passed over; what is found to be one is added to them.
    """
    names = sorted({*held.queue_names(), *settings.QUARTERDECK_QUEUES, *Queue.objects.values_list("name", flat=True)})
    unknown: dict[str, None] = {}
    for name in names:
        chunks = held.newest_ids(name, of_each=OF_EACH_PLACE)
        is_known: bool | None = None
        while True:
            try:
                ids = chunks.send(is_known) if is_known else next(chunks)
            except StopIteration:
                break
            new = [job_id for job_id in _without_row(ids) if job_id not in left_alone]
            unknown |= dict.fromkeys(new)
            is_known = len(ids) == held.CHUNK and not new
    found = held.jobs(list(unknown), with_calls=True)
    pruned = pruned_before("tasks")
    known = [job for job in found.values() if job.status in FROM_RQ]
    left_alone.update(job.job_id for job in known if not _is_new(job, pruned))
    settled = [job for job in known if job.job_id not in left_alone and _is_settled(job)]
    errors = held.errors([job.job_id for job in settled if job.status == "failed"])
    entries = [entry for job in settled for entry in _reports(job, _path_to(job.status), "", errors)]
    return _Unreported(entries, len(settled))


def _without_row(job_ids: Sequence[str]) -> list[str]:
    ids = {inbox.task_id_for(job_id): job_id for job_id in job_ids if 0 < len(job_id) <= inbox.NAME_LIMIT}
    known = set(Task.objects.filter(pk__in=list(ids)).values_list("pk", flat=True))
    return [job_id for pk, job_id in ids.items() if pk not in known]


def _is_new(job: HeldJob, pruned: datetime | None) -> bool:
    """Not one whose row retention has deleted: RQ keeps failed jobs for a year, and they would come back every day."""
    if pruned is None or FROM_RQ[job.status] in UNFINISHED:
        return True
    over_at = job.ended_at or job.enqueued_at or job.created_at
    return over_at is None or over_at >= pruned


def _is_settled(job: HeldJob) -> bool:
    """Whether a hook's report of it would be recorded by now."""
    since = job.ended_at or job.started_at or job.enqueued_at or job.created_at
    return since is None or datetime.now(UTC) - since > timedelta(seconds=SETTLED_SECONDS)
