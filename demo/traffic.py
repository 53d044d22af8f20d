"""Plays the demo: scenes at a gentle, uneven pace, never more than the workers keep up with."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence

from demo.scenes import Shop
from monitoring import broker

logger = logging.getLogger("quarterdeck.demo")

MEAN_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
MOST_WAITING = 25
"""With more jobs waiting than this it lets the workers catch up."""
AWAY_SECONDS = 2.0
WORKFLOW_CHANCE = 0.12
"""How likely a turn starts a workflow, too."""


class Traffic:
    """What is to be done next, and when."""

    def __init__(
        self,
        queue_names: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        start_workflow: Callable[[random.Random], None] | None = None,
    ) -> None:
        self.queue_names = queue_names
        self.clock = clock
        self.start_workflow = start_workflow
        self.chance = random.Random()  # noqa: S311  # a play, no secret
        self.shop = Shop(self.chance)
        self.opened = False
        self.away = False
        self.cancel_at: dict[str, float] = {}

    def turn(self) -> float:
        """Plays what is due and returns how many seconds to wait for the next turn. Redis may be away meanwhile."""
        try:
            self._play()
        except broker.BrokerError as error:
            if not self.away:
                logger.warning("Redis is away, the demo waits for it: %s", error)
            self.away = True
            return AWAY_SECONDS
        if self.away:
            logger.info("Redis is back")
        self.away = False
        return min(LONGEST_PAUSE_SECONDS, self.chance.expovariate(1 / MEAN_PAUSE_SECONDS))

    def _play(self) -> None:
        self._cancel_due()
        if not self.opened:
            self.shop.opening()
            self.opened = True
        elif broker.waiting(self.queue_names) <= MOST_WAITING:
            self.shop.next_scene()
            if self.start_workflow and self.chance.random() < WORKFLOW_CHANCE:
                self.start_workflow(self.chance)
        now = self.clock()
        self.cancel_at |= {job_id: now + seconds for job_id, seconds in self.shop.regrets.items()}
        self.shop.regrets.clear()

    def _cancel_due(self) -> None:
        for job_id in [job_id for job_id, due_at in self.cancel_at.items() if due_at <= self.clock()]:
            broker.cancel([job_id])  # it may well have been faster
            del self.cancel_at[job_id]
