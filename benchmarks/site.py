"""The site that the browser of the latency benchmark visits: its tables, its one visitor, its watched tasks."""

from __future__ import annotations

import django

from benchmarks.sides import obey


def prepare() -> dict[str, str]:
    """Makes tables, static files and a viewer who is logged in; the session's cookie."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import Group, User
    from django.contrib.sessions.backends.db import SessionStore
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    viewer = User.objects.create_user("viewer")
    viewer.groups.add(Group.objects.get(name="viewer"))
    session = SessionStore()
    session[SESSION_KEY] = str(viewer.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = viewer.get_session_auth_hash()
    session.save()
    return {"name": settings.SESSION_COOKIE_NAME, "value": str(session.session_key)}


def enqueue(queue_name: str, jobs: str, seconds: str) -> None:
    """Puts jobs on a queue that take so long each."""
    import rq

    from monitoring import broker

    queue = rq.Queue(queue_name, connection=broker.connection(), serializer="json")
    queue.enqueue_many(
        [rq.Queue.prepare_data("benchmarks.jobs.pause", args=[float(seconds)]) for _ in range(int(jobs))]
    )


def recorded(queue_name: str) -> int:
    """How many tasks of the queue are recorded."""
    from monitoring.models import Task

    return Task.objects.filter(queue=queue_name).count()


def changes(queue_name: str) -> list[tuple[str, str, float]]:
    """Every status change of the queue's tasks: task, new status, and when Redis took it, in ms of Unix time."""
    from audit.models import StatusChange
    from monitoring.models import Task

    ids = Task.objects.filter(queue=queue_name).values("id")
    rows = StatusChange.objects.filter(task_id__in=ids).order_by("id")
    return [(str(row.task_id), row.new_status, row.changed_at.timestamp() * 1000) for row in rows]


def lag() -> float:
    """How old the oldest report is that is not recorded, in seconds; 0 if none waits."""
    from monitoring import health

    return health.recorder_lag_seconds()


if __name__ == "__main__":
    django.setup()
    obey({"prepare": prepare, "enqueue": enqueue, "recorded": recorded, "changes": changes, "lag": lag})
