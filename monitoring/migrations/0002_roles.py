"""The roles viewer, operator and admin, as groups with permissions."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

APPS = ("audit", "monitoring", "scheduler")


def make_roles(apps, schema_editor):
    # Permissions are made after all migrations by a signal; the groups need them now.
    for label in (*APPS, "auth"):
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = None
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    ours = Permission.objects.filter(content_type__app_label__in=APPS)
    reading = ours.filter(codename__startswith="view_")
    operating = ours.filter(codename__startswith="operate_")
    managing = Permission.objects.filter(content_type__app_label="scheduler")
    users = Permission.objects.filter(content_type__app_label="auth", content_type__model__in=["user", "group"])
    for name, permissions in (
        ("viewer", reading),
        ("operator", reading | operating),
        ("admin", reading | operating | managing | users),
    ):
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.add(*permissions.distinct())


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0001_initial"),
        ("audit", "0001_initial"),
        ("scheduler", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
