"""RQ's other classes of workers, made ones that honour pauses. No Django here: a spawned horse imports this module."""

from __future__ import annotations

from rq import SimpleWorker
from rq.worker import SpawnWorker

from monitoring.pausable import Pausable


class Simple(Pausable, SimpleWorker):
    """One that runs its jobs in its own process."""


class Spawning(Pausable, SpawnWorker):
    """One whose horses are processes of their own, told by pickle what they need."""
