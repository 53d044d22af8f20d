"""``manage.py prune``: deletes what is older than its retention."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import trail
from audit.verification import Broken
from monitoring import pruning, retention
from monitoring.stopping import StopRequest
from monitoring.turns import Busy


class Command(BaseCommand):
    help = "Deletes what is older than its RETENTION_…_DAYS, in small transactions; stopped, it goes on next time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = [kind.name for kind in retention.kinds()]
        parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"only these: {', '.join(names)}")
        parser.add_argument("--dry-run", action="store_true", help="count what would be deleted, and delete nothing")
        parser.add_argument(
            "--archive", type=Path, metavar="DIR", help="first write the rows there, as compressed JSON Lines"
        )

    def handle(self, *args: Any, kinds: list[str], dry_run: bool, archive: Path | None, **options: Any) -> None:
        known = {kind.name for kind in retention.kinds()}
        if unknown := sorted(set(kinds) - known):
            raise CommandError(f"there is nothing called {', '.join(unknown)}; there are {', '.join(sorted(known))}.")
        self._tell_kept(kinds)
        if dry_run:
            for outcome in pruning.count(kinds):
                self._tell("would be deleted", outcome)
            return
        stop = StopRequest()
        try:
            by = trail.process("prune")
            for outcome in pruning.prune(by=by, names=kinds, archive_in=archive, stopping=lambda: stop.came):
                self._tell("deleted", outcome)
        except Busy as error:
            raise CommandError("another process is pruning.") from error
        except OSError as error:
            raise CommandError(f"the archive cannot be written, so nothing more was deleted: {error}.") from error
        except Broken as error:
            raise CommandError(f"the trail is broken and was not cut off there: {error}") from error
        if stop.came:
            self.stdout.write("Stopped; the next time goes on.")

    def _tell(self, what: str, outcome: pruning.Outcome) -> None:
        kept = f", archived in {outcome.archive}" if outcome.archive else ""
        name, before = outcome.kind.name, f"{outcome.before:%Y-%m-%d}"
        self.stdout.write(f"{name}: {outcome.rows:,} from before {before} {what}{kept}.")

    def _tell_kept(self, names: list[str]) -> None:
        for kind in retention.kinds():
            if not kind.days and (not names or kind.name in names):
                self.stdout.write(f"{kind.name}: kept for ever (RETENTION_{kind.name.upper()}_DAYS is not set).")
