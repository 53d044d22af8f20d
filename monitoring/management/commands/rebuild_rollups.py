"""``manage.py rebuild_rollups``: counts anew, or proves with ``--verify`` that it need not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitoring import rebuilding

SHOWN = 20


class Command(BaseCommand):
    help = "Computes the rollups anew from the rows; with --verify only compares and fails if they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--verify", action="store_true", help="change nothing; fail and name what differs")

    def handle(self, *args: Any, verify: bool, **options: Any) -> None:
        if not verify:
            rebuilding.rebuild()
            self.stdout.write("The rollups were counted anew.")
            return
        differences = rebuilding.differences()
        for difference in differences[:SHOWN]:
            self.stderr.write(difference)
        if differences:
            raise CommandError(f"{len(differences)} cells differ; `manage.py rebuild_rollups` counts them anew.")
        self.stdout.write("The rollups equal the rows.")
