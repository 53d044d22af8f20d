"""What should run, when."""

from __future__ import annotations

from cron_descriptor import get_description
from django.db import models


class ScheduledJob(models.Model):
    """A job that makes tasks again and again, by cron expression or interval."""

    name = models.CharField(max_length=255, unique=True)
    cron = models.CharField(max_length=255, blank=True, default="", help_text="Five fields; empty for an interval.")
    interval_seconds = models.PositiveIntegerField(null=True, blank=True)
    max_runs = models.PositiveIntegerField(null=True, blank=True)
    run_count = models.PositiveIntegerField(default=0)
    next_run_at = models.DateTimeField(null=True, blank=True)
    end_at = models.DateTimeField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name

    def in_words(self) -> str:
        """The schedule as a person says it: "Every 5 minutes", "At 09:00 AM, Monday through Friday"."""
        if self.cron:
            try:
                return str(get_description(self.cron))
            except Exception:  # whatever is stored is shown: an expression nobody can read must not take a page down
                return self.cron
        seconds = self.interval_seconds or 0
        for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
            if seconds and seconds % size == 0:
                count = seconds // size
                return f"Every {unit}" if count == 1 else f"Every {count} {unit}s"
        return ""
