"""A web process for tests, over the tests' own database and Redis."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser

from tests.running import ROOT, free_port, wait_for


class Web:
    """A web process on a port of its own, over the tests' database and Redis."""

    def __init__(self) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        environment = os.environ | {
            "DATABASE_URL": database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DEMO": "0",
        }
        self.process = subprocess.Popen([sys.executable, "manage.py", "serve"], cwd=ROOT, env=environment)
        assert wait_for(self.answers, 30)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=10)


def database_url() -> str:
    """The tests' database, for another process."""
    values = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{values['NAME']}"
    return f"postgres://{values['USER']}:{values['PASSWORD']}@{values['HOST']}:{values['PORT']}/{values['NAME']}"


def session_cookie(user: User, web: Web) -> Any:
    """The session of a user who is logged in, for a browser."""
    browser = Browser()
    browser.force_login(user)
    return {"name": "sessionid", "value": browser.cookies["sessionid"].value, "url": f"http://{web.address}"}
