"""The jobs that benchmarks run. They do nothing, so that what is measured is everything around them."""

from __future__ import annotations

import time
from typing import Any


def nothing() -> None:
    """The cheapest job there is."""


def send_mail(recipient: int, *, address: str, template: str, context: dict[str, Any]) -> dict[str, Any]:
    """A job with the arguments and the result of everyday work."""
    return {"message_id": f"{recipient:08d}@{template}", "accepted": True}


def make_thumbnail(path: str, *, width: int, height: int, crop: bool = False) -> str:
    """Another, with a short result."""
    return f"{path}.{width}x{height}.webp"


def pause(seconds: float) -> None:
    """A job whose running can be seen."""
    time.sleep(seconds)
