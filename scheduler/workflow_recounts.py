"""Counts workflows anew from their rows: to repair the rollup, or to prove that the counting was right."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction
from django.db.models import QuerySet

from monitoring import bulk
from monitoring.retention import pruned_before
from scheduler.workflow_count_models import Basis, WorkflowCount
from scheduler.workflow_counts import COUNTED, Cell, Counts, Tally, added_up, row_of
from scheduler.workflow_models import Workflow

CHUNK = 5_000


def rebuild() -> None:
    """Replaces the rollup by what the rows say, ends aside that it alone remembers since retention deleted the rows.

    Whoever would change a workflow waits meanwhile.
    """
    with transaction.atomic():
        _keep_others_out()
        cells = dict(counted_anew().tallies())
        _whole().delete()
        bulk.insert(WorkflowCount, [row_of(cell, tally, is_new=False) for cell, tally in cells.items()])


def differences() -> list[str]:
    """A sentence for each cell whose stored counts differ from what the rows say; empty when all are right."""
    with transaction.atomic():
        _keep_others_out()
        stored, anew = added_up(_whole().iterator(CHUNK)), dict(counted_anew().tallies())
    return list(_compared(stored, anew))


def counted_anew() -> Counts:
    """The counts of all rows, by the code that counts while writing, one row in memory at a time."""
    counts = Counts()
    for workflow in Workflow.objects.only(*COUNTED).iterator(CHUNK):
        counts.count(workflow, +1)
    before = pruned_before("workflows")
    for cell in [cell for cell in counts.hours if before and cell.basis == Basis.ENDED and cell.start < before]:
        del counts.hours[cell]
    return counts


def _whole() -> QuerySet[WorkflowCount]:
    """The cells whose rows are all there: of ends, those since the day before which retention deleted."""
    before = pruned_before("workflows")
    return WorkflowCount.objects.exclude(basis=Basis.ENDED, start__lt=before) if before else WorkflowCount.objects.all()


def _keep_others_out() -> None:
    """Whoever has changed a workflow and not committed cannot write its counts, nor has anyone seen the change.

    On SQLite the transaction itself is the lock.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {WorkflowCount._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def _compared(stored: dict[Cell, Tally], anew: dict[Cell, Tally]) -> Iterator[str]:
    for cell in sorted({*stored, *anew}):
        was, should_be = stored.get(cell, Tally()), anew.get(cell, Tally())
        if was != should_be:
            name = f"{cell.namespace}.{cell.name}@{cell.version}"
            when = f"{cell.basis.label.lower()} in the {cell.span.label.lower()} from {cell.start:%Y-%m-%d %H:%M}"
            yield f"{cell.status} workflows of {name}, {when}: stored {was}, the rows say {should_be}"
