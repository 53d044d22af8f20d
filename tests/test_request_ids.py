"""Structured logs: each line names its request and its task, and no secret stands in any."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from config.logs import JSONFormatter, LineFormatter
from config.request_ids import ConnectionIds
from monitoring import broker, log_context
from tests.cast import API
from tests.running import ROOT, wait_for

CANARY = "canary-4711"


class Lines(logging.Handler):
    """Keeps what is logged, formatted."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JSONFormatter("web"))
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


@pytest.mark.parametrize("given", ["5f0c8d1e", "req-2026.01:31_A", "a" * 128])
def test_a_sane_id_is_taken(given: str, client: Client, db: None) -> None:
    assert client.get("/api/v1/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 129, "<script>alert(1)</script>", "a b c d e f g h", "é" * 20, "-" * 9]
)
def test_another_is_made_up(given: str, client: Client, db: None) -> None:
    made = client.get("/api/v1/health/live", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", f"/{settings.MONITORING_BASE_PATH}/api/tasks", "/static/favicon.svg"]
)
def test_every_answer_has_one(path: str, client: Client, db: None) -> None:
    first, second = (client.get(path).headers["X-Request-ID"] for _ in range(2))
    assert first != second


def test_lines_of_a_request_name_it(logged: list[dict[str, Any]], client: Client, db: None) -> None:
    client.post(
        f"{API}/auth/login", {"username": "nobody", "password": CANARY}, content_type="application/json",
        headers={"X-Request-ID": "request-0815"},
    )  # fmt: skip
    of_login = [line for line in logged if line["logger"] == "quarterdeck.logins"]
    assert [line["request_id"] for line in of_login] == ["request-0815"]
    assert CANARY not in json.dumps(logged)
    assert log_context.request_id.get() == ""


async def test_lines_of_a_connection_name_it_and_those_of_lasting_work_do_not(logged: list[dict[str, Any]]) -> None:
    passed_on: list[Any] = []
    answered: list[dict[str, Any]] = []

    async def application(scope: dict[str, Any], _: Any, send: Any) -> None:
        passed_on.extend(scope["headers"])
        logging.getLogger("the.hub").warning("a line of the connection")
        await asyncio.create_task(lasting(), context=log_context.about_nothing())
        await send({"type": "websocket.accept", "headers": [(b"X-Request-Id", b"another-one")]})

    async def lasting() -> None:
        logging.getLogger("the.feed").warning("a line of what goes on")

    async def keep(message: dict[str, Any]) -> None:
        answered.append(message)

    scope = {"type": "websocket", "headers": [(b"host", b"x"), (b"x-request-id", b"no\nline")]}
    await ConnectionIds(application)(scope, None, keep)
    of_hub, of_feed = ([line for line in logged if line["logger"] == name] for name in ("the.hub", "the.feed"))
    (request_id,) = [value.decode() for name, value in passed_on if name == b"x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", request_id)
    assert answered == [{"type": "websocket.accept", "headers": [(b"x-request-id", request_id.encode())]}]
    assert [line["request_id"] for line in of_hub] == [request_id]
    assert not of_feed[0].get("request_id")
    assert log_context.request_id.get() == ""


def test_a_line_is_one_object_whatever_it_says() -> None:
    try:
        raise ValueError(f"password={CANARY}\nsecond line")
    except ValueError:
        record = logging.LogRecord("a.b", logging.ERROR, "", 0, "redis://:%s@host/0\n%s", (CANARY, "x"), sys.exc_info())
    with log_context.about(log_context.task_id, "job-1"):
        text, line = JSONFormatter("worker-1").format(record), LineFormatter("worker-1").format(record)
    told = json.loads(text)
    assert "\n" not in text
    assert {key: told[key] for key in ("level", "logger", "process", "task_id")} == {
        "level": "ERROR", "logger": "a.b", "process": "worker-1", "task_id": "job-1"
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["time"])
    assert "ValueError" in told["exception"]
    assert "ERROR [task job-1] redis://" in line
    assert CANARY not in text + line


def test_a_worker_s_lines_name_the_task(tmp_path: Path, db: None) -> None:
    job_id = broker.enqueue("tests.jobs.fail", args=["aground"], job_id=str(uuid.uuid4()))
    log = tmp_path / "log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "work"], cwd=ROOT, env=os.environ | {"LOG_FORMAT": "json"}, stdout=output,
            stderr=output,
        )  # fmt: skip
        try:
            assert wait_for(lambda: "aground" in log.read_text(), 20), log.read_text()
        finally:
            worker.terminate()
            worker.wait(10)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["task_id"] for line in lines if "aground" in line["message"]} == {job_id}
    assert any("stopped" in line["message"] and "task_id" not in line for line in lines)


def test_a_wrong_format_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=os.environ | {"LOG_FORMAT": "xml"}, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "LOG_FORMAT is 'xml'; it must be text or json." in done.stderr
