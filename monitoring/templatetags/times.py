"""Moments and durations as people read them; ``static/js/times.js`` keeps them fresh, in the same words."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_ABSOLUTE_AFTER_SECONDS = 30 * 86_400


@register.filter
def ago(moment: datetime | None) -> str | SafeString:
    """A ``<time>``: relative words, the absolute time on hover; "–" for none."""
    if moment is None:
        return "–"
    moment = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.isoformat().replace("+00:00", "Z"),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        relative(moment, datetime.now(UTC)),
    )


@register.filter
def absolute(moment: datetime | None) -> str | SafeString:
    """A ``<time>`` with date and time; "–" for none."""
    if moment is None:
        return "–"
    moment = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-absolute>{}</time>',
        moment.isoformat().replace("+00:00", "Z"),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
    )


@register.filter
def clock(moment: datetime) -> SafeString:
    """A ``<time>`` of today or yesterday: hours and minutes, the whole of it on hover."""
    moment = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}" data-clock>{}</time>',
        moment.isoformat().replace("+00:00", "Z"),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        f"{moment:%H:%M} UTC",
    )


@register.filter
def running_since(moment: datetime | None) -> str | SafeString:
    """How long something has been running, kept counting by the page."""
    if moment is None:
        return "–"
    elapsed = max(0.0, (datetime.now(UTC) - moment).total_seconds())
    moment = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="since {}" data-running>{}</time>',
        moment.isoformat().replace("+00:00", "Z"),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        whole(elapsed),
    )


@register.filter
def duration(milliseconds: float | None) -> str:
    """ "8 ms", "1.24 s", "3 min 5 s", "2 d 4 h"; "–" for none."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1:
        return "<1 ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    return whole(seconds)


def whole(seconds: float) -> str:
    """At most two units: "12 s", "3 min 5 s", "2 d 4 h"."""
    rest = round(seconds)
    parts = []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "0 s"


def relative(moment: datetime, now: datetime) -> str:
    """ "now", "12 s ago", "in 3 min"; the date when it is more than 30 days away."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) >= _ABSOLUTE_AFTER_SECONDS:
        return f"{moment:%Y-%m-%d}"
    if abs(seconds) < 1:
        return "now"
    size, unit = next((size, unit) for size, unit in _UNITS if abs(seconds) >= size)
    words = f"{int(abs(seconds) // size)} {unit}"
    return f"{words} ago" if seconds > 0 else f"in {words}"
