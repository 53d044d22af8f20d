"""The site that is fuzzed: its tables, a past, and an account of each role."""

from __future__ import annotations

import random
from io import StringIO

import django

from benchmarks.sides import obey


def prepare() -> dict[str, str]:
    """Makes all of it; a token by role."""
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command

    from audit.tokens import AccessToken
    from demo import schedules, workflows

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("seed_history", tasks=500, days=3, verbosity=0, stdout=StringIO())
    schedules.make_schedules()
    chance = random.Random(7)  # noqa: S311  # no secret
    for _ in range(5):
        workflows.start_one(chance)
    tokens = {}
    for role in ("viewer", "operator", "admin"):
        user = User.objects.create_user(role)
        user.groups.add(Group.objects.get(name=role))
        tokens[role] = str(AccessToken.for_user(user))
    return tokens


if __name__ == "__main__":
    django.setup()
    obey({"prepare": prepare})
