"""Starts the whole of Quarterdeck for a test, as ``make run`` does once the packages are installed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return what()


class Running:
    """One Quarterdeck with a data directory and a port of its own."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name
            not in ("DATABASE_URL", "REDIS_URL", "QUARTERDECK_CALLABLES", "DJANGO_SETTINGS_MODULE", "SECRET_KEY")
        } | {"QUARTERDECK_DATA_DIR": str(data_dir), "HOST": "127.0.0.1", "PORT": str(self.port), **environment}
        self.log = data_dir.with_name(f"{data_dir.name}.log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it without waiting."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def manage(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of manage.py in the same environment, to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def answers(self) -> bool:
        """Whether HTTP is answered, with whatever status."""
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/admin/login/", timeout=2).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def pids(self, words: str = "") -> set[int]:
        """The processes of this one (known by its data directory) whose command line has the words."""
        return {pid for pid, line in self._processes() if words in line}

    def supervised(self, words: str) -> set[int]:
        """Those of them that supervisord itself started: a worker's forks look like workers."""
        assert self.process is not None
        return {pid for pid in self.pids(words) if _parent_of(pid) == self.process.pid}

    def _processes(self) -> Iterator[tuple[int, str]]:
        variable = f"QUARTERDECK_DATA_DIR={self.data_dir}".encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    # Valkey writes its title, with its socket's path, over its environment.
                    if f"{self.data_dir}/" in line or variable in (entry / "environ").read_bytes().split(b"\0"):
                        yield int(entry.name), line

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 15) -> int:
        """Sends the signal to supervisord's process group, as a terminal does; returns the exit code."""
        assert self.process is not None
        os.killpg(self.process.pid, number)
        return self.process.wait(timeout=seconds)

    def end(self) -> None:
        """Leaves nothing behind, whatever happened."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(timeout=10)


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def children_of(pid: int) -> set[int]:
    """The processes that it forked."""
    return {
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _parent_of(int(entry.name)) == pid
    }
