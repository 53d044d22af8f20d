"""What an app writes to declare a workflow: its steps, what each depends on, and what a step is given when it runs.

In an app's ``handlers.py``::

    orders = Steps("fulfil_order", namespace="shop", version="1.0.0")

    @orders.step
    def reserve(step: Step) -> dict: ...

    @orders.step(after="reserve", retry_limit=5)
    def charge(step: Step) -> dict: ...

A wrong declaration does not keep the process from starting: it is left out and told by ``manage.py check``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload
from uuid import UUID

from monitoring.reporting import report_output

DEFAULT_TIMEOUT_SECONDS = 360
RETRY_LIMIT = 100
LONGEST_RETRY_AFTER_SECONDS = 300.0
LONGEST_BACKOFF_SECONDS = 30

Function = Callable[["Step"], Any]
F = TypeVar("F", bound=Callable[..., Any])
Condition = Callable[["Step"], bool]
Backoff = Sequence[float] | Callable[[int], float]
"""Seconds to wait after the first, second, … failed attempt (the last one goes on), or a function of that number."""


class RetryAfter(Exception):
    """Raised by a step that wants to be tried again after so many seconds, 300 at most."""

    def __init__(self, seconds: float, message: str = "") -> None:
        super().__init__(message or f"to be tried again after {seconds:g} s")
        self.seconds = min(max(0.0, float(seconds)), LONGEST_RETRY_AFTER_SECONDS)


class PermanentError(Exception):
    """Raised by a step that would fail again, however often it is tried."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a step's function is given."""

    name: str
    context: Mapping[str, Any]
    """What the workflow was started with."""
    inputs: Mapping[str, Any]
    """As its mappings and operators say."""
    results: Mapping[str, Any]
    """What the steps that it depends on returned, by their names; None of a skipped one."""
    workflow_id: UUID
    attempt: int
    """1 for the first time that it runs; every attempt there ever is has a number of its own."""
    custom_events: Sequence[str] = ()

    @property
    def key(self) -> str:
        """The same for every attempt of this step: for services that take an idempotency key."""
        return f"{self.workflow_id}:{self.name}"

    def tell(self, event: str, **details: Any) -> None:
        """Adds one of the step's declared events to the output of its task; raises ValueError for another."""
        if event not in self.custom_events:
            raise ValueError(f"step {self.name!r} declares no event {event!r}")
        told = ", ".join(f"{name}={value!r}" for name, value in details.items())
        report_output(f"{event}: {told}" if told else event)


@dataclass(frozen=True, kw_only=True)
class Template:
    """One step as a handler declares it."""

    name: str
    function: Function
    description: str = ""
    depends_on: tuple[str, ...] = ()
    queue: str = ""
    """Empty: the handler's."""
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    retryable: bool = True
    retry_limit: int = 3
    """The most attempts, the first one included."""
    backoff: Backoff | None = None
    skippable: bool = False
    custom_events: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Each input with where it comes from: "context.order.id", "results.reserve.total"."""
    skip_if: Condition | None = None

    @property
    def function_name(self) -> str:
        """The dotted name of its function."""
        return f"{self.function.__module__}.{self.function.__qualname__}"

    def mistake(self) -> str:
        """What is wrong with it, as the rest of a sentence; empty if nothing."""
        if not callable(self.function) or not _takes_one(self.function):
            return "needs a function of one argument, the step"
        if not 0 <= self.retry_limit <= RETRY_LIMIT:
            return f"has a retry_limit outside 0 to {RETRY_LIMIT}"
        if not 1 <= self.timeout_seconds <= 7 * 86_400:
            return "has a timeout outside one second to seven days"
        if isinstance(self.backoff, Sequence) and (not self.backoff or min(self.backoff) < 0):
            return "has a backoff without times, or with one below 0"
        wrong = [source for source in self.inputs.values() if not self._may_come_from(source)]
        if wrong:
            return f"has an input from {wrong[0]!r}; use context.<key> or results.<step it depends on>.<key>"
        return ""

    def _may_come_from(self, source: str) -> bool:
        origin, *path = source.split(".")
        return (origin == "context" and bool(path)) or (
            origin == "results" and path[:1] != [] and path[0] in self.depends_on
        )

    def backoff_seconds(self, failed_attempts: int) -> float:
        """How long to wait after so many failed attempts."""
        if self.backoff is None:
            return default_backoff(failed_attempts)
        if callable(self.backoff):
            return max(0.0, float(self.backoff(failed_attempts)))
        return float(self.backoff[min(failed_attempts, len(self.backoff)) - 1])


def default_backoff(failed_attempts: int) -> float:
    """2, 4, 8, 16, then 30 seconds."""
    return float(min(2 ** min(failed_attempts, 10), LONGEST_BACKOFF_SECONDS))


def mapped_inputs(
    mappings: Mapping[str, str], context: Mapping[str, Any], results: Mapping[str, Any]
) -> dict[str, Any]:
    """Each input with the value that its mapping finds; raises PermanentError where there is none."""
    return {name: _looked_up(source, {"context": context, "results": results}) for name, source in mappings.items()}


def _looked_up(source: str, sources: Mapping[str, Any]) -> Any:
    value: Any = sources
    for part in source.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise PermanentError(f"its input from {source!r} finds no {part!r}") from None
    return value


def _takes_one(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError):
        return False
    return True


class Steps:
    """A handler in the making: its decorator ``step`` adds one step after another."""

    def __init__(
        self,
        name: str,
        *,
        namespace: str = "default",
        version: str = "0.1.0",
        description: str = "",
        schema: Mapping[str, Any] | None = None,
        queue: str = "",
    ) -> None:
        from scheduler.registry import registry

        self.name, self.namespace, self.version = name, namespace, version
        self.description, self.queue = description, queue
        self.schema: Mapping[str, Any] = {"type": "object"} if schema is None else schema
        self.module = _module_of_caller()
        self.templates: list[Template] = []
        registry.drafts.append(self)

    @overload
    def step(
        self,
        function: F,
        /,
        *,
        name: str = ...,
        after: str | Sequence[str] = ...,
        description: str = ...,
        **options: Any,
    ) -> F: ...
    @overload
    def step(
        self,
        function: None = None,
        /,
        *,
        name: str = ...,
        after: str | Sequence[str] = ...,
        description: str = ...,
        **options: Any,
    ) -> Callable[[F], F]: ...
    def step(
        self,
        function: Function | None = None,
        /,
        *,
        name: str = "",
        after: str | Sequence[str] = (),
        description: str = "",
        **options: Any,
    ) -> Any:
        """Declares a function to be a step; a decorator, with or without options (the fields of ``Template``)."""

        def declare(function: Function) -> Function:
            template = Template(
                name=name or function.__name__,
                function=function,
                description=description or (function.__doc__ or "").strip().partition("\n")[0],
                depends_on=(after,) if isinstance(after, str) else tuple(after),
                **{**options, "custom_events": tuple(options.get("custom_events", ()))},
            )
            self.templates.append(template)
            return function

        return declare if function is None else declare(function)


def _module_of_caller() -> str:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", "")) if frame else ""
