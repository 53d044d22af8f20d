"""Which functions may be started: those of the modules named in QUARTERDECK_CALLABLES, and registered handlers.

A page or an API that can name any importable function is remote code execution, so every surface asks here.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from django.conf import settings

_registered: dict[str, Callable[..., Any]] = {}
_inner: dict[str, Callable[..., Any]] = {}
_warm_ups: list[Callable[[], None]] = []


class NotAllowed(ValueError):
    """The function may not be started; the text says why and what may."""


def register(function: Callable[..., Any]) -> str:
    """Allows a function that the code itself declares to be a handler; returns its dotted name."""
    dotted_name = f"{function.__module__}.{function.__qualname__}"
    _registered[dotted_name] = function
    return dotted_name


def register_inner(function: Callable[..., Any], *, warm_up: Callable[[], None] | None = None) -> None:
    """Allows one of our own functions, which does nothing but what rows say; it is offered to nobody.

    ``warm_up`` is run once by each worker before it forks: what it leaves in memory, no task has to make again.
    """
    _inner[f"{function.__module__}.{function.__qualname__}"] = function
    if warm_up is not None:
        _warm_ups.append(warm_up)


def warm_up() -> None:
    """Does what makes the first use of our own functions slow, before there is a first use."""
    for deed in _warm_ups:
        deed()


def allowed() -> dict[str, Callable[..., Any]]:
    """Every function that may be started, by dotted name: the public ones that an allowed module itself defines."""
    return _registered | {
        f"{module_name}.{name}": function
        for module_name in settings.QUARTERDECK_CALLABLES
        for name, function in inspect.getmembers(import_module(module_name), inspect.isfunction)
        if _is_offered(name, function, module_name)
    }


def resolve(dotted_name: str) -> Callable[..., Any]:
    """The function of that name; raises NotAllowed."""
    return _inner.get(dotted_name) or resolve_offered(dotted_name)


def resolve_offered(dotted_name: str) -> Callable[..., Any]:
    """The function of that name if people may name it, which they may not our own; raises NotAllowed."""
    function = _registered.get(dotted_name) or _of_allowed_module(dotted_name)
    if function is None:
        names = ", ".join(sorted(allowed())) or "none, for QUARTERDECK_CALLABLES is empty"
        raise NotAllowed(f"{dotted_name!r} may not be started. Allowed are: {names}.")
    return function


def _of_allowed_module(dotted_name: str) -> Callable[..., Any] | None:
    """As ``allowed`` has it, without looking through every module: this is asked for every job that is started."""
    module_name, _, name = dotted_name.rpartition(".")
    if module_name not in settings.QUARTERDECK_CALLABLES:
        return None
    module: ModuleType = sys.modules.get(module_name) or import_module(module_name)
    function = vars(module).get(name)
    return function if _is_offered(name, function, module_name) else None


def _is_offered(name: str, function: Any, module_name: str) -> bool:
    """Defined there, not imported into it: an allowed module may well import subprocess.run."""
    return inspect.isfunction(function) and function.__module__ == module_name and not name.startswith("_")


def misfit(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Why the function does not take these arguments, to say here and not in a worker later; empty if it does."""
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return f"{function.__name__}{signature}: {error}."
    return ""
