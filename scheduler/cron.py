"""Cron expressions on a clock that is put forward and back.

croniter says which readings of a clock an expression means; which moments those are is settled here, for a reading may
come twice or not at all where a zone's clock is changed. The rule, also in docs/schedules.md:

- A reading that does not exist stands for the first moment after the gap, and several of them for that moment once.
  Unless the expression names every hour: then the rhythm simply goes on.
- A reading that comes twice is meant the first time. Unless the expression repeats within the hour (its minutes begin
  with ``*``) or names every hour: then it is meant both times, as an hour is an hour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from croniter import croniter
from croniter.croniter import CroniterError

LENGTH_LIMIT = 255
_SECOND = timedelta(seconds=1)
_FIELD = re.compile(
    r"(?:[\d*?,/#-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT|L|W)+", re.IGNORECASE
)
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001  # a reading of a clock, not a moment


class BadCron(ValueError):
    """The expression cannot be read; its text says why."""


def check(expression: str) -> None:
    """Raises BadCron unless it has five fields that name at least one reading."""
    fields = expression.split()
    if len(expression) > LENGTH_LIMIT or len(fields) != 5:
        raise BadCron("Must have five fields: minute, hour, day of month, month, day of week.")
    for field in fields:
        if not _FIELD.fullmatch(field):
            raise BadCron(f"{field[:40]!r} cannot be read. Use numbers, names like MON or JAN, and * , - / L W #.")
    try:
        next(_readings(expression, _EPOCH), None)
    except (CroniterError, ValueError, TypeError, KeyError, IndexError) as error:  # croniter's own checks have gaps
        raise BadCron(f"Cannot be read: {str(error)[:200]}.") from error


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; raises ValueError for any other text."""
    if name not in zone_names():
        raise ValueError(f"{name[:100]!r} is no time zone. Use an IANA name like Europe/Berlin or UTC.")
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The IANA names that may be used."""
    return frozenset(available_timezones() - {"localtime"})


def next_moment(expression: str, timezone: str, after: datetime) -> datetime | None:
    """The first moment after ``after`` that the expression means, in UTC; None if there is none within 50 years."""
    place = zone(timezone)
    always, twice = _names_every_hour(expression), _repeats(expression)
    local = after.astimezone(place)
    reading = local.replace(tzinfo=None, fold=0)
    if twice and local.fold == 0 and _offsets(reading, place)[0] > _offsets(reading, place)[1]:
        # The hour will come once more: what it held so far will be meant again.
        change = _change(place, _as_read(reading, place, 0), _as_read(reading, place, 1))
        reading = change.astimezone(place).replace(tzinfo=None, fold=0) - _SECOND
    best: datetime | None = None
    for candidate in _readings(expression, reading):
        for moment in _moments(candidate, place, always=always, twice=twice):
            if moment > after and (best is None or moment < best):
                best = moment
        before, behind = _offsets(candidate, place)
        if best is not None and before <= behind:
            break  # later readings are later moments, except within an hour that comes twice
    return best


def _readings(expression: str, after: datetime) -> Iterator[datetime]:
    """The readings of the clock that the expression means, in order."""
    try:
        iterator = copy(_read(expression))  # reading an expression takes ten times as long as its next time
        iterator.set_current(after, force=True)
        while True:
            yield iterator.get_next(datetime)
    except CroniterError as error:
        if "failed to find" in str(error):  # none in the next 50 years
            return
        raise
    except OverflowError:  # the end of the calendar
        return


@lru_cache(maxsize=4096)
def _read(expression: str) -> croniter:
    return croniter(expression, _EPOCH)


def _moments(reading: datetime, place: ZoneInfo, *, always: bool, twice: bool) -> list[datetime]:
    """The moments that a reading means."""
    before, behind = _offsets(reading, place)
    first, second = _as_read(reading, place, 0), _as_read(reading, place, 1)
    if before == behind:
        return [first]
    if before > behind:
        return [first, second] if twice else [first]
    return [] if always else [_change(place, second, first)]


def _offsets(reading: datetime, place: ZoneInfo) -> tuple[timedelta, timedelta]:
    """The clock's distance from UTC at a reading, the first and the second time; the second is larger in a gap."""
    first, second = (reading.replace(tzinfo=place, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return first, second


def _as_read(reading: datetime, place: ZoneInfo, fold: int) -> datetime:
    return reading.replace(tzinfo=place, fold=fold).astimezone(UTC)


def _change(place: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The moment between the two at which the clock is changed, to the second."""
    old = before.astimezone(place).utcoffset()
    while after - before > _SECOND:
        middle = before + ((after - before) // 2 // _SECOND) * _SECOND
        if middle.astimezone(place).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


@lru_cache(maxsize=4096)
def _names_every_hour(expression: str) -> bool:
    return croniter.expand(expression)[0][1] in (["*"], list(range(24)))


@lru_cache(maxsize=4096)
def _repeats(expression: str) -> bool:
    return expression.split(maxsplit=1)[0].startswith("*") or _names_every_hour(expression)
