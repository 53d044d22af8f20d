from django.apps import AppConfig


class SchedulerConfig(AppConfig):
    """What should run, when, after what."""

    name = "scheduler"
