"""The monitoring API: reads what is asked, asks the core, answers in this surface's words."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from monitoring import ledger
from monitoring.api_fields import read
from monitoring.breakdown import breakdown
from monitoring.labels import Given
from monitoring.media import media_of
from monitoring.models import Task
from monitoring.moments import look
from monitoring.monitoring_api import descriptions, serializers
from monitoring.monitoring_api.vocabulary import STATUS_WORDS
from monitoring.paging import page_of_tasks
from monitoring.workload import look_at_all, queue_loads, readiness, worker_loads


class TaskList(APIView):
    @descriptions.task_list
    def get(self, request: Request) -> Response:
        asked = read(serializers.TaskListQuery, request.query_params)
        order_and_place = {name: asked.pop(name) for name in ("sort", "descending", "number", "size")}
        rows = Task.objects.for_list().select_related(None).annotate(has_error=Given("error"))
        page = page_of_tasks(asked, **order_and_place, status_words=STATUS_WORDS, rows=rows)
        return Response(serializers.TaskListResponse(page).data)


class TaskDetail(APIView):
    @descriptions.task_detail
    def get(self, request: Request, task_id: str) -> Response:
        task = _task_or_404(Task.objects.defer("arguments", "result", "output", "media"), task_id)
        return Response(serializers.TaskDetailResponse(task).data)


class TaskMedia(APIView):
    @descriptions.task_media
    def get(self, request: Request, task_id: str) -> Response:
        task = _task_or_404(Task.objects.only("id", "media"), task_id)
        items = media_of(task)
        answer = {
            "task_id": task.id,
            "inputs": [item for item in items if item.is_input],
            "outputs": [item for item in items if not item.is_input],
        }
        return Response(serializers.TaskMediaResponse(answer).data)


class Stats(APIView):
    @descriptions.stats
    def get(self, request: Request) -> Response:
        found = breakdown(**read(serializers.StatsQuery, request.query_params))
        return Response(serializers.AggregateStats(found).data)


class Ledger(APIView):
    @descriptions.ledger
    def get(self, request: Request) -> Response:
        asked = read(serializers.LedgerQuery, request.query_params)
        start, end, queue = asked["start"], asked["end"], asked["queue"]
        lines = ledger.lines(start, end, queue)
        first = (asked["number"] - 1) * asked["size"]
        lost = ledger.lost_tasks(start, end, queue)
        answer = {
            "lines": lines[first : first + asked["size"]],
            "total": len(lines),
            "page": asked["number"],
            "page_size": asked["size"],
            "totals": ledger.sum_of(lines),
            "balanced": all(line.difference == 0 for line in lines),
            "lost": lost[: ledger.NEWEST_LOST],
            "created_after": start,
            "created_before": end,
            "timestamp": datetime.now(UTC),
        }
        return Response(serializers.LedgerResponse(answer).data)


class Queues(APIView):
    @descriptions.queues
    def get(self, request: Request) -> Response:
        moment = look_at_all()
        answer = {
            "queues": queue_loads(moment),
            "total_pending": sum(queue.waiting for queue in moment.queues),
            "total_active": sum(queue.running for queue in moment.queues),
            "timestamp": moment.at,
        }
        return Response(serializers.QueueStatsResponse(answer).data)


class Workers(APIView):
    @descriptions.workers
    def get(self, request: Request) -> Response:
        moment = look()
        loads = worker_loads(moment)
        used = sum(load.utilization_percent for load in loads)
        answer = {
            "workers": loads,
            "total_workers": len(loads),
            "total_capacity": sum(load.now.concurrency for load in loads),
            "total_active": sum(load.now.active for load in loads),
            "total_utilization_pct": round(used / len(loads), 1) if loads else 0.0,
            "workers_at_capacity": sum(load.now.is_busy for load in loads),
            "timestamp": moment.at,
        }
        return Response(serializers.WorkerStatsResponse(answer).data)


class WorkersHealth(APIView):
    @descriptions.workers_health
    def get(self, request: Request) -> Response:
        return Response(serializers.WorkerHealthResponse(readiness()).data)


def _task_or_404(tasks: QuerySet[Task], task_id: str) -> Task:
    try:
        return tasks.get(pk=UUID(task_id))
    except (ValueError, Task.DoesNotExist) as error:
        raise NotFound("Task not found") from error
