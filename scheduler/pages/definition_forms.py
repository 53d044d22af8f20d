"""The forms that define a schedule. They read texts; whether these make sense is asked of ``scheduler.definitions``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import copy
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS

from monitoring.filter_fields import MomentField, TrueOrFalseField
from monitoring.models import Queue
from monitoring.pages.forms import JSONText
from monitoring.redaction import mask_value
from monitoring.templatetags.documents import pretty
from scheduler import cron, registry
from scheduler.definitions import EDITABLE_FIELDS, SCHEDULE_FIELDS, Mistakes, by_field
from scheduler.models import Backoff, MisfirePolicy, OverlapPolicy, ScheduledJob, ScheduleType

GIVEN_BY = {
    ScheduleType.CRON: "cron",
    ScheduleType.INTERVAL: "interval_seconds",
    ScheduleType.ONE_TIME: "run_at",
}
"""The field that says when, by the kind of a schedule."""
NOTHING = {"cron": "", "interval_seconds": None, "run_at": None}
LARGE = 100_000
"""More characters than any definition may have; the exact limits are the definitions' own."""


class ScheduleForm(forms.Form):
    """What both forms have in common. What was not sent keeps its value, or has its default."""

    cron = forms.CharField(required=False, max_length=1_000, label="Cron expression")
    timezone = forms.CharField(required=False, max_length=LARGE, empty_value="UTC", label="Time zone")

    columns: Mapping[str, str] = {}
    """The columns that its fields stand for, where they are called something else."""
    when: Collection[str] = ("cron", "timezone")
    """The fields that say when it is due."""

    def definition(self) -> dict[str, Any]:
        """The columns' values, as far as they could be read."""
        given = {
            name: _or_default(name, self.cleaned_data[name])
            for name in EDITABLE_FIELDS
            if name in self.cleaned_data and name in self.data
        }
        if kind := self.cleaned_data.get("kind"):  # a schedule changes its kind in one go
            given |= {name: nothing for name, nothing in NOTHING.items() if name != GIVEN_BY[ScheduleType(kind)]}
        return given

    def tell(self, mistakes: Mistakes) -> None:
        """Takes over what is wrong with the definition, each sentence to the field that it is about."""
        fields = {column: name for name, column in self.columns.items()}
        kind = self.cleaned_data.get("kind")
        for column, sentences in by_field(mistakes).items():
            asked = GIVEN_BY[ScheduleType(kind)] if kind and column in NOTHING else column
            name = fields.get(asked, asked)
            self.add_error(name if name in self.fields else None, sentences)

    @property
    def told(self) -> dict[str, list[str]]:
        """What is wrong, as scripts get it."""
        return {
            "form" if name == NON_FIELD_ERRORS else name: [str(each) for each in sentences]
            for name, sentences in self.errors.items()
        }

    @property
    def wrong(self) -> list[str]:
        """The labels of the fields that have to be corrected."""
        return [str(self.fields[name].label) for name in self.errors if name in self.fields]

    @property
    def wrong_when(self) -> list[tuple[str, list[str]]]:
        """What is wrong with when it is due, by the labels of the fields."""
        return [(str(self.fields[name].label), self.told[name]) for name in self.when if name in self.errors]


