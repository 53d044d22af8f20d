"""supervisord with our difference."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import ROOT, children_of, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts it with one process that sleeps."""
    (tmp_path / "conf").write_text(
        f"[supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={tmp_path}/pid\n"
        "[program:sleeper]\ncommand=sleep 100\n"
    )
    started: list[subprocess.Popen[bytes]] = []

    def start_one(*before: str) -> subprocess.Popen[bytes]:
        words = [*before, sys.executable, "-m", "config.supervise", "--nodaemon", "-c", str(tmp_path / "conf")]
        started.append(subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        assert wait_for(lambda: len(children_of(started[0].pid)) == 1, 10)
        return started[0]

    yield start_one
    started[0].terminate()
    started[0].wait(timeout=15)


def test_it_stops_when_its_terminal_is_closed(start: Start) -> None:
    # Whoever runs the tests may ignore the signal (nohup does), and children inherit that.
    supervisor = start("env", "--default-signal=HUP")
    (sleeper,) = children_of(supervisor.pid)
    supervisor.send_signal(signal.SIGHUP)

    assert supervisor.wait(timeout=10) == 0
    assert not Path(f"/proc/{sleeper}").exists()


def test_it_lives_on_under_nohup(start: Start) -> None:
    supervisor = start("nohup")
    before = children_of(supervisor.pid)
    supervisor.send_signal(signal.SIGHUP)

    assert not wait_for(lambda: supervisor.poll() is not None or children_of(supervisor.pid) != before, 1.5)
