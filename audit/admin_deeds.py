"""What is done in Django's admin, for the operators' trail: created, changed and deleted rows, and refusals.

Changed fields are named, their values never: a form may hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest

from audit.models import Outcome
from audit.trail import Deed, actor_of, write_down

SOURCE = "admin"


def write(site: Any, request: HttpRequest, verb: str, rows: Iterable[Model], message: Any = None) -> None:
    """Adds a deed for each row to the trail; ``message`` is what Django says of the change.

    Not where the admin saves through verbs: those have written it down.
    """
    if site.acts_through_verbs:
        return
    by, action, fields = actor_of(request, source=SOURCE), _action(site, verb), _fields(message)
    details = {"fields": fields} if fields else {}
    write_down([Deed(action=action, by=by, target=_name(row), details={"id": row.pk, **details}) for row in rows])


@contextmanager
def refusals(site: Any, request: HttpRequest, verb: str, key: str = "") -> Iterator[None]:
    """Adds a deed for what was sent here and is refused inside; pages that may not be seen are no deeds."""
    try:
        yield
    except PermissionDenied as refusal:
        if request.method == "POST":
            by = actor_of(request, source=SOURCE)
            error = str(refusal) or "Your account may not do this."
            chosen = request.POST.getlist("_selected_action") or ([key] if key else [])
            details = {"ids": chosen} if chosen else {}
            deed = Deed(
                action=_action(site, verb), by=by, target=", ".join(chosen), outcome=Outcome.REFUSED, error=error,
                details=details,
            )  # fmt: skip
            write_down([deed])
        raise


def _action(site: Any, verb: str) -> str:
    """ "user.create", "scheduled_job.delete"."""
    noun = re.sub(r"\W+", "_", str(site.opts.verbose_name).lower())
    return f"{noun}.{'delete' if verb == 'delete_selected' else verb}"


def _name(row: Model) -> str:
    return str(getattr(row, row.USERNAME_FIELD)) if hasattr(row, "USERNAME_FIELD") else str(row)


def _fields(message: Any) -> list[str]:
    """The labels of what was changed, from Django's structured message (or its sentence, as it is)."""
    if isinstance(message, str):
        return [message] if message else []
    changed = [part.get("changed", part.get("added", part.get("deleted", {}))) for part in message or ()]
    return [str(field) for part in changed for field in part.get("fields", [part.get("name", "")]) if field]
