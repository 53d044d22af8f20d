"""Pausing a queue in a real browser, with real workers: the form, the acknowledgements, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from monitoring import broker
from tests.browser import BASE, Visitor
from tests.running import wait_for

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visitor]
WIDTHS = (360, 1280)


@pytest.fixture
def operator(visitor: Visitors) -> Iterator[Visitor]:
    """Someone who may press the buttons; the queue that tests pause runs again afterwards."""
    someone = visitor(storage_state=None)
    someone.log_in("operator")
    yield someone
    page = someone.go("/queues/mail")
    if page.locator("button:has-text('Resume')").count():
        page.click("button:has-text('Resume')")


def pause(page: Page, reason: str = "") -> None:
    page.fill("#reason", reason)
    page.click("button:has-text('Pause this queue')")
    expect(page.locator(".flash")).to_contain_text("mail is paused.")


def is_there(visitor: Visitor, path: str) -> bool:
    return bool(visitor.context.request.get(f"{visitor.address}{BASE}{path}").ok)


def test_it_pauses_a_queue_and_follows_the_acknowledgements(operator: Visitor, visitor: Visitors) -> None:
    watching = visitor().go("/queues/mail")
    page = operator.go("/queues/mail")
    expect(page.locator("#queue-workers tbody tr")).to_have_count(2)
    pause(page, reason="The mail server is down")
    for one in (page, watching):
        expect(one.locator("#queue-pause")).to_contain_text(
            "2 of 2 workers have acknowledged: none of its jobs starts.", timeout=20_000
        )
        expect(one.locator("#queue-pause")).to_contain_text("The mail server is down")
    expect(watching.locator("button:has-text('Resume')")).to_have_count(0)
    broker.enqueue("tests.jobs.echo", queue_name="mail")
    expect(watching.locator("#queue-figures dl div").first).to_contain_text("1")
    page.click("button:has-text('Resume')")
    expect(page.locator(".flash")).to_contain_text("mail is resumed.")
    expect(watching.locator("#queue-head")).not_to_contain_text("Paused", timeout=20_000)
    expect(watching.locator("#queue-deeds li").first).to_contain_text("Resumed by operator")


def test_it_keeps_what_is_being_typed(operator: Visitor) -> None:
    page = operator.go("/queues/mail")
    page.fill("#reason", "because")
    with page.expect_response("**/queues/mail/parts"):
        broker.enqueue("tests.jobs.echo", queue_name="mail")
    page.wait_for_timeout(300)
    assert page.input_value("#reason") == "because"


def test_a_waiting_task_says_why_and_stops_saying_so(operator: Visitor) -> None:
    pause(operator.go("/queues/mail"))
    expect(operator.page.locator("#queue-pause")).to_contain_text("2 of 2", timeout=20_000)
    job_id = broker.enqueue("tests.jobs.echo", queue_name="mail")
    assert wait_for(lambda: is_there(operator, f"/tasks/{job_id}"), 10)
    page = operator.go(f"/tasks/{job_id}")
    expect(page.locator("#task-waiting")).to_contain_text("The queue mail was paused by operator")
    overview = operator.go("/")
    expect(overview.locator("#health")).to_contain_text("mail is paused by operator")
    overview.click("#health >> text=Open mail")
    overview.click("button:has-text('Resume')")
    page = operator.go(f"/tasks/{job_id}")
    expect(page.locator(".task-status")).to_have_text("Completed")
    expect(page.locator("#task-waiting")).to_be_hidden()


def test_it_stops_a_worker_and_its_successor_appears(operator: Visitor) -> None:
    page = operator.go("/workers")
    names = page.locator("#workers tbody th")
    expect(names).to_have_count(2, timeout=20_000)
    first = names.first.inner_text()
    page.locator("#workers tbody tr").first.get_by_role("button").click()
    expect(page.locator(".flash")).to_contain_text(f"{first} takes no more jobs")
    expect(page.locator("#workers")).not_to_contain_text(first, timeout=30_000)
    expect(names).to_have_count(2, timeout=30_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_are_accessible_and_fit(visitor: Visitors, theme: str, width: int) -> None:
    someone = visitor(
        storage_state=None, color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    someone.log_in("operator")
    long = "x" * 250
    job_id = broker.enqueue("tests.jobs.echo", queue_name=long)
    assert wait_for(lambda: is_there(someone, f"/tasks/{job_id}"), 10)
    pause(someone.go("/queues/mail"), reason=long)
    violations = []
    try:
        queues = [f"/queues/{name}" for name in ("mail", "default", long)]
        for path in (*queues, "/queues", "/workers", f"/tasks/{job_id}", "/"):
            page = someone.go(path)
            violations += someone.accessibility_violations()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    finally:
        someone.go("/queues/mail").click("button:has-text('Resume')")
    assert violations == []


def test_names_with_slashes_work_in_a_real_address_bar(visitor: Visitors) -> None:
    someone = visitor()
    job_id = broker.enqueue("tests.jobs.echo", queue_name="a/jobs%2F..")
    assert wait_for(lambda: is_there(someone, f"/tasks/{job_id}"), 10)
    for path in ("/queues/a%2Fjobs%252F..", "/queues/a~2Fjobs%252F.."):
        expect(someone.go(path).locator("h1")).to_have_text("a/jobs%2F..")


def test_it_pauses_without_javascript(visitor: Visitors) -> None:
    someone = visitor(storage_state=None, java_script_enabled=False)
    someone.log_in("operator")
    page = someone.page
    page.goto(f"{someone.address}{BASE}/queues/mail")
    pause(page)
    page.click("button:has-text('Resume')")
    expect(page.locator(".flash")).to_contain_text("mail is resumed.")
