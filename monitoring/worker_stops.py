"""Asks a worker to stop after its job."""

from __future__ import annotations

from audit import roles
from audit.trail import Actor, NotAllowedNow, audited
from monitoring import worker_commands

_STANDS_IN_THE_WAY = {
    worker_commands.MISSING: "No living worker has the name {name!r}.",
    worker_commands.ASKED: "{name} was asked to stop already.",
    worker_commands.DEAF: "{name} does not hear: its connection to Redis is gone, or its process.",
}


def stop_worker(name: str, *, by: Actor, reason: str = "") -> None:
    """Has a worker take no more jobs and end once the one that it runs is over.

    Raises NotPermitted, NotAllowedNow if it cannot be asked or was asked before, and BrokerError.
    """
    with audited("worker.stop", by=by, needs=roles.OPERATE, target=name, reason=reason):
        answer = worker_commands.stop(name)
        if answer in _STANDS_IN_THE_WAY:
            raise NotAllowedNow(_STANDS_IN_THE_WAY[answer].format(name=name[:100]))
