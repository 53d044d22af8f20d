"""Wakes sleeping dispatchers when a job was made or changed. A lost ring costs seconds: they never sleep long."""

from __future__ import annotations

import logging
import os
from typing import Any

from monitoring import broker

CHANNEL = os.environ.get("QUARTERDECK_OUTBOX", "quarterdeck:outbox") + ":schedules"

logger = logging.getLogger("quarterdeck.scheduler")


def ring() -> None:
    """Tells every dispatcher to look again; never raises."""
    try:
        broker.connection().publish(CHANNEL, b"")
    except broker.BrokerError as error:
        logger.warning("dispatchers could not be woken (%s); they look by themselves within seconds", error)


class Bell:
    """A dispatcher's ear. Any call may raise BrokerError; the next one connects again."""

    def __init__(self) -> None:
        self._pubsub: Any = None

    def wait(self, seconds: float) -> bool:
        """Waits for a ring, at most so long; returns whether one came."""
        if self._pubsub is None:
            pubsub = broker.connection().pubsub(ignore_subscribe_messages=True)
            pubsub.subscribe(CHANNEL)
            self._pubsub = pubsub
        try:
            message = self._pubsub.get_message(timeout=max(0.0, seconds))
        except broker.BrokerError:
            self.close()
            raise
        return message is not None

    def close(self) -> None:
        """Lets go of the connection."""
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None
