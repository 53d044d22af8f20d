"""The index of a task's changes, without what keeps PostgreSQL from storing each task's id in it once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_find_refusals")]

    operations = [
        migrations.RemoveIndex(model_name="statuschange", name="change_of_task"),
        migrations.AddIndex(
            model_name="statuschange", index=models.Index(fields=["task_id"], name="change_of_task")
        ),
    ]
