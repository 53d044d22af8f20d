"""Schedules in a real browser, with a real dispatcher: made with a live preview, seen to fire, paused, removed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import BASE, Visitor
from tests.running import wait_for

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visitor]
WIDTHS = (360, 1280)
SLOWLY = 30_000


def enter(visitor: Visitors, name: str = "admin", **options: object) -> Visitor:
    someone = visitor(storage_state=None, **options)
    someone.log_in(name)
    return someone


def make(page: Page, name: str, *, every: int = 3_600) -> None:
    """Fills in the form's least and sends it."""
    page.fill("#name", name)
    page.select_option("#handler", "tests.jobs.echo")
    page.fill("#args", '["hello"]')
    page.fill("#interval_seconds", str(every))
    page.get_by_role("button", name="Schedule it").click()
    expect(page.locator(".flash")).to_contain_text(f"{name} is scheduled.")


def test_it_is_made_with_a_live_preview_fires_and_is_paused(visitor: Visitors) -> None:
    someone = enter(visitor)
    page = someone.go("/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url(f"**{BASE}/schedules")
    page.get_by_role("link", name="New schedule").click()
    page.check("#kind-cron")
    expect(page.locator("#interval_seconds")).to_be_hidden()
    page.fill("#cron", "30 2 * * MON-FRI")
    page.fill("#timezone", "Asia/Tokyo")
    expect(page.locator(".preview-words")).to_have_text("At 02:30 AM, Monday through Friday (Asia/Tokyo)")
    expect(page.locator(".fires li")).to_have_count(5)
    expect(page.locator(".fires li").first).to_contain_text("02:30:00 +09:00")
    page.fill("#cron", "nonsense")
    expect(page.locator(".preview-problems")).to_contain_text("Must have five fields")
    page.check("#kind-interval")
    expect(page.locator(".preview-words")).to_have_text("Every 5 minutes")
    make(page, "ticking", every=2)
    someone.wait_until_live()
    completed = page.locator("#schedule-executions tbody tr", has_text="Completed")
    expect(completed.nth(1)).to_be_visible(timeout=SLOWLY)
    expect(page.locator("#schedule-due tbody tr").nth(1)).to_contain_text("later")
    expect(page.locator("#ends-sum")).to_contain_text(re.compile("Completed [2-9]"), timeout=SLOWLY)
    page.fill("#deed-reason", "enough")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".flash")).to_contain_text("ticking is paused")
    expect(page.locator("#schedule-head")).to_contain_text("Paused")
    expect(page.locator("#schedule-trail")).to_contain_text("enough")
    page.locator("#schedule-executions .row-link").first.click()
    expect(page.locator("#task-facts")).to_contain_text("ticking")
    page.get_by_role("link", name="ticking").click()
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator(".flash")).to_contain_text("ticking is removed.")


def test_an_operator_runs_one_from_its_queue_without_javascript(visitor: Visitors) -> None:
    make(enter(visitor).go("/schedules/new?queue=mail"), "by hand")
    someone = enter(visitor, "operator", java_script_enabled=False)
    page = someone.page
    page.goto(f"{someone.address}{BASE}/queues/mail/jobs?state=repeatable")
    row = page.locator("#schedules tbody tr", has_text="by hand")
    expect(row.get_by_role("button", name="Remove")).to_be_disabled()
    row.get_by_role("button", name="Run now").click()
    expect(page.locator(".flash")).to_contain_text("by hand is started.")

    def has_run() -> bool:
        page.reload()
        return "Completed" in row.inner_text()

    assert wait_for(has_run, 30)
    admin = enter(visitor, java_script_enabled=False)
    page = admin.page
    page.goto(f"{admin.address}{BASE}/queues/mail/repeatables/new")
    page.fill("#every", "")
    page.fill("#cron", "0 9 1 * *")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview-words")).to_have_text("At 09:00 AM, on day 1 of the month")
    expect(page.locator("#cron")).to_have_value("0 9 1 * *")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_are_accessible_and_fit(visitor: Visitors, theme: str, width: int) -> None:
    viewport = {"width": width, "height": 800}
    someone = enter(visitor, color_scheme=theme, viewport=viewport, reduced_motion="reduce")
    long = f"{theme}{width}" + "x" * 200
    page = someone.go("/schedules/new")
    make(page, long)
    mine = page.url.removeprefix(f"{someone.address}{BASE}")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#schedule-executions tbody tr", has_text="Completed")).to_have_count(1, timeout=SLOWLY)
    page.goto(f"{page.url}/edit")
    page.fill("#kwargs", "{")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#kwargs-error")).to_contain_text("This is not JSON")
    someone.complaints.clear()  # the browser remarks on the 400
    violations = someone.accessibility_violations()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    queue = "/queues/default/repeatables"
    for path in ("/schedules", mine, f"{mine}/edit", "/schedules/new", queue, f"{queue}/new"):
        page = someone.go(path)
        violations += someone.accessibility_violations()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page = someone.go(mine)
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").wait_for()
    violations += someone.accessibility_violations()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations == []
