"""Tells Quarterdeck about every status that RQ gives a job, on the pipeline that writes the status.

``install()`` wraps the few places of RQ 3.0 through which statuses pass. Each adds an XADD to the outbox stream to the
same transaction, so Redis commits the status and the report together or neither, and no round trip is added. A plain
RQ process that wants to be seen calls it too: ``import monitoring.hooks; monitoring.hooks.install()``.
It imports ``rq`` and a few modules without Django only: no SQL, nothing that a forked work horse could trip over.

An entry is one JSON document in the field ``e``: ``id`` (RQ's job id), ``s`` (RQ's status word), ``q`` (queue), ``f``
(function name), and, where known, ``d`` (the description written by the side that enqueues), ``w`` (worker), ``ms``
(run time), ``r`` (result), ``x`` (error), ``at`` (when it is due), ``lost`` (how the process died that ran it). The
stream's own ids give time and order.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import rq.job
import rq.queue
import rq.rate_limit
import rq.registry
import rq.repeat
import rq.scripts
import rq.worker.base
from rq.job import UNEVALUATED, Job, JobStatus

from monitoring import deaths, redaction

OUTBOX = os.environ.get("QUARTERDECK_OUTBOX", "quarterdeck:outbox")
# Bounds Redis' memory when no recorder runs: about a million entries, the oldest are dropped first.
OUTBOX_LIMIT = int(os.environ.get("QUARTERDECK_OUTBOX_LIMIT", "1000000"))
ERROR_LIMIT = 65_536
META_KEY = "quarterdeck"
# The name of the extra HSET field through which a report travels into RQ's Lua scripts (see _reporting_unique).
REPORT_FIELD = "quarterdeck:report"
_MARK = "reports_to_quarterdeck"

logger = logging.getLogger("quarterdeck.hooks")
_BEING_ENQUEUED = frozenset({JobStatus.QUEUED, JobStatus.DEFERRED, JobStatus.SCHEDULED, JobStatus.RATE_LIMITED})
_ENDED = frozenset({JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED})


def install() -> None:
    """Wraps RQ; calling it again does nothing."""
    if getattr(Job, _MARK, False):
        return
    setattr(Job, _MARK, True)
    _wrap(Job, "set_status", _reporting_set_status)
    _wrap(Job, "prepare_for_execution", _reporting_start)
    _wrap(Job, "save", _reporting_rate_limited)
    _wrap(Job, "cleanup", _reporting_discarded_result)
    _wrap(Job, "delete", _reporting_delete)
    _wrap(rq.queue.Queue, "schedule_job", _remembering("datetime"))
    _wrap(rq.repeat.Repeat, "schedule", _reporting_repeat)
    _wrap(rq.worker.base.BaseWorker, "handle_job_failure", _remembering("exc_string"))
    _wrap(rq.worker.base.BaseWorker, "handle_job_retry", _remembering("retry"))
    _wrap(rq.worker.base.BaseWorker, "handle_work_horse_killed", _remembering_horse)
    for module in (rq.queue, rq.registry):  # both imported the function by name
        _wrap(module, "record_job_failure", _remembering("exc_string"))
    _wrap_scripts()


def _wrap(owner: Any, name: str, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, wrapper(getattr(owner, name)))


def entry_or_bare(job: Job, status: str) -> str:
    """The outbox entry for ``job`` entering ``status``; never raises, for a job must not fail of being seen."""
    try:
        return _entry_for(job, status)
    except Exception:
        logger.exception("Quarterdeck could not describe job %s; its status %s is reported bare", job.id, status)
        return json.dumps({"id": job.id, "s": status, "q": job.origin})


def _entry_for(job: Job, status: str) -> str:
    entry: dict[str, Any] = {"id": job.id, "s": status, "q": job.origin, "f": function_name(job)}
    remembered = job.__dict__.get("quarterdeck_remembers", {})
    error = _error_of_run(remembered)
    if status == JobStatus.STARTED:
        entry["w"] = job.worker_name
    elif status in _BEING_ENQUEUED and error is None and job._args is not UNEVALUATED:
        entry["d"] = _description(job)
    if status == JobStatus.SCHEDULED and "datetime" in remembered:
        entry["at"] = remembered["datetime"].timestamp()
    if (status in _ENDED or error is not None) and job.started_at and job.ended_at:
        entry["ms"] = round((job.ended_at - job.started_at).total_seconds() * 1000, 3)
    if status == JobStatus.FINISHED and job._result is not None:
        entry["r"] = redaction.to_json(job._result)
    if error is not None:
        entry["x"] = error
    if status == JobStatus.FAILED and (death := _death(job, remembered)):
        entry["lost"] = death
    return json.dumps(entry, separators=(",", ":"))


def function_name(job: Job) -> str:
    """The dotted name of the job's function, read without unpickling: from memory, else from the stored call string."""
    name = job._func_name
    if name is UNEVALUATED or name is None:
        name = (job.description or "").partition("(")[0]
    return redaction.cut_text(str(name), 255)


