"""Reads Quarterdeck's environment variables and refuses wrong ones with a sentence.

Every setting of the project is an environment variable; ``settings.py`` names each one once and the README lists them.
"""

from __future__ import annotations

import os
import re
import socket
import tempfile
from hashlib import blake2s
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

DEVELOPMENT_SECRET_KEY = "development-only-secret-key-that-is-refused-when-debug-is-off"  # noqa: S105  # refused outside DEBUG
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

env = Env()


def read(kind: str, name: str, default: Any) -> Any:
    """The variable ``name`` as ``kind`` ("bool", "int", "str", "list"); raises ImproperlyConfigured with a sentence."""
    try:
        return getattr(env, kind)(name, default)
    except EnvError as error:
        raise ImproperlyConfigured(f"the environment variable {name} cannot be used: {error}.") from error


def between(name: str, default: int, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    number: int = read("int", name, default)
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} is {number}; it must be a whole number from {low} to {high}.")
    return number


def url_path(name: str, default: str) -> str:
    """A path of the site without slashes around it, made of letters, digits, ``-``, ``_`` and inner slashes."""
    path: str = read("str", name, default).strip("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", path):
        raise ImproperlyConfigured(f"{name} is {path!r}; it must be a path like 'monitoring' or 'ops/monitoring'.")
    if path.split("/", maxsplit=1)[0] in {"admin", "api", "api-docs", "api-docs.json", "static"}:
        raise ImproperlyConfigured(f"{name} is {path!r}, which Quarterdeck serves other things under.")
    return path


def secret_key(*, debug: bool) -> str:
    """The signing key; the development default is refused when DEBUG is off."""
    key: str = read("str", "SECRET_KEY", DEVELOPMENT_SECRET_KEY)
    if not debug and (key == DEVELOPMENT_SECRET_KEY or len(key) < 32):
        raise ImproperlyConfigured("DEBUG is off, so SECRET_KEY must be set to a random text of 32 characters or more.")
    return key


def database(data_dir: Path) -> dict[str, Any]:
    """Django's entry for ``DATABASE_URL``: SQLite in WAL mode below the data directory unless it names another."""
    url: str = read("str", "DATABASE_URL", "") or f"sqlite:///{data_dir / 'quarterdeck.sqlite3'}"
    try:
        entry: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}.") from error
    engine = entry["ENGINE"]
    if engine.endswith("sqlite3"):
        # IMMEDIATE takes the write lock when a transaction begins, so two recorders take turns instead of failing
        # when both upgrade a read lock. WAL lets pages read while the recorder writes.
        entry["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
        }
        entry["TEST"] = {"NAME": str(data_dir / "test.sqlite3")}
    elif engine.endswith("postgresql"):
        entry["OPTIONS"] = {**entry.get("OPTIONS", {}), "connect_timeout": 5}
        # For the web process, where each request has a thread of its own. Elsewhere no pool: a forked work horse must
        # not share its sockets.
        if pool_size := between("DATABASE_POOL_SIZE", 0, 0, 100):
            entry["OPTIONS"]["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5}
    else:
        raise ImproperlyConfigured("DATABASE_URL must start with sqlite:// or postgres://.")
    return entry


def embedded_redis_socket(data_dir: Path) -> Path:
    """Where the embedded Valkey listens: below the data directory, or in the temporary one if that path is too long.

    A Unix socket path may have at most 107 bytes (``sun_path`` in unix(7)).
    """
    socket_path = data_dir / "valkey.sock"
    if len(os.fsencode(socket_path)) <= 100:
        return socket_path
    digest = blake2s(os.fsencode(data_dir), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"quarterdeck-{digest}.sock"


def redis_url(data_dir: Path) -> str:
    """``REDIS_URL``, or the URL of the embedded Valkey's socket when it is unset."""
    url: str = read("str", "REDIS_URL", "")
    if not url:
        return f"unix://{embedded_redis_socket(data_dir)}?db=0"
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ImproperlyConfigured("REDIS_URL must start with redis://, rediss:// or unix://.")
    return url


def host_name() -> str:
    """This machine's name, the default of QUARTERDECK_INSTANCE."""
    return socket.gethostname()[:255]
