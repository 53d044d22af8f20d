"""The story of a task, from its changes and runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from monitoring.statuses import Status
from monitoring.timeline import LIMIT, timeline_of
from tests.factories import NOON, make_change, make_run


def at(seconds: float) -> Any:
    return NOON + timedelta(seconds=seconds)


def test_it_puts_each_run_beside_the_change_that_began_it(db: None) -> None:
    task = uuid4()
    make_change(task, None, Status.QUEUED, changed_at=at(0))
    make_change(task, Status.QUEUED, Status.RUNNING, changed_at=at(2))
    make_change(task, Status.RUNNING, Status.QUEUED, changed_at=at(5), error="ValueError: once")
    make_change(task, Status.QUEUED, Status.RUNNING, changed_at=at(5))
    make_change(task, Status.RUNNING, Status.COMPLETED, changed_at=at(9))
    make_run(task, 1, started_at=at(2), ended_at=at(5), status=Status.FAILED)
    make_run(task, 2, started_at=at(5), ended_at=at(9))
    steps = timeline_of(task).steps
    story = [(step.change and step.change.new_status, step.run and step.run.attempt) for step in steps]
    assert story == [("COMPLETED", None), ("RUNNING", 2), ("QUEUED", None), ("RUNNING", 1), ("QUEUED", None)]
    assert [step.after_ms for step in steps] == [4000, 0, 3000, 2000, None]


def test_it_shows_the_run_of_a_job_whose_start_was_never_told(db: None) -> None:
    task = uuid4()
    make_change(task, Status.QUEUED, Status.COMPLETED, changed_at=at(5))
    make_run(task, started_at=at(0), ended_at=at(5))
    (step,) = timeline_of(task).steps
    assert step.change is not None
    assert step.run is not None


def test_it_shows_runs_without_changes_and_changes_without_runs(db: None) -> None:
    task = uuid4()
    make_change(task, None, Status.CANCELLED, changed_at=at(0))
    make_run(task, started_at=at(-10), ended_at=at(-5))
    make_run(task, 2, started_at=None, ended_at=None)
    steps = timeline_of(task).steps
    assert [(step.change is None, step.run is None) for step in steps] == [(False, True), (True, False), (True, False)]


def test_it_knows_when_it_does_not_show_all(db: None) -> None:
    task = uuid4()
    for second in range(LIMIT):
        make_change(task, None, Status.QUEUED, changed_at=at(second))
    assert not timeline_of(task).is_cut
    make_change(task, None, Status.RUNNING, changed_at=at(LIMIT))
    timeline = timeline_of(task)
    assert timeline.is_cut
    assert len(timeline.steps) == LIMIT
    assert timeline.steps[0].at == at(LIMIT)


def test_it_has_nothing_to_tell_of_an_unknown_task(db: None) -> None:
    assert timeline_of(uuid4()).steps == []
