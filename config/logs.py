"""How log lines look on the console: for people, or one JSON object a line for what collects them (LOG_FORMAT)."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime

from monitoring import log_context
from monitoring.redaction import mask_text


class LineFormatter(logging.Formatter):
    """``2026-01-31 12:00:00,123 worker-1 WARNING text``: UTC, and every line of a record tells its process.

    Outside the supervisor the logger's name stands in the place of the process. After the level stands in brackets what
    the line is about, if that is known: ``[request 5f0c…, task 91aa…]``.
    """

    def __init__(self, process_name: str = "") -> None:
        self.process_name = process_name
        self.converter = time.gmtime
        super().__init__(
            f"%(asctime)s {process_name.replace('%', '%%') or '%(name)s'} %(levelname)s %(about)s%(message)s"
        )

    def format(self, record: logging.LogRecord) -> str:
        known = ", ".join(f"{name} {value}" for name, value in _about(record).items())
        record.about = f"[{known}] " if known else ""
        text = mask_text(super().format(record))
        return text.rstrip("\n").replace("\n", f"\n    {self.process_name or record.name} | ")


class JSONFormatter(logging.Formatter):
    """One object a line: ``time`` (UTC), ``level``, ``logger``, ``process``, ``message``, ``request_id``, ``task_id``,
    ``exception``; what is not known is not there."""

    def __init__(self, process_name: str = "") -> None:
        self.process_name = process_name
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "process": self.process_name,
            "pid": record.process,
            "message": mask_text(record.getMessage()),
            **{f"{name}_id": value for name, value in _about(record).items()},
            "exception": mask_text(self.formatException(record.exc_info)) if record.exc_info else "",
        }
        return json.dumps({name: value for name, value in told.items() if value not in ("", None)}, ensure_ascii=False)


def _about(record: logging.LogRecord) -> dict[str, str]:
    """The request and the task that a line is about: as it says itself, else those during which it is written."""
    found = {
        "request": getattr(record, "request_id", "") or log_context.request_id.get(),
        "task": getattr(record, "task_id", "") or log_context.task_id.get(),
    }
    return {name: str(value) for name, value in found.items() if value}
