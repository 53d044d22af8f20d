"""What must be true before a process starts: each check raises CannotStart with one sentence, and changes nothing."""

from __future__ import annotations

import copy
import errno
import socket

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import ConnectionHandler

from monitoring import broker, demo_logins
from monitoring.redaction import mask_text


class CannotStart(ImproperlyConfigured):
    """The sentence that the person who starts it reads; ``manage.py`` prints it and exits with 1."""


def check_port() -> None:
    """HOST and PORT are an address of this machine that nobody listens on."""
    host, port = settings.HOST, settings.PORT
    try:
        # As Twisted does: a name is an IPv4 one, even where "localhost" is ::1 first.
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotStart(f"port {port} on {host} is in use; stop what listens there, or set PORT.") from error
        raise CannotStart(f"it cannot listen on HOST {host}, PORT {port}: {error.strerror}.") from error


def check_redis() -> None:
    """The server that REDIS_URL names answers; of an embedded one, that no other is running over the same data."""
    try:
        broker.ping()
    except broker.BrokerError as error:
        if not settings.REDIS_IS_EMBEDDED:
            where = mask_text(settings.REDIS_URL, 200)
            raise CannotStart(f"Redis does not answer at {where} (REDIS_URL): {_first_line(error)}.") from error
        return
    if settings.REDIS_IS_EMBEDDED:
        raise CannotStart(
            f"Quarterdeck is already running with the data in {settings.DATA_DIR}; "
            "stop it, or give this one another QUARTERDECK_DATA_DIR."
        )


def check_database() -> None:
    """The database of DATABASE_URL lets us in."""
    entry = copy.deepcopy(settings.DATABASES[DEFAULT_DB_ALIAS])
    entry["OPTIONS"].pop("pool", None)  # a pool hides the reason behind a timeout
    probe = ConnectionHandler({DEFAULT_DB_ALIAS: entry})[DEFAULT_DB_ALIAS]
    try:
        probe.ensure_connection()
        probe.close()
    except DatabaseError as error:
        where = "/".join(str(part) for part in (entry["HOST"], entry["NAME"]) if part)
        raise CannotStart(f"the database {where} (DATABASE_URL) cannot be used: {_first_line(error)}.") from error


def check_migrations() -> None:
    """The database has the tables that this version needs."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CannotStart("the database is not prepared for this version; run: python manage.py migrate")


def check_demo_logins() -> None:
    """No demo password works unless DEBUG is on and HOST is on loopback."""
    if settings.DEMO_LOGINS:
        return
    if names := demo_logins.still_open():
        raise CannotStart(
            f"the demo password of {', '.join(names)} still works, which is allowed only with DEBUG on and HOST on "
            "loopback; run python manage.py changepassword for each, or delete the user."
        )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return mask_text(text.splitlines()[0], 300).rstrip(". ")
