"""What errors have in common: their class and first line, without what differs from one failure to the next.

"ValueError: no order 4711 in '/srv/in/7.csv'" becomes "ValueError: no order <n> in <text>". Two failures with the same
pattern are of one group, whose fingerprint is a hash of the pattern. No SQL here: the recorder asks for each failure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2s
from typing import NamedTuple

from monitoring.wording import error_summary

PATTERN_LIMIT = 300
NO_TEXT = "No error was told."
"""The pattern of failures without a text."""

_CLASS = re.compile(r"([A-Za-z_][\w.]*)(?::|$)")
_SPEAK_OF_CODE = re.compile(r"(Attribute|Name|UnboundLocal|Import|ModuleNotFound|Type)Error$")
"""Classes whose messages quote names of the program: those are no accidents, and stay."""
_NAME = re.compile(r"""(['"])[A-Za-z_][A-Za-z_.]*(?:\(\))?\1""")

# In this order: what is left of an address or a path after the later ones would not be known any more.
_VARYING = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"(?<![\w:])\[?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}\]?(?::\d+)?(?![\w:])", re.IGNORECASE), "<address>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?<![\w<])(?:[A-Za-z]:)?(?:[\\/][\w.@%+~-]+){2,}[\\/]?"), "<path>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?<![\w.])[+-]?\d[\d_,]*(?:\.\d+)?(?:e[+-]?\d+)?|\d+", re.IGNORECASE), "<n>"),
)
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'(?!\w)|"(?:[^"\\]|\\.)*"|`[^`]*`|«[^»]*»|“[^”]*”""")


class ErrorPattern(NamedTuple):
    """What a failure is grouped by."""

    fingerprint: str
    error_type: str
    pattern: str


def error_type_of(error: str) -> str:
    """The exception's class, with which the summary of its traceback begins; empty if the error is a plain sentence."""
    return _type_of(error_summary(error))


def error_pattern_of(error: str) -> ErrorPattern:
    """The pattern of an error: a traceback or a sentence."""
    return _pattern_of_line(error_summary(error))


@lru_cache(maxsize=4096)
def _pattern_of_line(line: str) -> ErrorPattern:
    error_type = _type_of(line)
    pattern = (error_type + without_what_varies(line[len(error_type) :], error_type))[:PATTERN_LIMIT] or NO_TEXT
    fingerprint = blake2s(pattern.encode("utf-8", "replace"), digest_size=8).hexdigest()
    return ErrorPattern(fingerprint=fingerprint, error_type=error_type, pattern=pattern)


def without_what_varies(text: str, error_type: str = "") -> str:
    """The text with placeholders for what is quoted, for ids, numbers, times, paths and addresses."""
    keeps_names = bool(_SPEAK_OF_CODE.search(error_type))
    pieces, end = [], 0
    for quoted in _QUOTED.finditer(text):
        is_name = keeps_names and _NAME.fullmatch(quoted[0])
        pieces += [_unquoted(text[end : quoted.start()]), quoted[0] if is_name else "<text>"]
        end = quoted.end()
    return re.sub(r"\s+", " ", "".join([*pieces, _unquoted(text[end:])])).rstrip()


def _unquoted(text: str) -> str:
    for varying, placeholder in _VARYING:
        text = varying.sub(placeholder, text)
    return text


def _type_of(line: str) -> str:
    match = _CLASS.match(line)
    return match[1][:255] if match else ""
