"""What the APIs have in common: the kinds of fields that speak their words, and how a request is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from monitoring.filter_fields import NotAMoment, parse_moment


def read(kind: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """What was sent, in our words; raises ValidationError in the document's."""
    sent = kind(data=data)
    sent.is_valid(raise_exception=True)
    values: dict[str, Any] = sent.validated_data
    return values


class Word(serializers.ChoiceField):
    """One of a surface's words, in any case, for what we mean by it; meanings are hashable."""

    default_error_messages = {"invalid_choice": "{input} is not known. Use one of: {known}."}

    def __init__(self, meanings: Mapping[str, Any], **options: Any) -> None:
        super().__init__(choices=list(meanings), **options)
        self.meanings = {word.lower(): meaning for word, meaning in meanings.items()}
        self.words = {meaning: word for word, meaning in meanings.items()}

    def to_internal_value(self, data: Any) -> Any:
        word = str(data).strip()
        if word.lower() not in self.meanings:
            self.fail("invalid_choice", input=repr(word[:100]), known=", ".join(self.choices))
        return self.meanings[word.lower()]

    def to_representation(self, value: Any) -> str:
        return self.words[value]


@extend_schema_field(OpenApiTypes.DATETIME)
class Moment(serializers.Field):  # type: ignore[type-arg]  # the stubs' parameters do not exist at run time
    """A time, as parse_moment reads it."""

    def __init__(self, *, is_end: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.is_end = is_end

    def to_internal_value(self, data: Any) -> datetime:
        try:
            return parse_moment(str(data), is_end=self.is_end)
        except NotAMoment as error:
            raise serializers.ValidationError(str(error), code="datetime_parsing") from error


class TrueOrFalse(serializers.BooleanField):
    """``true`` or ``false``; not given is neither, unlike an unticked box of a form."""

    default_error_messages = {"invalid": "Must be true or false."}
    default_empty_html = empty


class ClampedNumber(serializers.IntegerField):
    """A whole number from 1; a larger one than ``most`` counts as ``most``."""

    def __init__(self, *, most: int, **options: Any) -> None:
        super().__init__(min_value=1, **options)
        self.most = most

    def to_internal_value(self, data: Any) -> int:
        return min(super().to_internal_value(data), self.most)


class Milliseconds(serializers.FloatField):
    """A length of time with two decimals."""

    def to_representation(self, value: Any) -> Any:
        return round(float(value), 2)


class TextOrNull(serializers.CharField):
    """A text that is null when there is none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_representation(self, value: Any) -> Any:
        return value or None


class IsThere(serializers.BooleanField):
    """Whether the source has a value."""

    def get_attribute(self, instance: Any) -> bool:
        return super().get_attribute(instance) is not None
