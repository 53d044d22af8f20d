import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models


def give_ids(apps, schema_editor):
    """Each job that is there gets an id of its own: a default would be one for all."""
    for job in apps.get_model("scheduler", "ScheduledJob").objects.all():
        job.uuid = uuid.uuid4()
        job.save(update_fields=["uuid"])


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0001_initial'),
        ('scheduler', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ScheduledFire',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('due_at', models.DateTimeField(help_text='By the schedule; for runs by hand, when they were asked for.')),
                ('run_at', models.DateTimeField(help_text='By the schedule, and the jitter.')),
                ('last_due_at', models.DateTimeField(help_text='The last one, where a row stands for several due times.', null=True)),
                ('count', models.PositiveIntegerField(default=1, help_text='How many due times the row stands for.')),
                ('cause', models.CharField(choices=[('schedule', 'Schedule'), ('trigger', 'By hand'), ('retry', 'Retry')], default='schedule', max_length=8)),
                ('state', models.CharField(choices=[('claimed', 'Being started'), ('started', 'Started'), ('cancelled', 'Cancelled before it was started'), ('overlapped', 'Skipped: the last run was not over'), ('skipped', 'Skipped by the misfire policy'), ('missed', 'Missed')], max_length=10)),
                ('reason', models.TextField(blank=True, default='', help_text='Why it was not started, or what was odd.')),
                ('leased_at', models.DateTimeField(help_text='Who claimed it began to take it to RQ.', null=True)),
                ('started_at', models.DateTimeField(help_text='Known once it is over.', null=True)),
                ('over_at', models.DateTimeField(null=True)),
                ('status', models.CharField(blank=True, default='', help_text='How it ended.', max_length=10)),
                ('enqueued_at', models.DateTimeField(null=True)),
                ('cancel_requested_at', models.DateTimeField(null=True)),
                ('triggered_by', models.CharField(blank=True, default='', max_length=100)),
                ('retry_of', models.UUIDField(null=True)),
                ('arguments', models.JSONField(help_text="[args, kwargs] where they are not the job's present ones.", null=True)),
            ],
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='args',
            field=models.JSONField(blank=True, default=list, help_text='A JSON list.'),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='consecutive_failures',
            field=models.PositiveIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='created_at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='created_by',
            field=models.CharField(blank=True, default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='description',
            field=models.TextField(blank=True, default=''),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='handler',
            field=models.CharField(default='', help_text='A handler (demo.echo, demo.echo@0.1.0) or a function that may be started.', max_length=255),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='is_paused',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='jitter_seconds',
            field=models.PositiveIntegerField(default=0, help_text='Started up to so much later.'),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='kwargs',
            field=models.JSONField(blank=True, default=dict, help_text='A JSON object.'),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='last_due_at',
            field=models.DateTimeField(editable=False, help_text='Whatever is due comes after this.', null=True),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='last_executed_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='last_status',
            field=models.CharField(blank=True, default='', editable=False, max_length=10),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='max_retries',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='misfire_grace_seconds',
            field=models.PositiveIntegerField(default=60),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='misfire_policy',
            field=models.CharField(choices=[('skip', 'Skip'), ('once', 'Run once'), ('all', 'Run all')], default='once', max_length=8),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='next_due_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='By the schedule.', null=True),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='overlap_policy',
            field=models.CharField(choices=[('skip', 'Skip'), ('allow', 'Allow'), ('cancel', 'Cancel the running one')], default='skip', max_length=8),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='queue',
            field=models.CharField(default='default', max_length=255),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='retry_backoff',
            field=models.CharField(choices=[('fixed', 'Fixed'), ('linear', 'Linear'), ('exponential', 'Exponential')], default='fixed', max_length=12),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='retry_delay_seconds',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='run_at',
            field=models.DateTimeField(blank=True, help_text='Of a job that runs once.', null=True),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='start_at',
            field=models.DateTimeField(blank=True, help_text='Nothing is due before.', null=True),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='tags',
            field=models.JSONField(blank=True, default=list, help_text='A JSON list of words.'),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='timeout_seconds',
            field=models.PositiveIntegerField(blank=True, help_text='Empty: as the queue has it, 360 s.', null=True),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='timezone',
            field=models.CharField(default='UTC', help_text='The IANA name of the zone that cron is in.', max_length=64),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='updated_at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, help_text='When it was last edited.'),
        ),
        migrations.AddField(
            model_name='scheduledjob',
            name='uuid',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.RunPython(give_ids, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='scheduledjob',
            name='uuid',
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
        migrations.AlterField(
            model_name='scheduledjob',
            name='end_at',
            field=models.DateTimeField(blank=True, help_text='Nothing is due after.', null=True),
        ),
        migrations.AlterField(
            model_name='scheduledjob',
            name='next_run_at',
            field=models.DateTimeField(blank=True, help_text='By the schedule, and the jitter.', null=True),
        ),
        migrations.AlterField(
            model_name='scheduledjob',
            name='run_count',
            field=models.PositiveIntegerField(default=0, help_text='Starts by the schedule, not those by hand.'),
        ),
        migrations.AddIndex(
            model_name='scheduledjob',
            index=models.Index(condition=models.Q(('is_enabled', True), ('is_paused', False), ('next_run_at__isnull', False)), fields=['next_run_at'], name='job_due'),
        ),
        migrations.AddIndex(
            model_name='scheduledjob',
            index=models.Index(condition=models.Q(('consecutive_failures__gt', 0)), fields=['-consecutive_failures', 'name'], name='job_failing'),
        ),
        migrations.AddField(
            model_name='scheduledfire',
            name='job',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fires', to='scheduler.scheduledjob'),
        ),
        migrations.AddField(
            model_name='scheduledfire',
            name='task',
            field=models.OneToOneField(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='fire', to='monitoring.task'),
        ),
        migrations.AddIndex(
            model_name='scheduledfire',
            index=models.Index(condition=models.Q(('task__isnull', False)), fields=['due_at', 'id'], name='fire_executions'),
        ),
        migrations.AddIndex(
            model_name='scheduledfire',
            index=models.Index(condition=models.Q(('over_at__isnull', True), ('task__isnull', False)), fields=['job'], name='fire_open'),
        ),
        migrations.AddIndex(
            model_name='scheduledfire',
            index=models.Index(condition=models.Q(('state', 'claimed')), fields=['leased_at'], name='fire_claimed'),
        ),
        migrations.AddIndex(
            model_name='scheduledfire',
            index=models.Index(condition=models.Q(('over_at__isnull', False)), fields=['over_at', 'status', 'started_at'], name='fire_over'),
        ),
        migrations.AddConstraint(
            model_name='scheduledfire',
            constraint=models.UniqueConstraint(fields=('job', 'due_at'), name='one_fire_per_due_time'),
        ),
    ]
