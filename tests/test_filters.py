"""What tasks are found by: texts inside payloads and job ids, their worker, their error. Exactly, and literally."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from monitoring import statistics
from monitoring.filters import BadFilter, TaskFilter
from monitoring.models import Task
from monitoring.statuses import Status
from tests.factories import make_task

pytestmark = pytest.mark.django_db


def found(**asked: Any) -> set[Task]:
    """The tasks that the filter finds, whose number the totals tell, too."""
    tasks = set(TaskFilter(asked).matching())
    assert statistics.total_matching(asked) == len(tasks)
    counts = statistics.counts_matching(asked)
    assert sum(counts[status] for status in asked.get("status") or Status) == len(tasks)
    return tasks


@pytest.mark.parametrize(("field", "column"), [("payload", "arguments"), ("job_id", "job_id")])
def test_it_finds_any_part_of_a_text_in_any_case(field: str, column: str) -> None:
    task = make_task(**{column: '{"args":["Grüße an ORDER-17"],"kwargs":{}}'})
    make_task(**{column: '{"args":["order-18"],"kwargs":{}}'})
    for part in ("order-17", "grüße AN", '"args":["gr', "7"):
        assert found(**{field: part}) == {task}
    for other in ("order-19", "args.*17", "ORDER 17"):
        assert found(**{field: other}) == set()


@pytest.mark.parametrize("field", ["payload", "job_id"])
@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", '"', "order%17", "--", "*", "/", "日本"])
def test_it_takes_signs_of_patterns_for_what_they_are(field: str, sign: str) -> None:
    column = {"payload": "arguments"}.get(field, field)
    make_task(**{column: "order 17"})
    odd = make_task(**{column: f"odd {sign} text"})
    assert found(**{field: sign}) == {odd}


def test_it_finds_job_ids_that_are_the_ids_of_tasks_by_any_part() -> None:
    task = make_task(id="dc49351d-476d-49f0-a1e8-3e2a39182d22")
    named = make_task(job_id="letter-dc49351d-476d-49f0-a1e8-3e2a39182d22")
    make_task(id="0ad9351d-476d-49f0-a1e8-3e2a39182d23")
    for part in (
        "dc49351d",
        "C49351D-476D",
        "dc49351d-476d-49f0-a1e8-3e2a39182d22",
        "DC49351D-476D-49F0-A1E8-3E2A39182D22",
    ):
        assert found(job_id=part) == {Task.objects.get(pk=task.pk), named}
    assert found(job_id="letter-dc") == {named}
    assert found(job_id="dc49351d476d49f0a1e83e2a39182d22") == set()


@pytest.mark.parametrize("field", ["worker", "error_type"])
def test_it_finds_a_worker_and_an_error_by_their_whole_names(field: str) -> None:
    task = make_task(**{field: "shop.Declined"})
    make_task(**{field: "shop.DeclinedAgain"})
    make_task()
    assert found(**{field: "shop.Declined"}) == {task}
    for other in ("SHOP.DECLINED", "Declined", "%", "shop_Declined"):
        assert found(**{field: other}) == set()
    assert len(found(**{field: ""})) == 3


def test_it_takes_them_together_with_all_others() -> None:
    texts = {"arguments": "order 17", "job_id": "letter-17", "worker": "w1", "error_type": "Declined"}
    task = make_task(status=Status.FAILED, queue="mail", **texts)
    make_task(status=Status.FAILED, queue="media", **texts)
    make_task(queue="mail", **texts)
    asked = {"payload": "order", "job_id": "letter", "worker": "w1", "error_type": "Declined"}
    assert found(**asked, queue="mail", status=[Status.FAILED], task_type="RECEIPT") == {task}


@pytest.mark.parametrize("field", ["payload", "job_id", "worker", "error_type"])
@pytest.mark.parametrize("text", ["a\0b", "x" * 256])
def test_it_refuses_what_no_text_holds(field: str, text: str) -> None:
    with pytest.raises(BadFilter) as refusal:
        TaskFilter({field: text}).matching()
    assert set(refusal.value.errors) == {field}


def test_it_finds_errors_newest_first_through_an_index() -> None:
    make_task(error_type="one")
    plan = TaskFilter({"error_type": "one"}).matching().order_by("-created_at", "-id").values("pk")[:20]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads a table of one row whole
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    told = plan.explain()
    assert "task_error" in told
    assert "TEMP B-TREE" not in told


def test_it_finds_a_worker_through_an_index() -> None:
    make_task(worker="one")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # as above
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert "task_worker" in TaskFilter({"worker": "one"}).matching().values("pk").explain()
