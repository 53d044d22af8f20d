"""Whether every due time is started once, and how late, with dispatchers that are killed; what an idle look costs.

Five dispatchers run a thousand jobs with an interval of one second for a minute. Each second one of them, by chance, is
killed with SIGKILL and another takes its place (forked, so that the start of a Python process is not what is measured).
Then every due time of every job must have one row, one job in RQ, and no more. There are no workers: how fast work is
done is another question.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

from benchmarks.databases import database, postgres_server
from benchmarks.sides import Side, obey
from benchmarks.stage import QUEUE, stage

DISPATCHERS = 5
JOBS = 1_000
SECONDS = 60
TARGET_MS = 500
MANY_JOBS = 100_000
LOOKS = 300
TARGET_LOOK_MS = 5


def run() -> None:
    """Prints what was doubled, lost and late, and what a look with nothing due costs."""
    for kind in ["sqlite", *(["postgresql"] if postgres_server() else [])]:
        with ExitStack() as stack:
            url = stack.enter_context(database(kind))
            here = stack.enter_context(stage(DATABASE_URL=url))
            side = stack.enter_context(here.side(__name__))
            side.ask("prepare", JOBS)
            _report(kind, side.ask("dispatch", SECONDS))
            side.ask("fill", MANY_JOBS)
            _report_looks(kind, side)


def _report(kind: str, told: dict[str, Any]) -> None:
    print(
        f"{kind}: {told['due']:,} due times of {JOBS:,} jobs in {told['seconds']:.0f} s, {told['kills']} dispatchers "
        f"killed: {told['doubled']} doubled, {told['lost']} lost"
    )
    late = told["late_ms"]
    p95 = quantiles(late, n=20)[-1]
    spread = f"p50 {median(late):.0f} ms, p95 {p95:.0f} ms, max {max(late):.0f} ms"
    print(f"{kind}: lateness {spread} (target p95 ≤ {TARGET_MS} ms)", flush=True)


def _report_looks(kind: str, side: Side) -> None:
    looks = side.ask("look", LOOKS)
    print(
        f"{kind}: a look over {MANY_JOBS:,} jobs with nothing due: p50 {median(looks):.2f} ms, "
        f"p95 {quantiles(looks, n=20)[-1]:.2f} ms (target ≤ {TARGET_LOOK_MS} ms)"
    )


# --- In the process that dispatches -------------------------------------------------------------------------------


class Stage:
    """Answers what is asked above."""

    def __init__(self) -> None:
        import django

        django.setup()

    def prepare(self, jobs: str) -> None:
        """Makes the tables and the jobs."""
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        self._make(int(jobs), interval_seconds=1)

    def fill(self, jobs: str) -> None:
        """Replaces the jobs by many that are due in a day."""
        from scheduler.models import ScheduledJob

        ScheduledJob.objects.all().delete()
        self._make(int(jobs), interval_seconds=86_400)

    def _make(self, number: int, *, interval_seconds: int) -> None:
        from scheduler.models import OverlapPolicy, ScheduledJob
        from scheduler.planning import set_next

        now = datetime.now(UTC) + timedelta(seconds=2)
        made = [
            ScheduledJob(
                name=f"job {index}", handler="benchmarks.jobs.nothing", queue=QUEUE, interval_seconds=interval_seconds,
                overlap_policy=OverlapPolicy.ALLOW, misfire_grace_seconds=600,
                created_at=now + timedelta(milliseconds=index % 1000),
            )
            for index in range(number)
        ]  # fmt: skip
        for job in made:
            set_next(job, now)
        ScheduledJob.objects.bulk_create(made, batch_size=2_000)

    def dispatch(self, seconds: str) -> dict[str, Any]:
        """Runs and kills dispatchers, lets one clear up, and tells what came of it."""
        from scheduler.dispatcher import LEASE, Dispatcher

        chance = random.Random()  # noqa: S311  # a play, no secret
        children = [_fork() for _ in range(DISPATCHERS)]
        started, kills = time.monotonic(), 0
        while time.monotonic() - started < int(seconds):
            time.sleep(1)
            victim = children.pop(chance.randrange(len(children)))
            os.kill(victim, signal.SIGKILL)
            kills += os.WTERMSIG(os.waitpid(victim, 0)[1]) == signal.SIGKILL
            children.append(_fork())
        for child in children:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
        passed = time.monotonic() - started
        time.sleep(LEASE.total_seconds())
        end = datetime.now(UTC)
        Dispatcher(clock=lambda: end).catch_up()
        return {"seconds": passed, "kills": kills, **_counted()}

    def look(self, times: str) -> list[float]:
        """Milliseconds of each look."""
        from scheduler.dispatcher import look_ahead

        taken = []
        for _ in range(int(times)):
            started = time.perf_counter()
            look_ahead()
            taken.append((time.perf_counter() - started) * 1000)
        return taken


def _fork() -> int:
    """A dispatcher of its own, as ``manage.py dispatch`` runs it."""
    from django.core.management import call_command
    from django.db import connections

    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            call_command("dispatch")
        finally:
            os._exit(0)
    return pid


def _counted() -> dict[str, Any]:
    """Compares each job's plan with its rows, and the rows with what RQ holds."""
    from monitoring import broker
    from scheduler.models import ScheduledFire, ScheduledJob

    queued: Any = broker.connection().lrange(f"rq:queue:{QUEUE}", 0, -1)
    doubled, lost, due, late = len(queued) - len(set(queued)), 0, 0, []
    for job in ScheduledJob.objects.all():
        fires = list(ScheduledFire.objects.filter(job=job).order_by("due_at"))
        assert job.last_due_at is not None
        planned = {job.created_at + timedelta(seconds=number) for number in range(1, _seconds(job) + 1)}
        started = {fire.due_at for fire in fires if fire.state == "started"}
        due += len(planned)
        lost += len(planned - started)
        doubled += len(fires) - len({fire.due_at for fire in fires})
        late += [(fire.enqueued_at - fire.run_at) / timedelta(milliseconds=1) for fire in fires if fire.enqueued_at]
    lost += max(0, ScheduledFire.objects.count() - len(set(queued)))
    return {"due": due, "doubled": doubled, "lost": lost, "late_ms": late}


def _seconds(job: Any) -> int:
    return int((job.last_due_at - job.created_at) / timedelta(seconds=1) + 0.5)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    here = Stage()
    obey({deed: getattr(here, deed) for deed in ("prepare", "fill", "dispatch", "look")})
