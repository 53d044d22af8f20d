"""Users and groups in Django's admin: with bounded lists, and without a way up for those who may edit users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from audit import admin_deeds
from audit.record_lists import BoundedAdmin

if TYPE_CHECKING:  # generic in the stubs only
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin

# What makes a superuser out of a user. Whoever may edit users is not thereby a superuser.
_GRANTS = ("is_superuser", "user_permissions")

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAccountAdmin(BoundedAdmin, _UserAdmin):
    """Only superusers edit superusers, or make them."""

    lookups = ("is_staff__exact", "is_superuser__exact", "is_active__exact", "groups__id__exact")
    sortable_by = ("username", "email", "first_name", "last_name", "is_staff")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return () if _is_superuser(request) else _GRANTS

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:  # noqa: A002  # Django's
        with admin_deeds.refusals(self, request, "update", id):
            return super().user_change_password(request, id, form_url)


@admin.register(Group)
class RoleAdmin(BoundedAdmin, GroupAdmin):
    """The roles. What a role may do is changed by superusers; others would give themselves what they like."""

    sortable_by = ("name",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def _may_touch(request: HttpRequest, account: User | None) -> bool:
    return _is_superuser(request) or account is None or not account.is_superuser
