"""Keeps ``%2F`` in the name of a queue apart from a slash between two parts of an address.

Servers hand on the path decoded, where both look the same: ``queues/a%2Fjobs`` is a queue, ``queues/a/jobs`` are the
jobs of another. ASGI servers hand on the raw path too, so here the one is written as our own addresses write it.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

_SLASH = re.compile("%2F", re.IGNORECASE)


class EncodedSlashes:
    """ASGI middleware before Django; see ``monitoring.pages.queue_paths`` for what reads the ``~2F``."""

    def __init__(self, application: Any, *, below: str) -> None:
        self.application = application
        self.below = below

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes on the request, with another path where that has to be."""
        raw = (scope.get("raw_path") or b"").decode("ascii", "replace")
        before, found, rest = raw.partition(self.below)
        if found and unquote(before) == scope.get("root_path", "") and _SLASH.search(rest):
            scope = {**scope, "path": unquote(before + found + _SLASH.sub("~2F", rest))}
        await self.application(scope, receive, send)
