"""The storage page: what takes room in the database and in Redis, how it grows, and how long it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from audit.roles import OPERATE
from monitoring import broker
from monitoring.models import Queue
from monitoring.pages.acting import wants_json
from monitoring.pages.views import for_viewers
from monitoring.redis_memory import Memory, look_at_memory
from monitoring.retention_models import Pruned
from monitoring.table_sizes import Storage, Table, look_at_tables


@for_viewers
@permission_required(OPERATE, raise_exception=True)
def storage(request: HttpRequest) -> HttpResponse:
    """For operators. With ``Accept: application/json`` the same as JSON."""
    tables, memory = look_at_tables(), _memory()
    if wants_json(request):
        answer: HttpResponse = JsonResponse(_as_json(tables, memory))
    else:
        pruned = {row.kind: row for row in Pruned.objects.all()}
        rows = [{"table": table, "pruned": pruned.get(table.kind.name)} for table in tables.tables]
        context = {"section": "storage", "storage": tables, "rows": rows, "memory": memory}
        answer = render(request, "storage/page.html", context)
    patch_vary_headers(answer, ["Accept"])
    return answer


def _memory() -> Memory | None:
    """None while Redis is away."""
    try:
        return look_at_memory(Queue.objects.values_list("name", flat=True))
    except broker.BrokerError:
        return None


def _as_json(storage: Storage, memory: Memory | None) -> dict[str, Any]:
    return {
        "database": {
            "bytes": storage.bytes,
            "bytes_in_30_days": storage.bytes_ahead,
            "tables": [_table(table) for table in storage.tables],
        },
        "redis": None if memory is None else {
            "used_bytes": memory.used,
            "max_bytes": memory.most or None,
            "outbox": {"entries": memory.outbox_entries, "bytes": memory.outbox_bytes},
            "queues": [
                {"queue": share.queue, "registry": share.registry, "jobs": share.jobs, "bytes": share.bytes}
                for share in memory.shares
            ],
        },
    }  # fmt: skip


def _table(table: Table) -> dict[str, Any]:
    return {
        "kind": table.kind.name,
        "rows": table.rows,
        "bytes": table.bytes,
        "oldest_at": _iso(table.oldest_at),
        "kept_days": table.kind.days or None,
        "rows_per_day": round(table.per_day, 1),
        "rows_in_30_days": table.rows_ahead,
        "bytes_in_30_days": table.bytes_ahead,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
