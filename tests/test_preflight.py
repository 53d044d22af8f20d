"""What must be true before a process starts."""

from __future__ import annotations

import socket

import pytest
from django.contrib.auth.models import User
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from monitoring import checks, demo_logins, preflight
from monitoring.preflight import CannotStart
from tests.running import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_hashes(settings: Settings) -> None:
    """Passwords that take no second each."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def test_it_is_content_with_a_free_port(settings: Settings) -> None:
    settings.HOST, settings.PORT = "127.0.0.1", free_port()
    preflight.check_port()
    settings.HOST = "localhost"
    preflight.check_port()


def test_it_refuses_a_port_in_use(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings.HOST, settings.PORT = "127.0.0.1", other.getsockname()[1]
        with pytest.raises(
            CannotStart, match=r"^port \d+ on 127.0.0.1 is in use; stop what listens there, or set PORT"
        ):
            preflight.check_port()


def test_it_refuses_an_address_of_another_machine(settings: Settings) -> None:
    settings.HOST, settings.PORT = "192.0.2.1", free_port()
    with pytest.raises(CannotStart, match=r"^it cannot listen on HOST 192\.0\.2\.1, PORT \d+: "):
        preflight.check_port()


def test_it_refuses_a_redis_that_does_not_answer(settings: Settings) -> None:
    settings.REDIS_URL, settings.REDIS_IS_EMBEDDED = "redis://127.0.0.1:1/0", False
    with pytest.raises(CannotStart, match=r"^Redis does not answer at redis://127\.0\.0\.1:1/0 \(REDIS_URL\): "):
        preflight.check_redis()


def test_it_refuses_to_run_twice_over_the_same_data(settings: Settings) -> None:
    settings.REDIS_IS_EMBEDDED = True  # and the one of the tests answers
    with pytest.raises(CannotStart, match=r"^Quarterdeck is already running with the data in "):
        preflight.check_redis()


def test_it_is_content_with_a_database_that_lets_it_in() -> None:
    preflight.check_database()


def test_it_asks_for_missing_migrations() -> None:
    preflight.check_migrations()
    MigrationRecorder.Migration.objects.filter(app="monitoring").order_by("-id").first().delete()  # type: ignore[union-attr]
    with pytest.raises(CannotStart, match=r"run: python manage\.py migrate$"):
        preflight.check_migrations()


def test_it_makes_the_demo_logins_once_with_their_roles() -> None:
    assert demo_logins.make_missing() == ["admin", "operator", "viewer"]
    assert demo_logins.make_missing() == []

    for name in demo_logins.NAMES:
        user = User.objects.get(username=name)
        assert user.check_password(name)
        assert [group.name for group in user.groups.all()] == [name]
        assert user.is_staff == user.is_superuser == (name == "admin")


def test_it_leaves_a_changed_password_alone() -> None:
    demo_logins.make_missing()
    user = User.objects.get(username="viewer")
    user.set_password("something-else")
    user.save()
    demo_logins.make_missing()

    assert demo_logins.still_open() == ["admin", "operator"]


def test_it_refuses_demo_logins_where_others_can_knock(settings: Settings) -> None:
    demo_logins.make_missing()
    settings.DEMO_LOGINS = True
    preflight.check_demo_logins()
    assert checks.demo_logins_are_closed(None) == []

    settings.DEMO_LOGINS = False
    with pytest.raises(CannotStart, match=r"^the demo password of admin, operator, viewer still works"):
        preflight.check_demo_logins()
    assert [message.id for message in checks.demo_logins_are_closed(None)] == ["quarterdeck.E002"]

    User.objects.all().delete()
    preflight.check_demo_logins()


def test_it_names_a_callables_module_that_is_not_there(settings: Settings) -> None:
    settings.QUARTERDECK_CALLABLES = ["demo.tasks", "no.such.module"]
    (message,) = checks.callables_can_be_imported(None)
    assert message.id == "quarterdeck.E001"
    assert "'no.such.module', which cannot be imported: ModuleNotFoundError" in message.msg
