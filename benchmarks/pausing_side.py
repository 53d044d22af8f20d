"""The web side of the pausing benchmark: an operator who pauses and resumes, and watches the acknowledgements."""

from __future__ import annotations

import random
import time

import django

from benchmarks.sides import obey

QUEUE = "mail"


def prepare() -> str:
    """Makes the tables and an operator; her token."""
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command

    from audit.tokens import AccessToken

    call_command("migrate", verbosity=0)
    operator = User.objects.create_user("operator")
    operator.groups.add(Group.objects.get(name="operator"))
    return str(AccessToken.for_user(operator))


def listening() -> int:
    """How many workers listen to the queue."""
    from monitoring.moments import look

    return sum(QUEUE in worker.queues for worker in look().workers)


def keep_busy(jobs: str) -> None:
    """Has so many workers run jobs of the other queue, for longer than anybody measures."""
    from monitoring import broker
    from monitoring.moments import look

    for _ in range(int(jobs)):
        broker.queue("other").enqueue("benchmarks.jobs.pause", 3_600, job_timeout=7_200)
    while sum(worker.is_busy for worker in look().workers) < int(jobs):
        time.sleep(0.05)


def measure(token: str, workers: str) -> float:
    """Pauses at a random moment; milliseconds from the request to the last worker's acknowledgement."""
    time.sleep(random.uniform(0.2, 1.5))  # noqa: S311  # no secret
    begun = time.perf_counter()
    _post(token, "pause")
    _wait(acknowledged=int(workers))
    taken = (time.perf_counter() - begun) * 1000
    _post(token, "resume")
    _wait(acknowledged=0)
    return taken


def _post(token: str, action: str) -> None:
    from django.conf import settings
    from django.test import Client

    client = Client(headers={"authorization": f"Bearer {token}", "host": "127.0.0.1"})
    response = client.post(f"/{settings.MONITORING_BASE_PATH}/queues/{QUEUE}", {"action": action})
    assert response.status_code == 303, response.content


def _wait(*, acknowledged: int) -> None:
    from monitoring.moments import look

    while sum(QUEUE in (worker.honours or {}) for worker in look().workers) != acknowledged:
        time.sleep(0.005)


if __name__ == "__main__":
    django.setup()
    obey({"prepare": prepare, "listening": listening, "keep_busy": keep_busy, "measure": measure})
