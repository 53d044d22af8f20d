"""The operators' trail: who did what, to what, why, and with which outcome. Append-only, and chained.

Every verb of every surface runs inside ``audited`` (one deed) or ends with ``write_down`` (many at once), so success,
refusal and failure are written in one place. Each row carries a hash over itself and the hash of the row before it;
``manage.py verify_audit`` follows the chain and names the first row that was altered or is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction

from audit import roles
from audit.models import OperatorAction, Outcome, TrailHead
from audit.sources import source_of

GENESIS = "0" * 64
"""What the first row's hash is chained to."""
CHAIN = "operators"
NAME_LIMIT = 255
TEXT_LIMIT = 1_000
DETAILS_LIMIT = 16_384


class NotPermitted(PermissionDenied):
    """The actor's role may not do this."""


class NotAllowedNow(Exception):
    """It cannot be done in the present state; the text says why, and may be shown to whoever asked."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts, and by which way."""

    name: str
    source: str
    """The way it came: "jobs.single", "scheduler.api", "admin", "dispatcher"."""
    address: str = ""
    permissions: frozenset[str] = frozenset()

    def may(self, permission: str) -> bool:
        """Whether the actor has one of the permissions in ``audit.roles``."""
        return permission in self.permissions


def actor_of(request: Any, *, source: str) -> Actor:
    """The person behind a request, of Django or of REST framework."""
    user = request.user
    return Actor(name=user.get_username(), source=source, address=source_of(request.META), permissions=_held_by(user))


def actor_named(name: str, *, source: str, address: str = "") -> Actor:
    """Someone who asked for something earlier, with what the account may do now: nothing, if it is gone."""
    user = User.objects.filter(username=name).first()
    return Actor(name=name, source=source, address=address, permissions=_held_by(user) if user else frozenset())


def _held_by(user: Any) -> frozenset[str]:
    return frozenset(permission for permission in roles.ALL if user.has_perm(permission))


def process(name: str) -> Actor:
    """One of our own processes, which may do everything."""
    return Actor(name=name, source=name, permissions=frozenset(roles.ALL))


@dataclass(kw_only=True)
class Deed:
    """One thing done, or tried, as it will stand in the trail."""

    action: str
    by: Actor
    queue: str = ""
    target: str = ""
    """What it was done to: a job's id, a schedule's, a user's name."""
    reason: str = ""
    outcome: Outcome = Outcome.SUCCESS
    error: str = ""
    """Why it was refused or failed, as a sentence."""
    details: dict[str, Any] = field(default_factory=dict)
    """Anything more, ready for JSON and masked already."""


@contextmanager
def audited(
    action: str,
    *,
    by: Actor,
    needs: str,
    queue: str = "",
    target: str = "",
    reason: str = "",
    details: dict[str, Any] | None = None,
) -> Iterator[Deed]:
    """Does one deed and writes down how it went; what is raised inside goes on to the caller.

    Without the permission ``needs`` nothing is done and NotPermitted is raised: that, too, stands in the trail. Not for
    use inside a transaction that may be rolled back, for the row would go with it.
    """
    deed = Deed(action=action, by=by, queue=queue, target=target, reason=reason, details=details or {})
    try:
        if not by.may(needs):
            raise NotPermitted(roles.REFUSALS[needs])
        yield deed
    except Exception as error:
        deed.outcome = Outcome.REFUSED if isinstance(error, NotPermitted | NotAllowedNow) else Outcome.FAILED
        deed.error = str(error) or type(error).__name__
        raise
    finally:
        write_down([deed])


def write_down(deeds: Sequence[Deed]) -> None:
    """Adds deeds to the end of the trail, in their order; a few statements however many there are."""
    if not deeds:
        return
    with transaction.atomic():
        head, _ = TrailHead.objects.select_for_update().get_or_create(chain=CHAIN, defaults={"hash": GENESIS})
        rows = [_row(deed) for deed in deeds]
        for row in rows:
            row.number = head.number = head.number + 1
            row.hash = head.hash = hash_of(row, head.hash)
        _insert(rows)
        head.save()


def _insert(rows: Sequence[OperatorAction]) -> None:
    """As bulk_create would, which compiles every value of every row: bulk deeds spent a third of their time there."""
    fields = OperatorAction._meta.concrete_fields
    columns, marks = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    sql = f'INSERT INTO "{OperatorAction._meta.db_table}" ({columns}) VALUES ({marks})'  # noqa: S608  # names only
    values = []
    for row in rows:
        told = {**row.__dict__, "at": connection.ops.adapt_datetimefield_value(row.at)}
        values.append([told[field.attname] for field in fields])
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)


def hash_of(row: OperatorAction, previous: str) -> str:
    """The SHA-256 of a row chained to the one before it, over every column in a form that no database changes."""
    told = [
        row.number, row.at.astimezone(UTC).isoformat(timespec="microseconds"), row.action, row.actor, row.source,
        row.outcome, row.queue, row.target, row.reason, row.error, row.details, row.address,
    ]  # fmt: skip
    return sha256(f"{previous}{json.dumps(told)}".encode()).hexdigest()


def _row(deed: Deed) -> OperatorAction:
    return OperatorAction(
        at=datetime.now(UTC),
        action=_storable(deed.action, NAME_LIMIT),
        actor=_storable(deed.by.name, NAME_LIMIT),
        source=_storable(deed.by.source, NAME_LIMIT),
        outcome=deed.outcome.value,
        queue=_storable(deed.queue, NAME_LIMIT),
        target=_storable(deed.target, NAME_LIMIT),
        reason=_storable(deed.reason, TEXT_LIMIT),
        error=_storable(deed.error, TEXT_LIMIT),
        details=_document(deed.details),
        address=_storable(deed.by.address, NAME_LIMIT),
    )


def _document(details: dict[str, Any]) -> str:
    """JSON in ASCII, so that the stored text is the hashed one; too large a one says so instead."""
    document = json.dumps(details, sort_keys=True, default=str)
    return document if len(document) <= DETAILS_LIMIT else json.dumps({"left_out": f"{len(document):,} characters"})


def _storable(text: str, limit: int) -> str:
    """The text, bounded, without what databases refuse: NUL and lone surrogates."""
    return text[:limit].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
