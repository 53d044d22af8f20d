"""Whether arguments are what a function or a handler's schema expects, told before anything is started."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, get_type_hints

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from monitoring import callables

LENGTH_LIMIT = 65_536
_TYPES: dict[Any, str] = {
    int: "integer", float: "number", str: "string", bool: "boolean", list: "array", dict: "object", type(None): "null",
}  # fmt: skip
_WITHOUT_VALUE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@lru_cache(maxsize=1024)
def schema_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The JSON Schema of a function's named arguments, as far as its signature tells."""
    try:
        hints = get_type_hints(function)
    except Exception:  # an annotation that only a type checker can read says nothing here
        hints = {}
    properties: dict[str, Any] = {}
    required: list[str] = []
    takes_more = False
    for name, parameter in inspect.signature(function).parameters.items():
        takes_more |= parameter.kind is inspect.Parameter.VAR_KEYWORD
        if parameter.kind in _WITHOUT_VALUE:
            continue
        word = _TYPES.get(getattr(hints.get(name), "__origin__", hints.get(name)))
        properties[name] = {"type": word} if word else {}
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        elif _is_json(parameter.default):
            properties[name]["default"] = parameter.default
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": takes_more}


def mistake_of_schema(schema: Any) -> str:
    """Why it is no JSON Schema; empty if it is one."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return str(error.message)[:500]
    return "" if isinstance(schema, Mapping) else "it must be an object"


def mistakes_in_call(function: str, schema: Mapping[str, Any], args: Any, kwargs: Any) -> dict[str, list[str]]:
    """What is wrong with the arguments of a call, by "args" and "kwargs" and the path below; empty if nothing."""
    if mistakes := _mistakes_in_form(args, kwargs):
        return mistakes
    signature = inspect.signature(callables.resolve(function))
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        return {"kwargs" if kwargs or not args else "args": [f"{str(error)[:500].capitalize()}."]}
    named = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in bound.arguments.items()
        if signature.parameters[name].kind not in _WITHOUT_VALUE
    } | bound.kwargs
    found: dict[str, list[str]] = {}
    positional = list(bound.arguments)[: len(args)]
    for mistake in Draft202012Validator(schema).iter_errors(named):
        path = [str(part) for part in mistake.absolute_path]
        where = ["kwargs", *path]
        if path and path[0] in positional:
            where = ["args", str(positional.index(path[0])), *path[1:]]
        found.setdefault(".".join(where), []).append(f"{mistake.message[:500]}.")
    return found


def _mistakes_in_form(args: Any, kwargs: Any) -> dict[str, list[str]]:
    if not isinstance(args, list):
        return {"args": ["Must be a JSON list."]}
    if not isinstance(kwargs, dict):
        return {"kwargs": ["Must be a JSON object."]}
    return {
        name: [f"Must be shorter than {LENGTH_LIMIT:,} characters, and without NUL characters."]
        for name, value in (("args", args), ("kwargs", kwargs))
        if not is_storable(value)
    }


def is_storable(value: Any) -> bool:
    """Whether a JSON column of any database takes the value: NUL, lone surrogates and NaN are refused by some."""
    try:
        document = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return len(document) <= LENGTH_LIMIT and "\\u0000" not in document


def _is_json(value: Any) -> bool:
    return isinstance(value, bool | int | float | str | None) or value in ([], {})


def text_of(arguments: Sequence[Any] | Mapping[str, Any]) -> str:
    """The arguments as people edit them."""
    return json.dumps(arguments, ensure_ascii=False, indent=2)
