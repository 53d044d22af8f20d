"""Who can write to Redis cannot make the web process run anything: no page, API or process of ours unpickles a job."""

from __future__ import annotations

import ast
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rq
from django.test import Client
from rq.job import Job

from monitoring import broker, inbox
from monitoring.recorder import Recorder
from tests.access_matrix import RULES, Who
from tests.cast import client_of
from tests.routes import in_short, routes, set_stage
from tests.running import ROOT

pytestmark = pytest.mark.django_db
OURS = ("audit", "config", "monitoring", "scheduler")
UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve"}


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (Path(self.path),))


def set_trap(path: Path, status: str = "queued") -> str:
    """A job in Redis whose every pickled part is a trap, as an attacker would write it; its id."""
    trap = pickle.dumps(Trap(str(path)))
    queue = rq.Queue("default", connection=broker.connection(), serializer="pickle")
    job = queue.enqueue("tests.jobs.echo")
    told: Any = {
        "data": zlib.compress(trap),
        "meta": trap,
        "result": trap,
        "exc_info": zlib.compress(b"x"),
        "status": status,
    }
    broker.connection().hset(f"rq:job:{job.id}", mapping=told)
    broker.connection().zadd("rq:wip:default", {f"{job.id}:1": 9e9})
    for registry in ("finished", "failed", "scheduled", "deferred", "canceled"):
        broker.connection().zadd(f"rq:{registry}:default", {job.id: 9e9})
    return str(job.id)


def test_the_trap_works(tmp_path: Path) -> None:
    """Else the tests below would prove nothing."""
    job_id = set_trap(tmp_path / "caught")
    with pytest.raises(Exception):  # noqa: B017, PT011  # whatever RQ makes of what comes out
        Job.fetch(job_id, connection=broker.connection(), serializer="pickle").func_name  # noqa: B018
    assert (tmp_path / "caught").exists()


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_no_page_and_no_api_unpickles(tmp_path: Path, admin: Any, client: Client) -> None:
    job_id = set_trap(tmp_path / "caught")
    stage = set_stage()
    recorder = Recorder(announce=lambda _: None)
    recorder.start()
    recorder.drain()
    trapped = str(inbox.task_id_for(job_id))
    admin.is_staff = True
    admin.save()
    client.force_login(admin)
    clients = (client, client_of(admin))
    for route in routes():
        if RULES[in_short(route)].least("GET") is Who.NOBODY:
            continue
        path = stage.path_to(route)
        for asked in {path, path.replace(str(stage.task.pk), trapped), path.replace(stage.task.job_id, job_id)}:
            for one in clients:
                b"".join(one.get(asked, headers={"Accept": "application/json"} if one is client else {}))
    assert not (tmp_path / "caught").exists()


@pytest.mark.parametrize("action", ["retry", "cancel", "stop", "remove"])
@pytest.mark.parametrize("status", ["queued", "started", "failed"])
def test_no_verb_unpickles(tmp_path: Path, operator: Any, client: Client, action: str, status: str) -> None:
    job_id = set_trap(tmp_path / "caught", status)
    recorder = Recorder(announce=lambda _: None)
    recorder.start()
    recorder.drain()
    client.force_login(operator)
    client.post(f"/monitoring/queues/default/jobs/{job_id}/{action}")
    client.post("/monitoring/queues/default/jobs", {"action": action, "all": "1"})
    assert not (tmp_path / "caught").exists()


def modules() -> Iterator[Path]:
    for name in OURS:
        yield from (ROOT / name).rglob("*.py")


def test_nothing_of_ours_can_unpickle() -> None:
    """No module of the web side imports what could, and RQ is given its JSON serializer everywhere."""
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path}: {name}" for name in names if name.split(".")[0] in UNPICKLERS]
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Job.fetch", "rq.Queue", "Queue.fetch_job"):
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                if given.get("serializer") not in ("'json'", "JSONSerializer"):
                    found.append(f"{path}: {ast.unparse(node)}")
    assert found == []
