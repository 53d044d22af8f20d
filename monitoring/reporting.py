"""What a running task can tell about itself. Outside a job every function here does nothing.

Each call is one XADD to the outbox (a round trip of well under a millisecond); it is recorded like a status.
"""

from __future__ import annotations

import json
from typing import Any

from rq import get_current_job

from monitoring import redaction
from monitoring.hooks import OUTBOX, OUTBOX_LIMIT


def report_progress(percent: float, message: str = "") -> None:
    """How far the task is, 0 to 100 (clamped), with an optional sentence."""
    _tell({"progress": min(100.0, max(0.0, float(percent))), "message": redaction.mask_text(message, 500)})


def report_output(text: str) -> None:
    """A piece of output; pieces are kept in order, up to 64 KiB a task."""
    _tell({"output": redaction.mask_text(text, 16_384)})


def report_media(url: str, *, media_type: str | None = None, name: str | None = None, **details: Any) -> None:
    """A file that the task made: a path below MEDIA_URL or an absolute http(s) URL; at most 100 a task.

    With ``direction="input"`` it is one that the task was given.
    """
    _tell({"media": redaction.mask_value({"url": url, "media_type": media_type, "name": name, **details})})


def report_service_request(service: str, **details: Any) -> None:
    """A call to an outside service that the task waits for or has made; at most 100 a task."""
    _tell({"service_request": redaction.mask_value({"service": service, **details})})


def _tell(told: dict[str, Any]) -> None:
    job = get_current_job()
    if job is None or job.connection is None:
        return
    entry = json.dumps({"id": job.id, "s": "reported", "q": job.origin, "t": told})
    connection: Any = job.connection
    connection.execute_command("XADD", OUTBOX, "MAXLEN", "~", OUTBOX_LIMIT, "*", "e", entry)
