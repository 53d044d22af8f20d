"""What this process hears from the channel layer, written once and handed to every connection.

One subscription per process, not one per connection: an event is decoded and written once, however many watch. The
layer delivers at most once, so the feed counts: a gap in an announcer's numbers, or a newest change in SQL that was
never heard, means that something got lost, and everybody is sent back to SQL by closing with "reconnect".
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from uuid import uuid4

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import Error as DatabaseTrouble

from monitoring import live, log_context
from monitoring.broker import BrokerError
from monitoring.hub.backlog import Backlog, Hangup
from monitoring.hub.protocol import pack
from monitoring.hub.serializers import ever_task_event, task_progress

logger = logging.getLogger("quarterdeck.hub")

LISTEN_SECONDS = 5.0
COMPARE_SECONDS = 5.0
"""How long a recorded change may take to be heard; from here to twice as long after it, a lost one is noticed."""


class Deaf(Exception):
    """The channel layer cannot be heard now, so nobody can be promised live updates."""


class Feed:
    """Hears the layer from the first ``listen`` to the end of the process.

    It never unsubscribes: doing so while another connection subscribes is a race inside the layer.
    """

    def __init__(self) -> None:
        self._backlogs: set[Backlog] = set()
        self._numbers: dict[tuple[str, str], int] = {}
        self._seen = (0, 0)
        self._lock = asyncio.Lock()
        self._channel = ""
        self._own_group = f"hub.{uuid4().hex}"
        self._echoes: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def listen(self) -> None:
        """Returns once the layer is heard, proven by an echo through it; raises Deaf."""
        echo, heard = uuid4().hex, asyncio.Event()
        self._echoes[echo] = heard
        try:
            async with asyncio.timeout(LISTEN_SECONDS):
                async with self._lock:
                    await self._subscribe()
                await get_channel_layer().group_send(self._own_group, {"type": "hub.echo", "echo": echo})
                await heard.wait()
        except (BrokerError, OSError, TimeoutError) as error:
            logger.warning("the channel layer is out of reach: %s: %s", type(error).__name__, error)
            raise Deaf("Live updates are interrupted, because Redis cannot be reached. Try again soon.") from error
        finally:
            del self._echoes[echo]

    def join(self, backlog: Backlog) -> None:
        """From now on the backlog gets what is heard."""
        self._backlogs.add(backlog)

    def leave(self, backlog: Backlog) -> None:
        """The backlog gets nothing more."""
        self._backlogs.discard(backlog)

    async def _subscribe(self) -> None:
        layer = get_channel_layer()
        if not self._channel:
            self._channel = await layer.new_channel("hub.")
            self._tasks.append(asyncio.create_task(self._hear(), context=log_context.about_nothing()))
            self._tasks.append(asyncio.create_task(self._compare(), context=log_context.about_nothing()))
        for group in (live.CHANGES, live.PROGRESS, self._own_group):
            await layer.group_add(group, self._channel)
        if not self._backlogs:
            # Whoever comes now catches up by SQL, so what is there already need not be heard.
            self._seen = max(self._seen, await _newest_in_sql())

    async def _hear(self) -> None:
        layer = get_channel_layer()
        while True:
            try:
                self._deliver(await layer.receive(self._channel))
            except Exception:  # one unreadable message must not make the process deaf
                logger.exception("a message of the channel layer cannot be understood and is skipped")

    def _deliver(self, message: dict[str, Any]) -> None:
        if message["type"] == "hub.echo":
            if heard := self._echoes.get(message["echo"]):
                heard.set()
            return
        self._count(message)
        if message["type"] == "task.changes":
            self._seen = max([self._seen, *(_position(event["stream_id"]) for event in message["events"])])
            self._hand_out([ever_task_event(event) for event in message["events"]], self._backlogs)
        elif message["type"] == "task.progress":
            watching = {backlog for backlog in self._backlogs if backlog.wants_progress}
            self._hand_out([task_progress(event) for event in message["events"]], watching)

    def _count(self, message: dict[str, Any]) -> None:
        sender, number = (message["announcer"], message["group"]), message["number"]
        expected = self._numbers.get(sender, number)
        self._numbers[sender] = number + 1
        if number != expected:
            self._send_all_back_to_sql(f"{message['group']}: expected message {expected}, heard {number}")

    def _hand_out(self, records: list[str], backlogs: set[Backlog]) -> None:
        for frame in pack(records):
            for backlog in backlogs:
                backlog.put(frame)

    def _send_all_back_to_sql(self, what: str) -> None:
        logger.warning("some updates were not heard (%s); %d connections catch up", what, len(self._backlogs))
        for backlog in self._backlogs:
            backlog.hang_up(Hangup("Some updates were missed; reconnect and catch up.", allow_reconnect=True))

    async def _compare(self) -> None:
        """Notices when the last change before a silence was not heard: no later number would tell."""
        newest = (0, 0)
        while True:
            await asyncio.sleep(COMPARE_SECONDS)
            if newest > self._seen:
                self._send_all_back_to_sql(f"SQL has {newest}, the newest heard is {self._seen}")
                self._seen = newest
            try:
                newest = await _newest_in_sql() if self._backlogs else (0, 0)
            except DatabaseTrouble as error:
                logger.warning("cannot compare what was heard with SQL: %s", error)


async def _newest_in_sql() -> tuple[int, int]:
    return _position(await database_sync_to_async(live.newest_change)())


def _position(stream_id: str) -> tuple[int, int]:
    """A stream id as numbers, which compare in the order of the stream."""
    milliseconds, _, sequence = stream_id.partition("-")
    return int(milliseconds or 0), int(sequence or 0)
