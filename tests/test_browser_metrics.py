"""The metrics and the audit in a real browser: charts that grow, a trail that follows what people do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from monitoring import broker
from tests.browser import BASE, Visitor
from tests.running import wait_for

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visitor]
PANES = 7


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_fit_and_are_accessible(visitor: Visitors, theme: str, width: int) -> None:
    someone = visitor(color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    broker.enqueue("tests.jobs.kill_horse")  # so that the ledger has something long to say
    ledger = f"{someone.address}{BASE}/ledger"
    assert wait_for(lambda: "Signal: SIGKILL" in someone.context.request.get(ledger).text(), 20)
    violations = []
    for path in (
        "/ledger",
        "/metrics",
        "/metrics?range=7d",
        "/audit",
        "/audit?status=failed&q=x",
        "/audit?status=nonsense",
    ):
        if "nonsense" in path:
            answer = someone.context.request.get(f"{someone.address}{BASE}{path}")
            assert answer.status == 400  # the browser's console would complain of it
            continue
        page = someone.go(path)
        for summary in page.locator("details:not(.menu) > summary").all():
            summary.click()
        violations += someone.accessibility_violations()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        if "metrics" in path:
            expect(page.locator("figure[data-chart] canvas")).to_have_count(PANES)
    assert violations == []


def test_the_charts_follow_the_samples(visitor: Visitors) -> None:
    page = visitor().go("/metrics")
    page.evaluate("window.isUntouched = true")
    for _ in range(5):
        broker.enqueue("tests.jobs.echo", queue_name="default")
    broker.enqueue("tests.jobs.fail", args=["aground"], queue_name="default")
    some = page.locator("#trouble-table td[data-value='1']")
    page.locator("#trouble summary").click()
    expect(some.first).to_be_visible(timeout=20_000)
    expect(page.locator("#metrics-now")).to_contain_text("Workers2")
    assert page.evaluate("window.isUntouched === true")


def test_the_audit_follows_what_people_do(visitor: Visitors) -> None:
    watching = visitor().go("/audit")
    operator = visitor(storage_state=None)
    operator.log_in("operator")
    page = operator.go("/queues/mail")
    page.fill("#reason", "The mail server is <down>")
    page.click("button:has-text('Pause this queue')")
    row = watching.locator("#deeds tbody tr").first
    expect(row).to_contain_text("queue.pause", timeout=20_000)
    expect(row).to_contain_text("The mail server is <down>")
    page.click("button:has-text('Resume')")
    expect(row).to_contain_text("queue.resume", timeout=20_000)
    watching.fill("#search", "server is <down>")
    watching.keyboard.press("Enter")
    expect(watching.locator("#deeds tbody tr")).to_have_count(1)
    expect(watching.locator(".chip-label").first).to_have_text("Text: server is <down>")
    watching.wait_for_load_state()  # a choice made before the page's script runs waits for the button
    watching.select_option("#status", "failed")
    expect(watching.locator("#deeds")).to_contain_text("No deed matches")
    watching.click("text=Clear all")
    watching.locator("#deeds summary").first.click()
    expect(watching.locator(".deed-more").first).to_contain_text("Hash")


def test_the_trail_is_read_without_javascript(visitor: Visitors) -> None:
    someone = visitor(storage_state=None, java_script_enabled=False)
    someone.log_in()
    someone.page.goto(f"{someone.address}{BASE}/audit")
    someone.page.fill("#action", "queue.nothing")
    someone.page.click("button:has-text('Filter')")
    someone.page.wait_for_url("**action=queue.nothing**")
    expect(someone.page.locator("#deeds")).to_contain_text("No deed matches")
    someone.page.goto(f"{someone.address}{BASE}/metrics")
    someone.page.locator("#depth summary").click()
    expect(someone.page.locator("#depth-table tbody tr")).to_have_count(120)


def test_a_removed_task_s_page_names_who_removed_it(visitor: Visitors) -> None:
    job_id = broker.enqueue("tests.jobs.echo", queue_name="default")
    operator = visitor(storage_state=None)
    operator.log_in("operator")
    request, site = operator.context.request, f"{operator.address}{BASE}"
    assert wait_for(lambda: "Completed" in request.get(f"{site}/tasks/{job_id}").text(), 20)
    token = next(cookie["value"] for cookie in operator.context.cookies() if cookie["name"] == "csrftoken")
    done = request.post(f"{site}/queues/default/jobs/{job_id}/remove", headers={"X-CSRFToken": token})
    assert done.ok, done.text()
    assert wait_for(lambda: request.get(f"{site}/tasks/{job_id}").status == 404, 20)
    assert "operator removed the task" in request.get(f"{site}/tasks/{job_id}").text()
