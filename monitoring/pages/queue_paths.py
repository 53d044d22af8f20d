"""Queues in the pages' addresses: ``queues/<queue:name>/jobs`` works whatever a queue is called.

A name is one segment of the path. A slash in it, and what else would be taken for something of the address's own, is
written as ``~`` and two hexadecimal digits: ``a/b`` is ``queues/a~2Fb``. That survives servers and proxies that decode
``%2F``. An address where the slash is written ``%2F``, or plainly, is understood as well; of the plain ones, those that
end like a page of a queue (``queues/a/jobs``) are that page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import register_converter

from monitoring import broker, moments
from monitoring.models import Queue
from monitoring.pages.acting import refuse, wants_json

NAME_LIMIT = 255
_ESCAPED = re.compile("~([0-9A-Fa-f]{2})")
_TO_ESCAPE = re.compile("/|~(?=[0-9A-Fa-f]{2})")
_WAYS = frozenset({".", ".."})
"""What browsers take for a way through folders."""

View = Callable[..., HttpResponse]


class QueueInPath:
    """The path converter ``queue``."""

    regex = r"[\s\S]+"

    def to_python(self, written: str) -> str:
        """The queue's name."""
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), written)

    def to_url(self, name: str) -> str:
        """The name as one segment; Django encodes what else an address may not hold."""
        safe = _TO_ESCAPE.sub(lambda found: _escape(found[0]), name)
        return "".join(map(_escape, safe)) if safe in _WAYS else safe


def _escape(character: str) -> str:
    return f"~{ord(character):02X}"


register_converter(QueueInPath, "queue")


def queue_named(name: str) -> Queue | None:
    """A queue that a task was seen in, or one (not saved) that is configured or that Redis or a worker knows."""
    if "\0" in name or len(name) > NAME_LIMIT:
        return None
    return Queue.objects.filter(name=name).first() or _unseen(name)


def _unseen(name: str) -> Queue | None:
    if name not in settings.QUARTERDECK_QUEUES:
        try:
            if all(queue.name != name for queue in moments.look().queues):
                return None
        except broker.BrokerError:
            return None
    return Queue(name=name, first_seen_at=datetime.now(UTC))


def of_queue(view: View) -> View:
    """A view of one queue: gets it as ``queue`` in place of the ``name`` in its address. Unknown: 404."""

    @wraps(view)
    def seen(request: HttpRequest, *, name: str, **more: Any) -> HttpResponse:
        queue = queue_named(name)
        if queue is None:
            return _unknown(request, name)
        return view(request, queue=queue, **more)

    return seen


def _unknown(request: HttpRequest, name: str) -> HttpResponse:
    if wants_json(request):
        return refuse(404, f"No queue has the name {name[:100]!r}.")
    return render(request, "404.html", {"missing_queue": name[:NAME_LIMIT]}, status=404)
