"""The forms of the pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms

from monitoring import callables
from monitoring.redaction import MASK


class LoginForm(forms.Form):
    """Name and password; who they belong to is decided by ``audit.logins``."""

    username = forms.CharField(max_length=150, strip=False)
    password = forms.CharField(max_length=4096, strip=False)


class JSONText(forms.CharField):
    """JSON of one kind, as a person writes it."""

    def __init__(self, *, kind: type[list[Any]] | type[dict[str, Any]], example: str, **options: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea, **options)
        self.kind, self.example = kind, example
        self.masked: Any = None
        """What it may be though values of it are masked: as it was shown, for who left it alone."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return self.kind()
        try:
            document = json.loads(text, parse_constant=_no_number)
        except RecursionError:
            raise forms.ValidationError("This is nested too deeply.") from None
        except ValueError as error:
            raise forms.ValidationError(f"This is not JSON: {error}.") from error
        if not isinstance(document, self.kind):
            raise forms.ValidationError(f"This must be a JSON {_KINDS[self.kind]}, like {self.example}.")
        if MASK in text and document != self.masked:
            raise forms.ValidationError(f"A value is still masked ({MASK}): write what it stands for.")
        return document


_KINDS: dict[type, str] = {list: "list", dict: "object"}


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


class ArgumentsForm(forms.Form):
    """The arguments of a function, which must take them."""

    args = JSONText(kind=list, example='[1, "a"]', label="Positional arguments")
    kwargs = JSONText(kind=dict, example='{"to": "ann"}', label="Named arguments")
    reason = forms.CharField(required=False, max_length=1_000)

    def __init__(self, *args: Any, function: Callable[..., Any], **options: Any) -> None:
        super().__init__(*args, **options)
        self.function = function

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors and (error := callables.misfit(self.function, given["args"], given["kwargs"])):
            self.add_error("kwargs" if given["kwargs"] else "args", error)
        return given
