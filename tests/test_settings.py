"""Environment variables: each wrong one is refused with a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from tests.running import ROOT

KEY = "k" * 50


def check(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """``manage.py check --deploy`` with these variables and no others of ours."""
    base = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={**base, "QUARTERDECK_DATA_DIR": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_passes_the_deployment_check_when_set_for_production(tmp_path: Path) -> None:
    done = check(
        tmp_path, DEBUG="0", SECRET_KEY=KEY + "".join(map(chr, range(97, 120))), ALLOWED_HOSTS="deck.example.com"
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DEBUG": "0"}, "DEBUG is off, so SECRET_KEY must be set to a random text of 32 characters or more."),
        ({"DEBUG": "0", "SECRET_KEY": "short"}, "DEBUG is off, so SECRET_KEY must be set to a random text of 32"),
        ({"DEBUG": "0", "SECRET_KEY": KEY, "DEMO": "1"}, "DEMO is on while DEBUG is off"),
        ({"PORT": "eighty"}, "PORT is 'eighty'; it must be a whole number."),
        ({"QUARTERDECK_OUTBOX_LIMIT": "lots"}, "QUARTERDECK_OUTBOX_LIMIT is 'lots'; it must be a whole number."),
    ],
)
def test_it_stops_a_command_with_one_sentence(tmp_path: Path, variables: dict[str, str], sentence: str) -> None:
    done = check(tmp_path, **variables)

    assert done.returncode == 1
    assert done.stderr.startswith(f"Quarterdeck cannot start: {sentence}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("value", ["0", "65536", "-1", "1.5", "", "8000 "])
def test_it_refuses_what_is_no_port(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORT", value)
    if value == "8000 ":
        assert environment.between("PORT", 8000, 1, 65535) == 8000
        return
    with pytest.raises(ImproperlyConfigured, match="it must be a whole number"):
        environment.between("PORT", 8000, 1, 65535)


@pytest.mark.parametrize("value", ["maybe", "2", ""])
def test_it_refuses_what_is_neither_true_nor_false(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DEBUG", value)
    with pytest.raises(ImproperlyConfigured, match=r"^DEBUG is .*; it must be true or false\.$"):
        environment.read("bool", "DEBUG", True)


@pytest.mark.parametrize("value", ["admin", "api/v2", "a b", "../x", "static", "", "/"])
def test_it_refuses_a_base_path_that_cannot_be(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MONITORING_BASE_PATH", value)
    with pytest.raises(ImproperlyConfigured, match="MONITORING_BASE_PATH"):
        environment.url_path("MONITORING_BASE_PATH", "monitoring")


def test_it_takes_a_base_path_with_slashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_BASE_PATH", "/ops/evertask-monitoring/")
    assert environment.url_path("MONITORING_BASE_PATH", "monitoring") == "ops/evertask-monitoring"


@pytest.mark.parametrize("value", [",", "a b", "-x", "x" * 101, "mail,<b>"])
def test_it_refuses_queue_names_that_cannot_be(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("QUARTERDECK_QUEUES", value)
    with pytest.raises(ImproperlyConfigured, match="it must be names like"):
        environment.names("QUARTERDECK_QUEUES", ["default"])


def test_it_takes_queue_names_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUARTERDECK_QUEUES", "mail, high:prio,mail,")
    assert environment.names("QUARTERDECK_QUEUES", ["default"]) == ["mail", "high:prio"]


@pytest.mark.parametrize("value", ["mysql://me@host/db", "nonsense", "postgres://me@host:port/db"])
def test_it_refuses_other_databases(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.setenv("DATABASE_URL", value)
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE_URL"):
        environment.database(tmp_path)


@pytest.mark.parametrize("value", ["http://host", "host:6379", "redis://host:port/0"])
def test_it_refuses_what_is_no_redis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.setenv("REDIS_URL", value)
    with pytest.raises(ImproperlyConfigured, match=r"^REDIS_URL must look like"):
        environment.redis_url(tmp_path)


def test_it_puts_the_socket_of_an_unfit_directory_in_a_private_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert environment.embedded_redis_socket(Path("/data")) == Path("/data/valkey.sock")

    long = Path("/" + "very-" * 30)
    socket = environment.embedded_redis_socket(long)
    assert len({socket, *(environment.embedded_redis_socket(Path(name)) for name in ("/a b", "/a=b", "/a%b"))}) == 4
    assert socket.parent == tmp_path / f"quarterdeck-{os.getuid()}"
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    socket.parent.chmod(0o755)
    with pytest.raises(ImproperlyConfigured, match="is open to others"):
        environment.embedded_redis_socket(long)


def test_it_refuses_a_data_directory_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("QUARTERDECK_DATA_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(ImproperlyConfigured, match=r"^QUARTERDECK_DATA_DIR is .*, which cannot be made: "):
        environment.data_directory("QUARTERDECK_DATA_DIR", tmp_path)


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("deck", False)],  # noqa: S104  # as a value
)
def test_it_knows_loopback(address: str, loopback: bool) -> None:
    assert environment.is_loopback(address) is loopback


@pytest.mark.parametrize("value", ["", "a host", "http://x"])
def test_it_refuses_what_is_no_address(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HOST", value)
    with pytest.raises(ImproperlyConfigured, match=r"^HOST is "):
        environment.host("HOST", "127.0.0.1")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("/media/", "/media/"),
        ("/files/shop", "/files/shop/"),
        ("https://files.example.com", "https://files.example.com/"),
        ("http://127.0.0.1:9000/shop/", "http://127.0.0.1:9000/shop/"),
    ],
)
def test_it_reads_where_files_are_served(monkeypatch: pytest.MonkeyPatch, value: str, read: str) -> None:
    monkeypatch.setenv("MEDIA_URL", value)
    assert environment.address("MEDIA_URL", "/media/") == read


@pytest.mark.parametrize("value", ["media", "//files.example.com/", "javascript:x", "ftp://x/", "/a b/", "/a//b/"])
def test_it_refuses_what_serves_no_files(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MEDIA_URL", value)
    with pytest.raises(ImproperlyConfigured, match="/media/"):
        environment.address("MEDIA_URL", "/media/")
