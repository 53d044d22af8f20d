"""Quarterdeck's RQ worker."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from typing import Any

import rq
import rq.worker.base
from redis.exceptions import RedisError
from rq.command import parse_payload
from rq.exceptions import StopRequested
from rq.executions import Execution
from rq.job import Job
from rq.queue import Queue
from rq.scheduler import RQScheduler
from rq.utils import now
from rq.worker import WorkerStatus

from monitoring import hooks, log_context
from monitoring.lifeline import end_with_parent
from monitoring.pausable import Pausable
from monitoring.stopping import PATIENCE_SECONDS

# A SpawnWorker's horse imports this module and nothing of Django's start-up: without this line it would go unseen.
hooks.install()


class Worker(Pausable, rq.Worker):
    """RQ's forking worker, reporting to Quarterdeck; what it forks ends with it, however it ends.

    It leaves paused queues alone (see ``monitoring.pausable``).
    """

    grace_seconds: float | None = None
    """How long a task may go on after the worker was asked to stop; None waits for its end, as RQ does."""
    max_connection_wait_time = 5.0  # RQ's own 60 s would leave a queue idle for a minute after Redis came back
    _impatience: threading.Timer | None = None
    _grace_is_over = False
    _may_finish = False
    _forking_pid = 0

    def execute_job(self, job: Job, queue: Queue) -> None:
        """As RQ's own; what is logged meanwhile, here and in the fork, is about the task."""
        with log_context.about(log_context.task_id, job.id):
            super().execute_job(job, queue)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """As RQ's own."""
        self._forking_pid = os.getpid()
        super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """In the fork: a horse whose worker was killed has nobody to watch its time limit or to stop it."""
        end_with_parent(self._forking_pid, signal.SIGKILL)
        super().main_work_horse(job, queue)

    # --- Being asked to stop ---------------------------------------------------------------------------------------
    # RQ raises StopRequested out of the signal's handler. If that is between taking a job off its queue and starting
    # it, the job is lost. Here the handler sets a flag only, the wait for a job is short (``dequeue_timeout``), and the
    # flag is looked at where RQ asks whether there is maintenance to do: there it holds no job.

    def _shutdown(self) -> None:
        if self.get_state() == WorkerStatus.BUSY:
            super()._shutdown()  # type: ignore[no-untyped-call]  # RQ has no types here
        elif self._impatience is None:
            self._impatience = threading.Timer(PATIENCE_SECONDS, self._leave_if_idle)
            self._impatience.daemon = True
            self._impatience.start()
        self._stop_requested = True

    def bootstrap(self, *args: Any, **options: Any) -> None:
        """As RQ's own, but signals are listened to: one that came so early would kill it, and its name would stay."""
        self._install_signal_handlers()  # type: ignore[no-untyped-call]  # RQ has no types here
        super().bootstrap(*args, **options)

    def _start_scheduler(self, *args: Any, **options: Any) -> None:
        # A fork that has just begun would not hear that it should end, and the worker's goodbye waits for its end.
        if not self._stop_requested:
            super()._start_scheduler(*args, **options)

    def work(self, *args: Any, **options: Any) -> bool:
        """As RQ's own."""
        try:
            return bool(super().work(*args, **options))
        finally:
            if self._impatience:
                self._impatience.cancel()

    def _leave_if_idle(self) -> None:
        """Asked to stop a while ago, it waits for a Redis that does not answer, and even its goodbye would hang."""
        if self.get_state() != WorkerStatus.BUSY:
            self.log.warning("stopped without waiting any longer for Redis")
            os._exit(0)

    @property
    def should_run_maintenance_tasks(self) -> bool:
        if self._stop_requested:
            raise StopRequested
        return bool(super().should_run_maintenance_tasks)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """As RQ's own, in one round trip in place of three."""
        try:
            with contextlib.nullcontext(pipeline) if pipeline is not None else self.connection.pipeline() as used:
                super().heartbeat(timeout, used)
                if pipeline is None:
                    used.execute()
        except RedisError:
            if self._stop_requested:  # do not wait for Redis to come back
                raise StopRequested from None
            raise

    def handle_payload(self, message: Any) -> None:
        """A command that came through Redis. "Stop after your job" means it: the task gets all the time it needs."""
        self._may_finish = parse_payload(message).get("command") == "shutdown" or self._may_finish
        super().handle_payload(message)  # type: ignore[no-untyped-call]  # RQ has no types here

    def request_stop(self, signum: Any, frame: Any) -> None:
        """As RQ's own, but for a command: no grace begins, and the next signal is the first one in earnest."""
        if self._may_finish:
            self._may_finish = False
            self._shutdown_requested_date = now()
            self._shutdown()
        else:
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]  # RQ has no types here

    def handle_warm_shutdown_request(self) -> None:
        """Gives the running task its time of grace."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]  # RQ has no types here
        if self.grace_seconds is not None:
            timer = threading.Timer(self.grace_seconds, self._end_horse)
            timer.daemon = True
            timer.start()

    def _end_horse(self) -> None:
        """Ends the task only: the worker itself then sees to what becomes of it (failed, or retried) and stops."""
        if self.horse_pid:
            self._grace_is_over = True
            self.kill_horse()

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: Any = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """As RQ's own, with the reason when the end of grace was the reason."""
        if self._grace_is_over:
            exc_string = f"The worker was stopped and the task did not end within {self.grace_seconds:g} s of grace."
        super().handle_job_failure(job, queue, started_job_registry, exc_string, execution)


class Scheduler(RQScheduler):
    """RQ's scheduler process, which puts delayed tasks on their queues: one per queue, forked by a worker."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.worker_pid = os.getpid()

    def work(self) -> None:
        """In the fork. SIGTERM lets it give back its locks, so that another worker's scheduler takes over at once.

        RQ's own ends with a traceback when Redis goes away, and delayed tasks wait for the next maintenance.
        """
        end_with_parent(self.worker_pid, signal.SIGTERM)
        while not self._stop_requested:
            try:
                super().work()  # type: ignore[no-untyped-call]  # RQ has no types here
            except RedisError as error:
                self.log.warning("RQ's scheduler waits for Redis: %s", error)
                time.sleep(self.interval)
        if self.acquired_locks:  # asked to stop while Redis was away; it may be back
            with contextlib.suppress(RedisError):
                self.stop()  # type: ignore[no-untyped-call]  # RQ has no types here


# RQ has no option for the class of the scheduler that its workers start.
rq.worker.base.RQScheduler = Scheduler  # type: ignore[attr-defined]  # replaced on purpose
