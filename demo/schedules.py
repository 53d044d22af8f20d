"""The demo's schedules: a dozen, of every kind, some of them with trouble."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from audit.trail import process
from scheduler.actions import BadDefinition, NameTaken, create_job, pause_job
from scheduler.models import Backoff, MisfirePolicy, OverlapPolicy, ScheduledJob

logger = logging.getLogger("quarterdeck.demo")

MAKER = "demo"
WEEKDAYS = "MON-FRI"


def definitions(now: datetime) -> list[dict[str, Any]]:
    """What a small shop has done by the clock."""
    return [
        {
            "name": "Heartbeat", "handler": "demo.echo", "kwargs": {"value": "alive"}, "interval_seconds": 15,
            "description": "Shows that dispatcher, workers and recorder are all there.", "tags": ["operations"],
        },
        {
            "name": "Remind of carts", "handler": "demo.tasks.send_reminder", "queue": "mail", "interval_seconds": 60,
            "kwargs": {"order": "cart-1042", "address": "ann@example.com"}, "jitter_seconds": 10, "tags": ["mail"],
        },
        {
            "name": "Newsletter batches", "handler": "demo.tasks.send_newsletter_batch", "queue": "mail",
            "cron": "*/10 * * * *", "kwargs": {"issue": 27, "recipients": 120}, "tags": ["mail"],
        },
        {
            "name": "Export orders", "handler": "demo.tasks.export_orders", "queue": "reports", "cron": "*/5 * * * *",
            "kwargs": {"day": "yesterday"}, "tags": ["reports"],
        },
        {
            "name": "Monthly report", "handler": "demo.tasks.build_monthly_report", "queue": "reports",
            "cron": "30 6 1 * *", "timezone": "Europe/Berlin", "kwargs": {"month": "the last"}, "tags": ["reports"],
            "misfire_policy": MisfirePolicy.RUN_ONCE, "misfire_grace_seconds": 3_600,
        },
        {
            "name": "Report to the board", "handler": "demo.tasks.send_report", "queue": "mail",
            "cron": f"0 8 * * {WEEKDAYS}", "timezone": "America/New_York", "tags": ["mail", "reports"],
            "kwargs": {"report": "daily", "address": "board@example.com"},
        },
        {
            "name": "Transcode the camera", "handler": "demo.tasks.transcode_video", "queue": "media",
            "interval_seconds": 180, "kwargs": {"video": "camera-3"}, "overlap_policy": OverlapPolicy.CANCEL_RUNNING,
        },
        {
            "name": "Thumbnails", "handler": "demo.tasks.make_thumbnails", "queue": "media", "cron": "*/2 * * * *",
            "kwargs": {"video": "trailer"}, "overlap_policy": OverlapPolicy.SKIP,
        },
        {
            "name": "Settle payments", "handler": "demo.tasks.charge_card", "queue": "payments",
            "interval_seconds": 90, "max_retries": 2, "retry_delay_seconds": 5, "retry_backoff": Backoff.EXPONENTIAL,
            "kwargs": {"order": "batch", "amount_cents": 4_200, "card_token": "tok_slow"},
            "description": "The gateway is slow: it is tried again, twice.",
        },
        {
            "name": "Check the old mail server", "handler": "demo.fail_with", "queue": "mail", "interval_seconds": 120,
            "kwargs": {"message": "mail-2.example.com does not answer"}, "tags": ["operations"],
            "description": "Fails every time, since the server was switched off.",
        },
        {
            "name": "Nightly tidying", "handler": "demo.sleep_for", "cron": "0 2 * * *", "timezone": "Europe/Berlin",
            "kwargs": {"seconds": 5}, "jitter_seconds": 600, "timeout_seconds": 60,
        },
        {
            "name": "Summer sale begins", "handler": "demo.echo", "kwargs": {"value": "the prices are down"},
            "run_at": now + timedelta(days=7), "misfire_policy": MisfirePolicy.RUN_ALL,
        },
        {
            "name": "Holiday greetings", "handler": "demo.tasks.send_welcome_mail", "queue": "mail",
            "cron": "0 9 24 12 *", "timezone": "Europe/Berlin", "kwargs": {"user_id": 1, "address": "all@example.com"},
        },
    ]  # fmt: skip


PAUSED = "Newsletter batches"
"""Somebody thought better of it."""


def make_schedules() -> int:
    """Makes them, unless some are left of an earlier time; returns how many it made."""
    if ScheduledJob.objects.filter(created_by=MAKER).exists():
        return 0
    made = 0
    for definition in definitions(datetime.now(UTC)):
        try:
            job = create_job(definition, by=process(MAKER))
        except (BadDefinition, NameTaken) as reason:  # the queue is not configured, or somebody made one of that name
            logger.info("the schedule %r is left out: %s", definition["name"], reason)
            continue
        made += 1
        if job.name == PAUSED:
            pause_job(job, by=process(MAKER), reason="The issue is not finished")
    return made
