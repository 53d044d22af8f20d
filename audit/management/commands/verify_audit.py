"""``manage.py verify_audit``: has the operators' trail been tampered with?"""

from __future__ import annotations

import argparse
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.verification import Broken, End, verify


class Command(BaseCommand):
    help = "Follows the chain of the operators' trail and names the first row that was altered or is missing."
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--expect",
            type=_end,
            metavar="NUMBER:HASH",
            help="A head that was printed earlier and kept elsewhere: row NUMBER must still have that hash.",
        )

    def handle(self, *args: Any, expect: End | None = None, **options: Any) -> None:
        try:
            end = verify(expect)
        except Broken as broken:
            raise CommandError(f"the trail is broken at {broken}") from broken
        self.stdout.write(f"the trail is whole: {end.number:,} rows.")
        self.stdout.write(f"head: {end}")
        self.stdout.write("Keep the head where this database's owner cannot reach it, and give it to --expect later.")


def _end(text: str) -> End:
    match = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text.strip())
    if not match:
        raise argparse.ArgumentTypeError("must be NUMBER:HASH, as verify_audit prints it")
    return End(number=int(match[1]), hash=match[2])
