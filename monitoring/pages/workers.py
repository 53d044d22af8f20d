"""The workers' page: what each does now, how it has done, and whether it honours pauses."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from audit.roles import OPERATE
from audit.trail import actor_of
from monitoring import broker, moments, workload
from monitoring.inbox import task_id_for
from monitoring.moments import WorkerNow
from monitoring.pages.acting import SeeOther, act_and_return, for_actors, look_or_act, wants_json
from monitoring.pages.views import for_viewers
from monitoring.worker_stops import stop_worker
from monitoring.workload import WorkerLoad


@for_viewers
def _show(request: HttpRequest) -> HttpResponse:
    """Every living worker. With ``Accept: application/json`` the same as JSON; 503 while Redis is away."""
    loads = _loads()
    if wants_json(request):
        answer: HttpResponse = (
            JsonResponse({"ok": False, "error": "Redis cannot be reached, so no worker is known."}, status=503)
            if loads is None
            else JsonResponse([_as_json(load) for load in loads], safe=False)
        )
    else:
        answer = render(request, "workers/list.html", {"section": "workers", **_context(request, loads)})
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
def workers_parts(request: HttpRequest) -> HttpResponse:
    """What of the page changes with time."""
    return render(request, "workers/_table.html", _context(request, _loads()))


@for_actors
def _act(request: HttpRequest) -> HttpResponse:
    """``action=stop``: the worker ``name`` ends after its job."""
    here, name = reverse("workers"), request.POST.get("name", "")
    if request.POST.get("action") != "stop" or not name:
        messages.error(request, 'Nothing was done: action must be "stop", and name a worker.')
        return SeeOther(here)
    by, reason = actor_of(request, source="workers"), request.POST.get("reason", "").strip()
    return act_and_return(request, partial(_stop, name, by, reason), to=here)


def _stop(name: str, by: Any, reason: str) -> str:
    stop_worker(name, by=by, reason=reason)
    return f"{name} takes no more jobs and stops after the one it runs."


workers_page = look_or_act(_show, _act)


def _loads() -> list[WorkerLoad] | None:
    """One query and two round trips to Redis; None if Redis is away."""
    try:
        moment = moments.look(others=False)
    except broker.BrokerError:
        return None
    return workload.worker_loads(moment)


def _context(request: HttpRequest, loads: list[WorkerLoad] | None) -> dict[str, Any]:
    return {
        "redis_answers": loads is not None,
        "rows": [{"load": load, "worker": load.now, "task_id": _task_of(load.now)} for load in loads or []],
        "busy": sum(load.now.is_busy for load in loads or []),
        "unable": [load.now.name for load in loads or [] if load.now.honours is None],
        "may_operate": request.user.has_perm(OPERATE),
    }


def _task_of(worker: WorkerNow) -> Any:
    return task_id_for(worker.job_id) if worker.job_id else None


def _state_of(worker: WorkerNow) -> str:
    if worker.is_stopping:
        return "stopping"
    return "busy" if worker.is_busy else "idle"


def _as_json(load: WorkerLoad) -> dict[str, Any]:
    worker = load.now
    return {
        "id": worker.name,
        "queue": ",".join(worker.queues),
        "queues": list(worker.queues),
        "concurrency": worker.concurrency,
        "heartbeat": _iso(worker.heartbeat_at),
        "state": _state_of(worker),
        "task_id": _task_of(worker),
        "job_id": worker.job_id or None,
        "host": worker.host,
        "pid": worker.pid,
        "started_at": _iso(worker.born_at),
        "memory_mb": load.memory_mb,
        "completed": worker.completed,
        "failed": worker.failed,
        "utilization_percent": load.utilization_percent,
        "tasks_per_minute": load.per_minute,
        "honours_pauses": worker.honours is not None,
        "paused_queues": sorted(worker.honours or {}),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
