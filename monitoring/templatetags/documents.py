"""What producers and tasks have said of themselves, shown: JSON and addresses."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from django import template
from django.conf import settings

register = template.Library()

LINE_WIDTH = 88


@register.filter
def pretty(document: Any) -> str:
    """A JSON text or value, laid out; a text that is no JSON stays as it is."""
    try:
        return laid_out(json.loads(document) if isinstance(document, str) else document)
    except (ValueError, RecursionError):
        return str(document)


def laid_out(value: Any, indent: str = "", before: str = "") -> str:
    """JSON after ``before``, each list or object on one line where it fits, else with one item a line."""
    line = f"{before}{json.dumps(value, ensure_ascii=False)}"
    if not isinstance(value, dict | list) or not value or len(indent) + len(line) <= LINE_WIDTH:
        return line
    deeper = f"{indent}  "
    if isinstance(value, dict):
        items = [laid_out(item, deeper, f"{json.dumps(key, ensure_ascii=False)}: ") for key, item in value.items()]
    else:
        items = [laid_out(item, deeper) for item in value]
    begin, end = "{}" if isinstance(value, dict) else "[]"
    inside = ",\n".join(f"{deeper}{item}" for item in items)
    return f"{before}{begin}\n{inside}\n{indent}{end}"


@register.filter
def web_link(url: Any) -> str:
    """The address if it may be a link (http or https, or a path below MEDIA_URL when that is set), else empty."""
    if not isinstance(url, str):
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme in ("http", "https") and parts.netloc:
        return url
    has_media = settings.MEDIA_URL not in ("", "/")
    return f"{settings.MEDIA_URL}{url.lstrip('/')}" if has_media and not (parts.scheme or parts.netloc) else ""
