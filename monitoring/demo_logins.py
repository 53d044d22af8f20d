"""The logins of a first look, admin/admin and so on: on loopback with DEBUG on, and only there."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import Group, User

NAMES = ("admin", "operator", "viewer")
"""Each is a user, its password, and its role."""


def make_missing() -> list[str]:
    """Makes those that are not there, leaving the others as they are; returns the names of those made."""
    present = set(User.objects.filter(username__in=NAMES).values_list("username", flat=True))
    missing = [name for name in NAMES if name not in present]
    for name in missing:
        may_use_admin = name == "admin"
        user = User.objects.create_user(name, password=name, is_staff=may_use_admin, is_superuser=may_use_admin)
        user.groups.add(Group.objects.get(name=name))
    return missing


def still_open() -> list[str]:
    """Which of the names can log in with their demo password."""
    users = User.objects.filter(username__in=NAMES, is_active=True).order_by("username")
    # The hasher's function and not user.check_password, which may write a new hash: looking changes nothing.
    return [user.username for user in users if check_password(user.username, user.password)]
