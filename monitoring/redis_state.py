"""How a Redis server is set up: what may lose jobs, and its clock. Read with INFO, which managed servers allow, too."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.exceptions import ResponseError

from monitoring import broker


@dataclass(frozen=True, kw_only=True)
class RedisState:
    """One look."""

    name: str
    """redis or valkey."""
    version: str
    policy: str
    """maxmemory-policy: what goes when memory is full."""
    most: int
    """maxmemory in bytes; 0 is no limit."""
    used: int
    evicted: int
    """Keys that went because memory was full, since the server started."""
    appends: bool
    """Whether it writes every command to a file."""
    snapshots: bool | None
    """Whether it writes all of its data to a file from time to time; None if it does not say."""
    ahead_seconds: float
    """How far its clock is ahead of ours; off by half a round trip at most."""


def look_at_redis() -> RedisState:
    """Three commands; raises BrokerError."""
    connection = broker.connection()
    info = connection.info("everything")
    saves: str | None = None
    with contextlib.suppress(ResponseError):  # CONFIG is refused by managed servers
        saves = connection.config_get("save").get("save")
    before = datetime.now(UTC)
    seconds, microseconds = connection.time()
    middle = before + (datetime.now(UTC) - before) / 2
    return RedisState(
        name=str(info.get("server_name", "redis")),
        version=str(info.get("valkey_version") or info.get("redis_version", "?")),
        policy=str(info.get("maxmemory_policy", "?")),
        most=int(info.get("maxmemory", 0)),
        used=int(info.get("used_memory", 0)),
        evicted=int(info.get("evicted_keys", 0)),
        appends=bool(info.get("aof_enabled")),
        snapshots=None if saves is None else bool(saves),
        ahead_seconds=seconds + microseconds / 1e6 - middle.timestamp(),
    )


def listeners(channel: str) -> int:
    """How many processes listen to a channel; raises BrokerError."""
    ((_, number),) = broker.connection().pubsub_numsub(channel)
    return int(number)
