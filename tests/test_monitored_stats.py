"""GET stats of the monitoring API: the whole, counted exactly, by rollups wherever they know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from monitoring.statuses import Status
from tests.factories import make_task, make_tasks
from tests.monitoring_api import AUTHENTICATION, ask

ZEROS = {"PENDING": 0, "EXECUTING": 0, "COMPLETED": 0, "FAILED": 0, "CANCELLED": 0}


def test_it_is_all_zeros_without_tasks(api: Client) -> None:
    assert ask(api, "stats") == {
        "total_tasks": 0,
        "by_status": ZEROS,
        "by_provider": {},
        "by_task_type": {},
        "tasks_last_hour": 0,
        "tasks_last_24h": 0,
    }


def test_it_counts_by_status_provider_and_type(api: Client) -> None:
    for status in Status:
        make_task(status=status)
    make_tasks(2, task_type="other.send_receipt", provider_type="fal")
    make_tasks(3, task_type="shop.media.resize", kind="GENERATION", provider_type="fal")
    make_task(task_type="shop.media.resize", provider_type="own")
    answer = ask(api, "stats")
    assert answer["total_tasks"] == 13
    assert answer["by_status"] == {"PENDING": 3, "EXECUTING": 1, "COMPLETED": 7, "FAILED": 1, "CANCELLED": 1}
    assert answer["by_provider"] == {"fal": 5, "own": 1}
    assert answer["by_task_type"] == {"send_receipt": 9, "GENERATION": 3, "resize": 1}


def test_it_leaves_out_types_that_always_go_by_their_kind(api: Client) -> None:
    make_task(kind="GENERATION")
    assert ask(api, "stats")["by_task_type"] == {"GENERATION": 1}


@pytest.mark.parametrize("zone", ["", "eu"])
def test_it_counts_what_is_new_by_creation(api: Client, zone: str) -> None:
    now = datetime.now(UTC)
    for minutes in (1, 59, 61, 23 * 60 + 59, 24 * 60 + 1):
        make_task(created_at=now - timedelta(minutes=minutes), origin_zone=zone)
    answer = ask(api, "stats", origin_zone=zone)
    assert (answer["total_tasks"], answer["tasks_last_hour"], answer["tasks_last_24h"]) == (5, 2, 4)


def test_it_counts_an_origin_alone(api: Client, settings: Settings) -> None:
    settings.QUARTERDECK_INSTANCE = "deck-1"
    make_task(origin_zone="eu", provider_type="fal")
    assert ask(api, "stats", origin_instance="deck-1")["total_tasks"] == 1
    make_task(origin_instance="deck-1", origin_zone="us")
    make_task(origin_instance="deck-2", origin_zone="eu", kind="GENERATION", status=Status.FAILED)
    assert ask(api, "stats")["total_tasks"] == 3
    assert ask(api, "stats", origin_instance="deck-1")["by_task_type"] == {"send_receipt": 2}
    there = ask(api, "stats", origin_instance="deck-2", origin_zone="eu")
    assert (there["total_tasks"], there["by_status"]) == (1, {**ZEROS, "FAILED": 1})
    assert (there["by_task_type"], there["by_provider"]) == ({"GENERATION": 1}, {})
    assert ask(api, "stats", origin_zone="eu")["by_provider"] == {"fal": 1}
    assert ask(api, "stats", origin_instance="deck-3")["total_tasks"] == 0


def test_it_equals_the_list(api: Client) -> None:
    for index, status in enumerate([*Status, *Status]):
        make_task(status=status, kind="GENERATION" if index % 3 else "", task_type=f"shop.job{index % 2}")
    answer = ask(api, "stats")
    for word, count in answer["by_status"].items():
        assert ask(api, "tasks", status=word)["total"] == count
    for name, count in answer["by_task_type"].items():
        assert ask(api, "tasks", task_type=name)["total"] == count


def test_it_asks_the_same_few_questions_however_many_tasks_there_are(
    api: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in (1, 40):
        make_tasks(number)
        with django_assert_num_queries(AUTHENTICATION + 6):
            ask(api, "stats")
    with django_assert_num_queries(AUTHENTICATION + 1):
        ask(api, "stats", origin_zone="eu")
