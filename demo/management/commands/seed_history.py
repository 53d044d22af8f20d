"""``manage.py seed_history --tasks N --days D``: a past to look at, to measure with and to try things out on."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from demo import history, history_parts

MOST_TASKS = 100_000_000


class Command(BaseCommand):
    help = "Writes a believable history of finished work, with its rollups. For development: it is not your data."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tasks", type=int, default=10_000, help="how many tasks (10,000)")
        parser.add_argument("--days", type=int, default=30, help="over how many days until now (30)")
        parser.add_argument("--seed", type=int, help="the same seed gives the same tasks again, in an empty database")

    def handle(self, *args: Any, tasks: int, days: int, seed: int | None, **options: Any) -> None:
        if not 1 <= tasks <= MOST_TASKS or not 1 <= days <= 3650:
            raise CommandError(f"--tasks must be 1 to {MOST_TASKS:,} and --days 1 to 3650.")
        started, reports = time.monotonic(), 0
        try:
            for written in history_parts.write(history.until_now(tasks=tasks, days=days, seed=seed)):
                reports += written
                if options["verbosity"] > 1:
                    self.stdout.write(f"{reports:,} status changes")
        except IntegrityError as error:
            raise CommandError(f"A history with the seed {seed} is there already; choose another seed.") from error
        seconds = time.monotonic() - started
        self.stdout.write(f"{tasks:,} tasks over {days} days in {seconds:,.1f} s ({tasks / seconds:,.0f} tasks/s).")
