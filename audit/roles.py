"""The permissions behind the three roles (groups made by a migration): viewer, operator, admin."""

from __future__ import annotations

VIEW = "monitoring.view_task"
"""Reads everything: viewers, operators, admins."""
OPERATE = "monitoring.operate_task"
"""Cancels, retries, pauses, runs: operators and admins."""
MANAGE = "scheduler.change_scheduledjob"
"""Creates, edits and deletes schedules: admins."""
ALL = (VIEW, OPERATE, MANAGE)

REFUSALS = {
    VIEW: "Your account has no role that may read this. Ask an administrator for the viewer role.",
    OPERATE: "Your role may look but not act. Ask an administrator for the operator role.",
    MANAGE: "Only administrators may do this. Ask one of them, or for the admin role.",
}
"""What whoever lacks a permission is told."""
