"""``manage.py up``, behind ``make run``: everything on one machine."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from monitoring import demo_logins, preflight
from monitoring.lifeline import SUPERVISOR

logger = logging.getLogger("quarterdeck.up")


class Command(BaseCommand):
    help = "Checks, prepares the database, and starts every process under supervisord, in the foreground."

    def handle(self, *args: Any, **options: Any) -> None:
        preflight.check_port()
        preflight.check_redis()
        preflight.check_database()
        logger.info("preparing the database and files; the data is kept in %s", settings.DATA_DIR)
        prepare()
        preflight.check_demo_logins()
        sys.stdout.flush()
        become_supervisord()


def prepare() -> None:
    """Brings the database up to date, and makes the demo logins where they are allowed."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    if settings.DEMO_LOGINS:
        demo_logins.make_missing()
    if not settings.DEBUG:
        call_command("collectstatic", interactive=False, verbosity=0)


def become_supervisord() -> None:
    """Replaces this process, so that Ctrl-C and whoever started it deal with supervisord itself."""
    os.environ |= {
        SUPERVISOR: str(os.getpid()),
        "QUARTERDECK_PYTHON": sys.executable,
        "QUARTERDECK_DATA_DIR": str(settings.DATA_DIR),
        "QUARTERDECK_STARTS_VALKEY": str(settings.REDIS_IS_EMBEDDED).lower(),
        "QUARTERDECK_STARTS_DEMO": str(settings.DEMO).lower(),
    }
    configuration = str(settings.BASE_DIR / "config" / "supervisord.conf")
    words = [sys.executable, "-m", "config.supervise", "--nodaemon", "--configuration", configuration]
    if os.geteuid() == 0:
        words += ["--user", "root"]  # it warns unless told that root is meant
    make_output_shareable()
    os.chdir(settings.BASE_DIR)
    os.execv(words[0], words)  # noqa: S606  # nosec B606  # no shell is wanted


def make_output_shareable() -> None:
    """Has standard output be something that supervisord can open again by name (/dev/stdout), once for each child."""
    try:
        os.close(os.open("/dev/stdout", os.O_WRONLY | os.O_APPEND | os.O_NOCTTY))
    except OSError:  # a socket, or the terminal of another user: copy through a pipe
        reading, writing = os.pipe()
        subprocess.Popen(["cat"], stdin=reading, start_new_session=True)  # noqa: S607  # nosec B607  # any cat will do
        os.close(reading)
        os.dup2(writing, 1)
    # Without it, each opening of a file ("make run > log") writes at a place of its own, over the others' lines.
    fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_APPEND)
