"""How log lines look on the console."""

from __future__ import annotations

import logging

from config.logs import LineFormatter
from demo.logs import ShortFailures


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("rq.worker", logging.ERROR, "", 0, message, args, None)
    made.created = made.msecs = 0
    made.__dict__.update(extra)
    return made


def test_it_names_the_process_in_every_line_of_a_record() -> None:
    line = LineFormatter("worker-1").format(record("%s\nFirst\nSecond\n", "Oh"))
    assert line == "1970-01-01 00:00:00,000 worker-1 ERROR Oh\n    worker-1 | First\n    worker-1 | Second"


def test_it_names_the_logger_outside_the_supervisor() -> None:
    assert LineFormatter().format(record("Oh")) == "1970-01-01 00:00:00,000 rq.worker ERROR Oh"


def test_it_shortens_failures_of_the_demo_only() -> None:
    traceback = "Traceback …\n  File …\nValueError: no\n"
    of_demo = record("Worker %s: (%s)\n%s", "w", "demo.tasks.refund", traceback, func="demo.tasks.refund")
    of_others = record("Worker %s: (%s)\n%s", "w", "shop.refund", traceback, func="shop.refund")

    assert ShortFailures().filter(of_demo)
    assert of_demo.getMessage() == "demo.tasks.refund failed, as demo tasks sometimes do: ValueError: no"
    assert ShortFailures().filter(of_others)
    assert of_others.getMessage().endswith(traceback)
