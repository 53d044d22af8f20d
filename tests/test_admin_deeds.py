"""What is done in Django's admin stands in the operators' trail: with the names of fields, never with their values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from audit.models import OperatorAction
from audit.verification import verify
from monitoring.models import SetAsideEntry
from tests.factories import NOON, make_schedule, make_task

SECRET = "my-new-one-4711"


def at_desk(user: User) -> Client:
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def desk(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def deeds() -> list[tuple[str, str, str, str]]:
    verify()
    rows = OperatorAction.objects.order_by("number")
    return [(row.actor, row.action, row.target, row.outcome) for row in rows]


def details(number: int = 1) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(OperatorAction.objects.get(number=number).details)
    return told


def make_set_aside() -> SetAsideEntry:
    return SetAsideEntry.objects.create(stream_id="5-1", payload="x", reason="not JSON", set_aside_at=NOON)


def test_users_are_made_changed_and_deleted(desk: Client) -> None:
    form = {"username": "new", "password1": SECRET, "password2": SECRET, "usable_password": "true"}
    assert desk.post(reverse("admin:auth_user_add"), form).status_code == 302
    user = User.objects.get(username="new")
    change = reverse("admin:auth_user_change", args=[user.pk])
    form = {"username": "new", "email": "new@example.org", "is_active": "on"}
    form |= {"date_joined_0": "2025-01-15", "date_joined_1": "12:00:00"}
    assert desk.post(change, form).status_code == 302
    password = reverse("admin:auth_user_password_change", args=[user.pk])
    form = {"password1": SECRET, "password2": SECRET, "usable_password": "true"}
    assert desk.post(password, form).status_code == 302
    assert desk.post(reverse("admin:auth_user_delete", args=[user.pk]), {"post": "yes"}).status_code == 302
    assert deeds() == [
        ("root", "user.create", "new", "success"),
        ("root", "user.update", "new", "success"),
        ("root", "user.update", "new", "success"),
        ("root", "user.delete", "new", "success"),
    ]
    assert "Email address" in details(2)["fields"]
    assert details(3)["fields"] == ["password"]
    assert details(4) == {"id": user.pk}
    everything = json.dumps(list(OperatorAction.objects.values_list()), default=str)
    for secret in (SECRET, "new@example.org"):
        assert secret not in everything
    assert OperatorAction.objects.filter(source="admin").exclude(address="").count() == 4


def test_roles_and_schedules_are_written_down_too(desk: Client) -> None:
    assert desk.post(reverse("admin:auth_group_add"), {"name": "night shift"}).status_code == 302
    job = make_schedule(name="letters")
    form = {
        "name": "letters", "interval_seconds": "600", "is_enabled": "on", "timezone": "UTC", "handler": "demo.echo",
        "args": "[1]", "queue": "default", "jitter_seconds": "0", "max_retries": "0", "retry_delay_seconds": "0",
        "overlap_policy": "skip", "misfire_policy": "once", "misfire_grace_seconds": "60", "retry_backoff": "fixed",
    }  # fmt: skip
    assert desk.post(reverse("admin:scheduler_scheduledjob_change", args=[job.pk]), form).status_code == 302
    done = [deed[1:3] for deed in deeds()]
    assert done == [("group.create", "night shift"), ("repeatable.update", str(job.uuid))]
    assert set(details(2)["changed"]) >= {"interval_seconds", "handler"}


def test_each_of_many_deleted_rows_has_its_own_deed(desk: Client) -> None:
    entries = [make_set_aside() for _ in range(3)]
    chosen = {"action": "delete_selected", "_selected_action": [str(entry.pk) for entry in entries], "post": "yes"}
    assert desk.post(reverse("admin:monitoring_setasideentry_changelist"), chosen).status_code == 302
    assert [deed[1] for deed in deeds()] == ["set_aside_entry.delete"] * 3
    assert {details(number)["id"] for number in (1, 2, 3)} == {entry.pk for entry in entries}


def test_what_could_not_be_deleted_is_not_said_to_be(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = make_set_aside()

    def fail(*_: Any) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("audit.record_lists.BoundedAdmin.delete_queryset", fail, raising=False)
    chosen = {"action": "delete_selected", "_selected_action": [str(entry.pk)], "post": "yes"}
    with pytest.raises(RuntimeError):
        desk.post(reverse("admin:monitoring_setasideentry_changelist"), chosen)
    assert deeds() == []


def test_refusals_are_written_down(admin: User, viewer: User, operator: User) -> None:
    root = User.objects.create_superuser("chief", password="right")
    desk = at_desk(admin)
    assert desk.post(reverse("admin:auth_user_change", args=[root.pk]), {"username": "toor"}).status_code == 403
    assert desk.post(reverse("admin:auth_user_delete", args=[root.pk]), {"post": "yes"}).status_code == 403
    form = {"password1": SECRET, "password2": SECRET}
    assert desk.post(reverse("admin:auth_user_password_change", args=[root.pk]), form).status_code == 403
    assert at_desk(viewer).post(reverse("admin:auth_group_add"), {"name": "x"}).status_code == 403
    job, task = make_schedule(), make_task()
    desk = at_desk(operator)
    assert desk.post(reverse("admin:scheduler_scheduledjob_change", args=[job.pk]), {}).status_code == 403
    assert desk.post(reverse("admin:monitoring_task_delete", args=[task.pk]), {"post": "yes"}).status_code == 403
    assert deeds() == [
        ("ada", "user.update", str(root.pk), "refused"),
        ("ada", "user.delete", str(root.pk), "refused"),
        ("ada", "user.update", str(root.pk), "refused"),
        ("vera", "group.create", "", "refused"),
        ("oscar", "scheduled_job.update", str(job.pk), "refused"),
        ("oscar", "task.delete", str(task.pk), "refused"),
    ]
    assert SECRET not in json.dumps(list(OperatorAction.objects.values_list()), default=str)


def test_looking_is_no_deed(desk: Client, viewer: User) -> None:
    for name in ("auth_user", "auth_group", "audit_operatoraction"):
        assert desk.get(reverse(f"admin:{name}_changelist")).status_code == 200
    at_desk(viewer).get(reverse("admin:auth_group_add"))
    assert deeds() == []


def test_the_trail_itself_is_read_only(desk: Client) -> None:
    Group.objects.all().delete()
    assert desk.post(reverse("admin:auth_group_add"), {"name": "night shift"}).status_code == 302
    row = OperatorAction.objects.get()
    address = reverse("admin:audit_operatoraction_change", args=[row.pk])
    assert "night shift" in desk.get(address).content.decode()
    assert desk.post(address, {"actor": "nobody"}).status_code == 403
    assert desk.post(reverse("admin:audit_operatoraction_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    listed = desk.get(reverse("admin:audit_operatoraction_changelist"), {"q": "night shift", "outcome": "success"})
    assert "group.create" in listed.content.decode()
    assert OperatorAction.objects.get(number=1).actor == "root"
    assert [deed[1] for deed in deeds()] == ["group.create", "operator_action.update", "operator_action.delete"]
