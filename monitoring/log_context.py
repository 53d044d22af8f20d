"""What a log line is about: the request and the task during which it is written. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context

request_id: ContextVar[str] = ContextVar("request_id", default="")
task_id: ContextVar[str] = ContextVar("task_id", default="")


@contextmanager
def about(which: ContextVar[str], value: str) -> Iterator[None]:
    """Every line written inside, by this thread or task, is about it."""
    token = which.set(value)
    try:
        yield
    finally:
        which.reset(token)


def about_nothing() -> Context:
    """For a task that outlives the request which happened to begin it."""
    context = copy_context()
    for which in (request_id, task_id):
        context.run(which.set, "")
    return context
