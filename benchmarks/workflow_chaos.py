"""Whether every workflow ends, and no attempt has its effect twice, while all of Quarterdeck's processes are killed.

300 workflows of eight steps run on two workers, a recorder, a dispatcher and a web process. A hundred times one of the
five, by chance, is killed with SIGKILL and replaced by another (forked, so that the start of a Python process is not
what is waited for). Each step's effect is a line in a file: its step and the number of its attempt. RQ notices a
killed worker's job after a minute and a half; the end is waited for.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.databases import database, postgres_server
from benchmarks.latency import free_port
from benchmarks.sides import obey
from benchmarks.stage import stage
from benchmarks.workflow_handlers import EFFECTS, EIGHT

WORKFLOWS = int(os.environ.get("WORKFLOWS", "300"))
KILLS = int(os.environ.get("KILLS", "100"))
PAUSE_SECONDS = (0.3, 1.2)
"""Between two kills."""
PATIENCE_SECONDS = 900
PROCESSES = ("work", "work", "record", "dispatch", "serve")


def run() -> None:
    """Prints how the workflows ended, and how often an effect happened twice or not at all."""
    for kind in ("sqlite", *(["postgresql"] if postgres_server() else [])):
        with ExitStack() as stack:
            url = stack.enter_context(database(kind))
            here = stack.enter_context(stage(DATABASE_URL=url, PORT=str(free_port()), HOST="127.0.0.1"))
            effects = here.data_dir / "effects"
            side = stack.enter_context(here.side(__name__, **{EFFECTS: str(effects)}))
            told: dict[str, Any] = side.ask("play")
            print(
                f"{kind}: {WORKFLOWS} workflows of {len(EIGHT)} steps, kills: {told['kills']}\n"
                f"{kind}: after {told['seconds']:.0f} s {told['statuses']}; {told['attempts']:,} attempts had effects, "
                f"{told['twice']} of them twice; steps without any: {told['without']}",
                flush=True,
            )


# --- In the process that starts and kills ---------------------------------------------------------------------------


def play() -> dict[str, Any]:
    """Starts all, kills, waits, and tells what came of it."""
    from django.core.management import call_command

    from scheduler.workflow_models import Workflow
    from scheduler.workflow_starts import start_workflow

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    started = time.monotonic()
    for _ in range(WORKFLOWS):
        start_workflow("benchmarks.effects")
    running = [(name, _fork(name)) for name in PROCESSES]
    kills = Counter(dict.fromkeys(PROCESSES, 0))
    killing = _kill_some(running, kills)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while Workflow.objects.filter(completed_at=None).exists() and time.monotonic() < deadline:
        time.sleep(0.5)
    seconds = time.monotonic() - started
    for _, pid in running:
        _end(pid, signal.SIGKILL)
    return {"kills": dict(kills), "killing": killing, "seconds": seconds, **_found()}


def _kill_some(running: list[tuple[str, int]], kills: Counter[str]) -> float:
    chance = random.Random()  # noqa: S311  # a play, no secret
    started = time.monotonic()
    for _ in range(KILLS):
        time.sleep(chance.uniform(*PAUSE_SECONDS))
        number = chance.randrange(len(running))
        name, pid = running[number]
        _end(pid, signal.SIGKILL)
        kills[name] += 1
        running[number] = (name, _fork(name))
    return time.monotonic() - started


def _end(pid: int, by: signal.Signals) -> None:
    os.kill(pid, by)
    os.waitpid(pid, 0)


def _fork(name: str) -> int:
    """A process of its own, as ``manage.py`` runs it; what it says is not kept."""
    from django.core.management import call_command
    from django.db import connections

    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for number in range(3):
                os.dup2(nowhere, number)
            call_command(name)
        finally:
            os._exit(0)
    return pid


def _found() -> dict[str, Any]:
    from scheduler.workflow_models import Workflow, WorkflowStep

    keys = [f"{workflow}:{name}" for workflow, name in WorkflowStep.objects.values_list("workflow_id", "name")]
    effects = Counter(Path(os.environ[EFFECTS]).read_text().split("\n")[:-1])
    steps = {line.split()[0] for line in effects}
    return {
        "statuses": dict(Counter(Workflow.objects.values_list("status", flat=True))),
        "attempts": len(effects),
        "twice": sum(count > 1 for count in effects.values()),
        "without": sum(key not in steps for key in keys),
    }


if __name__ == "__main__":
    import django

    django.setup()
    from benchmarks.workflow_handlers import declare

    declare()
    obey({"play": play})
