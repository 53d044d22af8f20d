"""How many requests an account and an address may still send: counted in Redis, for all web processes together.

Each has a minute's worth to spend at once, which comes back evenly (the generic cell rate algorithm). One script looks
and spends, so requests at the same moment cannot share a place; it goes by Redis' clock, for those of machines may
differ, and writes nothing but what is spent. While Redis is away nobody is held up: that is when the APIs are needed
most, and failed logins are counted in SQL (``audit.logins``).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from monitoring import broker

logger = logging.getLogger("quarterdeck.allowances")

PREFIX = "quarterdeck:allowance:"
PATIENCE_SECONDS = 0.5
"""No request waits longer than that for Redis."""
PAUSE_SECONDS = 5.0
"""So long a process that could not reach Redis does not ask it again."""
_MINUTE_MS = 60_000
# KEYS: whose allowance; ARGV: how many milliseconds of it one request costs. Stored is when all of it is back.
_SPEND = f"""
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local wait, back = 0, {{}}
for index, key in ipairs(KEYS) do
    back[index] = math.max(tonumber(redis.call('GET', key) or 0), now) + ARGV[index]
    wait = math.max(wait, back[index] - now - {_MINUTE_MS})
end
if wait > 0 then return math.ceil(wait) end
for index, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.3f', back[index]), 'PX', math.ceil(back[index] - now))
end
return 0
"""
_asks_again_at = 0.0


def seconds_to_wait(per_minute: Mapping[str, int]) -> float:
    """Spends one request of each of the owners' allowances, or of none of them: then how long to wait, else 0.

    ``per_minute`` has by owner how many requests a minute they may send; 0 is as many as they like.
    """
    global _asks_again_at  # noqa: PLW0603  # what this process knows of Redis
    limited = {owner: limit for owner, limit in per_minute.items() if limit}
    if not limited or time.monotonic() < _asks_again_at:
        return 0.0
    try:
        return _spend(limited) / 1000
    except broker.BrokerError as error:
        _asks_again_at = time.monotonic() + PAUSE_SECONDS
        logger.warning("requests are not limited now, Redis cannot be asked: %s", type(error).__name__)
        return 0.0


def _spend(limited: Mapping[str, int]) -> int:
    client = broker.connection(answers_within=PATIENCE_SECONDS)
    costs = [_MINUTE_MS / limit for limit in limited.values()]
    told: Any = client.register_script(_SPEND)(keys=[PREFIX + owner for owner in limited], args=costs)
    return int(told)
