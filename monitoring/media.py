"""The files that a task was given or made, with addresses that a browser may be sent to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from mimetypes import guess_type
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from monitoring.models import Task

KINDS = ("image", "video", "audio", "file")


@dataclass(frozen=True, kw_only=True)
class MediaItem:
    """One file."""

    name: str
    path: str
    """Where it lies below MEDIA_URL, or on its own server."""
    url: str
    media_type: str
    """One of KINDS."""
    is_input: bool
    """Whether the task was given it; else the task made it."""


def media_of(task: Task) -> list[MediaItem]:
    """The files in the order they were reported, without those whose address is neither http(s) nor a relative path.

    A page shows these addresses: one like ``javascript:…`` would run in the browser of whoever looks.
    """
    return list(_items(task.media if isinstance(task.media, list) else []))


def _items(reported: list[Any]) -> Iterator[MediaItem]:
    for told in reported:
        address = _address(told.get("url")) if isinstance(told, Mapping) else None
        if address:
            path, url = address
            yield MediaItem(
                name=str(told.get("name") or path.rpartition("/")[2] or path),
                path=path,
                url=url,
                media_type=_kind(told.get("media_type"), path, str(told.get("name") or "")),
                is_input=told.get("direction") == "input",
            )


def _address(reported: Any) -> tuple[str, str] | None:
    """Path and URL; None for what must not be let through."""
    text = reported.strip() if isinstance(reported, str) else ""
    # Browsers take a backslash for a slash and skip control characters: "/\\host" and "java\\nscript:" would go far.
    if not text or re.search(r"[\x00-\x1f\x7f\\]", text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme.lower() in ("http", "https") and parts.netloc:
        return parts.path.lstrip("/") or parts.netloc, text
    if parts.scheme or parts.netloc or ".." in text.split("/"):
        return None
    path = text.lstrip("/")
    return (path, settings.MEDIA_URL + quote(path)) if path else None


def _kind(given: Any, path: str, name: str) -> str:
    if given in KINDS:
        return str(given)
    guessed = guess_type(path)[0] or guess_type(name)[0] or ""
    kind = guessed.partition("/")[0]
    return kind if kind in KINDS else "file"
