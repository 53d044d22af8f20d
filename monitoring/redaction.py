"""Makes values safe to keep: masked, bounded, and free of characters that a database or a browser refuses.

Used by the hooks inside any process that touches RQ, so it needs the standard library only.
"""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any

MASK = "********"
DEFAULT_SENSITIVE_WORDS = (
    "password,passwd,passphrase,token,secret,authorization,api_key,apikey,private_key,credential,cookie,session_key"
)
TEXT_LIMIT = 2_000
ITEMS_LIMIT = 100
DEPTH_LIMIT = 8
DOCUMENT_LIMIT = 16_384


def _words_pattern() -> re.Pattern[str]:
    words = os.environ.get("QUARTERDECK_SENSITIVE_KEYS", DEFAULT_SENSITIVE_WORDS)
    # "api_key", "api-key" and "apiKey" are one word to whoever wrote the list.
    alternatives = "|".join(re.escape(word.strip()).replace("_", "[-_ ]?") for word in words.split(",") if word.strip())
    return re.compile(alternatives or r"(?!)", re.IGNORECASE)


_SENSITIVE = _words_pattern()
# In running text: a sensitive name, "=" or ":", and the value up to a delimiter. Before a colon the name must end with
# the word, so that "InvalidTokenError: it has expired" stays readable. Each repetition that could begin anew at every
# character is bounded, so that the time grows with the text and not with its square.
_ASSIGNMENT = re.compile(
    rf"((?:{_SENSITIVE.pattern})(?:[\w-]{{0,60}}[\"']?\s*=>?|[\"']?\s*:)\s*)((?:(?:bearer|basic)\s+)?(?:\"[^\"]*\"|'[^']*'|[^\s,;&)}}\]]+))",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"\b(\w{1,40}://[^\s:/@]{0,300}:)[^\s/@]{1,1000}(@)")


def is_sensitive(name: object) -> bool:
    """Whether a key or parameter of this name holds something that must not be shown."""
    return isinstance(name, str) and _SENSITIVE.search(name) is not None


def clean_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text without NUL and lone surrogates (PostgreSQL and UTF-8 refuse them), cut in its middle to ``limit``.

    A traceback's end says most, its beginning where it came from: a quarter is kept of the front, the rest of the end.
    """
    if len(text) <= limit and text.isascii() and "\x00" not in text:
        return text  # nearly always; the recorder calls this for every name of every entry
    if len(text) > limit:
        front = limit // 4
        text = f"{text[:front]}\n… {len(text) - limit:,} characters left out …\n{text[len(text) - (limit - front) :]}"
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def cut_text(text: str, limit: int) -> str:
    """The beginning of a text, at most ``limit`` characters, cleaned like ``clean_text``: for names and identifiers."""
    return clean_text(text[:limit], limit)


def mask_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """Running text (an error, an output), cleaned, with the values of ``password=…`` and the like masked."""
    return _without_assignments(clean_text(text, limit))


def _without_assignments(text: str) -> str:
    return _URL_PASSWORD.sub(rf"\1{MASK}\2", _ASSIGNMENT.sub(rf"\1{MASK}", text))


def mask_value(value: Any, depth: int = 0) -> Any:
    """A JSON-ready copy of any Python value: sensitive keys masked, long or deep parts cut with a visible mark."""
    if isinstance(value, dict | list | tuple | set | frozenset):
        if depth >= DEPTH_LIMIT:
            return "…"
        return _mask_mapping(value, depth) if isinstance(value, dict) else _mask_sequence(value, depth)
    return _mask_scalar(value)


def without_secrets(value: Any) -> Any:
    """The value with what sensitive keys hold, and ``password=…`` in texts, masked, and nothing cut.

    For contexts and results, which programs read.
    """
    if isinstance(value, dict):
        return {
            key: MASK if is_sensitive(key) and item is not None else without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, str):
        return _without_assignments(value)
    return [without_secrets(item) for item in value] if isinstance(value, list) else value


def to_json(value: Any, limit: int = DOCUMENT_LIMIT) -> str:
    """The masked value as a JSON document of at most ``limit`` characters; a larger one becomes a cut text in JSON."""
    document = json.dumps(mask_value(value), ensure_ascii=False, separators=(",", ":"))
    if len(document) <= limit:
        return document
    return json.dumps({"cut": clean_text(document, limit // 2)}, ensure_ascii=False)


def _mask_scalar(value: Any) -> Any:
    if isinstance(value, str):
        return mask_text(value)
    if (isinstance(value, int) and abs(value) >= 2**63) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)[:TEXT_LIMIT]  # JSON of other languages and of databases has no such numbers
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value):,} bytes>"
    return mask_text(_representation(value))


def _mask_mapping(mapping: dict[Any, Any], depth: int) -> dict[str, Any]:
    masked: dict[str, Any] = {}
    for key, item in mapping.items():
        if len(masked) >= ITEMS_LIMIT:
            masked["…"] = f"{len(mapping) - ITEMS_LIMIT:,} more"
            break
        name = cut_text(key if isinstance(key, str) else _representation(key), 255)
        masked[name] = MASK if is_sensitive(key) and item is not None else mask_value(item, depth + 1)
    return masked


def _mask_sequence(sequence: Any, depth: int) -> list[Any]:
    items: list[Any] = []
    for item in sequence:
        if len(items) >= ITEMS_LIMIT:
            items.append(f"… {len(sequence) - ITEMS_LIMIT:,} more")
            break
        items.append(mask_value(item, depth + 1))
    return items


def _representation(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # the repr of a user's class may raise anything, and a hook must never break a job
        return f"<{type(value).__name__}>"
