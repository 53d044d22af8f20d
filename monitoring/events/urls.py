"""The event stream's address."""

from __future__ import annotations

from django.urls import path

from monitoring.events.views import events

urlpatterns = [path("events", events, name="events")]
