"""Who may come in: the one check of name and password behind every login form and login endpoint.

Attempts are throttled per account and per source. Each attempt takes one of a limited number of slots before the
password is looked at, and a failed one keeps it for five minutes; when all are taken, the next must wait until the
oldest is free. Slots are rows of the cache table with a unique key, so attempts made at the same moment cannot share
one, and they are counted while Redis is down.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from hashlib import blake2s
from math import ceil

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User, update_last_login
from django.core.cache import cache

logger = logging.getLogger("quarterdeck.logins")

WINDOW_SECONDS = 300
NAME_LIMIT = 255
"""Longer than any account's name can be."""


class LoginRefused(Exception):
    """The login failed; the text may be shown to whoever tried."""


class WrongCredentials(LoginRefused):
    """No active account has this name and password. Which of the two was wrong is not told."""

    def __init__(self) -> None:
        super().__init__("Invalid username or password")


class TooManyAttempts(LoginRefused):
    """Too many attempts have failed for this account or from this source."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(f"Too many failed logins. Try again in {retry_after_seconds} seconds.")
        self.retry_after_seconds = retry_after_seconds


def log_in(*, username: str, password: str, source: str) -> User:
    """The active user of that name and password; raises WrongCredentials or TooManyAttempts.

    An unknown name gets the same answer as a wrong password, in the same time: Django hashes for it too.
    """
    username, password = _storable(username[:NAME_LIMIT]), _storable(password)
    account = Slots(f"account:{username}", settings.LOGIN_ATTEMPTS_PER_ACCOUNT)
    origin = Slots(f"source:{source}", settings.LOGIN_ATTEMPTS_PER_SOURCE)
    try:
        of_origin = _take_both(account, origin)
        user = authenticate(username=username, password=password)
        if not isinstance(user, User):
            raise WrongCredentials
    except LoginRefused as reason:
        logger.warning("login of %r from %s refused: %s", username, source, reason)
        raise
    account.free_all()
    origin.free(of_origin)
    update_last_login(type(user), user)
    return user


@dataclass(frozen=True)
class Slots:
    """The attempts that one account, or one source, has in WINDOW_SECONDS."""

    owner: str
    limit: int

    @property
    def keys(self) -> list[str]:
        """The cache keys. The owner's name is any text that someone typed, so only its hash becomes a key."""
        digest = blake2s(self.owner.encode(), digest_size=16).hexdigest()
        return [f"login:{digest}:{number}" for number in range(self.limit)]

    def take(self) -> str:
        """Takes a slot and returns its key; raises TooManyAttempts when there is none."""
        keys = self.keys
        taken = cache.get_many(keys)
        free = [key for key in keys if key not in taken]
        random.shuffle(free)  # so that attempts at the same moment seldom reach for the same slot
        for key in free:
            if cache.add(key, time.time(), WINDOW_SECONDS):
                return key
        oldest = min(taken.values(), default=time.time())
        raise TooManyAttempts(max(1, ceil(oldest + WINDOW_SECONDS - time.time())))

    def free(self, key: str) -> None:
        """Gives back a slot whose attempt succeeded."""
        cache.delete(key)

    def free_all(self) -> None:
        """Forgets all attempts."""
        cache.delete_many(self.keys)


def _take_both(account: Slots, origin: Slots) -> str:
    """Takes a slot of each, or of neither, for who is refused has not tried; returns the origin's."""
    of_account = account.take()
    try:
        return origin.take()
    except TooManyAttempts:
        account.free(of_account)
        raise


def _storable(text: str) -> str:
    """The text without what no account's name or password can hold and databases refuse: NUL and lone surrogates."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
