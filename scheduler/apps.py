from django.apps import AppConfig


class SchedulerConfig(AppConfig):
    """What should run, when, after what."""

    name = "scheduler"

    def ready(self) -> None:
        from scheduler import checks, outcomes, registry  # noqa: F401  # importing the checks registers them

        outcomes.listen()
        registry.discover()
