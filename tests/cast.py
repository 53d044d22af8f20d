"""The fixed cast: three people with a role, one without, and clients that act for them."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client

from audit.tokens import AccessToken

API = f"/{settings.MONITORING_BASE_PATH}/api"


def member(name: str, role: str = "") -> User:
    """A user without a password, in the role's group."""
    user = User.objects.create_user(name)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def client_of(user: User) -> Client:
    """A client that sends the user's token."""
    return Client(headers={"Authorization": f"Bearer {AccessToken.for_user(user)}"})


@pytest.fixture
def viewer(db: None) -> User:
    return member("vera", "viewer")


@pytest.fixture
def operator(db: None) -> User:
    return member("oscar", "operator")


@pytest.fixture
def admin(db: None) -> User:
    return member("ada", "admin")


@pytest.fixture
def stranger(db: None) -> User:
    """Has an account and no role."""
    return member("sten")


@pytest.fixture
def browser(viewer: User) -> Client:
    """The viewer's browser, logged in."""
    client = Client()
    client.force_login(viewer)
    return client


@pytest.fixture
def api(viewer: User) -> Client:
    """The viewer's client."""
    return client_of(viewer)


@pytest.fixture
def desk(operator: User) -> Client:
    """The operator's browser."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def acting(operator: User) -> Client:
    """The operator's client."""
    return client_of(operator)
