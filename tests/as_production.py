"""``python -m tests.as_production``: asks a site with the settings of production; a line of JSON tells the answers."""

from __future__ import annotations

import json
from typing import Any

import django

HOST = "deck.example.com"


def told(answer: Any) -> dict[str, Any]:
    """Status, headers and cookies."""
    cookies = {
        name: {key: morsel[key] for key in ("secure", "httponly", "samesite", "domain", "path")}
        for name, morsel in answer.cookies.items()
    }
    return {"status": answer.status_code, "headers": dict(answer.headers), "cookies": cookies}


def main() -> None:
    """Makes the tables and one account, and asks."""
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    User.objects.create_superuser("root", password="a password of hers")
    client = Client(headers={"Host": HOST}, raise_request_exception=False)
    answers = {
        "plain": client.get("/monitoring/login?next=/monitoring/tasks"),
        "login": client.get("/monitoring/login", secure=True),
        "logged_in": client.post(
            "/monitoring/login", {"username": "root", "password": "a password of hers"}, secure=True
        ),
        "page": client.get("/monitoring/schedules", secure=True),
        "api": client.get("/monitoring/api/tasks", secure=True),
        "admin": client.get("/admin/", secure=True),
        "missing": client.get("/monitoring/nowhere", secure=True),
        "unknown": client.get("/nowhere", secure=True),
        "document": client.get("/api-docs.json", secure=True),
        "forged": Client(raise_request_exception=False).get(
            "/monitoring/login", headers={"Host": "evil.example"}, secure=True
        ),
        "insecure_events": client.get("/monitoring/events"),
        "without_token": Client(enforce_csrf_checks=True, headers={"Host": HOST}).post(
            "/monitoring/login", {"username": "root", "password": "x"}, secure=True
        ),
    }
    print(json.dumps({name: told(answer) for name, answer in answers.items()}))  # noqa: T201  # that is how it tells


if __name__ == "__main__":
    main()
