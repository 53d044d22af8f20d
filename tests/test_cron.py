"""Cron on clocks that are put forward and back: every change of ten zones from 2024 to 2030, by a plain reckoning.

The reckoning looks at the clock minute by minute. It knows the rule of docs/schedules.md and nothing of how the product
gets there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from scheduler import cron

ZONES = [
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Havana",  # changes at midnight
    "America/Santiago",
    "Africa/Cairo",  # from midnight to one o'clock, on Fridays
    "Africa/Casablanca",  # goes back for Ramadan
    "Asia/Jerusalem",
    "Pacific/Chatham",  # three quarters of an hour off
    "Australia/Lord_Howe",  # changes by half an hour
]
MINUTE = timedelta(minutes=1)
AROUND = timedelta(hours=4)


@cache
def changes(zone: str) -> list[datetime]:
    """Every moment from 2024 to 2030 at which the zone's clock is changed."""
    place, found = ZoneInfo(zone), []
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    while moment.year < 2031:
        later = moment + timedelta(minutes=30)
        if moment.astimezone(place).utcoffset() != later.astimezone(place).utcoffset():
            found.append(next(m for m in minutes(moment, later + MINUTE) if offset(m, place) != offset(moment, place)))
        moment = later
    return found


def offset(moment: datetime, place: ZoneInfo) -> timedelta | None:
    return moment.astimezone(place).utcoffset()


def minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += MINUTE


