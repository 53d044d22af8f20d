"""Has an RQ worker leave paused queues alone, and say that it does.

``class Mine(Pausable, rq.Worker)`` makes any worker class one that honours pauses; ours does. Right before each wait
for a job the worker reads the mirror (``monitoring.pause_mirror``) and leaves the paused queues out of the wait. There
is no other way by which RQ 3.0 starts a job: retries, dependents, the scheduler, cron, rate limits and maintenance only
put jobs onto queues. When what it leaves out has changed, it first says so in its own hash in Redis: the number of the
pause, for each queue. That is its acknowledgement, and a promise: from then on it starts no job of the queue until that
pause is over. It keeps it because it says so only

- right before a wait that leaves the queue out, while it holds no job; or
- while its work horse runs a job that Redis knows to be started: the next job comes after another look.

A worker that waits looks again after a second (``dequeue_timeout``), one that is busy looks each second too. If the
mirror was lost (Redis came back empty), it goes by what it last saw, until the mirror is there again.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from rq import worker_registration
from rq.exceptions import DequeueTimeout
from rq.job import Job, JobStatus
from rq.queue import Queue
from rq.utils import now, utcformat

from monitoring import deaths, pause_mirror
from monitoring.pause_mirror import Mirrored

if TYPE_CHECKING:
    from rq.worker.base import BaseWorker
else:
    BaseWorker = object  # a mixin: the class beside it is RQ's

HONOURS = "quarterdeck_honours"
"""The field of a worker's hash with the numbers of the pauses that it honours, by queue, as JSON."""
LOOK_SECONDS = 1


class Pausable(BaseWorker):
    """Honours the pauses of queues."""

    dequeue_timeout = LOOK_SECONDS
    _pauses: dict[str, Mirrored] = {}  # replaced, never changed
    """As last seen, of its own queues."""

    # --- Before each job -------------------------------------------------------------------------------------------

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """As RQ's own, with a look before each wait."""
        asked = self.queue_class
        self.queue_class = _looking_first(self, asked)
        try:
            return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
        finally:
            self.queue_class = asked

    def open_queues(self, queues: Iterable[Queue]) -> list[Queue]:
        """Looks, and says which of the queues are not paused."""
        at = self._look()
        paused = {name for name, pause in self._pauses.items() if pause.holds_at(at)}
        opened = [queue for queue in queues if queue.name not in paused]
        # For one queue alone RQ leaves a copy of the job's id behind, and takes it away only if the worker has but one.
        return opened * 2 if len(opened) == 1 < len(self.queues) else opened

    def _look(self) -> float:
        """Reads the mirror, says what has changed, and returns the time by Redis' clock."""
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hget(self.key, HONOURS)
            pipeline.hgetall(pause_mirror.KEY)
            clock, said, fields = pipeline.execute(raise_on_error=False)
        for answer in (clock, said):
            if isinstance(answer, RedisError):
                raise answer
        if isinstance(fields, RedisError):
            self.log.error("Worker %s: cannot read %s: %s", self.name, pause_mirror.KEY, fields)
            fields = {}
        at: float = clock[0] + clock[1] / 1_000_000
        pauses = pause_mirror.understand(fields)
        if pauses is not None:
            names = set(self.queue_names())
            self._pauses = {name: pause for name, pause in pauses.items() if name in names}
        self._say({name: pause.number for name, pause in self._pauses.items() if pause.holds_at(at)}, said)
        return at

    def _say(self, honoured: dict[str, int], said: bytes | None) -> None:
        words = json.dumps(honoured, sort_keys=True)
        if said is None:
            self._register_again(words)
        elif said != words.encode():
            self.connection.hset(self.key, HONOURS, words)

    def _register_again(self, words: str) -> None:
        """Redis has forgotten it: without this it would work on, unseen."""
        told: Any = {**self.serialize(), HONOURS: words}
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping=told)
            pipeline.expire(self.key, self.worker_ttl + 60)
            worker_registration.register(self, pipeline)
            pipeline.execute()

    def serialize(self) -> dict[str, Any]:
        """What it says of itself when it begins: also that it understands pauses."""
        return {**super().serialize(), HONOURS: "{}"}

    # --- During a job ----------------------------------------------------------------------------------------------

    def wait_for_horse(self) -> Any:
        """As RQ's own, with a look each second."""
        if hasattr(os, "pidfd_open") and self.horse_pid:
            with contextlib.suppress(ProcessLookupError):
                self._look_until_horse_ends()
        return super().wait_for_horse()

    def _look_until_horse_ends(self) -> None:
        horse = os.pidfd_open(self.horse_pid)
        try:
            while not select.select([horse], [], [], LOOK_SECONDS)[0]:
                with contextlib.suppress(RedisError):  # the job does not need Redis now
                    self._look_beside_job()
        finally:
            os.close(horse)

    def _look_beside_job(self) -> None:
        """A job that was taken but not begun could be one of a queue that was paused since: wait until it is."""
        execution = next(iter(self.executions.values()), None)
        if execution is None:
            return
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.hset(self.key, "last_heartbeat", utcformat(now()))  # RQ gives one every 30 s
            deaths.leave_sign(self.name, execution.job_id, pipeline)
            pipeline.hget(Job.key_for(execution.job_id), "status")
            status = pipeline.execute()[-1]
        if status == JobStatus.STARTED.encode():
            self._look()


def _looking_first(worker: Pausable, queue_class: type[Queue]) -> type[Queue]:
    """The class with a look of the worker's before each wait for a job."""

    class LookingFirst(queue_class):  # type: ignore[misc, valid-type]  # the worker's own, known only now
        @classmethod
        def dequeue_any(cls, queues: Iterable[Queue], timeout: int | None, *args: Any, **options: Any) -> Any:
            opened = worker.open_queues(queues)
            if opened:
                return super().dequeue_any(opened, timeout, *args, **options)
            if timeout is None:  # it was asked not to wait
                return None
            time.sleep(min(timeout, LOOK_SECONDS))
            raise DequeueTimeout(timeout, [])

    return LookingFirst
