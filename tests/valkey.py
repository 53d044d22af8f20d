"""Runs the embedded Valkey for tests."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import redis

from config import valkey
from config.environment import embedded_redis_socket


def start(data_dir: Path) -> Callable[[], None]:
    """Starts a server on the data directory's socket and returns what stops it."""
    socket = embedded_redis_socket(data_dir)
    process = subprocess.Popen(valkey.command(data_dir, socket), stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=str(socket))
    for _ in range(100):
        try:
            client.ping()
            break
        except redis.RedisError:
            time.sleep(0.05)

    def stop() -> None:
        process.terminate()
        process.wait(timeout=10)

    return stop
