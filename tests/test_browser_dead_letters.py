"""Failed jobs in a real browser: chosen, retried, removed, tried a few first, and followed live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from monitoring import broker
from tests.browser import BASE, Visitor
from tests.running import Running, wait_for

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visitor]


@pytest.fixture(scope="module")
def cookies(site: Running, chromium: Browser) -> Any:
    """The session of an operator, in place of a viewer's."""
    context = chromium.new_context()
    Visitor(context, f"http://127.0.0.1:{site.port}").log_in("operator")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def clean(site: Running) -> Iterator[None]:
    """Without what the test before has left failed."""
    yield
    broker.connection().flushdb()
    wipe = "from monitoring.models import *; [m.objects.all().delete() for m in (Task, TaskCount, FailureCount)]"
    assert site.manage("shell", "-c", wipe).returncode == 0


def fail(visitor: Visitor, function: str, number: int, *args: Any, queue: str = "default") -> list[str]:
    """Jobs that have failed, and are recorded as such; their ids."""
    ids = [broker.enqueue(function, args=args, queue_name=queue) for _ in range(number)]

    def failed() -> set[str]:
        address = f"{visitor.address}{BASE}/queues/{queue}/dlq?size=100"
        answer = visitor.context.request.get(address, headers={"Accept": "application/json"})
        return {job["id"] for job in answer.json()["jobs"]} if answer.ok else set()

    assert wait_for(lambda: set(ids) <= failed(), 30), failed()
    return ids


def confirm(page: Page, button: str) -> None:
    """On the page that asks: gives a reason and presses the button that names the exact number."""
    page.fill("#reason", "the server is back")
    page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.usefixtures("clean")
def test_it_retries_the_chosen_ones(visitor: Visitors) -> None:
    someone = visitor()
    ids = fail(someone, "tests.jobs.fail_until", 4, 2)
    page = someone.go("/queues/default/dlq")
    for job_id in ids[:2]:
        page.check(f"#select-{job_id}")
    expect(page.locator(".bulk-count")).to_have_text("2 selected")
    page.get_by_role("button", name="Retry…").click()
    confirm(page, "Retry 2 jobs")
    expect(page.locator(".flash")).to_have_text("2 retried.")
    someone.wait_until_live()
    expect(page.locator("#task-range")).to_have_text("1–2 of 2")
    expect(page.locator(f"#task-{ids[3]} .status")).to_have_text("Failed")


@pytest.mark.usefixtures("clean")
def test_it_asks_for_a_selection(visitor: Visitors) -> None:
    someone = visitor()
    fail(someone, "tests.jobs.fail", 1)
    page = someone.go("/queues/default/dlq")
    page.get_by_role("button", name="Remove…").click()
    expect(page.locator(".flash")).to_have_text("Select at least one job.")


@pytest.mark.usefixtures("clean")
def test_it_removes_a_whole_group(visitor: Visitors) -> None:
    someone = visitor()
    fail(someone, "tests.jobs.fail", 3, "no order 4711")
    fail(someone, "tests.jobs.fail", 1, "the sea is rough")
    page = someone.go("/failures?group=error")
    group = page.locator(".group", has_text="no order <n>")
    expect(group.locator(".group-count dd")).to_have_text("3")
    group.get_by_role("button", name="Remove all…").click()
    confirm(page, "Remove 3 jobs")
    expect(page.locator(".flash")).to_have_text("3 removed.")
    expect(page.locator("#task-tabs a", has_text="By error").locator(".tab-count")).to_have_text("1")
    page.get_by_role("link", name="By error").click()
    expect(page.locator(".group")).to_have_count(1)


@pytest.mark.usefixtures("clean")
def test_it_goes_on_with_the_rest_when_the_first_succeed(visitor: Visitors) -> None:
    someone = visitor()
    fail(someone, "tests.jobs.fail_until", 8, 2)
    page = someone.go("/queues/default/dlq?group=error")
    page.get_by_role("button", name="Try a few first…").click()
    confirm(page, "Try 5 first of 8 jobs")
    page.get_by_role("link", name="see how far it is").click()
    page.evaluate("window.isUntouched = true")
    expect(page.locator("#operation-state")).to_have_text("Finished", timeout=30_000)
    expect(page.locator(".operation-figures")).to_contain_text("8")
    expect(page.locator("#operation-tried .status")).to_have_text(["Completed"] * 5)
    assert page.evaluate("window.isUntouched === true")


@pytest.mark.usefixtures("clean")
def test_it_stops_when_the_same_error_comes_back(visitor: Visitors) -> None:
    someone = visitor()
    fail(someone, "tests.jobs.fail", 7, "no order 4711")
    page = someone.go("/failures?group=error")
    page.get_by_role("button", name="Try a few first…").click()
    confirm(page, "Try 5 first of 7 jobs")
    page.get_by_role("link", name="see how far it is").click()
    expect(page.locator(".operation-because")).to_contain_text("The same error came back", timeout=30_000)
    expect(page.locator(".operation-because")).to_contain_text("2 tasks were left as they were.")
    assert someone.accessibility_violations() == []


@pytest.mark.usefixtures("clean")
def test_it_is_stopped_by_the_button(visitor: Visitors) -> None:
    someone = visitor()
    fail(someone, "tests.jobs.fail_and_then_sleep", 6, 20)
    page = someone.go("/failures?group=error")
    page.get_by_role("button", name="Try a few first…").click()
    confirm(page, "Try 5 first of 6 jobs")
    page.get_by_role("link", name="see how far it is").click()
    expect(page.locator("#operation-state")).to_have_text("Trying a few")
    expect(page.locator("#operation-tried .status")).to_contain_text(["Running"], timeout=10_000)
    page.get_by_role("button", name="Stop it").click()
    expect(page.locator(".operation-because")).to_contain_text("operator stopped it.", timeout=10_000)
    page.get_by_role("link", name="Operations", exact=True).first.click()
    expect(page.locator("#operations tbody tr").first).to_contain_text("Stopped")


@pytest.mark.usefixtures("clean")
def test_new_failures_come_in_live(visitor: Visitors) -> None:
    someone = visitor()
    fail(someone, "tests.jobs.fail", 1, "no order 1")
    groups = visitor().go("/failures?group=error")
    jobs = someone.go("/queues/default/dlq")
    expect(groups.locator(".group-count dd")).to_have_text("1")
    job_id = broker.enqueue("tests.jobs.fail", args=["no order 2"])
    expect(groups.locator(".group-count dd")).to_have_text("2")
    expect(jobs.locator("#new-tasks")).to_have_text("1 new")
    jobs.click("#new-tasks")
    expect(jobs.locator("tbody tr").first).to_have_id(f"task-{job_id}")
    expect(jobs.locator("#task-tabs a", has_text="One by one").locator(".tab-count")).to_have_text("2")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_is_accessible_and_fits(visitor: Visitors, theme: str, width: int) -> None:
    someone = visitor(color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    someone.page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => console.error('policy', event.violatedDirective))"
    )
    fail(someone, "tests.jobs.fail", 2, "no order 4711 in a very long line of what went wrong, said at length " * 3)
    violations = []
    lists = [f"{path}{group}" for path in ("/failures", "/queues/default/dlq") for group in ("", "?group=error")]
    for path in (*lists, "/operations", "/"):
        page = someone.go(path)
        violations += someone.accessibility_violations()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page = someone.go("/failures?group=error")
    page.locator(".group-pattern a").first.click()
    violations += someone.accessibility_violations()
    page.get_by_role("button", name="Remove all…").click()
    violations += someone.accessibility_violations()
    assert violations == []
