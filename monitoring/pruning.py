"""Deletes what is older than its retention, in transactions so short that nobody who writes waits for long.

A chunk is one transaction: lock, archive if that is wanted, take the rows out of what counts them, delete them. Chunks
grow and shrink with the time they take, and between two of them others come to write. Whoever is killed leaves whole
chunks behind, and the next one goes on. Looking for old rows happens outside of any transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F

from audit.trail import Actor, Deed, write_down
from monitoring import retention
from monitoring.archives import Archive, columns_of
from monitoring.retention import Kind
from monitoring.retention_models import Pruned
from monitoring.turns import only_one

AIM_SECONDS = 0.04
"""How long a transaction should take: well below the 0.2 s that are promised, for some take longer than the last."""
FIRST, FEWEST, MOST = 100, 20, 2_000
"""Rows in a chunk: of the first, and the limits."""
BREATH_SECONDS = 0.01
"""Between two chunks at least; else as long as the last one took."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one kind."""

    kind: Kind
    before: datetime
    rows: int
    """Deleted, or to be deleted."""
    archive: Path | None = None


def due(now: datetime, names: Sequence[str] = ()) -> Iterator[tuple[Kind, datetime]]:
    """The kinds that have an age, and from when on their rows stay; of those named, if any are."""
    for kind in retention.kinds():
        before = kind.before(now)
        if before and (not names or kind.name in names):
            yield kind, before


def count(names: Sequence[str] = ()) -> list[Outcome]:
    """How many rows would be deleted now, exactly; changes nothing."""
    return [
        Outcome(kind=kind, before=before, rows=kind.rows.filter(kind.old(before)).count())
        for kind, before in due(datetime.now(UTC), names)
    ]


def prune(
    *,
    by: Actor,
    names: Sequence[str] = (),
    archive_in: Path | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Deletes what is old, kind after kind, and tells of each; raises turns.Busy while another process does it.

    An archive that cannot be written (OSError), or a trail that is broken, ends it with nothing lost.
    """
    with only_one("prune"):
        now = datetime.now(UTC)
        for kind, before in due(now, names):
            archive = Archive(archive_in, kind.name, now) if archive_in else None
            with _told(kind, by, archive):
                rows = _prune(kind, before, archive, stopping)
            yield Outcome(
                kind=kind, before=before, rows=rows, archive=archive.path if archive and archive.rows else None
            )
            if stopping():
                return


def _prune(kind: Kind, before: datetime, archive: Archive | None, stopping: Callable[[], bool]) -> int:
    _remember(kind, before)
    walk, limit, total = kind.walk(kind, before), FIRST, 0
    while not stopping() and (keys := walk.next(limit)):
        began = time.perf_counter()
        total += _delete(kind, before, keys, archive)
        took = time.perf_counter() - began
        limit = _next_limit(len(keys), took)
        time.sleep(max(BREATH_SECONDS, took))
    if not stopping():
        Pruned.objects.filter(kind=kind.name).update(finished_at=datetime.now(UTC))
    return total


def _remember(kind: Kind, before: datetime) -> None:
    """Before the first row goes: what compares the rollups with the rows must know which may be missing."""
    row, _ = Pruned.objects.get_or_create(kind=kind.name)
    if row.before is None or row.before < before:
        Pruned.objects.filter(kind=kind.name).update(before=before)


def _delete(kind: Kind, before: datetime, keys: Sequence[Any], archive: Archive | None) -> int:
    """One chunk, of the rows that are still old; how many they were."""
    with transaction.atomic():
        kind.lock()
        rows = kind.rows.filter(kind.old(before), pk__in=keys)
        if kind.forget or archive:
            chosen = rows.select_for_update().order_by("pk")
            found = list(chosen.only(*kind.counted) if kind.counted and not archive else chosen)
            if archive:
                archive.write(map(kind.document or columns_of, found))
            if kind.forget:
                kind.forget(found)
            keys = [row.pk for row in found]
        _, deleted = kind.rows.filter(kind.old(before), pk__in=keys).delete()
        number = deleted.get(kind.model._meta.label, 0)
        Pruned.objects.filter(kind=kind.name).update(deleted=F("deleted") + number)
    return number


def _next_limit(rows: int, took: float) -> int:
    """So many rows as would have taken AIM_SECONDS, but at most twice as many as before."""
    fitting = round(rows * min(2.0, AIM_SECONDS / max(took, 0.001)))
    return max(FEWEST, min(MOST, fitting))


@contextmanager
def _told(kind: Kind, by: Actor, archive: Archive | None) -> Iterator[None]:
    """Has the trail tell of what was deleted, also of what an earlier run deleted that was killed before it could."""
    try:
        yield
    finally:
        if archive:
            archive.close()
        with transaction.atomic():
            row = Pruned.objects.select_for_update().filter(kind=kind.name).first()
            if row and (rows := row.deleted - row.told):
                details: dict[str, Any] = {"rows": rows, "before": row.before}
                if archive and archive.rows:
                    details |= {"archive": str(archive.path), "archived": archive.rows}
                write_down([Deed(action="retention.prune", by=by, target=kind.name, details=details)])
                Pruned.objects.filter(kind=kind.name).update(told=row.deleted)
