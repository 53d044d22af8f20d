"""Counts of workflows, with those that are there already."""

from collections import Counter, defaultdict

from django.db import migrations, models

from monitoring.histograms import Histogram

CHUNK = 2_000
NAMES = ("namespace", "name", "version", "origin_instance", "origin_zone", "status")
STEPS = ("completed_steps", "failed_steps", "cancelled_steps")
SUMS = ("count", "steps", *STEPS, "timed", "run_us")


def count_workflows(apps, schema_editor):
    """Counts them as the engine does from now on."""
    columns = (*NAMES, *STEPS, "total_steps", "created_at", "started_at", "completed_at")
    sums, histograms = defaultdict(Counter), defaultdict(Histogram)
    for workflow in apps.get_model("scheduler", "Workflow").objects.only(*columns).iterator(CHUNK):
        names = tuple(getattr(workflow, name) for name in NAMES)
        for cell in _cells("c", workflow.created_at, names):
            sums[cell].update(
                count=1, steps=workflow.total_steps, **{name: getattr(workflow, name) for name in STEPS}
            )
        if workflow.status not in ("COMPLETED", "FAILED", "CANCELLED") or not workflow.completed_at:
            continue
        for cell in _cells("e", workflow.completed_at, names):
            sums[cell]["count"] += 1
            if workflow.started_at:
                took_ms = (workflow.completed_at - workflow.started_at).total_seconds() * 1000
                sums[cell].update(timed=1, run_us=round(took_ms * 1000))
                histograms[cell].add(took_ms)
    model = apps.get_model("scheduler", "WorkflowCount")
    keys = ("basis", "span", "start", *NAMES)
    model.objects.bulk_create(
        (
            model(
                **dict(zip(keys, cell)),
                **{name: counted[name] for name in SUMS},
                run_histogram=histograms[cell].to_json(),
                is_new=False,
            )
            for cell, counted in sums.items()
        ),
        batch_size=CHUNK,
    )


def _cells(basis, at, names):
    hour = at.replace(minute=0, second=0, microsecond=0)
    return (basis, "h", hour, *names), (basis, "d", hour.replace(hour=0), *names)


class Migration(migrations.Migration):

    dependencies = [
        ('scheduler', '0003_workflows'),
    ]

    operations = [
        migrations.CreateModel(
            name='WorkflowCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('basis', models.CharField(choices=[('c', 'Creation'), ('e', 'End')], max_length=1)),
                ('span', models.CharField(choices=[('h', 'Hour'), ('d', 'Day')], max_length=1)),
                ('start', models.DateTimeField(help_text='When the UTC hour or day begins.')),
                ('namespace', models.CharField(max_length=100)),
                ('name', models.CharField(max_length=150)),
                ('version', models.CharField(max_length=50)),
                ('origin_instance', models.CharField(blank=True, default='', max_length=255)),
                ('origin_zone', models.CharField(blank=True, default='', max_length=100)),
                ('status', models.CharField(choices=[('PENDING', 'Pending'), ('RUNNING', 'Running'), ('PAUSED', 'Paused'), ('COMPLETED', 'Completed'), ('FAILED', 'Failed'), ('CANCELLED', 'Cancelled')], max_length=9)),
                ('count', models.BigIntegerField()),
                ('steps', models.BigIntegerField(help_text='Their steps, and how many of them are in which state.')),
                ('completed_steps', models.BigIntegerField()),
                ('failed_steps', models.BigIntegerField()),
                ('cancelled_steps', models.BigIntegerField()),
                ('timed', models.BigIntegerField(help_text='How many have a duration; of cells by end only, like what follows.')),
                ('run_us', models.BigIntegerField(help_text='Their durations added up, in microseconds.')),
                ('run_histogram', models.JSONField(default=dict, help_text='See monitoring.histograms.')),
                ('is_new', models.BooleanField(default=True, help_text="It was not folded into its cell's one row yet.")),
            ],
            options={
                'indexes': [models.Index(fields=['basis', 'span', 'start', 'namespace', 'name'], name='workflow_count_cell'), models.Index(condition=models.Q(('is_new', True)), fields=['id'], name='workflow_count_new')],
            },
        ),
        migrations.RunPython(count_workflows, migrations.RunPython.noop),
    ]