def report(job: Job, status: str, connection: Any) -> None:
    """Adds an entry to the outbox on ``connection``, a pipeline or a client."""
    connection.execute_command("XADD", OUTBOX, "MAXLEN", "~", OUTBOX_LIMIT, "*", "e", entry_or_bare(job, status))


def _error_of_run(remembered: dict[str, Any]) -> str | None:
    """The error of the run that has just ended, None if the status does not follow from a failed run."""
    if "exc_string" in remembered:
        return redaction.mask_text(remembered["exc_string"] or "", ERROR_LIMIT)
    if "retry" in remembered:
        return f"The job returned Retry (at most {remembered['retry'].max} times)."
    return None


def _death(job: Job, remembered: dict[str, Any]) -> dict[str, Any] | None:
    return deaths.evidence(
        remembered.get("exc_string") or "",
        job_id=job.id,
        worker=remembered.get("worker") or job.worker_name or "",
        connection=job.connection,
        heartbeat=job.last_heartbeat or job.started_at,
        usage=remembered.get("usage"),
    )


# --- What the enqueuing side writes down --------------------------------------------------------------------------


def _description(job: Job) -> dict[str, Any]:
    args: list[Any] = list(job._args or ())[: redaction.ITEMS_LIMIT]  # type: ignore[arg-type]  # evaluated: the caller looked
    for position in _sensitive_positions(function_name(job)):
        if position < len(args) and args[position] is not None:
            args[position] = redaction.MASK
    description: dict[str, Any] = {
        "created": job.created_at.timestamp(),
        "params": redaction.to_json({"args": args, "kwargs": job._kwargs or {}}),
    }
    if job.retries_left:
        description["retries"] = job.retries_left
    if job._dependency_ids:
        description["after"] = job._dependency_ids[: redaction.ITEMS_LIMIT]
    told = job.meta.get(META_KEY) if isinstance(job.meta, dict) else None
    if isinstance(told, dict):
        description["meta"] = redaction.mask_value(told)
    return description


def _sensitive_positions(dotted_name: str) -> frozenset[int]:
    """Which positional arguments of a function are called like a secret, if this process has the function loaded."""
    module, _, name = dotted_name.rpartition(".")
    return _sensitive_parameters(getattr(sys.modules.get(module), name, None))


@functools.lru_cache(maxsize=1024)
def _sensitive_parameters(function: Any) -> frozenset[int]:
    try:
        parameters = inspect.signature(function).parameters if callable(function) else {}
    except (TypeError, ValueError):
        parameters = {}
    return frozenset(index for index, parameter in enumerate(parameters) if redaction.is_sensitive(parameter))


# --- The wrappers -------------------------------------------------------------------------------------------------


