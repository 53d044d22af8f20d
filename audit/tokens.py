"""The tokens of the APIs: JWT signed with HS256, holding whose it is (sub), when it was made and ends, and its id.

The id ends with a stamp of the account's password: a new password ends every token that was given before. There is
nothing to renew a token with, and so nothing that outlives it: who wants another logs in again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.utils.crypto import constant_time_compare, salted_hmac
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import Token


class AccessToken(Token):
    """Opens every API for its user until it expires: the claims are sub, iat, exp and jti, nothing else."""

    token_type = "access"  # noqa: S105  # a kind of token, not one
    lifetime = settings.JWT_LIFETIME

    def __init__(self, token: Any = None, verify: bool = True) -> None:
        super().__init__(token, verify)
        # simplejwt has no claim for the type here (TOKEN_TYPE_CLAIM is None) and writes the type under that None.
        self.payload = {claim: value for claim, value in self.payload.items() if claim is not None}

    @classmethod
    def for_user(cls, user: Any) -> Self:
        """A new token of the user's."""
        token = super().for_user(user)
        token["jti"] = f"{token['jti']}.{stamp_of(user)}"
        return token

    @property
    def expires_at(self) -> datetime:
        """From then on it is refused."""
        return datetime.fromtimestamp(self["exp"], tz=UTC)


def stamp_of(user: User) -> str:
    """A word that is another one as soon as the user has another password, and that tells nothing of it."""
    return salted_hmac("audit.tokens", user.password, algorithm="sha256").hexdigest()[:32]


def bears_stamp(user: User, stamp: str) -> bool:
    """Whether the user still has the password of which that is the stamp."""
    return constant_time_compare(stamp, stamp_of(user))


def user_of(raw: str | bytes) -> User:
    """The active user of an encoded token; raises TokenError with a sentence."""
    try:
        token = AccessToken(raw)
        user = User.objects.get(pk=token["sub"])
    except RecursionError as error:  # a header of a thousand nested brackets is read before its signature is
        raise TokenError("Token is invalid") from error
    except (KeyError, ValueError, OverflowError, User.DoesNotExist) as error:
        raise TokenError("The token belongs to no account") from error
    if not user.is_active:
        raise TokenError("The account is not active")
    if not bears_stamp(user, str(token["jti"]).rpartition(".")[2]):
        raise TokenError("The account has another password since")
    return user
