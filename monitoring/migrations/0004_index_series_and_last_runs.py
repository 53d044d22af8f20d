"""Indexes for the tasks of a scheduled job, and for the list of last runs in the order that PostgreSQL can use."""

import django.db.models.deletion
from django.db import migrations, models

import monitoring.descending


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0003_find_tasks_by_label"),
        ("scheduler", "0001_initial"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("scheduled_job__isnull", False)),
                fields=["scheduled_job", "created_at", "id"],
                name="task_series",
            ),
        ),
        migrations.AlterField(
            model_name="task",
            name="scheduled_job",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="tasks",
                to="scheduler.scheduledjob",
            ),
        ),
        migrations.RemoveIndex(model_name="task", name="task_last_run"),
        migrations.AddIndex(
            model_name="task",
            index=monitoring.descending.EmptyLastIndex(fields=["-last_run_at", "-id"], name="task_last_run"),
        ),
    ]
