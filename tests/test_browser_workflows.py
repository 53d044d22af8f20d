"""Workflows in a real browser, on real workers: started from a form, watched in the graph, mended after a failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from tests.browser import BASE, Visitor
from tests.running import Running, wait_for

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visitor]
SLOW_MS = 60_000
"""What workers do may take long on a busy machine."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Quarterdeck with the demo's handlers, and its traffic."""
    one = Running(tmp_path_factory.mktemp("site") / "data", REDIS_URL=settings.REDIS_URL, DEMO="1")
    one.start()
    try:
        assert wait_for(one.answers, 60), one.log.read_text()
        yield one
    finally:
        one.end()


@pytest.fixture
def operator(visitor: Visitors) -> Visitor:
    """Someone who may press the buttons."""
    someone = visitor(storage_state=None)
    someone.log_in("operator")
    return someone


def start(someone: Visitor, handler: str, **context: str) -> Page:
    """The page of a workflow that was started by the handler's form."""
    page = someone.go(f"/handlers/{handler.replace('.', '/')}")
    for name, value in context.items():
        page.fill(f"[name='context.{name}']", value)
    page.click(f"text=Start {handler}")
    expect(page.locator(".flash")).to_contain_text("is started.")
    someone.wait_until_live()
    return page


def test_it_shows_in_the_graph_how_a_workflow_goes_on(operator: Visitor) -> None:
    page = start(operator, "studio.publish_video", video="v-1")
    nodes = page.locator(".graph-node")
    expect(nodes).to_have_count(22)
    place = nodes.last.get_attribute("transform")
    expect(page.locator(".workflow-head .status-completed")).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".graph-node.status-completed")).to_have_count(22)
    expect(page.locator(".graph-node.is-critical")).to_have_count(3)
    expect(page.locator(".graph-edge.is-critical")).to_have_count(2)
    expect(nodes.last).to_contain_text("Completed · ")
    assert nodes.last.get_attribute("transform") == place, "nothing moves"
    nodes.last.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#step h2")).to_have_text("join")
    expect(page).to_have_url(re.compile(r"\?step=join$"))
    expect(nodes.last).to_have_attribute("aria-current", "true")
    page.click("#workflow-steps a:text-is('cut')")
    expect(page.locator("#step h2")).to_have_text("cut")
    page.go_back()
    expect(page.locator("#step h2")).to_have_text("join")
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page.locator("h1")).to_have_text("Workflows")


def test_it_retries_and_resolves_a_step_that_failed(operator: Visitor) -> None:
    page = start(operator, "shop.fulfil_order", order="o-1", amount_cents="4990", card_token="tok_declined")
    step = page.locator("#step")
    expect(step).to_contain_text("insufficient funds", timeout=SLOW_MS)
    expect(page.locator(".graph-node.status-failed")).to_have_attribute("aria-label", re.compile("^charge Failed"))
    step.get_by_role("button", name="Retry").click()
    expect(page.locator(".flash")).to_contain_text("charge is tried again")
    operator.wait_until_live()
    expect(step).to_contain_text("2 ever", timeout=SLOW_MS)
    expect(step.locator(".panel-head .status-failed")).to_be_visible(timeout=SLOW_MS)
    step.get_by_text("Results to resolve it with").click()
    page.fill("#step-results", '{"charged_cents": 4990}')
    step.get_by_role("button", name="Resolve").click()
    expect(page.locator(".flash")).to_contain_text("charge is resolved")
    expect(page.locator(".workflow-head .status-completed")).to_be_visible(timeout=SLOW_MS)
    step.get_by_role("link", name="the last attempt's").click()
    expect(page.locator("#task-facts")).to_contain_text("its step charge")


def test_the_list_follows_and_all_of_it_works_without_javascript(visitor: Visitors) -> None:
    watching = visitor().go("/workflows?handler=books.nightly_report&initiator=operator")
    plain = visitor(storage_state=None, java_script_enabled=False)
    plain.log_in("operator")
    page = plain.page
    page.goto(f"{plain.address}{BASE}/handlers/books/nightly_report")
    page.fill("#more", '{"day": "2026-01-02"}')
    page.click("text=Start books.nightly_report")
    expect(page.locator("#workflow-steps tbody tr")).to_have_count(3)
    page.click("#workflow-steps a:text-is('send')")
    expect(page.locator("#step h2")).to_have_text("send")
    expect(page.locator(".graph")).to_be_hidden()
    expect(watching.locator("#workflows tbody tr")).to_have_count(1)
    expect(watching.locator("#workflows tbody tr")).to_contain_text("Completed", timeout=SLOW_MS)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_pages_are_accessible_and_fit(visitor: Visitors, theme: str, width: int) -> None:
    someone = visitor(
        storage_state=None, color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce"
    )
    someone.log_in("operator")
    page = start(someone, "shop.fulfil_order", order="o" * 250, amount_cents="1", card_token="tok_declined")
    expect(page.locator("#step")).to_contain_text("insufficient funds", timeout=SLOW_MS)
    expect(page.locator(".graph-node")).to_have_count(4)
    here = page.url.removeprefix(f"{someone.address}{BASE}").partition("?")[0]
    violations = []
    paths = ("", "?step=reserve", "?step=ship")
    for path in (*(here + path for path in paths), "/workflows", "/handlers", "/handlers/shop/fulfil_order"):
        page = someone.go(path)
        if "s/" in path:
            page.locator(".graph-node").first.wait_for()
        violations += someone.accessibility_violations()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert violations == []
