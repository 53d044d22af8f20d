"""What retention remembers of itself."""

from __future__ import annotations

from django.db import models


class Pruned(models.Model):
    """How far the rows of one kind were deleted for their age; see ``monitoring.retention``."""

    kind = models.CharField(max_length=20, primary_key=True)
    before = models.DateTimeField(
        null=True, help_text="Rows older than this may be gone: of such times only the rollups tell."
    )
    deleted = models.BigIntegerField(default=0, help_text="Rows deleted since ever.")
    told = models.BigIntegerField(default=0, help_text="How many of them the operators' trail tells of.")
    finished_at = models.DateTimeField(null=True, help_text="When it last came to its end.")

    class Meta:
        verbose_name_plural = "pruned"

    def __str__(self) -> str:
        return f"{self.deleted} {self.kind} before {self.before}"
