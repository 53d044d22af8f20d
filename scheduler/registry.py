"""The handlers: functions that the installed apps declare to be startable by name, each in one or more versions.

An app declares them in its ``handlers.py``::

    @handler(namespace="shop", version="1.2.0", queue="mail")
    def remind(customer: int, text: str = "") -> None: ...

A wrong declaration does not keep the process from starting: it is left out and told by ``manage.py check``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeVar, overload

from django.apps import apps
from django.utils.module_loading import module_has_submodule

from monitoring import callables
from scheduler import arguments
from scheduler.graphs import NotAPlan, topological_order
from scheduler.steps import Step, Steps, Template

DEFAULT_NAMESPACE = "default"
F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_VERSION = "0.1.0"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
_VERSION = re.compile(
    r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?", re.ASCII
)
# A pre-release comes before its release, and numbers in it before words (semver.org, 11).
_Precedence = tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]


class NotRunnable(ValueError):
    """No handler and no allowed function has that name; the text says so."""


@dataclass(frozen=True, kw_only=True)
class Handler:
    """One version of one handler."""

    namespace: str
    name: str
    version: str
    description: str
    schema: Mapping[str, Any]
    """The JSON Schema of its named arguments."""
    queue: str
    """Where it runs unless a job says else; empty for no wish."""
    function: str = ""
    """Dotted name; empty for one that is made of steps."""
    steps: tuple[Template, ...] = ()
    module: str = ""
    """Where it was declared, if it is made of steps."""

    @property
    def short_name(self) -> str:
        """Its name without the version: "demo.echo"."""
        return f"{self.namespace}.{self.name}"

    @property
    def full_name(self) -> str:
        """ "demo.echo@0.1.0"."""
        return f"{self.short_name}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class Runnable:
    """What a reference stands for: the function to start, and what its arguments must be."""

    label: str
    """As tasks show it: a handler with its version, or the function's dotted name."""
    function: str
    schema: Mapping[str, Any]
    queue: str = ""


@dataclass(kw_only=True)
class Registry:
    """All handlers, and what is wrong with those that could not be taken in."""

    versions: dict[str, dict[str, Handler]] = field(default_factory=dict)
    """By ``namespace.name``, then by version, oldest first."""
    mistakes: list[str] = field(default_factory=list)
    drafts: list[Steps] = field(default_factory=list)
    """Handlers made of steps whose module may still be adding to them."""
    namespaces: dict[str, str] = field(default_factory=dict)
    """What is said of those that were described."""

    def describe(self, namespace: str, description: str) -> None:
        """Keeps what a namespace is for, or notes why it cannot."""
        known = self.namespaces.setdefault(namespace, description)
        if not _NAME.fullmatch(namespace):
            self.mistakes.append(f"The namespace {namespace!r} has no such name. Use letters, digits, _ and -.")
        elif known != description:
            self.mistakes.append(f"The namespace {namespace} is described twice: as {known!r} and as {description!r}.")

    def finish(self) -> None:
        """Takes in the drafts, once the modules that declare them are imported."""
        drafts, self.drafts = self.drafts, []
        for draft in drafts:
            self.add(
                Handler(
                    namespace=draft.namespace,
                    name=draft.name,
                    version=draft.version,
                    description=draft.description,
                    schema=draft.schema,
                    queue=draft.queue,
                    steps=tuple(draft.templates),
                    module=draft.module,
                )
            )

    def add(self, made: Handler) -> None:
        """Takes a handler in, or notes why it cannot be."""
        if mistake := self._mistake_of(made):
            self.mistakes.append(f"The handler {made.full_name} ({made.function or made.module}) {mistake}")
            return
        known = {**self.versions.get(made.short_name, {}), made.version: made}
        self.versions[made.short_name] = dict(sorted(known.items(), key=lambda item: precedence(item[0])))

    def latest(self, short_name: str) -> Handler | None:
        """The newest version of a handler by semantic order; a pre-release only if there is nothing else."""
        known = list(self.versions.get(short_name, {}).values())
        released = [each for each in known if "-" not in each.version] or known
        return released[-1] if released else None

    def _mistake_of(self, made: Handler) -> str:
        for word, text in (("namespace", made.namespace), ("name", made.name)):
            if not _NAME.fullmatch(text):
                return f"has a {word} that is none: {text!r}. Use letters, digits, _ and -."
        if not _VERSION.fullmatch(made.version):
            return f"has a version that is not semantic: {made.version!r}. Use one like 1.0.2."
        if made.version in self.versions.get(made.short_name, {}):
            other = self.versions[made.short_name][made.version]
            return f"is registered twice, also as {other.function or other.module}."
        if mistake := arguments.mistake_of_schema(made.schema):
            return f"has a schema that is none: {mistake}."
        if "<" in made.function:
            return "must be a function of a module: a worker could not import it."
        return "" if made.function else _mistake_of_steps(made.steps)


