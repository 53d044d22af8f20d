"""Quarterdeck's RQ worker."""

from __future__ import annotations

import rq

from monitoring import hooks

# A SpawnWorker's horse imports this module and nothing of Django's start-up: without this line it would go unseen.
hooks.install()


class Worker(rq.Worker):
    """RQ's forking worker, reporting to Quarterdeck."""
