"""Figures as people read them, and bars that show them."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from monitoring.trends import success_rate

register = template.Library()


@register.simple_tag
def success(completed: int, failed: int) -> str:
    """The share of the ended tasks that completed; "–" while none has ended: nothing is not 0 %."""
    return _percent(success_rate(completed, failed), completed, failed) if completed + failed else "–"


@register.simple_tag
def share(part: int, whole: int) -> str:
    """A part in percent of the whole; "–" of nothing."""
    return _percent(round(100 * part / whole, 1), part, whole - part) if whole else "–"


def _percent(percent: float, part: int, rest: int) -> str:
    """With one decimal; few are told from none, and nearly all from all."""
    if percent == 100 and rest:
        return ">99.9 %"
    if percent == 0 and part:
        return "<0.1 %"
    return f"{percent:.1f} %"


@register.simple_tag
def spark(figures: Sequence[int]) -> SafeString:
    """A bar for each figure, the highest as high as can be. What it shows is told beside it, or in its title."""
    most = max(figures, default=0) or 1
    bars = "".join(
        f"M{4 * place},24V{24 - max(2, round(24 * figure / most))}h3V24z"
        for place, figure in enumerate(figures)
        if figure
    )
    width = 4 * len(figures)
    return format_html(
        '<svg class="spark" viewBox="0 0 {} 24" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="spark-ground" d="M0,23.5H{}"/><path d="{}"/></svg>',
        width, width, bars,
    )  # fmt: skip


@register.simple_tag
def bar(part: float, whole: float) -> SafeString:
    """A bar as long as the part's share of the whole. It says nothing to a screen reader; the figure beside it does."""
    percent = 100 * part / whole if whole else 0.0
    return format_html(
        '<svg class="proportion" aria-hidden="true"><rect class="proportion-whole" width="100%" height="100%"/>'
        '<rect width="{}%" height="100%"/></svg>',
        f"{percent:.2f}",
    )
