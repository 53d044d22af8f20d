"""The files under deploy/: they parse, name commands that exist, and are what the documents tell of."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

DEPLOY = settings.BASE_DIR / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
DOCS = (settings.BASE_DIR / "docs" / "deployment.md").read_text()
PROCESSES = {"serve", "record", "dispatch", "operate", "work"}


def unit(path: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their capitals
    parser.read_string(path.read_text())
    return parser


def command_of(path: Path) -> str:
    match = re.fullmatch(
        r"/opt/quarterdeck/\.venv/bin/python manage\.py (\w+)( --grace \d+)?", unit(path)["Service"]["ExecStart"]
    )
    assert match, path
    return match[1]


def test_there_is_a_unit_for_every_process() -> None:
    assert {command_of(path) for path in UNITS} == PROCESSES
    assert get_commands().keys() >= PROCESSES
    supervised = (settings.BASE_DIR / "config" / "supervisord.conf").read_text()
    assert set(re.findall(r"manage\.py (\w+)", supervised)) - {"demo", "up"} == PROCESSES


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_restart_may_write_only_their_data_and_have_time_to_stop(path: Path) -> None:
    parsed = unit(path)
    assert parsed.sections() == ["Unit", "Service", "Install"]
    service = parsed["Service"]
    assert service["Restart"] == "always"
    assert service["User"] == "quarterdeck"
    assert service["EnvironmentFile"] == "/etc/quarterdeck.env"
    assert (service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "strict")
    grace = re.search(r"--grace (\d+)", service["ExecStart"])
    assert int(service["TimeoutStopSec"]) >= (int(grace[1]) if grace else 5) + 5


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_takes_them() -> None:
    words = ["systemd-analyze", "verify", "--man=no", *map(str, UNITS)]
    told = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stderr
    assert not re.search(r"Unknown|Failed to parse|Missing|Invalid", told)


def test_the_settings_are_known_and_start_once_they_are_filled_in(tmp_path: Path) -> None:
    lines = [line for line in (DEPLOY / "quarterdeck.env").read_text().splitlines() if line and line[0] != "#"]
    environment = dict(line.split("=", 1) for line in lines)
    known = (settings.BASE_DIR / "config" / "settings.py").read_text() + Path(
        settings.BASE_DIR / "README.md"
    ).read_text()
    assert [name for name in environment if name not in known] == []
    environment |= {"SECRET_KEY": "x" * 50, "QUARTERDECK_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    script = (
        "import json; from config import settings as s; print(json.dumps([s.RETENTION_DAYS, s.LOG_FORMAT, s.DEBUG]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    days, log_format, debug = json.loads(done.stdout)
    assert (days["tasks"], days["trail"], log_format, debug) == (90, 1095, "json", False)


def test_the_container_runs_as_nobody_in_particular_and_keeps_no_secret() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    steps = [line.split(None, 1) for line in text.splitlines() if re.match(r"[A-Z]+ ", line)]
    words = [step[0] for step in steps]
    assert words[0] == "FROM"
    assert set(words) <= {
        *("FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD")
    }
    told = dict(steps)
    assert json.loads(told["ENTRYPOINT"]) == ["python", "manage.py"]
    assert json.loads(told["CMD"]) == ["serve"]
    assert told["USER"] == "quarterdeck"
    assert "SECRET_KEY" not in text
    ignored = (settings.BASE_DIR / ".containerignore").read_text().splitlines()
    assert {"var", ".git", "*.env"} <= set(ignored)


def test_the_documents_name_the_files() -> None:
    for name in ("deploy/systemd", "deploy/quarterdeck.env", "deploy/Containerfile"):
        assert f"../{name}" in DOCS
    readme = Path(settings.BASE_DIR / "README.md").read_text()
    for name in ("deployment", "retention", "upgrading-and-backup", "doctor"):
        assert f"docs/{name}.md" in readme
        document = settings.BASE_DIR / "docs" / f"{name}.md"
        for link in re.findall(r"\]\(([^)#:]+)", document.read_text()):
            assert (document.parent / link).exists(), (name, link)
