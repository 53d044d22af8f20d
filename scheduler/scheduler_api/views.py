"""The scheduler API: reads what is asked, asks the core, answers in this surface's words.

The verbs check the role, so that a refusal stands in the trail: a view that acts asks for a login only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.urls import reverse
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from audit import roles
from audit.trail import Actor, actor_of
from scheduler import actions, executions, previews, truth
from scheduler.executions import Execution
from scheduler.models import ScheduledJob
from scheduler.scheduler_api import descriptions, serializers
from scheduler.scheduler_api.vocabulary import VERDICT_WORDS

MAY_ACT = (IsAuthenticated,)


class JobList(APIView):
    def get_permissions(self) -> Sequence[Any]:
        return [IsAuthenticated()] if self.request.method == "POST" else super().get_permissions()

    @descriptions.job_list
    def get(self, request: Request) -> Response:
        asked = _read(serializers.JobQuery, request.query_params)
        found, total = previews.page_of_jobs(**asked)
        return Response(serializers.JobPage(_page(found, total, asked)).data)

    @descriptions.create_job
    def post(self, request: Request) -> Response:
        actor = _actor(request)
        job = _defined(lambda: actions.create_job(_definition(request, actor), by=actor))
        address = reverse("scheduler_api:job", args=[job.uuid])
        return Response(serializers.Job(job).data, status=201, headers={"Location": address})


class JobDetail(APIView):
    def get_permissions(self) -> Sequence[Any]:
        return super().get_permissions() if self.request.method in ("GET", "HEAD") else [IsAuthenticated()]

    @descriptions.get_job
    def get(self, request: Request, job_id: str) -> Response:
        return Response(serializers.Job(_job_or_404(job_id)).data)

    @descriptions.replace_job
    def put(self, request: Request, job_id: str) -> Response:
        return self._update(request, job_id, partial=False)

    @descriptions.change_job
    def patch(self, request: Request, job_id: str) -> Response:
        return self._update(request, job_id, partial=True)

    @descriptions.delete_job
    def delete(self, request: Request, job_id: str) -> Response:
        actions.delete_job(_job_or_404(job_id), by=_actor(request))
        return Response(status=204)

    def _update(self, request: Request, job_id: str, *, partial: bool) -> Response:
        job, actor = _job_or_404(job_id), _actor(request)
        changed = _defined(lambda: actions.update_job(job, _definition(request, actor, partial=partial), by=actor))
        return Response(serializers.Job(changed).data)


class JobPause(APIView):
    permission_classes = MAY_ACT

    @descriptions.pause_job
    def post(self, request: Request, job_id: str) -> Response:
        return Response(serializers.Job(actions.pause_job(_job_or_404(job_id), by=_actor(request))).data)


class JobResume(APIView):
    permission_classes = MAY_ACT

    @descriptions.resume_job
    def post(self, request: Request, job_id: str) -> Response:
        return Response(serializers.Job(actions.resume_job(_job_or_404(job_id), by=_actor(request))).data)


class JobTrigger(APIView):
    permission_classes = MAY_ACT

    @descriptions.trigger_job
    def post(self, request: Request, job_id: str) -> Response:
        return _accepted(actions.trigger_job(_job_or_404(job_id), by=_actor(request)).task_id)


class JobUpcoming(APIView):
    @descriptions.upcoming
    def get(self, request: Request, job_id: str) -> Response:
        asked = _read(serializers.CountQuery, request.query_params)
        return Response(serializers.Preview(previews.preview(_job_or_404(job_id), count=asked["count"])).data)


class JobPreview(APIView):
    @descriptions.preview
    def post(self, request: Request) -> Response:
        sent = _sent(serializers.PreviewInput, request)
        count = sent.pop("count")
        job = ScheduledJob(**sent)
        return Response(serializers.Preview(_defined(lambda: previews.checked_preview(job, count=count))).data)


class FailedJobs(APIView):
    @descriptions.failed_jobs
    def get(self, request: Request) -> Response:
        asked = _read(serializers.ThresholdQuery, request.query_params)
        return Response(serializers.Job(executions.failing_jobs(asked["threshold"]), many=True).data)


class JobFires(APIView):
    @descriptions.fires
    def get(self, request: Request, job_id: str) -> Response:
        job, asked = _job_or_404(job_id), _read(serializers.FireQuery, request.query_params)
        verdicts = (asked.pop("verdict"),) if "verdict" in asked else ()
        lines, total = truth.page_of_lines(job, verdicts=verdicts, **asked)
        counts = truth.summary(job, since=datetime.now(UTC) - timedelta(days=1))
        words = {word: counts[verdict] for word, verdict in VERDICT_WORDS.items()}
        return Response(serializers.FirePage({**_page(lines, total, asked), "last_day": words}).data)


class JobExecutions(APIView):
    @descriptions.job_executions
    def get(self, request: Request, job_id: str) -> Response:
        return _executions(request, _job_or_404(job_id))


class ExecutionList(APIView):
    @descriptions.execution_list
    def get(self, request: Request) -> Response:
        return _executions(request, None)


class ExecutionDetail(APIView):
    @descriptions.get_execution
    def get(self, request: Request, execution_id: str) -> Response:
        return Response(serializers.ExecutionDetail(_execution_or_404(execution_id)).data)


class ExecutionCancel(APIView):
    permission_classes = MAY_ACT

    @descriptions.cancel_execution
    def post(self, request: Request, execution_id: str) -> Response:
        fire = actions.cancel_execution(_execution_or_404(execution_id).fire, by=_actor(request))
        return Response(serializers.ExecutionDetail(executions.of_fire(fire)).data)


class ExecutionRetry(APIView):
    permission_classes = MAY_ACT

    @descriptions.retry_execution
    def post(self, request: Request, execution_id: str) -> Response:
        found = _execution(execution_id)
        try:
            fire = actions.retry_execution(found.fire if found else None, by=_actor(request), target=execution_id[:255])
        except actions.CannotRetry as reason:
            raise ValidationError(str(reason)) from reason
        return _accepted(fire.task_id)


class Stats(APIView):
    @descriptions.stats
    def get(self, request: Request) -> Response:
        return Response(serializers.Stats(executions.figures()).data)


class Timeline(APIView):
    @descriptions.timeline
    def get(self, request: Request) -> Response:
        asked = _read(serializers.HoursQuery, request.query_params)
        return Response(serializers.TimelinePoint(executions.timeline(asked["hours"]), many=True).data)


# --- Reading ------------------------------------------------------------------------------------------------------


def _actor(request: Request) -> Actor:
    return actor_of(request, source="scheduler.api")


def _read(kind: type[Serializer[Any]], data: Any, **options: Any) -> dict[str, Any]:
    """What was sent, in our words; raises ValidationError in the document's."""
    sent = kind(data=data, **options)
    sent.is_valid(raise_exception=True)
    read: dict[str, Any] = sent.validated_data
    return read


