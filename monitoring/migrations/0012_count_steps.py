"""Counts of the attempts of workflows' steps, with those that are there already; samples of what was recorded."""

from collections import Counter, defaultdict

from django.db import migrations, models

from monitoring.histograms import Histogram

CHUNK = 2_000
NAMES = ("queue", "handler", "kind", "status", "error_group")
SUMS = ("count", "retries", "timed", "run_us", "waited", "wait_us")


def count_steps(apps, schema_editor):
    """Counts the attempts that are over, as the recorder does from now on."""
    columns = (*NAMES, "created_at", "completed_at", "duration_ms", "wait_ms", "retry_of", "retry_count")
    over = ("COMPLETED", "FAILED", "CANCELLED")
    attempts = apps.get_model("monitoring", "Task").objects.filter(kind__gt="", handler__gt="", status__in=over)
    sums, runs, waits = defaultdict(Counter), defaultdict(Histogram), defaultdict(Histogram)
    for task in attempts.only(*columns).iterator(CHUNK):
        hour = (task.completed_at or task.created_at).replace(minute=0, second=0, microsecond=0)
        names = tuple(getattr(task, name) or "" for name in NAMES)
        for cell in (("h", hour, *names), ("d", hour.replace(hour=0), *names)):
            sums[cell].update(count=1, retries=int(bool(task.retry_of or task.retry_count)))
            if task.duration_ms is not None:
                sums[cell].update(timed=1, run_us=round(task.duration_ms * 1000))
                runs[cell].add(task.duration_ms)
            if task.wait_ms is not None:
                sums[cell].update(waited=1, wait_us=round(task.wait_ms * 1000))
                waits[cell].add(task.wait_ms)
    model = apps.get_model("monitoring", "StepCount")
    model.objects.bulk_create(
        (
            model(
                **dict(zip(("span", "start", *NAMES), cell)),
                **{name: counted[name] for name in SUMS},
                run_histogram=runs[cell].to_json(),
                wait_histogram=waits[cell].to_json(),
            )
            for cell, counted in sums.items()
        ),
        batch_size=CHUNK,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0011_count_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='metricsample',
            name='recorded',
            field=models.BigIntegerField(default=0),
        ),
        migrations.CreateModel(
            name='StepCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('span', models.CharField(choices=[('h', 'Hour'), ('d', 'Day')], max_length=1)),
                ('start', models.DateTimeField(help_text='When the UTC hour or day of the end begins.')),
                ('queue', models.CharField(max_length=255)),
                ('handler', models.CharField(max_length=255)),
                ('kind', models.CharField(help_text='The step.', max_length=100)),
                ('status', models.CharField(choices=[('SCHEDULED', 'Scheduled'), ('DEFERRED', 'Deferred'), ('QUEUED', 'Queued'), ('RUNNING', 'Running'), ('COMPLETED', 'Completed'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], max_length=10)),
                ('error_group', models.CharField(blank=True, default='', help_text='Of failed ones.', max_length=16)),
                ('count', models.BigIntegerField()),
                ('retries', models.BigIntegerField(help_text='How many of them had been tried before.')),
                ('timed', models.BigIntegerField(help_text='How many of them have a run time.')),
                ('run_us', models.BigIntegerField(help_text='Run times added up, in microseconds.')),
                ('run_histogram', models.JSONField(default=dict, help_text='See monitoring.histograms.')),
                ('waited', models.BigIntegerField(help_text='How many of them have a waiting time.')),
                ('wait_us', models.BigIntegerField(help_text='Waiting times added up, in microseconds.')),
                ('wait_histogram', models.JSONField(default=dict)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('span', 'start', 'queue', 'handler', 'kind', 'status', 'error_group'), name='one_step_count_per_cell')],
            },
        ),
        migrations.RunPython(count_steps, migrations.RunPython.noop),
    ]
