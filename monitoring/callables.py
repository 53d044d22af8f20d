"""Which functions may be started: those of the modules named in QUARTERDECK_CALLABLES, and nothing else.

A page or an API that can name any importable function is remote code execution, so every surface asks here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from django.conf import settings


class NotAllowed(ValueError):
    """The function may not be started; the text says why and what may."""


def allowed() -> dict[str, Callable[..., Any]]:
    """Every function that may be started, by dotted name: the public ones that an allowed module itself defines."""
    return {
        f"{module_name}.{name}": function
        for module_name in settings.QUARTERDECK_CALLABLES
        for name, function in inspect.getmembers(import_module(module_name), inspect.isfunction)
        # Defined there, not imported into it: an allowed module may well import subprocess.run.
        if function.__module__ == module_name and not name.startswith("_")
    }


def resolve(dotted_name: str) -> Callable[..., Any]:
    """The function of that name; raises NotAllowed."""
    functions = allowed()
    if dotted_name not in functions:
        names = ", ".join(sorted(functions)) or "none, for QUARTERDECK_CALLABLES is empty"
        raise NotAllowed(f"{dotted_name!r} may not be started. Allowed are: {names}.")
    return functions[dotted_name]


def misfit(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Why the function does not take these arguments, to say here and not in a worker later; empty if it does."""
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return f"{function.__name__}{signature}: {error}."
    return ""
