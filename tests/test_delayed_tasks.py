"""Delayed tasks get onto their queues, also after Redis was away."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import redis

from config.environment import embedded_redis_socket
from tests import valkey
from tests.running import ROOT, Running, wait_for


def test_it_starts_delayed_tasks_again_once_redis_is_back(tmp_path: Path) -> None:
    one = Running(tmp_path / "data")
    client = redis.Redis(unix_socket_path=str(embedded_redis_socket(one.data_dir)))
    stop = valkey.start(one.data_dir)
    worker = subprocess.Popen([sys.executable, "manage.py", "work"], cwd=ROOT, env=one.environment)
    try:
        assert wait_for(lambda: client.exists("rq:scheduler-lock:default") == 1, 20)
        stop()
        time.sleep(1.5)
        stop = valkey.start(one.data_dir)

        job_id = one.manage("enqueue", "demo.tasks.echo", "--args", "[1]", "--delay", "1").stdout.strip()
        assert wait_for(lambda: client.hget(f"rq:job:{job_id}", "status") == b"finished", 15)
    finally:
        worker.terminate()
        worker.wait(timeout=20)
        stop()
