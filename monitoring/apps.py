from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """What runs and ran, and the buttons."""

    name = "monitoring"

    def ready(self) -> None:
        from monitoring import hooks

        hooks.install()
