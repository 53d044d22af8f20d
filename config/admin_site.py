"""Django's admin as Quarterdeck's: with its name, and behind its one login."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


class QuarterdeckSite(AdminSite):
    """The admin site."""

    site_header = site_title = index_title = "Quarterdeck"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sends to the dashboard's login: it throttles, and a second form would be a second way to try passwords."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied("Your account is not a staff account, so the admin is closed to it.")
        wanted = request.GET.get("next") or reverse("admin:index")
        return redirect_to_login(wanted, reverse("login"))
