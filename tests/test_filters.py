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


@pytest.mark.parametrize(("field", "index"), [("worker", "task_worker"), ("error_type", "task_error")])
def test_it_finds_them_newest_first_through_an_index(field: str, index: str) -> None:
    make_task(**{field: "one"})
    plan = TaskFilter({field: "one"}).matching().order_by("-created_at", "-id").values("pk")[:20]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which reads a table of one row whole
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    told = plan.explain()
    assert index in told
    assert "TEMP B-TREE" not in told
