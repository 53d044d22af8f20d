"""The servers that a Quarterdeck stands on while it is broken: they are ours, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import redis

from config import valkey
from tests.running import free_port, wait_for

START_SECONDS = 20


class Missing(Exception):
    """This machine lacks what a fault needs; the text says what."""


class Valkey:
    """A server of our own, with its append-only file or without."""

    def __init__(self, directory: Path, *, keeps: bool) -> None:
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}?db=0"
        self._words = valkey.command(directory, self.socket)
        self._words[self._words.index("--appendonly") + 1] = "yes" if keeps else "no"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers, with what it had kept."""
        self._process = subprocess.Popen(self._words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_for(self._answers, START_SECONDS):
            raise RuntimeError(f"Valkey did not answer on {self.socket} within {START_SECONDS} s")

    def _answers(self) -> bool:
        try:
            return bool(redis.Redis(unix_socket_path=str(self.socket)).ping())
        except redis.RedisError:
            return False

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    end = kill


class Clock:
    """The wall clock of the processes that are started with its environment: right, ahead or behind.

    Debian's libfaketime answers them when they ask for the time of day; how long something takes they still measure
    rightly. It reads the step from a file, which is replaced whole: nobody finds it half written.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self.step(0)
        self.environment = {
            "LD_PRELOAD": str(_faketime_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": str(Path(__file__).with_name("sleeping")),
        }

    def step(self, seconds: int) -> None:
        """From within a second on they are so far ahead of the true time, or behind if it is negative."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}s\n")
        fresh.replace(self._file)


def _faketime_library() -> Path:
    """The one for processes with threads, which all of ours are."""
    places = ("/usr/lib/*/faketime", "/usr/lib64/faketime", "/usr/lib/faketime", "/usr/local/lib/faketime")
    found = sorted(path for place in places for path in Path("/").glob(f"{place[1:]}/libfaketimeMT.so.1"))
    if not found:
        raise Missing("libfaketime (Debian: apt-get install faketime)")
    return found[0]


class Postgres:
    """A cluster of our own. PostgreSQL refuses to run as root, so root runs it as the user ``postgres``."""

    def __init__(self, directory: Path) -> None:
        self._user = "postgres" if os.geteuid() == 0 else None
        self._programs = _postgres_programs()
        self._directory = directory / "postgres"
        self._directory.mkdir()
        self._port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self._port}/postgres"
        if self._user:
            _let_through(directory)
            shutil.chown(self._directory, self._user, self._user)
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")

    def start(self) -> None:
        """Returns once it answers; after a kill that is after its recovery."""
        options = f"-p {self._port} -h 127.0.0.1 -k {self._directory}"
        self._run("pg_ctl", "start", "--wait", "--options", options, "--log", str(self._directory / "log"))

    def restart(self) -> None:
        """At once: whoever is connected is thrown out, and the log is replayed."""
        self._run("pg_ctl", "restart", "--wait", "--mode=immediate", "--log", str(self._directory / "log"))

    def kill(self) -> None:
        """Stops without a checkpoint: nobody can connect."""
        self._run("pg_ctl", "stop", "--wait", "--mode=immediate")

    def freeze(self) -> None:
        """Has every one of its processes stand still: it takes connections and answers none."""
        self._tell_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Has them go on."""
        self._tell_all(signal.SIGCONT)

    def _tell_all(self, number: signal.Signals) -> None:
        postmaster = int((self._directory / "postmaster.pid").read_text().split("\n", 1)[0])
        for pid in (postmaster, *_children_of(postmaster)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self) -> None:
        """Leaves nothing running."""
        with suppress(OSError, subprocess.CalledProcessError):
            self.thaw()
            self.kill()

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [self._programs / program, "--pgdata", str(self._directory), *words],
            check=True,
            cwd=self._directory,
            user=self._user,
            stdout=subprocess.DEVNULL,
        )


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
        Path(program) for program in [shutil.which("initdb")] if program
    ]
    if not found:
        raise Missing("PostgreSQL's programs (Debian: apt-get install postgresql)")
    return found[-1].parent


def _let_through(directory: Path) -> None:
    """Lets another user reach what lies in the directory, by name only."""
    directory.chmod(0o711)


def _children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class SmallDisk:
    """A file system in memory that can be filled to its last byte."""

    def __init__(self, directory: Path, *, megabytes: int = 64) -> None:
        self.path = directory / "disk"
        self.path.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(self.path)]
        if os.geteuid() != 0 or subprocess.run(words, check=False, stderr=subprocess.DEVNULL).returncode:
            self.path.rmdir()
            raise Missing("the right to mount a small file system (run it as root)")

    def fill(self) -> None:
        """Takes every byte that is left, until it stays full."""
        with (self.path / "ballast").open("ab", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(b"\0" * 65_536)
        with (self.path / "ballast").open("ab", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(b"\0")

    def make_room(self) -> None:
        """Gives all that back."""
        (self.path / "ballast").unlink(missing_ok=True)

    def end(self) -> None:
        """Unmounts it with all that is on it."""
        subprocess.run(["umount", "--lazy", str(self.path)], check=False)  # noqa: S607  # mount's other half
