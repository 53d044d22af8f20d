"""What is known of how the process died that ran a job: the evidence beside RQ's own sentence.

RQ fails such a job itself. Of a work horse that died its worker knows the signal and the memory. A worker that died
says nothing any more, and RQ forgets it before it gives its job up; so ours leave a sign of life each second while a
job runs, under a key that outlives them. No Django here: the hooks import it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
from datetime import UTC, datetime
from typing import Any

from redis.exceptions import RedisError

from monitoring import memory

KILLED = "killed"
"""The word for it in the ledger (``ledger_models.Evidence``)."""
SIGN_KEY = "quarterdeck:sign-of-life:{0}"
"""Of a worker, by its name."""
SIGN_SECONDS = 3600
"""RQ gives the job of a dead worker up within 90 seconds, but only while another worker cleans up."""
_HORSE = re.compile(r"Work-horse terminated unexpectedly; waitpid returned (None|\d{1,5})\b")
_WORKER = re.compile(r"Moved to FailedJobRegistry, due to AbandonedJobError|Job was stuck in intermediate queue")
_KIB_PER_UNIT = 1 if sys.platform != "darwin" else 1 / 1024
"""Of getrusage(2)'s ru_maxrss: Linux counts in KiB, macOS in bytes."""


def leave_sign(worker_name: str, job_id: str, pipeline: Any) -> None:
    """Adds to the pipeline what is told of the worker should this be its last word."""
    now = datetime.now(UTC)
    sign = {
        "job": job_id,
        "at": now.timestamp(),
        "worker_host": socket.gethostname(),
        "worker_pid": os.getpid(),
        "memory_mb": memory.resident_mb(os.getpid(), born_at=now),
    }
    pipeline.set(SIGN_KEY.format(worker_name), json.dumps(sign), ex=SIGN_SECONDS)


def evidence(
    error: str,
    *,
    job_id: str,
    worker: str,
    connection: Any,
    heartbeat: datetime | None = None,
    usage: Any = None,
) -> dict[str, Any] | None:
    """What is known, as an outbox entry tells it, if RQ's sentence says that a process died; else None.

    ``usage`` is what the kernel counted of the work horse (``resource.struct_rusage``), where its worker has seen it
    die. The worker's last sign is read from Redis: one command, for a job that failed so; ``heartbeat`` is RQ's own.
    """
    horse = _HORSE.match(error)
    if not horse and not _WORKER.match(error):
        return None
    sign = _last_sign(connection, worker, job_id)
    seen_at = sign.pop("at", heartbeat)
    details: dict[str, Any] = {"process": "work horse" if horse else "worker", "worker": worker}
    if horse:
        details |= _way(horse[1])
    if usage:
        details["peak_memory_mb"] = round(usage.ru_maxrss * _KIB_PER_UNIT / 1024, 1)
    if seen_at:
        details["last_heartbeat"] = seen_at.isoformat(timespec="milliseconds")
    since = {"since": seen_at.timestamp()} if seen_at and not horse else {}  # a horse's death is seen at once
    return {"evidence": KILLED, "details": details | sign, **since}


def _way(waited: str) -> dict[str, Any]:
    """How it ended, of what waitpid(2) returned; what no process can end with says nothing."""
    if waited == "None":
        return {"signal": "SIGKILL, by its worker: it went on a minute after its time limit"}
    try:
        code = os.waitstatus_to_exitcode(int(waited))
        return {"exit_code": code} if code >= 0 else {"signal": signal.Signals(-code).name}
    except ValueError:
        return {}


def _last_sign(connection: Any, worker: str, job_id: str) -> dict[str, Any]:
    """What the job's worker said last, ``at`` as a moment; empty if it spoke of another job, or its key is gone.

    What lies in Redis is anyone's: what is no sign counts as none.
    """
    try:
        sign = json.loads(connection.get(SIGN_KEY.format(worker)) or b"{}") if worker else {}
        if not isinstance(sign, dict) or sign.get("job") != job_id:
            return {}
        told = {name: sign[name] for name in ("worker_host", "worker_pid", "memory_mb") if sign.get(name) is not None}
        return {"at": datetime.fromtimestamp(sign["at"], tz=UTC), **told}
    except (RedisError, ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        return {}
