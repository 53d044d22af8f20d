"""Reads Quarterdeck's environment variables and refuses wrong ones with a sentence.

Every setting of the project is an environment variable; ``settings.py`` names each one once and the README lists them.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import tempfile
from hashlib import blake2s
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError

DEVELOPMENT_SECRET_KEY = "development-only-secret-key-that-is-refused-when-debug-is-off"  # noqa: S105  # refused outside DEBUG
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

env = Env()


_KINDS = {"bool": "true or false", "int": "a whole number", "str": "a text", "list": "a list with commas"}


def read(kind: str, name: str, default: Any) -> Any:
    """The variable ``name`` as ``kind`` ("bool", "int", "str", "list"); raises ImproperlyConfigured with a sentence."""
    try:
        return getattr(env, kind)(name, default)
    except EnvError as error:
        raise ImproperlyConfigured(f"{name} is {os.environ.get(name)!r}; it must be {_KINDS[kind]}.") from error


def between(name: str, default: int, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    number: int = read("int", name, default)
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} is {number}; it must be a whole number from {low} to {high}.")
    return number


def one_of(name: str, words: tuple[str, ...]) -> str:
    """One of the words; the first unless the variable says else."""
    word: str = read("str", name, "").strip().lower() or words[0]
    if word not in words:
        raise ImproperlyConfigured(f"{name} is {word!r}; it must be {' or '.join(words)}.")
    return word


def days_kept(name: str, default: int) -> int:
    """How many days something is kept; 0, or nothing, is for ever."""
    text: str = read("str", name, "")
    return between(name, default, 0, 36_500) if text.strip() else default


def names(name: str, default: list[str]) -> list[str]:
    """A list with at least one name: letters, digits, and ``. _ : -`` inside."""
    found = list(dict.fromkeys(word.strip() for word in read("list", name, default) if word.strip()))
    if not found or not all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", word) for word in found):
        raise ImproperlyConfigured(f"{name} is {os.environ.get(name)!r}; it must be names like 'default,mail,reports'.")
    return found


def host(name: str, default: str) -> str:
    """An address or host name to listen on."""
    text: str = read("str", name, default).strip().strip("[]")
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", text):
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be an address of this machine, like 127.0.0.1.")
    return text


def is_loopback(address: str) -> bool:
    """Whether only this machine itself can reach the address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address in LOOPBACK_HOSTS


def data_directory(name: str, default: Path) -> Path:
    """The directory that everything is kept below; it is made if there is none."""
    directory = Path(read("str", name, "") or default).expanduser().resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name} is {str(directory)!r}, which cannot be made: {error.strerror}.") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(f"{name} is {str(directory)!r}, which this user may not write to.")
    return directory


def url_path(name: str, default: str) -> str:
    """A path of the site without slashes around it, made of letters, digits, ``-``, ``_`` and inner slashes."""
    path: str = read("str", name, default).strip("/")
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", path):
        raise ImproperlyConfigured(f"{name} is {path!r}; it must be a path like 'monitoring' or 'ops/monitoring'.")
    if path.split("/", maxsplit=1)[0] in {"admin", "api", "api-docs", "api-docs.json", "static"}:
        raise ImproperlyConfigured(f"{name} is {path!r}, which Quarterdeck serves other things under.")
    return path


def address(name: str, default: str) -> str:
    """Where files are served: a path of this site, or an http(s) address; it ends with a slash."""
    text: str = read("str", name, default).strip().rstrip("/") + "/"
    if not re.fullmatch(r"(https?://[A-Za-z0-9.:\[\]-]+)?/([A-Za-z0-9._~%-]+/)*", text):
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be like '/media/' or 'https://files.example.com/'.")
    return text


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
    """Where the embedded Valkey listens: below the data directory, or in a temporary one if that path will not do.

    A Unix socket path may have at most 107 bytes (``sun_path`` in unix(7)); it stands in a URL and in the server's list
    of clients, whose readers trip over spaces and ``=``.
    """
    socket_path = data_dir / "valkey.sock"
    if re.fullmatch(r"[A-Za-z0-9/._+-]{1,100}", str(socket_path)):
        return socket_path
    digest = blake2s(os.fsencode(data_dir), digest_size=8).hexdigest()
    return _private_temporary_directory() / f"{digest}.sock"


def _private_temporary_directory() -> Path:
    """A directory that is ours alone: whoever could put a socket there would feed the workers."""
    directory = Path(tempfile.gettempdir()) / f"quarterdeck-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ImproperlyConfigured(f"{directory} is open to others; remove it or set a shorter QUARTERDECK_DATA_DIR.")
    return directory


def redis_url(data_dir: Path) -> str:
    """``REDIS_URL``, or the URL of the embedded Valkey's socket when it is unset."""
    url: str = read("str", "REDIS_URL", "")
    if not url:
        return f"unix://{embedded_redis_socket(data_dir)}?db=0"
    try:
        parts = urlsplit(url)
        understood = parts.scheme in ("redis", "rediss", "unix") and parts.port != 0
    except ValueError:
        understood = False
    if not understood:
        raise ImproperlyConfigured("REDIS_URL must look like redis://host:6379/0, rediss://… or unix:///path?db=0.")
    return url


def channel_prefix(redis_url: str) -> str:
    """What names in the channel layer begin with. Pub/sub knows no database numbers, so two sites on one server would
    hear each other's tasks if the number were not part of the name.
    """
    parts = urlsplit(redis_url)
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    number = parse_qs(parts.query).get("db", [path])[0]
    return f"quarterdeck.{number if number.isdecimal() else 0}"


def host_name() -> str:
    """This machine's name, the default of QUARTERDECK_INSTANCE."""
    return socket.gethostname()[:255]


def process_name() -> str:
    """What the supervisor calls this process ("worker-1"); empty outside the supervisor."""
    return os.environ.get("SUPERVISOR_PROCESS_NAME", "")


def metrics_token(name: str) -> str:
    """A bearer token of 16 characters or more that opens the metrics, empty for none."""
    token: str = read("str", name, "")
    if token and not re.fullmatch(r"[!-~]{16,255}", token):
        raise ImproperlyConfigured(f"{name} must have 16 to 255 letters, digits or signs, and no spaces.")
    return token


def metrics_directory(name: str, default: Path) -> None:
    """Names and makes the directory in which web processes keep what they count, for ``prometheus_client`` to find."""
    os.environ[name] = str(data_directory(name, default))
