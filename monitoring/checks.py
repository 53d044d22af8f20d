"""What ``manage.py check`` says about Quarterdeck's own settings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

from monitoring import demo_logins


@register()
def callables_can_be_imported(app_configs: Any, **options: Any) -> Sequence[CheckMessage]:
    """Each module of QUARTERDECK_CALLABLES exists, and its import succeeds."""
    messages: list[CheckMessage] = []
    for name in settings.QUARTERDECK_CALLABLES:
        try:
            import_module(name)
        except Exception as error:  # whatever a module's own code raises
            messages.append(
                Error(
                    f"QUARTERDECK_CALLABLES names {name!r}, which cannot be imported: {type(error).__name__}: {error}",
                    hint="Give dotted names of modules on Python's path, with commas between them.",
                    id="quarterdeck.E001",
                )
            )
    return messages


@register(Tags.security, deploy=True)
def demo_logins_are_closed(app_configs: Any, **options: Any) -> Sequence[CheckMessage]:
    """No demo password works in production. A database that cannot be read yet has none."""
    try:
        names = demo_logins.still_open()
    except DatabaseError:
        return []
    if settings.DEMO_LOGINS or not names:
        return []
    return [
        Error(
            f"The demo password of {', '.join(names)} still works.",
            hint="Run python manage.py changepassword for each, or delete the user.",
            id="quarterdeck.E002",
        )
    ]
