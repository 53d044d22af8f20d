"""Fuzzes the whole OpenAPI document as nobody, viewer, operator and admin, over HTTP, with everything running.

Schemathesis makes the requests: the document's examples, its limits and what lies beyond them, whatever else fits or
does not fit its schemas, and chains of calls along its links. Each answer must have a status, headers and a body that
the document tells of, and none may be an error of the server. EXAMPLES (60 unless set) says how many requests of the
random kind each operation gets from each role; ROLES names the roles. The requests are counted by the site itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from benchmarks.latency import free_port, wait_for
from benchmarks.stage import ROOT, Stage, stage

EXAMPLES = int(os.environ.get("EXAMPLES", "60"))
ROLES = os.environ.get("ROLES", "nobody,viewer,operator,admin").split(",")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
)
COUNTED = "quarterdeck_http_requests_total"


def run() -> None:
    """Fuzzes as each role; raises SystemExit if an answer was not as the document says."""
    port, failed = free_port(), []
    base = f"http://127.0.0.1:{port}"
    settings = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DEBUG": "1",
        "DEMO": "1",
        "QUARTERDECK_CALLABLES": "demo.tasks",
    }
    with stage(**settings) as here, here.side("benchmarks.fuzz_side") as side, ExitStack() as processes:
        tokens = side.ask("prepare")
        for process in ("record", "dispatch", "work", "serve"):
            processes.enter_context(here.running("manage.py", process))
        wait_for(f"{base}/api/v1/health/live")
        for role in ROLES:
            before, began = _requests(base, tokens["admin"]), time.monotonic()
            is_well = _fuzz(here, base, role, tokens.get(role))
            number = _requests(base, tokens["admin"]) - before
            print(f"{role}: {number:,} requests in {time.monotonic() - began:.0f} s", flush=True)
            failed += [] if is_well else [role]
        print(
            f"in all: {_requests(base, tokens['admin']):,} requests; mistakes found as: {', '.join(failed) or 'nobody'}"
        )
        print(f"errors in the site's logs: {_errors(here.data_dir)}")
    if failed:
        raise SystemExit(1)


def _fuzz(here: Stage, base: str, role: str, token: str | None) -> bool:
    words = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{base}/api-docs.json", "--no-color"),
        *("--checks", ",".join(CHECKS), "--max-examples", str(EXAMPLES), "--continue-on-failure"),
        *("--suppress-health-check", "all", "--request-timeout", "30", "--generation-database", "none"),
        *("--workers", "1", "--warnings", "off", "--seed", os.environ.get("SEED", "7")),
        *(["--header", f"Authorization: Bearer {token}"] if token else []),
    ]
    log = Path(os.environ.get("KEEP", here.data_dir)) / f"fuzz-{role}.log"
    with log.open("w") as output:
        code = subprocess.run(
            words, cwd=here.data_dir, stdout=output, stderr=output, check=False, env=_plain()
        ).returncode
    text = log.read_text()
    print(text[text.rfind("= FAILURES") :] if code else text[text.rfind("= SUMMARY") :], flush=True)
    return code == 0


def _plain() -> dict[str, str]:
    """No variable of ours is Schemathesis' business."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}


def _requests(base: str, token: str) -> int:
    """How many requests the site has answered so far, but for those that ask this."""
    request = urllib.request.Request(f"{base}/api/v1/metrics", headers={"Authorization": f"Bearer {token}"})  # noqa: S310  # as below
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # our own address
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith(COUNTED))


def _errors(data_dir: Path) -> int:
    """Lines of our processes' logs that tell of an error nobody foresaw."""
    logs = [log for log in data_dir.glob("manage.py-*.log") if log.is_file()]
    return sum("Traceback (most recent call last)" in line for log in logs for line in log.read_text().splitlines())


if __name__ == "__main__":
    os.chdir(ROOT)
    run()