def _sent(kind: type[Serializer[Any]], request: Request, **options: Any) -> dict[str, Any]:
    return _read(kind, request.data, **options)


def _definition(request: Request, actor: Actor, *, partial: bool = False) -> dict[str, Any]:
    """The definition that was sent; empty for whoever may not send one, which the verb refuses and writes down."""
    return _sent(serializers.JobInput, request, partial=partial) if actor.may(roles.MANAGE) else {}


def _defined(deed: Any) -> Any:
    """Does what needs a definition; raises ValidationError with this surface's names for what is wrong with it."""
    try:
        return deed()
    except actions.BadDefinition as error:
        raise ValidationError(_in_wire_names(error.mistakes)) from error


def _in_wire_names(mistakes: Mapping[str, list[str]]) -> dict[str, list[str]]:
    named = {}
    for path, sentences in mistakes.items():
        column, dot, rest = path.partition(".")
        named[f"{serializers.WIRE_NAMES.get(column, column)}{dot}{rest}"] = sentences
    return named


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _job_or_404(job_id: str) -> ScheduledJob:
    job = ScheduledJob.objects.filter(uuid=key).first() if (key := _uuid(job_id)) else None
    if job is None:
        raise NotFound("There is no such job.")
    return job


def _execution(execution_id: str) -> Execution | None:
    return executions.find_execution(key) if (key := _uuid(execution_id)) else None


def _execution_or_404(execution_id: str) -> Execution:
    found = _execution(execution_id)
    if found is None:
        raise NotFound("There is no such execution.")
    return found


# --- Answering ----------------------------------------------------------------------------------------------------


def _executions(request: Request, job: ScheduledJob | None) -> Response:
    asked = _read(serializers.ExecutionQuery, request.query_params)
    found, total = executions.page_of_executions(job=job, **asked)
    return Response(serializers.ExecutionPage(_page(found, total, asked)).data)


def _page(items: Sequence[Any], total: int, asked: Mapping[str, Any]) -> dict[str, Any]:
    size = asked["size"]
    return {"items": items, "total": total, "number": asked["number"], "size": size, "pages": -(-total // size)}


def _accepted(execution_id: UUID | None) -> Response:
    address = reverse("scheduler_api:execution", args=[execution_id])
    return Response(str(execution_id), status=202, headers={"Location": address})