class DefinitionForm(ScheduleForm):
    """Every field of a definition."""

    name = forms.CharField(required=False, max_length=LARGE)
    description = forms.CharField(required=False, max_length=LARGE)
    handler = forms.CharField(required=False, max_length=LARGE, label="Handler")
    args = JSONText(kind=list, example='[1, "a"]', label="Positional arguments")
    kwargs = JSONText(kind=dict, example='{"to": "ann"}', label="Named arguments")
    queue = forms.CharField(required=False, max_length=LARGE)
    kind = forms.ChoiceField(choices=ScheduleType.choices, required=False)
    interval_seconds = forms.IntegerField(required=False, label="Interval")
    run_at = MomentField(required=False, label="Run at")
    start_at = MomentField(required=False, label="Not before")
    end_at = MomentField(required=False, label="Not after")
    max_runs = forms.IntegerField(required=False, label="Most runs")
    jitter_seconds = forms.IntegerField(required=False, label="Jitter")
    overlap_policy = forms.ChoiceField(
        choices=OverlapPolicy.choices, required=False, label="If the last one runs still"
    )
    misfire_policy = forms.ChoiceField(choices=MisfirePolicy.choices, required=False, label="If its time was missed")
    misfire_grace_seconds = forms.IntegerField(required=False, label="Missed after")
    max_retries = forms.IntegerField(required=False, label="Most retries")
    retry_delay_seconds = forms.IntegerField(required=False, label="Delay before a retry")
    retry_backoff = forms.ChoiceField(choices=Backoff.choices, required=False, label="How the delay grows")
    timeout_seconds = forms.IntegerField(required=False, label="Time limit")
    is_enabled = TrueOrFalseField(required=False, label="Enabled")
    tags = forms.CharField(required=False, max_length=LARGE)

    when = (
        "kind", "cron", "interval_seconds", "run_at", "timezone", "start_at", "end_at", "max_runs", "jitter_seconds",
    )  # fmt: skip

    def __init__(self, *args: Any, stored: ScheduledJob | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.stored = stored
        if stored is not None:
            for name in ("args", "kwargs"):
                self.fields[name].masked = mask_value(getattr(stored, name))  # type: ignore[attr-defined]  # JSONText

    def definition(self) -> dict[str, Any]:
        """As of any; a time that was left as it is shown, to the second, stays as it is."""
        return {
            name: value
            for name, value in super().definition().items()
            if not (self.stored and isinstance(value, datetime) and _seconds(getattr(self.stored, name)) == value)
        }

    def clean_tags(self) -> list[str]:
        """Words with commas between them."""
        return [word for each in self.cleaned_data["tags"].split(",") if (word := each.strip())]


class RepeatableForm(ScheduleForm):
    """A schedule of one queue, in few words: a task every so many seconds, or by a cron expression."""

    task_id = forms.CharField(required=False, max_length=LARGE, label="Task")
    every = forms.IntegerField(required=False)
    args = forms.CharField(required=False, max_length=LARGE, label="Arguments")
    name = forms.CharField(required=False, max_length=LARGE)

    columns = {"task_id": "handler", "every": "interval_seconds"}
    when = ("every", "cron", "timezone")

    def clean_args(self) -> Any:
        """A list of positional arguments, or an object of named ones."""
        text = self.cleaned_data["args"].strip()
        given = JSONText(kind=dict if text.startswith("{") else list, example='["ann"] or {"to": "ann"}')
        return given.clean(text)

    def definition(self) -> dict[str, Any]:
        """The columns' values; without a name it gets one that says what it does."""
        told = self.cleaned_data
        arguments = told.get("args", [])
        fields = {
            "handler": told.get("task_id", ""),
            "cron": told.get("cron", ""),
            "interval_seconds": told.get("every"),
            "timezone": told.get("timezone", "UTC"),
            "args": arguments if isinstance(arguments, list) else [],
            "kwargs": arguments if isinstance(arguments, dict) else {},
        }
        return {**fields, "name": told.get("name") or _free_name(ScheduledJob(**fields))}

    def tell(self, mistakes: Mistakes) -> None:
        """Named arguments are in the same field as positional ones."""
        told: Mistakes = {}
        for path, sentences in mistakes.items():
            told.setdefault(f"args{path.removeprefix('kwargs')}" if path.startswith("kwargs") else path, sentences)
        super().tell(told)


def _free_name(job: ScheduledJob) -> str:
    """What it does and when; with a number where there is such a schedule already."""
    name = f"{job.handler}: {job.in_words()}"[:240]
    taken = set(ScheduledJob.objects.filter(name__startswith=name).values_list("name", flat=True))
    numbered = (f"{name} ({number})" for number in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _or_default(name: str, value: Any) -> Any:
    """What an empty field means: none where there may be none, else the model's default."""
    field: Any = ScheduledJob._meta.get_field(name)
    is_nothing = (value is None and not field.null) or (value == "" and field.choices)
    return field.get_default() if is_nothing else value


def initial_of(job: ScheduledJob) -> dict[str, Any]:
    """What the form of a job, stored or not, begins with."""
    moments = {name: _moment(getattr(job, name)) for name in ("run_at", "start_at", "end_at")}
    return {
        **{name: getattr(job, name) for name in EDITABLE_FIELDS},
        **moments,
        "kind": job.schedule_type.value,
        "args": pretty(mask_value(job.args)),
        "kwargs": pretty(mask_value(job.kwargs)),
        "tags": ", ".join(job.tags),
        "is_enabled": "true" if job.is_enabled else "false",
    }


def _seconds(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(microsecond=0)


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}" if moment else ""


def schedule_of(form: ScheduleForm, job: ScheduledJob) -> ScheduledJob:
    """The job as the form says it is due: for a preview, never saved."""
    draft = copy(job)
    for name, value in form.definition().items():
        if name in SCHEDULE_FIELDS:
            setattr(draft, name, value)
    return draft


# --- What can be chosen -------------------------------------------------------------------------------------------


def choices_for(form: forms.Form, *names: str) -> dict[str, Any]:
    """The lists that a form's page offers; one query. What is chosen already is among them, whatever it is."""
    handler = next((str(form[name].value() or "") for name in names if name in form.fields), "")
    queue = str(form["queue"].value() or "") if "queue" in form.fields else ""
    known = [*settings.QUARTERDECK_QUEUES, *Queue.objects.values_list("name", flat=True)]
    return {
        "handlers": handlers(handler),
        "queues": [(name, name) for name in dict.fromkeys([*known, *([queue] if queue else [])])],
        "kinds": ScheduleType.choices,
        "yes_no": (("true", "Yes"), ("false", "No")),
        "zones": sorted(cron.zone_names()),
    }


def handlers(chosen: str) -> list[tuple[str, str]]:
    """What may be started, with the names of its arguments."""
    names = registry.runnables()
    missing = [] if chosen in names else [(chosen, chosen or "Choose one")]
    return [*missing, *((name, _label(name)) for name in names)]


def _label(name: str) -> str:
    try:
        return f"{name}({', '.join(registry.find(name).schema.get('properties', {}))})"
    except registry.NotRunnable:  # its newest version is made of steps
        return name
