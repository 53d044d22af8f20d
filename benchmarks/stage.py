"""The stage of every benchmark: a Valkey and a data directory of its own, gone when the benchmark ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from benchmarks.sides import Side
from config import valkey
from config.environment import embedded_redis_socket

ROOT = Path(__file__).resolve().parent.parent
QUEUE = "default"
# Whatever the caller's environment says, a benchmark touches none of the caller's data.
_OVERRIDDEN = ("DATABASE_URL", "REDIS_URL", "QUARTERDECK_OUTBOX", "QUARTERDECK_OUTBOX_LIMIT", "MONITORING_BASE_PATH")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where a benchmark plays: its directory, its Redis and the environment of the processes it starts."""

    data_dir: Path
    redis_url: str
    environment: dict[str, str]

    def redis(self) -> redis.Redis:
        """A client of the stage's own server."""
        return redis.Redis.from_url(self.redis_url)

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Starts ``python <words>`` on this stage, with pipes to and from it."""
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def side(self, module: str, *words: str, **environment: str) -> Iterator[Side]:
        """Starts ``python -m <module> <words>``, which does what it is asked until the block ends."""
        process = self.start("-m", module, *words, **environment)
        try:
            yield Side(process)
        finally:
            process.communicate(timeout=10)  # the end of its input ends it

    @contextmanager
    def running(self, *words: str) -> Iterator[Path]:
        """Runs ``python <words>`` until the block ends; what it says goes to the log file that is yielded."""
        log = self.data_dir / f"{'-'.join(words).replace('/', '-')}-{len(list(self.data_dir.glob('*.log')))}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *words], cwd=ROOT, env=self.environment, stdout=output, stderr=output
            )
        try:
            yield log
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def stage(**environment: str) -> Iterator[Stage]:
    """Starts a Valkey in a temporary directory and yields the stage; ``environment`` adds to what children see."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-benchmark-") as directory:
        data_dir = Path(directory)
        socket = embedded_redis_socket(data_dir)
        server = subprocess.Popen(valkey.command(data_dir, socket), stdout=subprocess.DEVNULL)
        try:
            _wait_for(socket)
            url = f"unix://{socket}?db=0"
            yield Stage(data_dir=data_dir, redis_url=url, environment=_environment(data_dir, url) | environment)
        finally:
            server.terminate()
            server.wait(timeout=10)


def _wait_for(socket: Path) -> None:
    client = redis.Redis(unix_socket_path=str(socket))
    for _ in range(100):
        try:
            client.ping()
            return
        except redis.RedisError:
            time.sleep(0.05)
    raise RuntimeError(f"the embedded Valkey did not answer on {socket} within 5 s")


def _environment(data_dir: Path, redis_url: str) -> dict[str, str]:
    """As in production: with DEBUG on, Django keeps every query it runs, which is not what is measured here."""
    inherited = {name: value for name, value in os.environ.items() if name not in _OVERRIDDEN}
    return inherited | {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "0",
        "DEMO": "0",
        "SECRET_KEY": "a-key-for-benchmarks-only-that-signs-nothing-of-value",
        "QUARTERDECK_DATA_DIR": str(data_dir),
        "QUARTERDECK_CALLABLES": "benchmarks.jobs",
        "QUARTERDECK_QUEUES": QUEUE,
        "REDIS_URL": redis_url,
        # Counted as in production, and never reached.
        "API_REQUESTS_PER_MINUTE_PER_ACCOUNT": "1000000",
        "API_REQUESTS_PER_MINUTE_PER_SOURCE": "1000000",
    }
