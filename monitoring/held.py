"""What Redis holds of single jobs, for the comparison with the record. Only read, in pipelines; nothing is unpickled.

RQ's own classes clean up, fire callbacks or load pickles when they are asked; so their keys are read here instead.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from redis.exceptions import ResponseError
from rq.intermediate_queue import IntermediateQueue
from rq.job import Job
from rq.queue import Queue
from rq.registry import (
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.utils import utcparse

from monitoring import broker
from monitoring.hooks import OUTBOX

CHUNK = 500
ARGUMENTS_LIMIT = 65_536
_FIELDS = ("status", "origin", "created_at", "enqueued_at", "started_at", "ended_at", "worker_name")
_CALL_FIELDS = ("description", "data")
"""As long as its arguments are, so only asked for where the call is not known."""
_REGISTRIES = (
    StartedJobRegistry,
    ScheduledJobRegistry,
    DeferredJobRegistry,
    FinishedJobRegistry,
    FailedJobRegistry,
    CanceledJobRegistry,
)
Chunks = Generator[list[str], bool | None, None]


@dataclass(frozen=True, kw_only=True)
class HeldJob:
    """A job's hash, as far as it is text."""

    job_id: str
    status: str
    """RQ's word; empty while RQ is just writing it."""
    queue: str
    description: str
    """RQ's own text of the call; empty unless asked for."""
    created_at: datetime | None
    enqueued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    worker: str
    call: list[Any] | None
    """Function, instance, arguments and keyword arguments, if asked for and kept as JSON; pickles are left alone."""

    @property
    def function(self) -> str:
        """The dotted name of what is called."""
        if self.call and isinstance(self.call[0], str):
            return self.call[0]
        return self.description.partition("(")[0]


class ServerFacts(NamedTuple):
    """What the server says of itself."""

    now: datetime
    """By its own clock, by which the record tells when tasks changed."""
    started_seconds_ago: int
    evicted_keys: int
    expired_keys: int
    policy: str
    """What it does when its memory is full."""


def server_facts() -> ServerFacts:
    """Two commands; raises BrokerError."""
    info: Any = broker.connection().info()
    return ServerFacts(
        now=broker.now(),
        started_seconds_ago=int(info.get("uptime_in_seconds", 0)),
        evicted_keys=int(info.get("evicted_keys", 0)),
        expired_keys=int(info.get("expired_keys", 0)),
        policy=str(info.get("maxmemory_policy", "")),
    )


def last_report() -> str:
    """The id of the newest outbox entry that there ever was, trimmed or not."""
    if not broker.connection().exists(OUTBOX):
        return "0-0"
    info: Any = broker.connection().xinfo_stream(OUTBOX)
    return str(info["last-generated-id"].decode())


def _answers(pipeline: Any) -> list[Any]:
    """What Redis answers to each command; None where a key is not of the type that RQ gives it, so is none of RQ's.

    Whatever else goes wrong is raised: what could not be asked for must not be taken for missing.
    """
    answers = []
    for answer in pipeline.execute(raise_on_error=False):
        is_refused = isinstance(answer, ResponseError)
        if is_refused and not str(answer).startswith("WRONGTYPE"):
            raise answer
        answers.append(None if is_refused else answer)
    return answers


def jobs(job_ids: Sequence[str], *, with_calls: bool = False) -> dict[str, HeldJob]:
    """Those of the jobs that Redis holds, by id; one round trip for each few hundred."""
    found = {}
    fields = (*_FIELDS, *_CALL_FIELDS) if with_calls else _FIELDS
    for start in range(0, len(job_ids), CHUNK):
        chunk = job_ids[start : start + CHUNK]
        with broker.connection().pipeline(transaction=False) as pipeline:
            for job_id in chunk:
                pipeline.hmget(Job.redis_job_namespace_prefix + job_id, fields)
            for job_id, values in zip(chunk, _answers(pipeline), strict=True):
                if values and any(value is not None for value in values[:2]):  # RQ never writes a job without a queue
                    found[job_id] = _held(job_id, dict(zip(fields, values, strict=True)))
    return found


def _held(job_id: str, fields: dict[str, bytes | None]) -> HeldJob:
    return HeldJob(
        job_id=job_id,
        status=_text(fields["status"]),
        queue=_text(fields["origin"]),
        description=_text(fields.get("description")),
        created_at=_moment(fields["created_at"]),
        enqueued_at=_moment(fields["enqueued_at"]),
        started_at=_moment(fields["started_at"]),
        ended_at=_moment(fields["ended_at"]),
        worker=_text(fields["worker_name"]),
        call=_call(fields.get("data")),
    )


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


