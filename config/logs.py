"""How log lines look on the console."""

from __future__ import annotations

import logging
import time


class LineFormatter(logging.Formatter):
    """``2026-01-31 12:00:00,123 worker-1 WARNING text``: UTC, and every line of a record tells its process.

    Outside the supervisor the logger's name stands in the place of the process.
    """

    def __init__(self, process_name: str = "") -> None:
        self.process_name = process_name
        self.converter = time.gmtime
        super().__init__(f"%(asctime)s {process_name.replace('%', '%%') or '%(name)s'} %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).rstrip("\n").replace("\n", f"\n    {self.process_name or record.name} | ")
