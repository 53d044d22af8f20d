"""Folding tracebacks to the user's own frames."""

from __future__ import annotations

import subprocess
import sys
import traceback

import pytest

from monitoring.tracebacks import Section, sections

MIXED = """Traceback (most recent call last):
  File "/srv/app/.venv/lib/python3.12/site-packages/rq/job.py", line 10, in perform
    self._result = self._execute()
                   ^^^^^^^^^^^^^^^
  File "/usr/lib/python3.12/asyncio/runners.py", line 20, in run
    return runner.run(main)
  File "/srv/app/shop/mail.py", line 30, in send
    connect(
    ~~~~~~~^
        host,
        ^^^^
    )
  File "<frozen importlib._bootstrap>", line 1, in _load
ValueError: no such user
second line
"""


def kinds(error: str) -> list[tuple[str, int]]:
    return [(section.kind, section.frames) for section in sections(error)]


def test_it_joins_the_frames_of_libraries() -> None:
    assert kinds(MIXED) == [("text", 0), ("library", 2), ("own", 1), ("library", 1), ("text", 0)]
    found = sections(MIXED)
    assert "host," in found[2].text
    assert found[-1].text == "ValueError: no such user\nsecond line"


def test_it_loses_not_a_line() -> None:
    assert "\n".join(section.text for section in sections(MIXED)) == MIXED.rstrip()


@pytest.mark.parametrize("error", ["", "\n", "The job was deleted.", "a\n\n  b\n    c", "x" * 70_000, "\r\n" * 100])
def test_it_leaves_other_texts_whole(error: str) -> None:
    assert sections(error) == [Section(kind="text", text=error.rstrip())]


def test_it_knows_the_libraries_of_every_place() -> None:
    for path in (
        "/usr/lib/python3/dist-packages/redis/client.py",
        "/opt/lib64/python3.11/json/decoder.py",
        r"C:\Python312\Lib\json\decoder.py",
        r"C:\app\.venv\Lib\site-packages\rq\job.py",
        "/root/.pyenv/versions/3.11.7/lib/python3.11/threading.py",
    ):
        assert kinds(f'  File "{path}", line 1, in f\n    g()') == [("library", 1)], path
    for path in ("/srv/lib/shop/mail.py", "/home/python3/shop.py", "shop/mail.py", "<string>", "/srv/site/packages.py"):
        assert kinds(f'  File "{path}", line 1, in f\n    g()') == [("own", 1)], path


def test_it_folds_what_python_really_writes() -> None:
    code = "import json\ntry:\n    json.loads('x')\nexcept ValueError as e:\n    raise RuntimeError('outer') from e"
    error = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    found = kinds(error)
    assert ("library", 3) in found
    assert [kind for kind, _ in found].count("own") == 2
    assert "direct cause" in error


def test_it_keeps_frames_that_repeat() -> None:
    def again(depth: int) -> None:
        again(depth + 1)

    try:
        again(0)
    except RecursionError:
        error = traceback.format_exc()
    assert "Previous line repeated" in "\n".join(section.text for section in sections(error))
