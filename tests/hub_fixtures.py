"""Who listens to the live hub in tests; used by naming this module in ``pytest_plugins``."""

from __future__ import annotations

from functools import partial

import pytest
from django.contrib.auth.models import User

from tests.hub_client import Client, Knock, bearer, cast


@pytest.fixture
def watcher(db: None) -> User:
    """May look at tasks."""
    return cast("watcher", "view_task")


@pytest.fixture
def knock(watcher: User) -> Knock:
    """Makes clients that will be let in, to a hub of their own or a given one."""
    return partial(Client, authorization=bearer(watcher))