def _reporting_set_status(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def set_status(self: Job, status: JobStatus, pipeline: Any = None) -> None:
        if pipeline is not None:
            original(self, status, pipeline=pipeline)
            report(self, status, pipeline)
            return
        with self.connection.pipeline() as own:  # still one round trip, and both or neither
            original(self, status, pipeline=own)
            report(self, status, own)
            own.execute()

    return set_status


def _reporting_start(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def prepare_for_execution(self: Job, worker_name: str, pipeline: Any) -> None:
        self.__dict__.pop("quarterdeck_remembers", None)
        original(self, worker_name, pipeline)
        report(self, JobStatus.STARTED, pipeline)

    return prepare_for_execution


def _reporting_rate_limited(original: Callable[..., None]) -> Callable[..., None]:
    """RQ marks a job as held back by a rate limit by saving it, without set_status."""

    @functools.wraps(original)
    def save(self: Job, pipeline: Any = None, *args: Any, **kwargs: Any) -> None:
        original(self, pipeline, *args, **kwargs)
        if self._status == JobStatus.RATE_LIMITED and pipeline is not None:
            report(self, JobStatus.RATE_LIMITED, pipeline)

    return save


def _reporting_discarded_result(original: Callable[..., None]) -> Callable[..., None]:
    """With ``result_ttl=0`` RQ deletes a job that succeeded instead of marking it finished."""

    @functools.wraps(original)
    def cleanup(self: Job, ttl: int | None = None, pipeline: Any = None, remove_from_queue: bool = True) -> None:
        if ttl == 0 and self._status == JobStatus.FINISHED:
            report(self, JobStatus.FINISHED, pipeline if pipeline is not None else self.connection)
        original(self, ttl, pipeline=pipeline, remove_from_queue=remove_from_queue)

    return cleanup


def _reporting_delete(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def delete(self: Job, pipeline: Any = None, *args: Any, **kwargs: Any) -> None:
        report(self, "deleted", pipeline if pipeline is not None else self.connection)
        original(self, pipeline, *args, **kwargs)

    return delete


def _reporting_repeat(original: Callable[..., Any]) -> Callable[..., Any]:
    """A repeating job with ``result_ttl=0`` goes from started straight to scheduled: report the success before."""

    @functools.wraps(original)  # bound to its class already, so this may be a plain function
    def schedule(job: Job, queue: Any, pipeline: Any = None) -> Any:
        if job.result_ttl == 0 and job._status == JobStatus.FINISHED and pipeline is not None:
            report(job, JobStatus.FINISHED, pipeline)
        return original(job, queue, pipeline)

    return staticmethod(schedule)


def _remembering(argument: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Keeps an argument on the job while RQ sets the statuses that follow from it (an error, a due time)."""

    def decorate(original: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        @functools.wraps(original)
        def remembering(*args: Any, **kwargs: Any) -> Any:
            arguments = signature.bind(*args, **kwargs).arguments
            job = arguments["job"]
            job.__dict__.setdefault("quarterdeck_remembers", {})[argument] = arguments.get(argument)
            try:
                return original(*args, **kwargs)
            finally:
                job.__dict__.get("quarterdeck_remembers", {}).pop(argument, None)

        return remembering

    return decorate


def _remembering_horse(original: Callable[..., None]) -> Callable[..., None]:
    """Keeps whose work horse died, and what the kernel counted of it: RQ fails the job, this very object, after it."""

    @functools.wraps(original)
    def handle_work_horse_killed(self: Any, job: Job, retpid: int, ret_val: int, rusage: Any) -> None:
        job.__dict__.setdefault("quarterdeck_remembers", {}).update(usage=rusage, worker=self.name)
        original(self, job, retpid, ret_val, rusage)

    return handle_work_horse_killed


# --- RQ's Lua scripts ---------------------------------------------------------------------------------------------


def _wrap_scripts() -> None:
    """Unique and rate-limited jobs change status inside Lua: the report is added inside the same script."""
    scripts = rq.scripts
    scripts.UNIQUE_ENQUEUE_SCRIPT = _reporting_unique(scripts.UNIQUE_ENQUEUE_SCRIPT)
    scripts.UNIQUE_SCHEDULE_SCRIPT = _reporting_unique(scripts.UNIQUE_SCHEDULE_SCRIPT)
    scripts._build_hset_args = _with_report_field(scripts._build_hset_args)
    for name in ("ACQUIRE_AND_ENQUEUE_SCRIPT", "RELEASE_AND_ENQUEUE_SCRIPT", "RELEASE_STALE_AND_ENQUEUE_SCRIPT"):
        setattr(rq.rate_limit, name, _reporting_promotions(getattr(rq.rate_limit, name)))


def _with_report_field(original: Callable[[Job], list[Any]]) -> Callable[[Job], list[Any]]:
    @functools.wraps(original)
    def build_hset_args(job: Job) -> list[Any]:
        return [*original(job), REPORT_FIELD, entry_or_bare(job, job._status)]

    return build_hset_args


def _lua_function(source: str) -> str:
    return f"local function rq(KEYS, ARGV)\n{source}\nend\n"


def _lua_xadd(entry: str) -> str:
    return f"redis.call('XADD', '{OUTBOX}', 'MAXLEN', '~', '{OUTBOX_LIMIT}', '*', 'e', {entry})"


def _reporting_unique(source: str) -> str:
    """Takes the report out of the script's arguments, runs RQ's script, and adds the report if the job is new."""
    return (
        _lua_function(source)
        + f"local report\nif ARGV[#ARGV - 1] == '{REPORT_FIELD}' then\n"
        + "    report = table.remove(ARGV)\n    table.remove(ARGV)\nend\n"
        + "local enqueued = rq(KEYS, ARGV)\n"
        + f"if enqueued == 1 and report then\n    {_lua_xadd('report')}\nend\nreturn enqueued\n"
    )


def _reporting_promotions(source: str) -> str:
    """Runs RQ's script, which answers with the jobs it moved onto their queues, and reports each as queued."""
    return (
        _lua_function(source)
        + "local promoted = rq(KEYS, ARGV)\nfor _, id in ipairs(promoted) do\n"
        + "    "
        + _lua_xadd("cjson.encode({id = id, s = 'queued'})")
        + "\nend\nreturn promoted\n"
    )
