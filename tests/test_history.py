"""The simulated past is believable, and its rollups equal its rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Min

from audit.models import StatusChange, TaskRun
from demo import history, history_parts
from monitoring.models import Queue, Task
from monitoring.rebuilding import differences
from monitoring.statuses import Status

pytestmark = pytest.mark.django_db


def test_it_writes_a_past_that_adds_up() -> None:
    call_command("seed_history", "--tasks", "1500", "--days", "4", "--seed", "7", stdout=StringIO())
    assert Task.objects.count() == 1500
    assert differences() == []
    assert set(Task.objects.values_list("status", flat=True)) >= {Status.COMPLETED, Status.FAILED, Status.CANCELLED}
    assert [queue.name for queue in Queue.objects.all()] == ["mail", "media", "payments", "reports"]
    first = Task.objects.aggregate(first=Min("created_at"))["first"]
    assert datetime.now(UTC) - timedelta(days=4, minutes=1) < first < datetime.now(UTC) - timedelta(days=3)
    assert TaskRun.objects.filter(status="RETRIED").exists()
    times = list(StatusChange.objects.order_by("id").values_list("changed_at", flat=True))
    assert times == sorted(times)
    assert not Task.objects.filter(created_at__gt=datetime.now(UTC)).exists()


def test_it_has_a_daily_rhythm_and_bursts_of_failures() -> None:
    end = datetime(2026, 3, 31, tzinfo=UTC)
    simulation = history.Simulation(tasks=20_000, start=end - timedelta(days=10), end=end, seed=3)
    by_hour = dict(zip(simulation.hours, simulation.per_hour, strict=True))
    afternoon = sum(tasks for hour, tasks in by_hour.items() if hour.hour == 14)
    night = sum(tasks for hour, tasks in by_hour.items() if hour.hour == 2)
    assert afternoon > 3 * night
    assert sum(by_hour.values()) == 20_000
    assert simulation.bursts
    assert all(burst.failures > 10 * burst.kind.failures or burst.failures >= 0.35 for burst in simulation.bursts)


def test_it_refuses_the_same_past_twice_and_senseless_sizes() -> None:
    call_command("seed_history", "--tasks", "20", "--seed", "5", stdout=StringIO())
    with pytest.raises(CommandError, match="choose another seed"):
        call_command("seed_history", "--tasks", "20", "--seed", "5", stdout=StringIO())
    with pytest.raises(CommandError, match="--tasks must be"):
        call_command("seed_history", "--tasks", "0", stdout=StringIO())


@pytest.mark.django_db(transaction=True)
def test_it_writes_a_long_past_in_parts_that_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_parts, "WORTH_IT", 1_000)
    call_command("seed_history", "--tasks", "1500", "--days", "10", "--seed", "7", stdout=StringIO())
    assert Task.objects.count() == 1500
    assert differences() == []
    newest = list(StatusChange.objects.order_by("-id").values_list("changed_at", flat=True)[:10])
    assert newest == list(StatusChange.objects.order_by("-changed_at").values_list("changed_at", flat=True)[:10])
    assert not Task.objects.unfinished().filter(created_at__lt=datetime.now(UTC) - timedelta(hours=4)).exists()
    with pytest.raises(CommandError, match="choose another seed"):
        call_command("seed_history", "--tasks", "1500", "--days", "10", "--seed", "7", stdout=StringIO())
