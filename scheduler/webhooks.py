"""Tells an address that a workflow is over: a signed POST, made by a task of its own, which RQ retries.

The address comes from whoever started the workflow, so it is held against what it could be abused for: only http(s),
only public addresses of the network (unless a setting allows others), no redirects, a short time, and nothing of the
answer but its status is kept. The name is looked up once, and the connection goes to the address that was checked.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import socket
import ssl
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils import timezone

from monitoring.redaction import mask_text
from scheduler.workflow_models import Workflow

SECONDS = 10
METADATA = ("168.63.129.16", "192.0.0.192")
"""Public addresses at which clouds tell machines secrets (Azure, Oracle); the others' are private or link-local."""
SIGNATURE, TIMESTAMP = "X-Quarterdeck-Signature", "X-Quarterdeck-Timestamp"


class NotDelivered(Exception):
    """The address did not take it; the text says what it did."""


def mistake_in(url: str) -> str:
    """Why a webhook cannot be sent there, as far as the text tells; empty if it can."""
    if not settings.WEBHOOK_SECRET:
        return "Webhooks are signed, so the setting WEBHOOK_SECRET is needed first."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "It is no address."
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "It must be an http or https address."
    if parts.username is not None or parts.password is not None:
        return "It must not hold a user name or a password."
    if not url.isascii() or any(character.isspace() or not character.isprintable() for character in url):
        return "It must be written in printable ASCII."
    return "" if _may_be_called(parts.hostname) else "It must not be an address of this machine or a private network."


def deliver(workflow_id: str) -> str:
    """Tells the workflow's end and returns what was answered; raises NotDelivered, so that RQ tries it again."""
    workflow = Workflow.objects.get(pk=workflow_id)
    if not workflow.webhook_url or not workflow.is_over:
        return "Not sent: the workflow goes on again, or nobody wants to know."
    if mistake := mistake_in(workflow.webhook_url):
        raise NotDelivered(mistake)
    status = _post(urlsplit(workflow.webhook_url), body_of(workflow))
    if not 200 <= status < 300:
        raise NotDelivered(f"It answered with {status}.")
    Workflow.objects.filter(pk=workflow.pk).update(webhook_sent_at=timezone.now())
    return f"It answered with {status}."


def body_of(workflow: Workflow) -> bytes:
    """What is told."""
    told = {
        "id": str(workflow.pk),
        "namespace": workflow.namespace,
        "name": workflow.name,
        "version": workflow.version,
        "status": workflow.status,
        "created_at": _moment(workflow.created_at),
        "started_at": _moment(workflow.started_at),
        "completed_at": _moment(workflow.completed_at),
        "origin_reference": workflow.origin_reference or None,
    }
    return json.dumps(told).encode()


def signature_of(body: bytes, timestamp: str) -> str:
    """The HMAC-SHA256 of the time and the body: who checks both cannot be sent an old one again."""
    key = settings.WEBHOOK_SECRET.encode()
    return f"sha256={hmac.new(key, timestamp.encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def _post(parts: SplitResult, body: bytes) -> int:
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    timestamp = str(int(datetime.now(UTC).timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "quarterdeck",
        TIMESTAMP: timestamp,
        SIGNATURE: signature_of(body, timestamp),
    }
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        connection.sock = _connected(host, port, tls=parts.scheme == "https")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body=body, headers=headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(mask_text(f"{type(error).__name__}: {error}")) from None
    finally:
        connection.close()


def _connected(host: str, port: int, *, tls: bool) -> Any:
    """A socket to the first address of the name, if each of its addresses may be called."""
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not all(_may_be_called(address) for address in found):
        raise NotDelivered("The name leads to an address of this machine or of a private network.")
    plain = socket.create_connection((found[0], port), timeout=SECONDS)
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host) if tls else plain


def _may_be_called(host: str) -> bool:
    """Whether a host, if it is an address, is a public one; of a name nothing is known yet."""
    if settings.WEBHOOK_PRIVATE_ADDRESSES:
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host.lower() != "localhost"
    within = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None) or address
    return (
        within.is_global
        and not (
            within.is_multicast or within.is_reserved
        )  # reserved: IPv6 ways to an IPv4 address (64:ff9b::, ::a.b.c.d)
        and str(within) not in METADATA
    )


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
