"""The kinds of values that filters are asked with: moments and yes-or-no, strict where django-filter guesses."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms

# A day inside what datetime can hold, so that no time zone and no rounding to hours leaves it.
EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


class NotAMoment(ValueError):
    """The text is no time; its text says what one looks like."""


def parse_moment(text: str, *, is_end: bool = False) -> datetime:
    """The moment in an ISO 8601 text, in UTC unless it names a zone; raises NotAMoment.

    A date alone is the beginning of its day, or with ``is_end`` the end: "up to the 5th" includes the 5th.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        if is_end and re.fullmatch(r"\s*\d{4}-?\d{2}-?\d{2}\s*", text):
            moment = datetime.combine(moment, time.max)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise NotAMoment("Must be a time like 2025-01-15T10:00:00Z or a date like 2025-01-15.") from error
    return min(max(moment, EARLIEST), LATEST)


class MomentField(forms.Field):
    """A moment, as text or as it is; see parse_moment."""

    is_end = False

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values or isinstance(value, datetime):
            return value or None
        try:
            return parse_moment(str(value), is_end=self.is_end)
        except NotAMoment as error:
            raise forms.ValidationError(str(error)) from error


class EndField(MomentField):
    """A moment up to which something is meant, that moment included."""

    is_end = True


class TrueOrFalseField(forms.Field):
    """The word "true" or "false" in any case, where django-filter's own field takes any other word for no answer."""

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        word = str(value).strip().lower()
        if word not in ("true", "false"):
            raise forms.ValidationError("Must be true or false.")
        return word == "true"


class MomentFilter(django_filters.Filter):  # type: ignore[misc]  # django-filter ships no types
    """Compares with a moment."""

    field_class = MomentField


class EndFilter(django_filters.Filter):  # type: ignore[misc]  # as above
    """Compares with a moment up to which something is meant."""

    field_class = EndField


class TrueOrFalseFilter(django_filters.Filter):  # type: ignore[misc]  # as above
    """Compares with true or false."""

    field_class = TrueOrFalseField
