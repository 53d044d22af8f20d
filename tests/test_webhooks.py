"""Webhooks: told once, signed, retried by RQ, and never to where they must not go."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

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


def test_without_a_secret_there_are_no_webhooks(settings: Settings) -> None:
    settings.WEBHOOK_SECRET = ""
    assert "WEBHOOK_SECRET" in mistake_in("https://example.com/")
