"""Admins may look at what is kept beside the record: models that came after the roles were made."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

VIEWED = {"monitoring": ("view_stepcount", "view_pruned"), "scheduler": ("view_workflowcount", "view_scheduledfire")}


def _admins(apps):
    """The role, unless somebody has deleted it."""
    return apps.get_model("auth", "Group").objects.filter(name="admin").first()


def _permissions(apps, label):
    permissions = apps.get_model("auth", "Permission").objects
    return permissions.filter(content_type__app_label=label, codename__in=VIEWED[label])


def let_admins_view(apps, schema_editor):
    admins = _admins(apps)
    for label in VIEWED if admins else ():
        # Permissions are made after all migrations by a signal; the group needs them now.
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = None
        admins.permissions.add(*_permissions(apps, label))


def let_them_view_no_more(apps, schema_editor):
    admins = _admins(apps)
    for label in VIEWED if admins else ():
        admins.permissions.remove(*_permissions(apps, label))


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0014_retention"),
        ("scheduler", "0005_find_workflows_by_origin"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [migrations.RunPython(let_admins_view, let_them_view_no_more)]
