"""What needs a person's attention now. Every check reads facts; what cannot be known is not said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitoring import broker, inbox, statistics, workload
from monitoring.hooks import OUTBOX
from monitoring.models import InboxPosition, Queue, SetAsideEntry
from monitoring.moments import QueueNow
from monitoring.statuses import Status

LAG_LIMIT_SECONDS = 10
SPIKE_AT_LEAST = 5
SPIKE_FACTOR = 2
NAMED = 3
"""How many queues are named where many are concerned."""


@dataclass(frozen=True, kw_only=True)
class Concern:
    """One thing that needs attention: what is wrong, and what to do."""

    kind: str
    """"redis", "recorder", "unattended", "paused", "schedules", "set_aside" or "failures".

    A page links it to where one can look.
    """
    what: str
    advice: str
    queue: str = ""
    """The one queue that it is about, if it is about one."""


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """How the tasks that were created in a span of time ended, so far."""

    failed: int
    completed: int

    @property
    def percent_failed(self) -> float | None:
        """None when none has ended."""
        ended = self.failed + self.completed
        return 100 * self.failed / ended if ended else None


@dataclass(frozen=True, kw_only=True)
class FailureTrend:
    """The share that fails now, beside what is usual. Both are sums of the hourly rollup, so they start on an hour."""

    since: datetime
    """The start of the UTC hour before the present one: now is the one to two hours from there."""
    recent: Outcomes
    usual: Outcomes
    """Of the 24 hours before."""

    @property
    def is_spike(self) -> bool:
        """Whether clearly more fails than usual; with nothing to compare with, whether half of all fails."""
        percent, usual = self.recent.percent_failed or 0, self.usual.percent_failed
        limit = 50 if usual is None else max(SPIKE_FACTOR * usual, 1)
        return self.recent.failed >= SPIKE_AT_LEAST and percent > limit


Check = Callable[[], Concern | None]
_further: list[Check] = []


def look_also(check: Check) -> None:
    """Has ``concerns`` ask a check of a higher app, too, which calls this once it is ready."""
    if check not in _further:
        _further.append(check)


def concerns(trend: FailureTrend) -> list[Concern]:
    """Everything that needs attention now, gravest first; empty when all is well."""
    found = (_unrecorded(), *_queues(), *(check() for check in _further), _spike(trend), _set_aside())
    return [concern for concern in found if concern is not None]


def failure_trend() -> FailureTrend:
    """Costs the same however many tasks there are."""
    since = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    recent = statistics.counts_matching({"created_from": since})
    both = statistics.counts_matching({"created_from": since - timedelta(hours=24)})
    usual = {status: count - recent[status] for status, count in both.items()}
    return FailureTrend(since=since, recent=_outcomes(recent), usual=_outcomes(usual))


def _outcomes(counts: Mapping[Status, int]) -> Outcomes:
    return Outcomes(failed=counts[Status.FAILED], completed=counts[Status.COMPLETED])


def recorder_lag_seconds() -> float:
    """The age of the oldest report that is not recorded yet, 0 when none waits; raises BrokerError."""
    last_id = InboxPosition.objects.filter(stream=OUTBOX).values_list("last_id", flat=True).first()
    waiting = inbox.read(last_id or inbox.START, limit=1)
    if not waiting:
        return 0.0
    return max(0.0, (broker.now() - inbox.time_of(waiting[0].stream_id)).total_seconds())


def _unrecorded() -> Concern | None:
    try:
        lag = recorder_lag_seconds()
    except broker.BrokerError:
        return Concern(
            kind="redis",
            what="Redis cannot be reached, so no task can start and nothing new is seen.",
            advice="Check that the server behind REDIS_URL runs and accepts connections.",
        )
    if lag <= LAG_LIMIT_SECONDS:
        return None
    return Concern(
        kind="recorder",
        what=f"The recorder is {lag:,.0f} s behind: these pages show the past.",
        advice="Check that `python manage.py record` runs and can write to the database.",
    )


def _queues() -> list[Concern | None]:
    """Where jobs wait that no worker will take. What Redis holds is known only while it answers."""
    try:
        waiting = {queue.name: queue for queue in workload.look_at_all().queues if queue.waiting}
    except broker.BrokerError:
        return []
    paused = [queue for queue in Queue.objects.paused(datetime.now(UTC)) if queue.name in waiting]
    kept_back = {queue.name for queue in paused}
    unattended = [queue for queue in waiting.values() if not queue.workers and queue.name not in kept_back]
    return [_unattended(unattended), _paused(paused, sum(waiting[name].waiting for name in kept_back))]


def _unattended(queues: list[QueueNow]) -> Concern | None:
    if not queues:
        return None
    count = sum(queue.waiting for queue in queues)
    where = queues[0].name if len(queues) == 1 else f"{len(queues)} queues ({_some(queue.name for queue in queues)})"
    return Concern(
        kind="unattended",
        what=f"{_jobs(count)} in {where}, and no worker listens to {'it' if len(queues) == 1 else 'them'}.",
        advice=f"Start a worker: python manage.py work --queue {queues[0].name}",
        queue=queues[0].name if len(queues) == 1 else "",
    )


def _paused(queues: list[Queue], count: int) -> Concern | None:
    if not queues:
        return None
    if len(queues) > 1:
        what = f"{len(queues)} queues are paused ({_some(queue.name for queue in queues)}), and {_jobs(count)} there."
        return Concern(kind="paused", what=what, advice="Resume them when the reasons are gone.")
    (queue,) = queues
    until = f" until {queue.paused_until:%Y-%m-%d %H:%M} UTC" if queue.paused_until else ""
    return Concern(
        kind="paused",
        what=f"{queue.name} is paused by {queue.paused_by}{until}, and {_jobs(count)} there.",
        advice=f"The reason given: {queue.pause_reason}." if queue.pause_reason else "No reason was given.",
        queue=queue.name,
    )


def _jobs(count: int) -> str:
    return f"{count:,} job{' waits' if count == 1 else 's wait'}"


def _some(names: Iterable[str]) -> str:
    """The first few names."""
    listed = sorted(names)
    more = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _spike(trend: FailureTrend) -> Concern | None:
    if not trend.is_spike:
        return None
    usual = trend.usual.percent_failed
    share = f"{trend.recent.percent_failed:.1f} % of the tasks created since {trend.since:%H:%M} UTC have failed"
    comparison = "" if usual is None else f", against {usual:.1f} % in the 24 hours before"
    return Concern(
        kind="failures",
        what=f"{share}{comparison}.",
        advice="Look at the newest failures below for what they share.",
    )


def _set_aside() -> Concern | None:
    count = SetAsideEntry.objects.count()
    if not count:
        return None
    return Concern(
        kind="set_aside",
        what=f"{count:,} {'report' if count == 1 else 'reports'} could not be understood and "
        f"{'was' if count == 1 else 'were'} set aside.",
        advice="Read the reason in the admin under set-aside entries, then delete them there.",
    )
