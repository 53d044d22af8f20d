"""The hub's HTTP side; its WebSocket is routed by ``monitoring.hub.asgi``."""

from __future__ import annotations

from django.urls import path

from monitoring.hub.views import negotiate

urlpatterns = [path("negotiate", negotiate, name="hub-negotiate")]
