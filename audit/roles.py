"""The permissions behind the three roles (groups made by a migration): viewer, operator, admin."""

from __future__ import annotations

VIEW = "monitoring.view_task"
"""Reads everything: viewers, operators, admins."""
OPERATE = "monitoring.operate_task"
"""Cancels, retries, pauses, runs: operators and admins."""
MANAGE = "scheduler.change_scheduledjob"
"""Creates, edits and deletes schedules: admins."""