def _moment(value: bytes | None) -> datetime | None:
    try:
        return utcparse(_text(value)) if value else None
    except ValueError:
        return None


def _call(data: bytes | None) -> list[Any] | None:
    """RQ compresses what its serializer made. What is no JSON is a pickle, or somebody's own, and stays closed."""
    try:
        opened = zlib.decompressobj()
        text = opened.decompress(data or b"", ARGUMENTS_LIMIT)
        call = None if opened.unconsumed_tail else json.loads(text)
    except (zlib.error, ValueError, RecursionError):
        return None
    return call if isinstance(call, list) and len(call) == 4 else None


def errors(job_ids: Sequence[str]) -> dict[str, str]:
    """The traceback of each one's last run, where RQ has kept it."""
    with broker.connection().pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.xrevrange(f"rq:results:{job_id}", count=1)
        answers = _answers(pipeline)
    return {job_id: _error(answer) for job_id, answer in zip(job_ids, answers, strict=True)}


def _error(entries: Any) -> str:
    try:
        packed = entries[0][1].get(b"exc_string") or b"" if entries else b""
        return zlib.decompressobj().decompress(base64.b64decode(packed), ARGUMENTS_LIMIT).decode("utf-8", "replace")
    except (ValueError, zlib.error):
        return ""


class _Place(NamedTuple):
    """Where ids of jobs are kept."""

    key: str
    command: str
    """LRANGE or ZRANGE, which take the same arguments."""
    has_runs: bool = False
    """Each as "<job>:<execution>"; a job's id may have colons of its own."""

    def ids(self, members: Sequence[bytes] | None) -> list[str]:
        texts = [_text(member) for member in members or ()]
        return [text.rpartition(":")[0] for text in texts] if self.has_runs else texts


def newest_ids(queue_name: str, *, of_each: int) -> Chunks:
    """The ids of jobs in a queue and in each of its registries, a chunk at a time, the newest first.

    What follows of one place is left out after ``send(True)``: whoever looks knows the whole chunk already.
    """
    places = [_Place(Queue.redis_queue_namespace_prefix + queue_name, "LRANGE")]
    places += [
        _Place(each.key_template.format(queue_name), "ZRANGE", each is StartedJobRegistry) for each in _REGISTRIES
    ]
    for start in range(0, of_each, CHUNK):
        left = []
        for place, found in zip(places, _chunks(places, start), strict=True):
            is_known = yield found
            if not is_known and len(found) == CHUNK:
                left.append(place)
        places = left


def _chunks(places: Sequence[_Place], start: int) -> list[list[str]]:
    """A chunk of each place, after the ``start`` newest; one round trip."""
    with broker.connection().pipeline(transaction=False) as pipeline:
        for place in places:
            pipeline.execute_command(place.command, place.key, -(start + CHUNK), -(start + 1))
        return [place.ids(members) for place, members in zip(places, _answers(pipeline), strict=True)]


def queue_names() -> list[str]:
    """Every queue that RQ knows."""
    keys: Any = broker.connection().smembers(Queue.redis_queues_keys)
    return sorted(key.decode("utf-8", "replace").removeprefix(Queue.redis_queue_namespace_prefix) for key in keys)


def empty_queues(names: Sequence[str]) -> set[str]:
    """Those in which no job is, neither in line nor on the way to a worker."""
    with broker.connection().pipeline(transaction=True) as pipeline:
        for name in names:
            key = Queue.redis_queue_namespace_prefix + name
            pipeline.llen(key)
            pipeline.llen(IntermediateQueue.get_intermediate_queue_key(key))
        lengths = [length or 0 for length in _answers(pipeline)]
    return {name for name, line, between in zip(names, lengths[::2], lengths[1::2], strict=True) if not line + between}


def report(entries: Sequence[dict[str, Any]]) -> None:
    """Puts what was found beside the hooks' own reports, so that the recorder is the only one to write the record."""
    with broker.connection().pipeline(transaction=False) as pipeline:
        for entry in entries:
            pipeline.xadd(OUTBOX, {"e": json.dumps(entry, separators=(",", ":"))})
        pipeline.execute()
