"""The demo's schedules: a dozen, made once, each of which can be started."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from demo.schedules import make_schedules
from scheduler.definitions import mistakes_in
from scheduler.models import ScheduledJob, ScheduleType

pytestmark = pytest.mark.django_db


def test_it_makes_a_dozen_of_every_kind_once() -> None:
    made = make_schedules()
    assert made >= 12
    jobs = list(ScheduledJob.objects.all())
    assert len(jobs) == made
    assert {job.schedule_type for job in jobs} == set(ScheduleType)
    assert len({job.queue for job in jobs}) >= 4
    assert any(job.is_paused for job in jobs)
    assert [(job.name, mistakes_in(job)) for job in jobs if mistakes_in(job)] == []
    ScheduledJob.objects.filter(name="Heartbeat").delete()
    assert make_schedules() == 0, "what somebody removed stays away"


def test_it_leaves_out_what_is_not_possible_here(settings: Settings) -> None:
    settings.QUARTERDECK_QUEUES = ["default"]
    ScheduledJob.objects.create(name="Heartbeat", handler="demo.echo", interval_seconds=60)
    assert make_schedules() == 2
