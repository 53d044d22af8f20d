from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """What runs and ran, and the buttons."""

    name = "monitoring"

    def ready(self) -> None:
        from monitoring import checks, health, hooks, ledger  # noqa: F401  # importing the checks registers them

        hooks.install()
        health.look_also(ledger.concern)
