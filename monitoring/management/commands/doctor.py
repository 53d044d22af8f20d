"""``manage.py doctor``: is the installation well, and what is to be done?"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand

from monitoring import doctor
from monitoring.doctor import Level


class Command(BaseCommand):
    help = "Examines settings, database, Redis, clocks and processes, and says what to do. Exits with 1 on a problem."
    requires_system_checks = []  # it makes them itself

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="tell it as one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        lines = []
        for line in doctor.examine():
            lines.append(line)
            if not options["json"]:
                self._tell(line)
        worst = max((line.level for line in lines), key=list(Level).index)
        if options["json"]:
            told = {"level": worst.value, "lines": [doctor.as_json(line) for line in lines]}
            self.stdout.write(json.dumps(told, indent=2))
        else:
            counts = {level: sum(line.level == level for line in lines) for level in Level}
            self.stdout.write(", ".join(f"{count} {level.value}" for level, count in counts.items()))
        if worst is Level.PROBLEM:
            sys.exit(1)

    def _tell(self, line: doctor.Line) -> None:
        styles: dict[Level, Callable[[str], str]] = {
            Level.OK: str, Level.WARNING: self.style.WARNING, Level.PROBLEM: self.style.ERROR
        }  # fmt: skip
        self.stdout.write(styles[line.level](f"{line.level.value:<8} {line.about:<10} {line.what}"))
        if line.advice:
            self.stdout.write(f"{'':<19} → {line.advice}")
