"""What to do about a job that is due: pure rules, without SQL and Redis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from scheduler.models import Backoff, Cause, FireState, MisfirePolicy, OverlapPolicy, ScheduledFire, ScheduledJob
from scheduler.recurrence import jittered
from scheduler.registry import NotRunnable, find

MOST_AT_ONCE = 20
"""How many due times of one job one claim starts; the next claim goes on."""
MOST_MISSED = 1_000
"""How many missed due times are counted one by one."""
LONGEST_DELAY_SECONDS = 7 * 86_400


@dataclass(kw_only=True)
class Plan:
    """What a claim writes: the rows of the due times that have passed, and when the job is due next."""

    fires: list[ScheduledFire] = field(default_factory=list)
    next_due_at: datetime | None = None
    next_run_at: datetime | None = None
    last_due_at: datetime | None = None
    started: int = 0


def plan(job: ScheduledJob, now: datetime, *, running_since: datetime | None) -> Plan:
    """The plan for a job whose ``next_run_at`` has passed; ``running_since`` is the due time of an open execution."""
    planning = _Planning(job, now, running_since)
    planning.pass_by()
    return planning.plan


def set_next(job: ScheduledJob, now: datetime) -> None:
    """Sets when the job is due next, after now and after whatever was due already: a clock may go backwards."""
    due = None
    if not _is_spent(job, 0):
        due = job.schedule.next_after(max(now, job.last_due_at or now))
    job.next_due_at = due
    job.next_run_at = None if due is None else jittered(due, job=job.uuid, seconds=job.jitter_seconds)


class _Planning:
    def __init__(self, job: ScheduledJob, now: datetime, running_since: datetime | None) -> None:
        self.job, self.now = job, now
        self.running_since = running_since
        self.plan = Plan()
        self.refusal = _refusal(job)

    def pass_by(self) -> None:
        """Goes through the due times until one that is still to come."""
        missed: list[datetime] = []
        due = self.job.next_due_at
        while due is not None and not self._is_spent():
            run_at = self._run_at(due)
            if run_at > self.now or len(self.plan.fires) >= MOST_AT_ONCE or len(missed) >= MOST_MISSED:
                break
            if self.now - run_at <= timedelta(seconds=self.job.misfire_grace_seconds):
                self._flush(missed)
                self._start(due)
            elif self.job.misfire_policy == MisfirePolicy.RUN_ALL:
                self._start(due, reason="No dispatcher was there in time; the misfire policy is to run all.")
            else:
                missed.append(due)
            self.plan.last_due_at = due
            due = self.job.schedule.next_after(due)
        if len(missed) >= MOST_MISSED:  # too many to tell one by one: go on where the grace begins
            grace = timedelta(seconds=self.job.misfire_grace_seconds)
            due = self.job.schedule.next_after(max(missed[-1], self.now - grace - timedelta(seconds=1)))
        self._flush(missed)
        if due is not None and not self._is_spent():
            self.plan.next_due_at, self.plan.next_run_at = due, self._run_at(due)

    def _flush(self, missed: list[datetime]) -> None:
        """Writes down the due times that were missed, and runs the last of them if the policy says so."""
        if not missed:
            return
        runs_one = self.job.misfire_policy == MisfirePolicy.RUN_ONCE and not self.refusal
        skipped = missed[:-1] if runs_one else missed
        if skipped:
            least = "at least " if len(missed) >= MOST_MISSED else ""
            reason = f"No dispatcher was there in time for {least}{len(skipped)} due time{'s'[: len(skipped) != 1]}; "
            reason += "one run stands for all of them." if runs_one else "the misfire policy is to skip them."
            self._add(skipped[0], FireState.SKIPPED, self.refusal or reason, last=skipped[-1], count=len(skipped))
        if runs_one:
            self._start(missed[-1], reason="No dispatcher was there in time; the misfire policy is to run once.")
        missed.clear()

    def _start(self, due: datetime, *, reason: str = "") -> None:
        """Starts one due time, unless something stands in the way."""
        if self.refusal:
            self._add(due, FireState.MISSED, self.refusal)
            return
        if self.running_since is not None and self.job.overlap_policy != OverlapPolicy.ALLOW:
            told = f"the run of {self.running_since:%Y-%m-%d %H:%M:%S} UTC was not over."
            if self.job.overlap_policy == OverlapPolicy.SKIP:
                self._add(due, FireState.OVERLAPPED, f"Not started, for {told}")
                return
            reason = f"{reason} Cancels what ran: {told}".strip()
        fire = self._add(due, FireState.CLAIMED, reason)
        fire.task_id = execution_id(self.job, due)
        fire.leased_at = self.now
        self.running_since = due
        self.plan.started += 1

    def _add(
        self, due: datetime, state: FireState, reason: str, *, last: datetime | None = None, count: int = 1
    ) -> ScheduledFire:
        fire = ScheduledFire(
            job=self.job,
            due_at=due,
            run_at=self._run_at(due),
            last_due_at=last if count > 1 else None,
            count=count,
            cause=Cause.SCHEDULE,
            state=state,
            reason=reason,
        )
        self.plan.fires.append(fire)
        return fire

    def _is_spent(self) -> bool:
        return _is_spent(self.job, self.plan.started)

    def _run_at(self, due: datetime) -> datetime:
        return jittered(due, job=self.job.uuid, seconds=self.job.jitter_seconds)


def _is_spent(job: ScheduledJob, more: int) -> bool:
    return job.max_runs is not None and job.run_count + more >= job.max_runs


def _refusal(job: ScheduledJob) -> str:
    try:
        find(job.handler)
    except NotRunnable as error:
        return str(error)
    return ""


def execution_id(job: ScheduledJob, due: datetime) -> UUID:
    """The id of the execution of a due time: whoever starts it gives it this one, so it is started once."""
    return uuid5(job.uuid, due.isoformat())


def retry_delays(job: ScheduledJob) -> Iterator[int]:
    """The seconds before each automatic retry."""
    for number in range(1, job.max_retries + 1):
        factor = {Backoff.LINEAR: number, Backoff.EXPONENTIAL: 2 ** min(number - 1, 30)}.get(
            Backoff(job.retry_backoff), 1
        )
        yield min(LONGEST_DELAY_SECONDS, job.retry_delay_seconds * factor)
