"""A queue's page: how much waits, how fast it goes, who works for it, and whether it is paused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from audit.models import OperatorAction
from audit.roles import OPERATE
from audit.trail import Actor, actor_of
from monitoring import broker, moments, pauses, queue_line, statistics
from monitoring.inbox import task_id_for
from monitoring.models import Queue
from monitoring.moments import QueueNow, WorkerNow
from monitoring.paces import Pace, pace_of
from monitoring.pages.acting import SeeOther, act_and_return, for_actors, look_or_act, wants_json
from monitoring.pages.queue_paths import of_queue
from monitoring.pages.views import for_viewers
from monitoring.pauses import Acknowledgements, acknowledgements
from monitoring.statuses import Status

DEEDS = ("queue.pause", "queue.resume")
SHOWN_DEEDS = 5
SPANS = ((300, "5 minutes"), (900, "15 minutes"), (3_600, "1 hour"), (4 * 3_600, "4 hours"), (86_400, "1 day"))
"""For how long a queue can be paused by choice; by HTTP, for any number of seconds."""


@dataclass(frozen=True, kw_only=True)
class QueueStory:
    """Everything that the page tells."""

    queue: Queue
    counts: dict[Status, int]
    pace: Pace
    now: QueueNow | None
    """None when Redis could not be asked, as the following two."""
    first_since: datetime | None
    """Since when the first of the line waits; None for an empty line."""
    workers: tuple[WorkerNow, ...]
    """Those that listen to it."""

    @property
    def pause(self) -> Acknowledgements | None:
        """Who honours its pause; None if it is not paused."""
        return acknowledgements(self.queue, self.workers) if self.queue.is_paused else None

    @property
    def oldest_wait_ms(self) -> float | None:
        """How long the first of the line has waited."""
        return (datetime.now(UTC) - self.first_since).total_seconds() * 1000 if self.first_since else None

    @property
    def empty_in_ms(self) -> float | None:
        """When the line will be empty, if it goes on like this."""
        if self.now is None or not self.now.waiting or self.queue.is_paused or not self.workers:
            return None
        left = self.pace.until_empty(self.now.waiting)
        return left.total_seconds() * 1000 if left else None

    @property
    def delayed(self) -> int:
        """Tasks that wait for their time or for others."""
        return self.counts[Status.SCHEDULED] + self.counts[Status.DEFERRED]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The workers, each with its task, and whether it honours the pause."""
        pause = self.pause
        return [
            {
                "worker": worker,
                "task_id": task_id_for(worker.job_id) if worker.job_id else None,
                "acknowledged": pause is not None and worker in pause.acknowledged,
            }
            for worker in self.workers
        ]


def story_of(queue: Queue) -> QueueStory:
    """The queue now; seven queries at least, eleven at most, and four round trips to Redis."""
    told: dict[str, Any] = {"now": None, "first_since": None, "workers": ()}
    try:
        moment = moments.look([queue.name], others=False)
        told["now"] = next(one for one in moment.queues if one.name == queue.name)
        told["workers"] = tuple(worker for worker in moment.workers if queue.name in worker.queues)
        told["first_since"] = queue_line.first_since(queue.name)
    except broker.BrokerError:
        pass
    counts = statistics.counts_by_status(queue.name)
    return QueueStory(queue=queue, counts=counts, pace=pace_of(queue.name, datetime.now(UTC)), **told)


@for_viewers
@of_queue
def _show(request: HttpRequest, queue: Queue) -> HttpResponse:
    """The whole page; with ``Accept: application/json`` its figures."""
    if wants_json(request):
        answer: HttpResponse = JsonResponse(_as_json(story_of(queue)))
    else:
        answer = render(request, "queues/detail.html", {"section": "queues", **_context(request, queue)})
    patch_vary_headers(answer, ["Accept"])
    return answer


@for_viewers
@of_queue
def queue_parts(request: HttpRequest, queue: Queue) -> HttpResponse:
    """What of the page changes with time."""
    return render(request, "queues/_queue.html", _context(request, queue))


