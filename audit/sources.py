"""Where a request comes from, for throttling and for the trail."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings


def source_of(headers: Mapping[str, Any]) -> str:
    """The address that a request with these headers (its ``META``) came from; "unknown" if it names none.

    BEHIND_PROXY says that a proxy of ours writes X-Forwarded-For: the last address there is the one it was called
    from, those before it anyone may have written. An IPv6 client owns a /64 network, which is one source.
    """
    forwarded = str(headers.get("HTTP_X_FORWARDED_FOR", "")) if settings.BEHIND_PROXY else ""
    text = forwarded.rpartition(",")[2].strip() or str(headers.get("REMOTE_ADDR"))
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ipaddress.ip_network((int(address), 64), strict=False))
