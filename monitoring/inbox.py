"""Reads the outbox stream: what the hooks and running tasks reported, in order, after a position."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from monitoring import broker
from monitoring.hooks import OUTBOX
from monitoring.redaction import clean_text, cut_text, mask_value
from monitoring.statuses import FROM_RQ, Status

BATCH = 1_000
START = "0-0"
NAME_LIMIT = 255
PAYLOAD_LIMIT = 131_072
REPORTED = "reported"
"""The word of entries that carry no status: progress, media, output, service requests (``monitoring.reporting``)."""
REMOVED = "removed"
"""The word of entries that say that an operator removed the job, and that its task is to go, too."""
RECONCILE = "reconcile"
_WORDS = {*FROM_RQ, REPORTED, REMOVED}


class NotUnderstood(ValueError):
    """An entry of the stream that is not a report; its text says why."""


class Entry(NamedTuple):
    """One entry of the stream, as it lies there."""

    stream_id: str
    payload: bytes


class Loss(NamedTuple):
    """Why a task was not brought to its end, as far as it is known."""

    evidence: str
    since: datetime | None
    details: Mapping[str, Any]


class Report(NamedTuple):
    """One understood entry."""

    stream_id: str
    at: datetime
    """When Redis took the entry: one clock for all hosts, never running backwards within a task."""
    job_id: str
    task_id: UUID
    status: Status | None
    """None for reports that change no status: of a running task, and of a removal."""
    word: str
    """RQ's own word for the status."""
    queue: str = ""
    function: str = ""
    worker: str = ""
    duration_ms: float | None = None
    result: str | None = None
    error: str | None = None
    due_at: datetime | None = None
    description: Mapping[str, Any] = MappingProxyType({})
    told: Mapping[str, Any] = MappingProxyType({})
    """What a running task told about itself."""
    expects: str | None = None
    """Of what reconcile found: the status it had seen in the record. The report is void if that has changed since."""
    lost: Loss | None = None
    """Of a task whose process died, or whose job is gone."""

    @property
    def source(self) -> str:
        """Who saw it."""
        return "hooks" if self.expects is None else RECONCILE


def task_id_for(job_id: str) -> UUID:
    """The task's id: RQ's job id when that is a canonical UUID, else a name-based one (RFC 9562, version 5)."""
    try:
        parsed = UUID(job_id)
    except ValueError:
        parsed = None
    return parsed if parsed is not None and str(parsed) == job_id else uuid5(NAMESPACE_URL, f"rq:job:{job_id}")


def read(after: str, *, limit: int = BATCH, wait_ms: int | None = None) -> list[Entry]:
    """At most ``limit`` entries after the position, oldest first; waits up to ``wait_ms`` for the first one."""
    streams: Any = broker.connection().xread({OUTBOX: after}, count=limit, block=wait_ms)
    entries = streams[0][1] if streams else []
    return [Entry(stream_id=stream_id.decode(), payload=fields.get(b"e", b"")) for stream_id, fields in entries]


def trim(through: str) -> None:
    """Removes what has been recorded: every entry up to and including the position."""
    milliseconds, _, sequence = through.partition("-")
    broker.connection().xtrim(OUTBOX, minid=f"{milliseconds}-{int(sequence) + 1}", approximate=False)


def length() -> int:
    """How many entries wait to be recorded."""
    return int(broker.connection().xlen(OUTBOX))


def time_of(stream_id: str) -> datetime:
    """The moment in a stream id, whose first part is Unix time in milliseconds."""
    return datetime.fromtimestamp(int(stream_id.partition("-")[0]) / 1000, tz=UTC)


def parse(entry: Entry) -> Report:
    """The report in an entry; raises NotUnderstood with the reason."""
    try:
        document = json.loads(entry.payload)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise NotUnderstood("not a JSON object")
    word = _text(document, "s")
    if word not in _WORDS:
        raise NotUnderstood(f"unknown status {word[:40]!r}")
    job_id = _text(document, "id")
    if not job_id or len(job_id) > NAME_LIMIT:
        raise NotUnderstood(f"the job id must have 1 to {NAME_LIMIT} characters")
    return Report(
        stream_id=entry.stream_id,
        at=_seen_at(entry, document),
        job_id=job_id,
        task_id=task_id_for(job_id),
        status=FROM_RQ.get(word),
        word=word,
        queue=_text(document, "q"),
        function=_text(document, "f"),
        worker=_text(document, "w"),
        duration_ms=_duration(document),
        result=_optional_text(document, "r"),
        error=_optional_text(document, "x"),
        due_at=_moment(document.get("at")),
        description=_object(document, "d"),
        told=_object(document, "t"),
        expects=_expected(document),
        lost=_loss(document),
    )


def task_id_of(entry: Entry) -> str:
    """The task that an entry is about, for a log line; empty if it does not say."""
    try:
        return str(parse(entry).task_id)
    except NotUnderstood:
        return ""


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    if not value:
        return ""
    if not isinstance(value, str):
        raise NotUnderstood(f"{key!r} must be a text")
    return cut_text(value, NAME_LIMIT)


def _seen_at(entry: Entry, document: dict[str, Any]) -> datetime:
    """When Redis took the entry; what reconcile finds was earlier, and RQ knows when."""
    taken_at = time_of(entry.stream_id)
    happened_at = _moment(document.get("when")) if "if" in document else None
    return min(taken_at, happened_at) if happened_at else taken_at


def _expected(document: dict[str, Any]) -> str | None:
    expected = document.get("if")
    if expected is not None and expected != "" and expected not in set(Status):
        raise NotUnderstood("'if' must be a status or empty")
    return expected


def _optional_text(document: dict[str, Any], key: str) -> str | None:
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise NotUnderstood(f"{key!r} must be a text")
    return None if value is None else clean_text(value, 70_000)


def _object(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key) or {}
    if not isinstance(value, dict):
        raise NotUnderstood(f"{key!r} must be an object")
    return value


def _loss(document: dict[str, Any]) -> Loss | None:
    told = _object(document, "lost")
    if not told:
        return None
    details = mask_value(_object(told, "details"))
    return Loss(evidence=_text(told, "evidence"), since=_moment(told.get("since")), details=details)


def _duration(document: dict[str, Any]) -> float | None:
    """As the worker measured it; None if its clock was set back meanwhile, for then it says nothing of the run."""
    value = document.get("ms")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e13 < value < 1e13:
        raise NotUnderstood("'ms' must be a number of milliseconds")
    return None if value < 0 else float(value)


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(value, tz=UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise NotUnderstood(f"not a moment: {value!r}") from error
