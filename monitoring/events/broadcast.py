"""One snapshot a second for everybody who listens in this process, and none while nobody does.

A snapshot is taken when something was recorded, at most once a PAUSE, and every SILENCE in any case, for workers and
samples make no noise. Each client has a seat that holds the newest snapshot only: one that reads slowly skips some,
costs no memory and delays nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from monitoring import live, log_context
from monitoring.broker import BrokerError
from monitoring.events import snapshots
from monitoring.events.snapshots import Snapshot

logger = logging.getLogger("quarterdeck.events")

PAUSE_SECONDS = 1.0
SILENCE_SECONDS = 5.0
BREATH_SECONDS = 0.1
"""Between snapshots that take as long as the pause itself."""


class Seat:
    """One client's place."""

    def __init__(self) -> None:
        self._newest: Snapshot | None = None
        self._filled = asyncio.Event()

    def put(self, snapshot: Snapshot) -> None:
        """Replaces what was not taken yet."""
        self._newest = snapshot
        self._filled.set()

    async def take(self, seconds: float) -> Snapshot | None:
        """The newest snapshot that was not taken before; waits for it, None if none comes in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._filled.wait()
        self._filled.clear()
        snapshot, self._newest = self._newest, None
        return snapshot


class Broadcast:
    """Takes snapshots while somebody listens; one instance lives in each web process."""

    def __init__(self) -> None:
        self._seats: set[Seat] = set()
        self._newest: Snapshot | None = None
        self._news = asyncio.Event()
        self._taking: asyncio.Task[None] | None = None
        self._hearing: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def join(self) -> Iterator[Seat]:
        """A seat, which is filled at once: with what was just told, or with a snapshot that is taken for it."""
        seat = Seat()
        self._seats.add(seat)
        if self._newest and time.time() - self._newest.number / 1000 < PAUSE_SECONDS:
            seat.put(self._newest)
        else:
            self._news.set()
        self._start()
        try:
            yield seat
        finally:
            self._seats.discard(seat)
            if not self._seats and self._taking:
                self._taking.cancel()
                self._taking = self._newest = None

    def _start(self) -> None:
        if self._taking is None or self._taking.done():
            self._taking = asyncio.create_task(self._take(), context=log_context.about_nothing())
        # It listens to the end of the process: leaving a channel while another is joined is a race inside the layer.
        if self._hearing is None or self._hearing.done():
            self._hearing = asyncio.create_task(self._hear(), context=log_context.about_nothing())

    async def _take(self) -> None:
        while True:
            self._news.clear()
            began = time.monotonic()
            try:
                self._newest = await database_sync_to_async(snapshots.take)()
            except Exception as error:  # whatever it is, those who listen must not wait for ever
                logger.warning("no snapshot could be taken: %s: %s", type(error).__name__, error)
            else:
                for seat in self._seats:
                    seat.put(self._newest)
            await asyncio.sleep(max(BREATH_SECONDS, began + PAUSE_SECONDS - time.monotonic()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SILENCE_SECONDS - PAUSE_SECONDS):
                    await self._news.wait()

    async def _hear(self) -> None:
        """Without the layer snapshots are still taken, only not at once."""
        layer = get_channel_layer()
        channel = await layer.new_channel("events.")
        while True:
            try:
                await layer.group_add(live.CHANGES, channel)
                while True:
                    await layer.receive(channel)
                    self._news.set()
            except (BrokerError, OSError) as error:
                logger.warning("the channel layer is out of reach: %s: %s", type(error).__name__, error)
                await asyncio.sleep(SILENCE_SECONDS)
