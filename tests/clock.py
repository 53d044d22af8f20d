"""A clock that stands still, for figures that depend on the time of day."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Self

import pytest

from monitoring import moments, overview, trends

NOW = datetime(2026, 3, 10, 9, 41, 7, tzinfo=UTC)
"""A Tuesday."""


class StandingStill(datetime):
    """Always NOW."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return cls.fromtimestamp(NOW.timestamp(), tz)


@pytest.fixture
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures are told as if it were NOW."""
    for module in (moments, overview, trends):
        monkeypatch.setattr(module, "datetime", StandingStill)
