"""Operations over many tasks, carried out in the background."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0008_error_groups")]

    operations = [
        migrations.CreateModel(
            name="Operation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("verb", models.CharField(help_text="The name of one of monitoring.actions.", max_length=20)),
                (
                    "move_to",
                    models.CharField(
                        blank=True, default="", help_text="The queue, of the verb that moves.", max_length=255
                    ),
                ),
                ("asked", models.JSONField(help_text="The TaskFilter's input.")),
                (
                    "action",
                    models.CharField(help_text="The trail's word for what is done to each task.", max_length=255),
                ),
                ("reason", models.TextField(blank=True, default="")),
                ("actor", models.CharField(max_length=255)),
                ("source", models.CharField(max_length=255)),
                ("address", models.CharField(blank=True, default="", max_length=255)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("WAITING", "Waiting"),
                            ("TRYING", "Trying a few"),
                            ("RUNNING", "Under way"),
                            ("FINISHED", "Finished"),
                            ("STOPPED", "Stopped"),
                        ],
                        default="WAITING",
                        max_length=8,
                    ),
                ),
                (
                    "ended_because",
                    models.TextField(blank=True, default="", help_text="Why it was stopped."),
                ),
                (
                    "total",
                    models.BigIntegerField(
                        default=0, help_text="The tasks that it is about, fixed when it was asked for."
                    ),
                ),
                (
                    "position",
                    models.BigIntegerField(default=0, help_text="How many of them have their outcome."),
                ),
                ("done", models.BigIntegerField(default=0)),
                ("refused", models.BigIntegerField(default=0)),
                (
                    "refusals",
                    models.JSONField(default=dict, help_text="The sentences of refusals, and how many had each."),
                ),
                (
                    "try_first",
                    models.PositiveIntegerField(default=0, help_text="How many to try before the rest; 0: none."),
                ),
                (
                    "tried",
                    models.JSONField(default=list, help_text="What is watched of them; see monitoring.canaries."),
                ),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "due_at",
                    models.DateTimeField(help_text="When it is to be looked at next; the longest due goes first."),
                ),
                ("stop_asked_by", models.CharField(blank=True, default="", max_length=255)),
            ],
            options={"indexes": [models.Index(fields=["state", "due_at"], name="operation_due")]},
        ),
        migrations.CreateModel(
            name="OperationTask",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.BigIntegerField(help_text="From 1, oldest task first.")),
                ("task_id", models.UUIDField()),
                ("job_id", models.CharField(max_length=255)),
                ("queue", models.CharField(max_length=255)),
                (
                    "operation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tasks",
                        to="monitoring.operation",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("operation", "position"), name="one_task_per_position")
                ]
            },
        ),
    ]
