"""Keeps the console legible while demo tasks fail on purpose."""

from __future__ import annotations

import logging


class ShortFailures(logging.Filter):
    """One line instead of the traceback when a task of the demo failed; the task's page has the whole of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        # RQ gives the function's name as "func" to the record of a job that raised (BaseWorker.handle_exception).
        function = str(getattr(record, "func", ""))
        if function.startswith("demo.") and record.args:
            error = str(list(record.args)[-1]).strip().rpartition("\n")[2]
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "%s failed, as demo tasks sometimes do: %s", (function, error)
        return True
