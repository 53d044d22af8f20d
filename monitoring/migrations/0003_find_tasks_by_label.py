"""Indexes for the monitoring API: completion, type, and the labels that producers give."""

from django.db import migrations, models

import monitoring.descending


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0002_roles'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='task',
            index=monitoring.descending.EmptyLastIndex(fields=['-completed_at', '-id', 'started_at'], name='task_completed'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(fields=['task_type', 'created_at', 'id'], name='task_type_created'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('kind__gt', '')), fields=['kind', 'created_at', 'id'], name='task_kind'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('provider_type__gt', '')), fields=['provider_type', 'created_at', 'id'], name='task_provider'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('origin_instance__gt', '')), fields=['origin_instance', 'created_at', 'id'], name='task_instance'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('origin_zone__gt', '')), fields=['origin_zone', 'created_at', 'id'], name='task_zone'),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('origin_tenant_id__gt', '')), fields=['origin_tenant_id', 'created_at', 'id'], name='task_tenant'),
        ),
    ]
