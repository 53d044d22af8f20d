"""Who may do what: three roles, made as groups by a migration, and the DRF permissions that ask for them."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

VIEW = "monitoring.view_task"
OPERATE = "monitoring.operate_task"
MANAGE = "scheduler.change_scheduledjob"


class MayView(BasePermission):
    """Any role: viewer, operator or admin."""

    message = "Your account has no role that may read this. Ask an administrator for the viewer role."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.has_perm(VIEW))
