"""The pieces of a span of time cover it exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitoring.spans import DAY, HOUR, begin_of_day, begin_of_hour, pieces

moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 20)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001  # the zone is set after


@given(moments, moments)
def test_the_pieces_cover_the_span_exactly_once(start: datetime, end: datetime) -> None:
    cut = pieces(start, end)
    parts = sorted([*cut.hours, *cut.broken, *([cut.days] if cut.days else [])])
    if start >= end:
        assert parts == []
        return
    assert parts[0][0] == start
    assert parts[-1][1] == end
    assert all(before[1] == after[0] for before, after in pairwise(parts))


@given(moments, moments)
def test_each_piece_has_its_unit(start: datetime, end: datetime) -> None:
    cut = pieces(start, end)
    assert all(begin_of_hour(moment) == moment for piece in cut.hours for moment in piece)
    assert all(begin_of_day(moment) == moment for moment in cut.days or ())
    assert all(end - begin < HOUR for begin, end in cut.broken)
    assert sum(((end - begin) for begin, end in cut.hours), timedelta()) < 3 * DAY


def test_an_open_span_is_all_days() -> None:
    cut = pieces(None, None)
    assert cut.days is not None
    assert cut.broken == ()
    assert cut.cells


def test_it_stays_inside_the_calendar() -> None:
    cut = pieces(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    assert cut == pieces(None, None)
