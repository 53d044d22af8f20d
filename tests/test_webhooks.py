"""Webhooks: told once, signed, retried by RQ, and never to where they must not go."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from monitoring.models import Task
from scheduler.webhooks import NotDelivered, deliver, mistake_in, signature_of
from scheduler.workflow_models import Workflow
from scheduler.workflow_starts import BadWorkflow
from tests.workflows import begin, record, run, work

pytestmark = pytest.mark.django_db


class Receiver(BaseHTTPRequestHandler):
    """Keeps what it is told."""

    told: list[tuple[dict[str, str], bytes]] = []
    status = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.told.append((dict(self.headers), body))
        self.send_response(Receiver.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # named by the base class
        """Nothing."""


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    """Where a receiver listens on this machine, with private addresses allowed."""
    settings.WEBHOOK_SECRET, settings.WEBHOOK_PRIVATE_ADDRESSES = "shared with the receiver", True
    Receiver.told, Receiver.status = [], 204
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook?a=b"
    server.shutdown()
    server.server_close()


def test_it_tells_the_end_signed(address: str) -> None:
    workflow = run(begin(webhook_url=address))
    work()
    ((headers, body),) = Receiver.told
    assert headers["X-Quarterdeck-Signature"] == signature_of(body, headers["X-Quarterdeck-Timestamp"])
    told = json.loads(body)
    assert (told["id"], told["status"], told["name"]) == (str(workflow.pk), "COMPLETED", "diamond")
    workflow.refresh_from_db()
    assert (workflow.webhook_due_at, workflow.webhook_sent_at is None) == (None, False)


def test_what_is_not_taken_is_tried_again(address: str) -> None:
    Receiver.status = 500
    workflow = run(begin(webhook_url=address))
    work()
    record()
    task = Task.objects.get(kind="webhook")
    assert (task.status, task.max_retries) == ("SCHEDULED", 5)
    assert "It answered with 500." in task.error
    workflow.refresh_from_db()
    assert workflow.webhook_sent_at is None


def test_a_redirect_is_not_followed(address: str) -> None:
    Receiver.status = 302
    workflow = begin(webhook_url=address)
    Workflow.objects.update(status="COMPLETED")
    with pytest.raises(NotDelivered, match="It answered with 302"):
        deliver(str(workflow.pk))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost:8000/", "http://10.1.2.3/", "http://192.168.0.1/", "http://[::1]/",
        "http://169.254.169.254/latest/meta-data", "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/", "http://224.0.0.1/",
        "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:7f00:1::]/", "http://[::127.0.0.1]/",
        "http://[fd00:ec2::254]/", "http://[fe80::1%25eth0]/", "http://100.100.100.200/", "http://168.63.129.16/",
        "http://[::]/", "http://255.255.255.255/", "http://192.0.0.192/", "http://[2001:0:53aa:64c:0:0:80ff:fffe]/",
        "ftp://example.com/", "file:///etc/passwd", "//example.com", "nonsense", "http://", "http://user:pw@example.com/",
        "http://example.com:99999/", "http://exa mple.com/", "http://example.com/\r\nX: y",
    ],
)  # fmt: skip
def test_it_refuses_addresses_that_must_not_be_called(settings: Settings, url: str) -> None:
    settings.WEBHOOK_SECRET, settings.WEBHOOK_PRIVATE_ADDRESSES = "x" * 32, False
    assert mistake_in(url)
    with pytest.raises(BadWorkflow):
        begin(webhook_url=url)


def test_a_name_that_leads_to_this_machine_is_not_called(address: str, settings: Settings) -> None:
    """The name passes, for nothing is known of it yet; what it leads to does not."""
    settings.WEBHOOK_PRIVATE_ADDRESSES = False
    workflow = begin()
    port = address.split(":")[2].split("/", maxsplit=1)[0]
    Workflow.objects.update(webhook_url=f"http://0177.1:{port}/", status="COMPLETED")
    with pytest.raises(NotDelivered):
        deliver(str(workflow.pk))
    assert Receiver.told == []


def test_a_name_is_looked_up_once_and_what_was_found_is_called(
    address: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers with a public address first and with a private one then (DNS rebinding)."""
    settings.WEBHOOK_PRIVATE_ADDRESSES = False
    looked_up, called = [], []
    real = socket.getaddrinfo

    def rebind(host: Any, *rest: Any, **more: Any) -> Any:
        if host != "rebind.example":
            return real(host, *rest, **more)
        looked_up.append(host)
        return real("127.0.0.1" if len(looked_up) > 1 else "192.0.43.10", *rest, **more)

    def connect(to: tuple[str, int], **options: Any) -> socket.socket:
        called.append(to[0])
        raise TimeoutError("nobody is there")

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    monkeypatch.setattr(socket, "create_connection", connect)
    workflow = begin()
    Workflow.objects.update(webhook_url="http://rebind.example/", status="COMPLETED")
    with pytest.raises(NotDelivered, match="nobody is there"):
        deliver(str(workflow.pk))
    assert (looked_up, called) == (["rebind.example"], ["192.0.43.10"])


def test_a_name_with_one_private_address_among_public_ones_is_not_called(
    address: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = False
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in ("192.0.43.10", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    workflow = begin()
    Workflow.objects.update(webhook_url="http://mixed.example/", status="COMPLETED")
    with pytest.raises(NotDelivered, match="private network"):
        deliver(str(workflow.pk))


def test_public_addresses_may_be_called(settings: Settings) -> None:
    settings.WEBHOOK_SECRET, settings.WEBHOOK_PRIVATE_ADDRESSES = "x" * 32, False
    for url in ("https://example.com/", "http://192.0.43.10:8080/", "https://[2606:2800:220:1::1]/"):
        assert mistake_in(url) == ""


def test_without_a_secret_there_are_no_webhooks(settings: Settings) -> None:
    settings.WEBHOOK_SECRET = ""
    assert "WEBHOOK_SECRET" in mistake_in("https://example.com/")
