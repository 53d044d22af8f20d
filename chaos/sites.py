"""A whole Quarterdeck to be broken: as ``make run`` starts it, with what it says to whoever looks at it meanwhile."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.running import ROOT, Running, children_of, wait_for

LOGIN = ("operator", "operator")
"""The demo login that looks."""
UNREACHABLE = "web: no answer"
JOB_SECONDS = 0.05
RATE = 15.0
"""Jobs a second: two workers, each of which forks for every job, keep up with it on two processors."""
_CONCERN = re.compile(r'data-concern="(\w+)"')
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Site:
    """One Quarterdeck on a database and a Redis that are given (empty: its own), and the load on it.

    What else is given are variables of its environment.
    """

    def __init__(self, directory: Path, *, database_url: str = "", redis_url: str = "", **environment: str) -> None:
        self.directory = directory
        self.effects = directory / "effects"
        self.accepted = directory / "accepted"
        usual = {
            "DEMO": "0",
            "DEBUG": "1",  # with it the demo logins
            "QUARTERDECK_CALLABLES": "chaos.jobs",
            "QUARTERDECK_QUEUES": "default",
        }
        given = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
        given = {name: value for name, value in given.items() if value}
        self.running = Running(directory / "data", **(usual | given | environment))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        self._load: subprocess.Popen[bytes] | None = None
        self.effects.touch()

    # --- Starting and ending ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns once somebody has logged in and both workers listen."""
        self.running.start()
        if not wait_for(self.running.answers, 60) or not wait_for(self._log_in, 10):
            raise RuntimeError(f"Quarterdeck did not start:\n{self.running.log.read_text()}")

    def begin_load(self, rate: float = RATE) -> None:
        """So many jobs a second come from now on."""
        words = [sys.executable, "-m", "chaos.load", f"{rate}", f"{JOB_SECONDS}", *map(str, self._files())]
        self._load = subprocess.Popen(words, cwd=ROOT, env=self._environment_beside())

    def _files(self) -> tuple[Path, Path]:
        return self.effects, self.accepted

    def _environment_beside(self) -> dict[str, str]:
        """Of the load and the verdict: the site's own, but for a wall clock that is changed."""
        environment = self.running.environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
        environment.pop("LD_PRELOAD", None)
        return environment

    def end_load(self) -> None:
        """No more jobs come."""
        if self._load is not None:
            self._load.terminate()
            self._load.wait(timeout=60)
            self._load = None

    def end(self) -> None:
        """Leaves no process behind."""
        if self._load is not None:
            self._load.kill()
            self._load.wait()
        self.running.end()

    # --- Its processes ------------------------------------------------------------------------------------------

    def pids(self, command: str) -> set[int]:
        """Of the processes that the supervisor runs as ``manage.py <command>``."""
        return self.running.supervised(f"manage.py {command}")

    def kill(self, command: str) -> None:
        """SIGKILL for one of them; returns once another runs in its place."""
        before = self.pids(command)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        if not wait_for(lambda: len(self.pids(command) - {victim}) == len(before), 30):
            raise RuntimeError(f"nothing came in the place of the {command} process within 30 s")

    def kill_work_horse(self) -> None:
        """SIGKILL for a process that a worker forked for one job."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for worker in self.pids("work"):
                for horse in _horses_of(worker):
                    with suppress(ProcessLookupError):
                        os.kill(horse, signal.SIGKILL)
                        return
        raise RuntimeError("no worker ran a job for 10 s")

    def freeze(self, command: str, *, frozen: bool = True) -> None:
        """Has all of them stand still, or go on."""
        for pid in self.pids(command):
            os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    # --- What it says --------------------------------------------------------------------------------------------

    def _log_in(self) -> bool:
        address = self._address("monitoring/login")
        try:
            page = self._opener.open(address, timeout=10).read().decode()
            token = _TOKEN.search(page)
            if token is None:
                return False
            form = {"csrfmiddlewaretoken": token[1], "username": LOGIN[0], "password": LOGIN[1]}
            answer = self._opener.open(address, urllib.parse.urlencode(form).encode(), timeout=10)
        except OSError:
            return False
        return "/login" not in str(answer.url)

    def _address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.running.port}/{path}"

    def ask(self, path: str) -> tuple[int, str]:
        """The status and the text of what a path answers; status 0 if nothing does."""
        try:
            with self._opener.open(self._address(path), timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def says(self) -> set[str]:
        """What a person sees to be wrong: concerns of the overview, and the checks that fail."""
        status, page = self.ask("monitoring/")
        if not status:
            return {UNREACHABLE}
        found = {f"overview: {kind}" for kind in _CONCERN.findall(page)}
        if status != 200:
            found.add(f"overview: {status}")
        _, ready = self.ask("api/v1/health/ready")
        with suppress(ValueError):
            found |= {f"ready: {name}" for name in json.loads(ready)["failed_checks"]}
        return found

    def listen_for(self, words: Iterable[str], seconds: float) -> tuple[float | None, set[str]]:
        """Looks until one of the words is said: after how many seconds (None: never), and all that was said."""
        wanted, said, began = set(words), set[str](), time.monotonic()
        while time.monotonic() - began < seconds:
            said |= self.says()
            if said & wanted:
                return time.monotonic() - began, said
            time.sleep(0.2)
        return None, said

    # --- What came of it -----------------------------------------------------------------------------------------

    def judge(self) -> dict[str, Any]:
        """What ``chaos.verdict`` finds in the record."""
        told = subprocess.run(
            [sys.executable, "-m", "chaos.verdict", *map(str, self._files())],
            cwd=ROOT,
            env=self._environment_beside(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if told.returncode:
            raise RuntimeError(told.stderr)
        return dict(json.loads(told.stdout))


def _horses_of(worker: int) -> set[int]:
    """Its forks that run a job: RQ gives each a process group of its own, and its scheduler none."""
    found = set()
    for child in children_of(worker):
        with suppress(ProcessLookupError):
            if os.getpgid(child) == child:
                found.add(child)
    return found
