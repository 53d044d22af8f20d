"""Addresses of queues: any name goes into one and comes out of it again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import path, resolve, reverse

from config.encoded_slashes import EncodedSlashes
from monitoring import broker
from monitoring.models import Queue
from monitoring.pages.queue_paths import of_queue
from tests.factories import make_task

NAMES = (
    *("mail", "a/b", "a/jobs", "/", "//a//", "100%", "%2F", "a%2Fb", "%25", "~2F", "~", "~zz", ".", "..", "a/../b"),
    *("été ☕", "a b+c", "a?b=1#c", "<b>", "a\\b", "a\nb", "\u202e", "parts", "jobs", "new", "x" * 255),
)


@of_queue
def named(request: HttpRequest, queue: Queue) -> HttpResponse:
    return HttpResponse(queue.name)


urlpatterns = [
    path("queues/<queue:name>/jobs", named, name="jobs"),
    path("queues/<queue:name>", named, name="one"),
]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("route", ["one", "jobs"])
def test_any_name_goes_into_an_address_and_out_of_it(name: str, route: str) -> None:
    made = reverse(route, kwargs={"name": name})
    assert made.count("/") == (2 if route == "one" else 3), "a name is one segment, so no browser finds folders in it"
    request = RequestFactory().get(made)
    found = resolve(request.path_info)
    assert (found.url_name, found.kwargs) == (route, {"name": name})
    assert RequestFactory().get(request.get_full_path()).path_info == request.path_info, "so a login can lead back"


def test_it_tells_an_encoded_slash_from_one_of_the_address() -> None:
    seen: list[str] = []

    async def remember(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])

    application = EncodedSlashes(remember, below="/monitoring/queues/")
    for raw in (b"/monitoring/queues/a%2Fjobs/jobs", b"/monitoring/queues/a%252fb", b"/monitoring/tasks%2fa", None):
        path_before = "as it was"
        asyncio.run(application({"path": path_before, "raw_path": raw, "root_path": ""}, None, None))
    assert seen == ["/monitoring/queues/a~2Fjobs/jobs", "as it was", "as it was", "as it was"]


@pytest.mark.django_db
def test_it_knows_queues_of_sql_settings_and_redis(settings: Any) -> None:
    settings.QUARTERDECK_QUEUES = ["configured"]
    make_task(queue="recorded")
    broker.enqueue("tests.jobs.echo", queue_name="in redis")
    request = RequestFactory().get("/")
    for name in ("recorded", "configured", "in redis"):
        assert named(request, name=name).content.decode() == name
    for name in ("unknown", "a\0b", "x" * 256, "\0"):
        assert named(request, name=name).status_code == 404
    asks_for_json = RequestFactory().get("/", headers={"Accept": "application/json"})
    assert b'{"ok": false, "error": "No queue has the name' in named(asks_for_json, name="unknown").content
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert [named(request, name=name).status_code for name in ("recorded", "in redis")] == [200, 404]