def _context(request: HttpRequest, queue: Queue) -> dict[str, Any]:
    deeds = OperatorAction.objects.filter(queue=queue.name, action__in=DEEDS).order_by("-number")
    return {
        "queue": queue,
        "story": story_of(queue),
        "may_operate": request.user.has_perm(OPERATE),
        "spans": SPANS,
        "deeds": list(deeds[:SHOWN_DEEDS]),
        "can_be_worked_for": queue.name in settings.QUARTERDECK_QUEUES,
    }


# --- Pausing and resuming -----------------------------------------------------------------------------------------


@for_actors
@of_queue
def _act(request: HttpRequest, queue: Queue) -> HttpResponse:
    """Does what the form says: pause (with ``reason`` and ``for``) or resume."""
    here = reverse("queue", kwargs={"name": queue.name})
    by, reason = actor_of(request, source="queues"), request.POST.get("reason", "").strip()
    try:
        deeds = {
            "pause": partial(_pause, queue, by, reason, _seconds(request.POST.get("for", ""))),
            "resume": partial(_resume, queue, by, reason),
        }
        deed = deeds[request.POST.get("action", "")]
    except KeyError:
        messages.error(request, 'Nothing was done: action must be "pause" or "resume".')
        return SeeOther(here)
    except ValueError as error:
        messages.error(request, f"Nothing was done: {error}")
        return SeeOther(here)
    return act_and_return(request, deed, to=here)


queue_page = look_or_act(_show, _act)


def _seconds(text: str) -> int | None:
    """How long to pause, None until somebody resumes; raises ValueError."""
    if not text.strip():
        return None
    number = int(text) if text.strip().isdecimal() and len(text) < 20 else 0
    if not 1 <= number <= pauses.LONGEST_SECONDS:
        raise ValueError(f"for must be a whole number of seconds from 1 to {pauses.LONGEST_SECONDS:,}, or be left out.")
    return number


def _pause(queue: Queue, by: Actor, reason: str, seconds: int | None) -> str:
    told = pauses.pause_queue(queue, by=by, reason=reason, seconds=seconds)
    return f"{queue.name} is paused. {_NEWS[told]}"


def _resume(queue: Queue, by: Actor, reason: str) -> str:
    told = pauses.resume_queue(queue, by=by, reason=reason)
    return f"{queue.name} is resumed. {_NEWS[told]}"


_NEWS = {
    True: "Its workers hear of it within two seconds.",
    False: "Redis cannot be reached now: workers hear of it when it is back.",
}


# --- As JSON ------------------------------------------------------------------------------------------------------


def _as_json(story: QueueStory) -> dict[str, Any]:
    counts, now, pace = story.counts, story.now, story.pace
    return {
        "name": story.queue.name,
        "paused": story.queue.is_paused,
        "pause": _pause_as_json(story),
        "total": sum(counts.values()),
        "waiting": counts[Status.QUEUED],
        "delayed": story.delayed,
        "active": counts[Status.RUNNING],
        "completed": counts[Status.COMPLETED],
        "failed": counts[Status.FAILED],
        "cancelled": counts[Status.CANCELLED],
        "in_redis": now.waiting if now else None,
        "oldest_wait_ms": story.oldest_wait_ms,
        "came_per_minute": round(pace.came_per_minute, 2),
        "left_per_minute": round(pace.left_per_minute, 2),
        "measured_over_seconds": int(pace.span.total_seconds()),
        "empty_in_ms": story.empty_in_ms,
        "workers": None if now is None else [worker.name for worker in story.workers],
    }


def _pause_as_json(story: QueueStory) -> dict[str, Any] | None:
    pause, queue = story.pause, story.queue
    if pause is None:
        return None
    return {
        "at": queue.paused_at,
        "by": queue.paused_by,
        "reason": queue.pause_reason,
        "until": queue.paused_until,
        "workers": pause.listening,
        "acknowledged": len(pause.acknowledged),
        "pending": [worker.name for worker in pause.pending],
        "unable": [worker.name for worker in pause.unable],
    }
