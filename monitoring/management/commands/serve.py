"""The web process: ``manage.py serve``."""

from __future__ import annotations

import logging
from typing import Any

from channels.routing import get_default_application
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import connection

from monitoring import demo_logins, preflight

logger = logging.getLogger("quarterdeck.web")


class Command(BaseCommand):
    help = "Serves the pages and the APIs on HOST and PORT (Daphne). One to a machine; it serves many people at once."

    def handle(self, *args: Any, **options: Any) -> None:
        preflight.check_port()
        preflight.check_database()
        preflight.check_migrations()
        preflight.check_demo_logins()
        connection.close()
        serve()


def serve() -> None:
    """Serves until SIGTERM or SIGINT."""
    from daphne.endpoints import build_endpoint_description_strings
    from daphne.server import reactor  # installs Twisted's reactor, which no other command should carry

    from monitoring.server import Server

    server = Server(
        application=get_default_application(),
        endpoints=build_endpoint_description_strings(host=settings.HOST, port=settings.PORT),
        server_name="",
        ready_callable=lambda: reactor.callInThread(greet),
    )
    server.run()
    if server.abort_start:
        raise preflight.CannotStart(f"it cannot listen on HOST {settings.HOST}, PORT {settings.PORT}.")


def greet() -> None:
    """Tells whoever started it where to go, and the demo logins that work. In a thread: hashing takes its time."""
    host = f"[{settings.HOST}]" if ":" in settings.HOST else settings.HOST
    logger.info("Quarterdeck is up: http://%s:%s/", host, settings.PORT)
    if settings.DEMO_LOGINS and (names := demo_logins.still_open()):
        logger.info("log in as %s", ", ".join(f"{name}/{name}" for name in names))
    elif not User.objects.exists():
        logger.warning("nobody can log in yet; make an administrator with: python manage.py createsuperuser")
    connection.close()
