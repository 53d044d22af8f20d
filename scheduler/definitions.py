"""Whether a job's definition makes sense: asked before it is saved, by every way in which it can be edited."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from monitoring.models import Queue
from scheduler import cron
from scheduler.arguments import is_storable, mistakes_in_call
from scheduler.models import ScheduledJob
from scheduler.recurrence import LATEST
from scheduler.registry import NotRunnable, find

LONGEST_SECONDS = 366 * 86_400
"""The longest interval, jitter, grace or delay."""
MOST_RETRIES = 100
MOST_TAGS = 20
TAG_LIMIT = 50
LARGEST = 2**31 - 1
SCHEDULE_FIELDS = (
    "cron", "interval_seconds", "run_at", "timezone", "start_at", "end_at", "max_runs", "jitter_seconds", "is_enabled",
)  # fmt: skip
"""Whoever edits one of these has the next due time worked out anew."""
EDITABLE_FIELDS = (
    "name", "description", "handler", "args", "kwargs", "queue", *SCHEDULE_FIELDS, "overlap_policy", "misfire_policy",
    "misfire_grace_seconds", "max_retries", "retry_delay_seconds", "retry_backoff", "timeout_seconds", "tags",
)  # fmt: skip
_BOUNDS = {
    "interval_seconds": (1, LONGEST_SECONDS),
    "jitter_seconds": (0, LONGEST_SECONDS),
    "misfire_grace_seconds": (0, LONGEST_SECONDS),
    "retry_delay_seconds": (0, LONGEST_SECONDS),
    "max_retries": (0, MOST_RETRIES),
    "timeout_seconds": (1, LONGEST_SECONDS),
    "max_runs": (1, LARGEST),
}

Mistakes = dict[str, list[str]]


def mistakes_in(job: ScheduledJob, *, now: datetime | None = None, stored: ScheduledJob | None = None) -> Mistakes:
    """Sentences by the field that they are about; a dotted name leads into arguments. Empty if all is well.

    ``stored`` is the job as it was before an edit: a time that has passed since may stay as it is.
    """
    mistakes: Mistakes = {}
    now = now or datetime.now(UTC)
    for name, sentence in (*_bounds(job), *_texts(job), *_queue(job)):
        mistakes.setdefault(name, []).append(sentence)
    mistakes |= _handler(job)
    if not mistakes.keys() & set(SCHEDULE_FIELDS):
        for name, sentence in _schedule(job, now, stored):
            mistakes.setdefault(name, []).append(sentence)
    return mistakes


def by_field(mistakes: Mistakes) -> Mistakes:
    """The same for forms, where arguments are one field: what a dotted name leads to stands before the sentence."""
    told: Mistakes = {}
    for path, sentences in mistakes.items():
        name, dot, rest = path.partition(".")
        told.setdefault(name, []).extend(f"{rest}: {each}" if dot else each for each in sentences)
    return told


def mistakes_in_schedule(job: ScheduledJob, *, now: datetime | None = None) -> Mistakes:
    """As ``mistakes_in``, of what says when it is due: for a preview, whose other fields are not filled in yet."""
    mistakes: Mistakes = {}
    for name, sentence in (*_bounds(job), *_schedule(job, now or datetime.now(UTC), None)):
        if name in SCHEDULE_FIELDS:
            mistakes.setdefault(name, []).append(sentence)
    return mistakes


def _bounds(job: ScheduledJob) -> Iterator[tuple[str, str]]:
    for name, (least, most) in _BOUNDS.items():
        value = getattr(job, name)
        if value is not None and not (isinstance(value, int) and least <= value <= most):
            yield name, f"Must be a whole number from {least:,} to {most:,}."


def _texts(job: ScheduledJob) -> Iterator[tuple[str, str]]:
    if not job.name.strip():
        yield "name", "Must not be empty."
    for name, limit in (("name", 255), ("description", 5_000), ("handler", 255)):
        text = getattr(job, name)
        if len(text) > limit or not is_storable(text):
            yield name, f"Must be at most {limit:,} characters, without NUL characters."
    tags: Any = job.tags
    if not (isinstance(tags, list) and all(isinstance(tag, str) and 0 < len(tag) <= TAG_LIMIT for tag in tags)):
        yield "tags", f"Must be a list of words of 1 to {TAG_LIMIT} characters."
    elif len(tags) > MOST_TAGS or not is_storable(tags):
        yield "tags", f"Must be at most {MOST_TAGS} words, without NUL characters."


def _queue(job: ScheduledJob) -> Iterator[tuple[str, str]]:
    if job.queue in settings.QUARTERDECK_QUEUES:
        return
    if "\x00" in job.queue or not Queue.objects.filter(name=job.queue[:256]).exists():
        yield "queue", f"There is no such queue. Use one of: {', '.join(settings.QUARTERDECK_QUEUES)}."


def _handler(job: ScheduledJob) -> Mistakes:
    try:
        runnable = find(job.handler)
    except NotRunnable as error:
        return {"handler": [str(error)]}
    return mistakes_in_call(runnable.function, runnable.schema, job.args, job.kwargs)


def _schedule(job: ScheduledJob, now: datetime, stored: ScheduledJob | None) -> Iterator[tuple[str, str]]:
    given = [name for name in ("cron", "interval_seconds", "run_at") if getattr(job, name)]
    if len(given) != 1:
        told = "not several" if given else "none is given"
        yield (given or ["cron"])[-1], f"Give one of a cron expression, an interval and a time to run at; {told}."
        return
    mistakes = list(_readable(job))
    yield from mistakes
    if not mistakes:
        yield from _fires(job, now, stored)


def _readable(job: ScheduledJob) -> Iterator[tuple[str, str]]:
    try:
        cron.zone(job.timezone)
    except ValueError as error:
        yield "timezone", str(error)
    if job.cron:
        try:
            cron.check(job.cron)
        except cron.BadCron as error:
            yield "cron", str(error)
    for name in ("run_at", "start_at", "end_at"):
        moment = getattr(job, name)
        if moment is not None and not datetime(1970, 1, 2, tzinfo=UTC) <= moment <= LATEST:
            yield name, "Must be a time from 1970 on."
    if job.interval_seconds and job.jitter_seconds >= job.interval_seconds:
        yield "jitter_seconds", "Must be less than the interval."


def _fires(job: ScheduledJob, now: datetime, stored: ScheduledJob | None) -> Iterator[tuple[str, str]]:
    """What can never be due is refused, but for what was due before and is over."""
    if stored is not None and all(getattr(stored, name) == getattr(job, name) for name in SCHEDULE_FIELDS):
        return
    if job.run_at and job.run_at <= now:
        yield "run_at", "Is in the past."
    elif job.end_at and job.end_at <= now:
        yield "end_at", "Is in the past."
    elif job.start_at and job.end_at and job.end_at < job.start_at:
        yield "end_at", "Is before the start."
    elif job.schedule.next_after(now) is None:
        field = "cron" if job.cron else "end_at"
        yield field, "It would never be due: no time that it names lies before its end, or exists at all."
