"""``python -m chaos.verdict <effects> <accepted>``: what the record knows of the jobs that were accepted, as JSON."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID


def judge(effects: Path, accepted: Path) -> dict[str, Any]:
    """Counts of what was accepted, how it ended, and of everything that must not be."""
    from audit.models import StatusChange
    from monitoring import rebuilding
    from monitoring.models import SetAsideEntry, Task
    from monitoring.statuses import OVER

    lines = Counter(effects.read_text().split())
    certain = {line for line in accepted.read_text().split() if not line.startswith("?")}
    tasks = {str(task_id): status for task_id, status in Task.objects.values_list("id", "status")}
    return {
        "accepted": len(certain),
        "statuses": dict(Counter(tasks[job_id] for job_id in certain & tasks.keys())),
        "unknown": sorted(certain - tasks.keys()),
        "unfinished": sum(status not in OVER for status in tasks.values()),
        "tasks": dict(Counter(tasks.values())),
        "by_reconcile": StatusChange.objects.filter(source="reconcile").count(),
        "lost": lost(),
        "nameless": nameless(certain),
        "doubled": sum(count > 1 for count in lines.values()),
        "completed_without_effect": sum(
            status == "COMPLETED" and job_id not in lines for job_id, status in tasks.items() if job_id in certain
        ),
        "broken_chains": broken_chains(),
        "rollups": rebuilding.differences(),
        "set_aside": SetAsideEntry.objects.count(),
        "due": due(),
    }


def lost() -> list[dict[str, Any]]:
    """What was named as lost: the evidence, and the Unix times of the last sign of it and of its naming."""
    from monitoring.ledger_models import LostTask

    rows = LostTask.objects.filter(recovered_at=None).values_list("evidence", "missing_since", "found_at")
    return [{"evidence": why, "missed": missed.timestamp(), "named": named.timestamp()} for why, missed, named in rows]


def nameless(certain: set[str]) -> int:
    """Jobs that failed, though none fails by itself, and whose death nobody has named."""
    from monitoring.ledger_models import LostTask
    from monitoring.models import Task

    failed = Task.objects.filter(status="FAILED").values_list("id", flat=True)
    named = set(LostTask.objects.filter(recovered_at=None).values_list("task_id", flat=True))
    return sum(str(pk) in certain and pk not in named for pk in failed)


def due() -> dict[str, int]:
    """Of the load's schedule: due times between the first and the last, how many have no row, how many several."""
    from chaos.load import SCHEDULE
    from scheduler.models import ScheduledFire

    fires = ScheduledFire.objects.filter(cause="schedule", job__name=SCHEDULE)
    times = Counter(fires.values_list("due_at", flat=True))
    if not times:
        return {"times": 0, "missing": 0, "doubled": 0}
    span = round((max(times) - min(times)).total_seconds()) + 1
    return {"times": span, "missing": span - len(times), "doubled": sum(count > 1 for count in times.values())}


def broken_chains() -> int:
    """Tasks whose status changes do not follow from each other, or do not end at the task's status."""
    from audit.models import StatusChange
    from monitoring.models import Task

    changes: dict[UUID, list[tuple[str | None, str]]] = defaultdict(list)
    for task_id, old, new in StatusChange.objects.order_by("pk").values_list("task_id", "old_status", "new_status"):
        changes[task_id].append((old, new))
    return sum(not _whole(changes[pk], status) for pk, status in Task.objects.values_list("pk", "status"))


def _whole(chain: list[tuple[str | None, str]], status: str) -> bool:
    """From nothing, each from where the one before ended, to the status of the task."""
    if not chain:
        return False
    return chain[0][0] is None and chain[-1][1] == status and all(a[1] == b[0] for a, b in pairwise(chain))


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(judge(*map(Path, sys.argv[1:3]))))
