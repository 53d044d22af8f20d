"""The permission that every API view asks for unless it names another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from audit.roles import REFUSALS, VIEW

if TYPE_CHECKING:  # rest_framework.views itself imports this module, for it is named in the settings
    from rest_framework.views import APIView


class MayView(BasePermission):
    """Any role: viewer, operator or admin."""

    message = REFUSALS[VIEW]

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user and request.user.has_perm(VIEW))
