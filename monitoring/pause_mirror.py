"""Which queues are paused, as workers read it: one hash in Redis, a copy of what SQL says.

It imports neither Django nor our models, for workers read it in processes without both. A field is a queue, its value
the number of the pause and when it ends. Numbers of one queue's pauses count up, so whoever writes late (a web process
that was held up, a recorder that looked a moment ago) can be told from whoever knows better. One field more says that
the hash is there: an empty one means that nothing is paused, none at all that the copy was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEY = "quarterdeck:pauses"
PRESENT = "\0"
"""The field that is always there; no queue has such a name."""


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """A pause, as the mirror holds it."""

    number: int
    until: float | None
    """When it ends by itself, in seconds of Unix time."""

    def holds_at(self, now: float) -> bool:
        """Whether it is not over yet."""
        return self.until is None or now < self.until

    def written(self) -> str:
        """The value of its field; later pauses of a queue come later in the order of texts."""
        return f"{self.number:012d} {'' if self.until is None else repr(self.until)}"


_HOLD = """
redis.call('HSETNX', KEYS[1], ARGV[3], '1')
local held = redis.call('HGET', KEYS[1], ARGV[1])
if not held or held < ARGV[2] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
"""
_RELEASE = """
redis.call('HSETNX', KEYS[1], ARGV[3], '1')
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
"""
_CORRECT = """
redis.call('HSETNX', KEYS[1], ARGV[1], '1')
for index = 2, #ARGV, 3 do
    local queue, seen, right = ARGV[index], ARGV[index + 1], ARGV[index + 2]
    if (redis.call('HGET', KEYS[1], queue) or '') == seen then
        if right == '' then redis.call('HDEL', KEYS[1], queue) else redis.call('HSET', KEYS[1], queue, right) end
    end
end
"""


def hold(connection: Any, queue: str, pause: Mirrored) -> None:
    """Adds a pause, unless the mirror has that one or a later one."""
    connection.register_script(_HOLD)(keys=[KEY], args=[queue, pause.written(), PRESENT])


def release(connection: Any, queue: str, pause: Mirrored) -> None:
    """Takes this pause away, and no other."""
    connection.register_script(_RELEASE)(keys=[KEY], args=[queue, pause.written(), PRESENT])


def correct(connection: Any, seen: Mapping[bytes, bytes], pauses: Mapping[str, Mirrored]) -> bool:
    """Makes the mirror, seen before SQL was asked, say what SQL said; whether there was anything to do.

    What has changed since it was seen is left alone: whoever changed it knew better.
    """
    right = {queue.encode(): pause.written().encode() for queue, pause in pauses.items()}
    queues = (seen.keys() | right.keys()) - {PRESENT.encode()}
    wrong = [queue for queue in queues if seen.get(queue, b"") != right.get(queue, b"")]
    if not wrong and PRESENT.encode() in seen:
        return False
    words = [word for queue in wrong for word in (queue, seen.get(queue, b""), right.get(queue, b""))]
    connection.register_script(_CORRECT)(keys=[KEY], args=[PRESENT, *words])
    return True


def understand(fields: Mapping[bytes, bytes]) -> dict[str, Mirrored] | None:
    """The pauses in the hash's fields, also those that are over; None if the mirror was lost."""
    if PRESENT.encode() not in fields:
        return None
    found = {queue.decode("utf-8", "replace"): _read(value) for queue, value in fields.items()}
    return {queue: pause for queue, pause in found.items() if pause is not None and queue != PRESENT}


def _read(value: bytes) -> Mirrored | None:
    number, _, until = value.partition(b" ")
    try:
        return Mirrored(number=int(number), until=float(until) if until else None)
    except ValueError:  # nobody of ours wrote that; the recorder takes it away
        return None
