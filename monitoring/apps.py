from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """What runs and ran, and the buttons."""

    name = "monitoring"

    def ready(self) -> None:
        from monitoring import (
            aging,
            checks,  # noqa: F401  # registers checks
            health,
            hooks,
            ledger,
            retention,
        )

        hooks.install()
        health.look_also(ledger.concern)
        retention.keep_for_a_time(aging.KINDS)
