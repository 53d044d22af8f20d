from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Believable work for a first look; installed in development only."""

    name = "demo"
