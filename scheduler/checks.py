"""What ``manage.py check`` says about the handlers that the installed apps declare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register

from scheduler.registry import registry


@register()
def handlers_are_sound(app_configs: Any, **options: Any) -> Sequence[CheckMessage]:
    """Each handler of each installed app could be taken in."""
    return [
        Error(mistake, hint="See docs/schedules.md, Handlers.", id="quarterdeck.E010") for mistake in registry.mistakes
    ]