def values(field: str, size: int) -> set[int]:
    """What a field of numbers, lists, ranges and steps means."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = ("0", "-", str(size - 1)) if span == "*" else span.partition("-")
        found |= set(range(int(first), int(last or first) + 1, int(step or 1)))
    return found


def reckoned(minute: str, hour: str, zone: str, change: datetime) -> list[datetime]:
    """What the rule says of the hours around a change."""
    place = ZoneInfo(zone)
    wanted_minutes, wanted_hours = values(minute, 60), values(hour, 24)
    every_hour = wanted_hours == set(range(24))
    due, readings = [], set()
    for moment in minutes(change - AROUND - timedelta(hours=2), change + AROUND):
        reading = moment.astimezone(place).replace(tzinfo=None, fold=0)
        came_before = reading in readings
        readings.add(reading)
        is_meant = reading.minute in wanted_minutes and reading.hour in wanted_hours
        if is_meant and (not came_before or every_hour or minute.startswith("*")):
            due.append(moment)
    shift = offset(change, place) or timedelta()
    around = [(moment + shift).replace(tzinfo=None) for moment in minutes(change - AROUND, change + AROUND)]
    wanted = [reading for reading in around if reading.minute in wanted_minutes and reading.hour in wanted_hours]
    if any(is_missing(reading, place) for reading in wanted) and not every_hour:
        due.append(change)
    return sorted({moment for moment in due if change - AROUND < moment < change + AROUND})


def is_missing(reading: datetime, place: ZoneInfo) -> bool:
    there_and_back = reading.replace(tzinfo=place).astimezone(UTC).astimezone(place).replace(tzinfo=None, fold=0)
    return there_and_back != reading


def fires(expression: str, zone: str, change: datetime) -> list[datetime]:
    """What the product says of them."""
    found: list[datetime] = []
    due = cron.next_moment(expression, zone, change - AROUND)
    while due is not None and due < change + AROUND:
        found.append(due)
        due = cron.next_moment(expression, zone, due)
    return found


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("minute", "hour"),
    [
        ("30", "2"),
        ("0", "2,3"),
        ("15", "0"),
        ("0", "*"),
        ("30", "*"),
        ("*/15", "*"),
        ("*/20", "0-4"),
        ("*/10", "2"),
        ("5,35", "0-5"),
        ("45", "*/2"),
        ("0,30", "1-3"),
    ],
)
def test_it_skips_and_doubles_nothing_around_any_change(zone: str, minute: str, hour: str) -> None:
    assert len(changes(zone)) >= 12
    for change in changes(zone):
        assert fires(f"{minute} {hour} * * *", zone, change) == reckoned(minute, hour, zone, change), change


@hypothesis_settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_it_does_so_for_any_minutes_and_hours(data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(ZONES))
    change = data.draw(st.sampled_from(changes(zone)))
    lists = st.lists(st.integers(0, 59), min_size=1, max_size=4).map(lambda numbers: ",".join(map(str, numbers)))
    minute = data.draw(st.one_of(lists, st.integers(7, 40).map(lambda step: f"*/{step}")))
    hours = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(lambda numbers: ",".join(map(str, numbers)))
    hour = data.draw(st.one_of(hours, st.just("*"), st.integers(1, 6).map(lambda step: f"*/{step}")))
    assert fires(f"{minute} {hour} * * *", zone, change) == reckoned(minute, hour, zone, change)


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    expression=st.sampled_from(["30 2 * * *", "*/10 1-3 * * *", "0 * * * *", "5 2 * * SUN"]),
    data=st.data(),
)
def test_where_it_is_asked_from_does_not_matter(zone: str, expression: str, data: st.DataObject) -> None:
    change = data.draw(st.sampled_from(changes(zone)))
    listed = fires(expression, zone, change)
    after = change - AROUND + timedelta(seconds=data.draw(st.integers(0, int(2 * AROUND.total_seconds()))))
    expected = next((moment for moment in listed if moment > after), None)
    due = cron.next_moment(expression, zone, after)
    assert due == expected if expected is not None else due is None or due >= change + AROUND


def test_a_night_that_is_an_hour_short_or_long() -> None:
    def local(expression: str, *day: int) -> list[str]:
        found, due = [], datetime(*day, tzinfo=UTC)  # type: ignore[misc, arg-type]  # year, month, day
        for _ in range(3):
            due = cron.next_moment(expression, "Europe/Berlin", due) or due
            found.append(f"{due.astimezone(ZoneInfo('Europe/Berlin')):%d. %H:%M %Z}")
        return found

    assert local("30 2 * * *", 2026, 3, 28) == ["28. 02:30 CET", "29. 03:00 CEST", "30. 02:30 CEST"]
    assert local("30 2 * * *", 2026, 10, 24) == ["24. 02:30 CEST", "25. 02:30 CEST", "26. 02:30 CET"]
    assert local("30 * * * *", 2026, 3, 29) == ["29. 01:30 CET", "29. 03:30 CEST", "29. 04:30 CEST"]


@pytest.mark.parametrize(
    "expression",
    ["0 9 * * *", "*/5 9-17 * * MON-FRI", "0 0 L * *", "0 0 * * 1#2", "0 12 1 JAN,JUL *", "0 0 29 2 *", "0 0 15W * *"],
)
def test_it_reads_expressions_of_five_fields(expression: str) -> None:
    cron.check(expression)
    assert cron.next_moment(expression, "UTC", datetime(2026, 1, 1, tzinfo=UTC)) is not None


@pytest.mark.parametrize(
    "expression",
    [
        *("", "* * * *", "* * * * * *", "@daily", "R * * * *", "H * * * *", "61 * * * *", "*/0 * * * *", "a b c d e"),
        *("0 0 * * MON#9", "\x00 * * * *", "* * * * *\x00", "1-70 * * * *", "0 25 * * *", "💥 * * * *", "* " * 300),
        *("0 0 32 * *", "- * * * *", ", , , , ,", "/ * * * *", "# # # # #", "L L L L L", "0 0 * * L", "0 0 W * *"),
    ],
)
def test_it_refuses_others_with_a_sentence(expression: str) -> None:
    with pytest.raises(cron.BadCron, match=r"Must|read"):
        cron.check(expression)


@hypothesis_settings(max_examples=300, deadline=None)
@given(expression=st.lists(st.text("0123456789*,-/#LWMONJA?", min_size=1, max_size=8), min_size=5, max_size=5))
def test_whatever_it_accepts_it_can_also_follow(expression: list[str]) -> None:
    text = " ".join(expression)
    try:
        cron.check(text)
    except cron.BadCron:
        return
    cron.next_moment(text, "Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC))


def test_it_knows_zones_by_their_iana_names_only() -> None:
    assert cron.zone("Europe/Berlin").key == "Europe/Berlin"
    for name in ("", "Mars/Olympus", "../etc/passwd", "localtime", "CEST", "europe/berlin", "\x00", "UTC+2"):
        with pytest.raises(ValueError, match="no time zone"):
            cron.zone(name)