def _mistake_of_steps(steps: Sequence[Template]) -> str:
    if not steps:
        return "has no steps."
    for step in steps:
        if not _NAME.fullmatch(step.name):
            return f"has a step with a name that is none: {step.name!r}. Use letters, digits, _ and -."
        if mistake := step.mistake():
            return f"has a step {step.name!r} that {mistake}."
    names = [step.name for step in steps]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        return f"has two steps of the name {twice!r}."
    try:
        topological_order({step.name: step.depends_on for step in steps})
    except NotAPlan as error:
        return f"cannot be run: {error}."
    return ""


registry = Registry()


@overload
def handler(
    function: F,
    /,
    *,
    namespace: str = ...,
    name: str = ...,
    version: str = ...,
    description: str = ...,
    schema: Mapping[str, Any] | None = ...,
    queue: str = ...,
) -> F: ...
@overload
def handler(
    function: None = None,
    /,
    *,
    namespace: str = ...,
    name: str = ...,
    version: str = ...,
    description: str = ...,
    schema: Mapping[str, Any] | None = ...,
    queue: str = ...,
) -> Callable[[F], F]: ...
def handler(
    function: Callable[..., Any] | None = None,
    /,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    name: str = "",
    version: str = DEFAULT_VERSION,
    description: str = "",
    schema: Mapping[str, Any] | None = None,
    queue: str = "",
) -> Any:
    """Declares a function to be a handler; a decorator, with or without options.

    Without a ``schema`` the signature is one; without a ``description`` the first line of the docstring.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        registry.add(
            Handler(
                namespace=namespace,
                name=name or function.__name__,
                version=version,
                description=description or (function.__doc__ or "").strip().partition("\n")[0],
                schema=arguments.schema_of(function) if schema is None else schema,
                queue=queue,
                function=callables.register(function),
            )
        )
        return function

    return declare if function is None else declare(function)


def describe_namespace(namespace: str, description: str) -> None:
    """Says what the handlers of a namespace are for; in a ``handlers.py``, once."""
    registry.describe(namespace, description)


def find(reference: str) -> Runnable:
    """What a reference names: ``namespace.name``, ``namespace.name@version`` or a function; raises NotRunnable."""
    short_name, _, version = reference.partition("@")
    found = registry.versions.get(short_name, {}).get(version) if version else registry.latest(short_name)
    if found and found.function:
        return Runnable(label=found.full_name, function=found.function, schema=found.schema, queue=found.queue)
    try:
        function = callables.resolve_offered(reference)
    except callables.NotAllowed:
        raise NotRunnable(_not_found(reference[:255])) from None
    return Runnable(label=reference, function=reference, schema=arguments.schema_of(function))


def runnables() -> list[str]:
    """Every reference that can be given without a version, by name: handlers, then functions."""
    functions = [
        name for name, versions in registry.versions.items() if any(made.function for made in versions.values())
    ]
    return [*sorted(functions), *sorted(callables.allowed())]


def templates_of(made: Handler) -> tuple[Template, ...]:
    """Its steps; a function is a single one, of the handler's name, with the context as its named arguments."""
    if made.steps:
        return made.steps
    function = callables.resolve(made.function)

    def call(step: Step) -> Any:
        return function(**step.context)

    return (Template(name=made.name, function=call, description=made.description, queue=made.queue),)


def _not_found(reference: str) -> str:
    known = runnables()
    names = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    return f"There is no handler {reference!r}, and no function of that name may be started. There are: {names}."


def precedence(version: str) -> _Precedence:
    """What versions are sorted by."""
    release, _, before = version.partition("-")
    major, minor, patch = (int(number) for number in release.split("."))
    parts = before.split(".") if before else []
    return (
        (major, minor, patch),
        not before,
        tuple((not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts),
    )


def discover() -> None:
    """Imports the ``handlers.py`` of every installed app; one that fails is a mistake, and the others go on."""
    for app in apps.get_app_configs():
        if app.module is not None and module_has_submodule(app.module, "handlers"):
            try:
                import_module(f"{app.name}.handlers")
                registry.finish()
            except Exception as error:  # whatever a module's own code raises
                registry.drafts.clear()  # whatever it had begun
                registry.mistakes.append(
                    f"{app.name}.handlers cannot be imported: {type(error).__name__}: {str(error)[:500]}"
                )
