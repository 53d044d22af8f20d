"""Django's admin: who may do what there, and what the pages of single rows show."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from monitoring.models import InboxPosition, Queue, SetAsideEntry
from monitoring.statuses import Status
from tests.factories import NOON, make_change, make_run, make_schedule, make_task


def at_desk(user: User) -> Client:
    """A browser in which the user, made a member of staff, is logged in."""
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def desk_of_viewer(viewer: User) -> Client:
    return at_desk(viewer)


@pytest.fixture
def desk_of_admin(admin: User) -> Client:
    return at_desk(admin)


@pytest.fixture
def desk_of_root(db: None) -> Client:
    return at_desk(User.objects.create_superuser("root"))


def text_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def page_of(row: Model, deed: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{deed}", args=[row.pk])


# --- The way in ---------------------------------------------------------------------------------------------------


def test_it_bears_the_name(desk_of_root: Client) -> None:
    index = text_of(desk_of_root, reverse("admin:index"))
    assert "<title>Quarterdeck | Quarterdeck</title>" in index
    assert "Django administration" not in index


def test_it_sends_to_the_one_login(client: Client) -> None:
    wanted = reverse("admin:monitoring_task_changelist")
    response = client.get(wanted, follow=True)
    assert response.redirect_chain[-1][0].startswith(reverse("login"))
    assert f'value="{wanted}"' in response.content.decode()


def test_it_is_found_without_the_slash(desk_of_viewer: Client) -> None:
    assert desk_of_viewer.get("/admin").headers["Location"] == reverse("admin:index")


def test_it_takes_no_password_itself(client: Client, db: None) -> None:
    User.objects.create_superuser("root", password="right")
    client.post(reverse("admin:login"), {"username": "root", "password": "right"})
    assert "_auth_user_id" not in client.session


def test_it_is_closed_to_who_is_no_member_of_staff(client: Client, admin: User) -> None:
    client.force_login(admin)
    response = client.get(reverse("admin:index"), follow=True)
    assert response.status_code == 403


def test_it_sends_staff_from_the_login_to_the_index(desk_of_viewer: Client) -> None:
    assert desk_of_viewer.get(reverse("admin:login")).headers["Location"] == reverse("admin:index")


def test_it_shows_nothing_to_staff_without_a_role(stranger: User) -> None:
    client = at_desk(stranger)
    assert client.get(reverse("admin:monitoring_task_changelist")).status_code == 403
    assert client.get(page_of(make_task())).status_code == 403


BOOKKEEPING = ("monitoring_stepcount", "monitoring_pruned", "scheduler_workflowcount", "scheduler_scheduledfire")


@pytest.mark.parametrize("model", BOOKKEEPING)
def test_it_shows_bookkeeping_to_admins_alone(desk_of_admin: Client, desk_of_viewer: Client, model: str) -> None:
    address = reverse(f"admin:{model}_changelist")
    assert desk_of_admin.get(address).status_code == 200
    assert desk_of_viewer.get(address).status_code == 403


def test_the_migration_that_lets_admins_see_bookkeeping_can_be_undone(admin: User) -> None:
    migration = import_module("scheduler.migrations.0006_admins_view_bookkeeping")
    seen = {f"{label}.{codename}" for label, codenames in migration.VIEWED.items() for codename in codenames}
    before = admin.get_group_permissions()
    assert seen <= before
    apps = MigrationLoader(connection).project_state(("scheduler", "0006_admins_view_bookkeeping")).apps
    migration.let_them_view_no_more(apps, None)
    assert User.objects.get(pk=admin.pk).get_group_permissions() == before - seen
    migration.let_admins_view(apps, None)
    assert User.objects.get(pk=admin.pk).get_group_permissions() == before


# --- Records are read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["monitoring_task", "audit_statuschange", "audit_taskrun", "monitoring_queue"])
def test_it_writes_no_records(desk_of_root: Client, model: str) -> None:
    task = make_task()
    row = {
        "monitoring_task": task,
        "audit_statuschange": make_change(task.id, None, Status.QUEUED),
        "audit_taskrun": make_run(task.id),
        "monitoring_queue": Queue.objects.get(),
    }[model]
    assert desk_of_root.get(reverse(f"admin:{model}_add")).status_code == 403
    for deed in ("change", "delete"):
        address = reverse(f"admin:{model}_{deed}", args=[row.pk])
        assert desk_of_root.post(address, {"post": "yes", "status": "FAILED", "name": "x"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    desk_of_root.post(reverse(f"admin:{model}_changelist"), chosen)
    before = {name: value for name, value in vars(row).items() if not name.startswith("_")}
    row.refresh_from_db()
    assert {name: value for name, value in vars(row).items() if not name.startswith("_")} == before


def test_it_shows_the_position_and_leaves_it(desk_of_root: Client) -> None:
    position = InboxPosition.objects.create(stream="quarterdeck:outbox", last_id="5-1", recorded=3)
    assert "5-1" in text_of(desk_of_root, page_of(position))
    assert desk_of_root.post(page_of(position), {"last_id": "0-0"}).status_code == 403


def test_it_leads_from_a_task_to_its_changes_and_runs_and_back(desk_of_viewer: Client) -> None:
    task = make_task(job_id="nightly", arguments='{"args":[1],"kwargs":{"to":"<b>you</b>"}}')
    change, run = make_change(task.id, Status.QUEUED, Status.RUNNING), make_run(task.id, worker="w1")
    page = text_of(desk_of_viewer, page_of(task))
    assert page_of(change) in page
    assert page_of(run) in page
    assert f"{reverse('admin:audit_statuschange_changelist')}?q={task.id}" in page
    assert reverse("task", args=[task.id]) in page
    assert "&lt;b&gt;you&lt;/b&gt;" in page
    for row in (change, run):
        assert page_of(task) in text_of(desk_of_viewer, page_of(row))


def test_it_shows_a_task_whose_scheduled_job_is_gone(desk_of_viewer: Client) -> None:
    task = make_task(scheduled_job_id=4711)
    assert str(task.id) in text_of(desk_of_viewer, page_of(task))
    assert str(task.id) in text_of(desk_of_viewer, reverse("admin:monitoring_task_changelist"))


# --- Set-aside entries --------------------------------------------------------------------------------------------


def make_set_aside(**fields: str) -> SetAsideEntry:
    known = {"stream_id": "5-1", "payload": "<script>alert(1)</script>", "reason": "not JSON", **fields}
    return SetAsideEntry.objects.create(set_aside_at=NOON, **known)


def test_it_shows_what_was_set_aside_as_text(desk_of_viewer: Client) -> None:
    entry = make_set_aside()
    for address in (page_of(entry), reverse("admin:monitoring_setasideentry_changelist")):
        page = text_of(desk_of_viewer, address)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script>alert" not in page


def test_it_lets_admins_delete_what_was_set_aside(desk_of_admin: Client) -> None:
    first, second = make_set_aside(), make_set_aside()
    assert desk_of_admin.post(page_of(first, "delete"), {"post": "yes"}).status_code == 302
    chosen = {"action": "delete_selected", "_selected_action": [str(second.pk)], "post": "yes"}
    assert desk_of_admin.post(reverse("admin:monitoring_setasideentry_changelist"), chosen).status_code == 302
    assert not SetAsideEntry.objects.exists()


def test_it_lets_nobody_else_delete_it(desk_of_viewer: Client, operator: User) -> None:
    entry = make_set_aside()
    for client in (desk_of_viewer, at_desk(operator)):
        assert client.post(page_of(entry, "delete"), {"post": "yes"}).status_code == 403
    assert SetAsideEntry.objects.exists()


# --- Scheduled jobs -----------------------------------------------------------------------------------------------


def test_it_says_schedules_in_words(desk_of_viewer: Client) -> None:
    make_schedule(name="letters", cron="0 9 * * 1-5", interval_seconds=None)
    make_schedule(name="odd", cron="every now and then")
    page = text_of(desk_of_viewer, reverse("admin:scheduler_scheduledjob_changelist"))
    assert "At 09:00 AM, Monday through Friday" in page
    assert "every now and then" in page


def test_it_lets_admins_edit_schedules(desk_of_admin: Client) -> None:
    job = make_schedule(name="letters", run_count=7, next_run_at=NOON)
    assert 'name="interval_seconds"' in text_of(desk_of_admin, page_of(job))
    form = {
        "name": "letters",
        "interval_seconds": "600",
        "run_count": "0",
        "is_enabled": "on",
        "timezone": "UTC",
        "handler": "demo.echo",
        "args": "[1]",
        "queue": "default",
        "jitter_seconds": "0",
        "max_retries": "0",
        "overlap_policy": "skip",
        "misfire_policy": "once",
        "misfire_grace_seconds": "60",
        "retry_delay_seconds": "0",
        "retry_backoff": "fixed",
    }
    assert desk_of_admin.post(page_of(job), form).status_code == 302
    job.refresh_from_db()
    assert (job.interval_seconds, job.run_count) == (600, 7)
    assert desk_of_admin.post(page_of(job, "delete"), {"post": "yes"}).status_code == 302


def test_it_lets_viewers_read_schedules_only(desk_of_viewer: Client) -> None:
    job = make_schedule()
    page = text_of(desk_of_viewer, page_of(job))
    assert "Every 5 minutes" in page
    assert 'name="interval_seconds"' not in page
    assert desk_of_viewer.post(page_of(job), {"name": "x"}).status_code == 403


def test_it_leads_from_a_schedule_to_its_tasks(desk_of_viewer: Client) -> None:
    job = make_schedule()
    of_job, other = make_task(scheduled_job=job), make_task(created_at=NOON + timedelta(minutes=1))
    address = f"{reverse('admin:monitoring_task_changelist')}?scheduled_job__id__exact={job.pk}"
    assert address in text_of(desk_of_viewer, page_of(job))
    page = text_of(desk_of_viewer, address)
    assert str(of_job.id) in page
    assert str(other.id) not in page


# --- Accounts -----------------------------------------------------------------------------------------------------


def test_it_lets_admins_edit_users_but_make_no_superuser(desk_of_admin: Client, viewer: User) -> None:
    form = {"username": "vera", "email": "vera@example.org", "is_active": "on", "is_superuser": "on"}
    form |= {"date_joined_0": "2025-01-15", "date_joined_1": "12:00:00", "user_permissions": "1"}
    assert desk_of_admin.post(page_of(viewer), form).status_code == 302
    viewer.refresh_from_db()
    assert viewer.email == "vera@example.org"
    assert not viewer.is_superuser
    assert not viewer.user_permissions.exists()


def test_it_keeps_superusers_from_admins(desk_of_admin: Client) -> None:
    root = User.objects.create_superuser("root", password="right")
    assert desk_of_admin.post(page_of(root), {"username": "toor"}).status_code == 403
    assert desk_of_admin.post(page_of(root, "delete"), {"post": "yes"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert desk_of_admin.post(password, {"password1": "my-new-one-1", "password2": "my-new-one-1"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(root.pk)], "post": "yes"}
    desk_of_admin.post(reverse("admin:auth_user_changelist"), chosen)
    root.refresh_from_db()
    assert root.check_password("right")


def test_it_lets_admins_widen_no_role(desk_of_admin: Client, admin: User) -> None:
    role = reverse("admin:auth_group_change", args=[admin.groups.get().pk])
    assert desk_of_admin.get(role).status_code == 200
    assert desk_of_admin.post(role, {"name": "admin", "permissions": []}).status_code == 403
    assert desk_of_admin.get(reverse("admin:auth_group_add")).status_code == 403
