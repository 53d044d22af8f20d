"""The stage of every test: real SQL, a real Valkey of its own (or REDIS_URL's, in its own database), a fixed cast."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django.conf
import pytest

_SCRATCH = tempfile.TemporaryDirectory(prefix="quarterdeck-tests-")
(Path(_SCRATCH.name) / "static").mkdir()  # where WhiteNoise looks; the files themselves come from the finders
os.environ["QUARTERDECK_DATA_DIR"] = _SCRATCH.name
os.environ["QUARTERDECK_CALLABLES"] = "demo.tasks,tests.jobs"
os.environ.setdefault("SECRET_KEY", "a-key-for-tests-only-that-signs-nothing-of-value")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def pytest_configure(config: pytest.Config) -> None:
    """Starts the embedded Valkey, unless REDIS_URL names a server, and loads the settings made for tests above."""
    if not os.environ.get("REDIS_URL"):
        from tests.valkey import start

        config.add_cleanup(start(Path(_SCRATCH.name)))
    assert django.conf.settings.TESTING
    django.setup()
    for fixtures in (
        "tests.cast",
        "tests.browser",
        "tests.clock",
        "tests.comparing",
    ):  # they import models and settings, so not before
        config.pluginmanager.import_plugin(fixtures)


@pytest.fixture(autouse=True)
def empty_redis() -> Iterator[None]:
    """Each test begins and ends with an empty Redis database."""
    from monitoring import broker

    broker.connection().flushdb()
    yield
    broker.connection().flushdb()
