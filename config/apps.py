"""Tells Django which admin site is the project's."""

from __future__ import annotations

from django.contrib.admin import apps


class AdminConfig(apps.AdminConfig):
    """Django's admin with our site."""

    default_site = "config.admin_site.QuarterdeckSite"
