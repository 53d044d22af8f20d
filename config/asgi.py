"""The ASGI application: HTTP by Django, but for the event stream; WebSockets by the live hub."""

from __future__ import annotations

import os
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

from config.encoded_slashes import EncodedSlashes
from config.request_ids import ConnectionIds


def make_application() -> Any:
    """Both halves; the hub can be imported only after Django is set up, which making the first half does."""
    http = get_asgi_application()
    from django.conf import settings

    from monitoring.events.asgi import Events
    from monitoring.hub.asgi import Hub

    base = f"/{settings.MONITORING_BASE_PATH}"
    pages = EncodedSlashes(http, below=f"{base}/queues/")
    return ConnectionIds(ProtocolTypeRouter({"http": Events(f"{base}/events", pages), "websocket": Hub(f"{base}/hub")}))


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = make_application()
