"""What may be asked of a worker through RQ's commands. Part of the door to RQ, like the broker."""

from __future__ import annotations

import json
from typing import Any

from rq.command import PUBSUB_CHANNEL_TEMPLATE
from rq.worker.base import BaseWorker

from monitoring import broker

DONE = "done"
MISSING = "missing"
"""No living worker has the name."""
ASKED = "asked"
"""It was asked before: RQ takes a second request for "at once", and would end the job that runs."""
DEAF = "deaf"
"""It does not listen to commands now."""

ASKED_TO_STOP = "quarterdeck_asked_to_stop"
"""The field of a worker's hash that says so."""

_STOP = f"""
if redis.call('HEXISTS', KEYS[1], 'birth') == 0 or redis.call('HEXISTS', KEYS[1], 'death') == 1 then
    return '{MISSING}'
end
if redis.call('HSETNX', KEYS[1], '{ASKED_TO_STOP}', redis.call('TIME')[1]) == 0 then return '{ASKED}' end
if redis.call('PUBLISH', ARGV[1], ARGV[2]) == 0 then
    redis.call('HDEL', KEYS[1], '{ASKED_TO_STOP}')
    return '{DEAF}'
end
return '{DONE}'
"""


def stop(name: str) -> str:
    """Has a worker end after its job, and answers with one of the words above; raises BrokerError.

    One step in Redis: of two who ask at once, the second is told.
    """
    answer: Any = broker.connection().register_script(_STOP)(
        keys=[BaseWorker.redis_worker_namespace_prefix + name],
        args=[PUBSUB_CHANNEL_TEMPLATE % name, json.dumps({"command": "shutdown"})],
    )
    return str(answer.decode())
