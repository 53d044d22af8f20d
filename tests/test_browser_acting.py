"""Acting on tasks in a real browser: ticking rows by mouse and keyboard, the bar, the buttons and forms of a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from monitoring import broker
from tests.browser import BASE, Visitor
from tests.running import Running, wait_for
from tests.test_browser import is_untouched, mark, run

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visitor]
IDLE = "harbour"
"""A queue that nobody works for."""


@pytest.fixture(scope="module")
def cookies(site: Running, chromium: Browser) -> Any:
    """The session of an operator who has logged in once."""
    context = chromium.new_context()
    Visitor(context, f"http://127.0.0.1:{site.port}").log_in("operator")
    state = context.storage_state()
    context.close()
    return state


def wait_until_known(visitor: Visitor, job_id: str) -> str:
    """The id, once its page is there."""
    address = f"{visitor.address}{BASE}/tasks/{job_id}"
    assert wait_for(lambda: visitor.context.request.get(address).ok, 20)
    return job_id


def enqueue(visitor: Visitor, count: int, queue: str = IDLE) -> list[str]:
    """Jobs that wait."""
    ids = [broker.enqueue("tests.jobs.echo", args=[queue], queue_name=queue) for _ in range(count)]
    return [wait_until_known(visitor, job_id) for job_id in ids]


def box(page: Page, job_id: str) -> Any:
    return page.locator(f"#select-{job_id}")


def flash(page: Page) -> Any:
    return page.locator(".flash")


def test_a_row_is_ticked_by_key_and_stays_so_whatever_comes(visitor: Visitors) -> None:
    someone = visitor()
    first, second = enqueue(someone, 2, "quay")
    page = someone.go("/queues/quay/jobs")
    mark(page)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(box(page, second)).to_be_checked()
    expect(page.locator("[data-selected]")).to_have_text("1")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("[data-selected]")).to_have_text("2")
    page.keyboard.press("x")
    expect(box(page, first)).not_to_be_checked()
    broker.cancel([second])
    expect(page.locator(f"#task-{second} .status")).to_have_text("Cancelled")
    expect(box(page, second)).to_be_checked()
    new = broker.enqueue("tests.jobs.echo", queue_name="quay")
    page.click("#new-tasks")
    expect(box(page, new)).to_be_visible()
    assert is_untouched(page)


def test_a_page_is_ticked_at_once_and_a_range_with_shift(visitor: Visitors) -> None:
    someone = visitor()
    ids = enqueue(someone, 5, "range")[::-1]
    page = someone.go("/queues/range/jobs")
    page.check("#select-page")
    expect(page.locator("[data-selected]")).to_have_text("5")
    page.click(".bulk-clear")
    expect(page.locator("[data-selected]")).to_have_text("0")
    box(page, ids[1]).check()
    box(page, ids[3]).click(modifiers=["Shift"])
    expect(page.locator("[data-selected]")).to_have_text("3")
    assert page.locator("#select-page").evaluate("box => box.indeterminate")


def test_those_ticked_are_cancelled_after_it_has_asked(visitor: Visitors) -> None:
    someone = visitor()
    ids = enqueue(someone, 3)
    page = someone.go(f"/queues/{IDLE}/jobs")
    for job_id in ids[:2]:
        box(page, job_id).check()
    page.click(".bulk button[value=cancel]")
    expect(page.locator("h1")).to_have_text(f"Cancel 2 waiting jobs of {IDLE}?")
    page.fill("#reason", "the harbour is closed")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/queues/{IDLE}/jobs?page=1")
    expect(flash(page)).to_have_text("2 cancelled or told to stop.")
    someone.wait_until_live()
    expect(box(page, ids[2])).to_be_visible()
    page.click(".tabs a:has-text('Cancelled')")
    for job_id in ids[:2]:
        expect(page.locator(f"#task-{job_id}")).to_be_visible()


def test_all_that_match_are_removed(visitor: Visitors) -> None:
    someone = visitor()
    enqueue(someone, 22, "all")
    page = someone.go("/tasks?queue=all&size=20")
    page.check("#select-all")
    page.click(".bulk button[value=remove]")
    expect(page.locator("h1")).to_have_text("Remove 22 tasks?")
    page.click("text=Leave it")
    expect(page.locator("#task-range")).to_have_text("1–20 of 22")
    page.check("#select-all")
    page.click(".bulk button[value=remove]")
    page.click("button:has-text('Remove 22 tasks')")
    expect(flash(page)).to_have_text("22 removed.")
    # What is shown may still be the list as it was; then its rows stay, and say so.
    expect(page.locator("#task-range")).to_have_text("0 tasks")
    expect(page.locator("tr[data-task]:not(.is-gone)")).to_have_count(0)
    page.reload()
    expect(page.locator(".empty")).to_contain_text("No task matches")


def test_what_another_removes_says_so_and_cannot_be_ticked(visitor: Visitors) -> None:
    someone = visitor()
    first, _ = enqueue(someone, 2, "gone")
    page = someone.go("/queues/gone/jobs")
    box(page, first).check()
    broker.remove([first])
    row = page.locator(f"#task-{first}")
    expect(row.locator(".status")).to_have_text("Removed", timeout=25_000)
    expect(box(page, first)).to_be_disabled()
    expect(page.locator("[data-selected]")).to_have_text("0")


def test_it_works_without_javascript(visitor: Visitors) -> None:
    someone = visitor(java_script_enabled=False)
    ids = enqueue(someone, 2, "plain")
    page = someone.page
    page.goto(f"{someone.address}{BASE}/queues/plain/jobs")
    box(page, ids[0]).check()
    page.click(".bulk button[value=cancel]")
    page.click("button:has-text('Cancel 1 job')")
    expect(flash(page)).to_have_text("1 cancelled or told to stop.")
    page.goto(f"{someone.address}{BASE}/tasks/{ids[1]}")
    page.fill("#deed-reason", "no more of this")
    page.click(".deeds button[value=cancel]")
    expect(flash(page)).to_have_text("Cancelled: it will not start.")


def test_the_buttons_of_a_task_follow_its_state(visitor: Visitors) -> None:
    someone = visitor()
    job_id = run(someone, "tests.jobs.fail", args=["boom"])
    page = someone.go(f"/tasks/{job_id}")
    expect(page.locator(".deeds button[value=stop]")).to_be_disabled()
    mark(page)
    page.fill("#deed-reason", "typed and kept")
    broker.requeue([job_id])
    expect(page.locator("#task-timeline .step-failed")).to_have_count(2)
    expect(page.locator("#deed-reason")).to_have_value("typed and kept")
    assert is_untouched(page)
    page.click(".deeds button[value=retry]")
    expect(flash(page)).to_have_text("Back on its queue.")
    expect(page.locator("#task-timeline .step-failed")).to_have_count(3)
    page.click(".deeds-off summary")
    expect(page.locator(".deeds-off")).to_contain_text("Cannot stop a task that has failed.")
    page.click(".deeds button[value=remove]")
    page.click("button:has-text('Remove it')")
    expect(flash(page)).to_have_text("Removed.")


def test_a_running_task_is_stopped(visitor: Visitors) -> None:
    someone = visitor()
    job_id = broker.enqueue("tests.jobs.sleep", args=[60])
    wait_until_known(someone, job_id)
    page = someone.go(f"/tasks/{job_id}")
    expect(page.locator(".task-status")).to_have_text("Running")
    page.click(".deeds button[value=stop]")
    expect(flash(page)).to_have_text("Its worker was told to stop it.")
    expect(page.locator(".task-status")).to_have_text("Cancelled")


def test_a_waiting_task_is_moved(visitor: Visitors) -> None:
    someone = visitor()
    run(someone, "tests.jobs.echo")
    (job_id,) = enqueue(someone, 1)
    page = someone.go(f"/tasks/{job_id}")
    page.select_option("#move-to", "default")
    page.click(".deed-move button")
    expect(flash(page)).to_have_text("Moved to the end of default.")
    expect(page.locator(".task-status")).to_have_text("Completed")


def test_a_task_is_run_again_with_other_arguments(visitor: Visitors) -> None:
    someone = visitor()
    job_id = run(someone, "tests.jobs.fail", args=["old"])
    page = someone.go(f"/tasks/{job_id}")
    page.click("text=Edit and run again")
    expect(page.locator("#args")).to_have_value('["old"]')
    page.fill("#args", '["new"')
    page.click("button:has-text('Run it')")
    expect(page.locator("#args-error")).to_contain_text("This is not JSON")
    expect(page.locator("#args")).to_have_value('["new"')
    someone.complaints.clear()  # the browser remarks on the 400
    page.fill("#args", '["new"]')
    page.click("button:has-text('Run it')")
    page.click(".flash a")
    expect(page.locator("#task-arguments")).to_contain_text('"new"')
    expect(page.locator("#task-facts")).to_contain_text("Retry of")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_what_acts_is_accessible(visitor: Visitors, theme: str, width: int) -> None:
    someone = visitor(color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    waiting, *_ = enqueue(someone, 2)
    over = run(someone, "tests.jobs.fail")
    violations = []
    for path, deed in (
        (f"/queues/{IDLE}/jobs", "#select-page"),
        ("/queues/default/jobs?state=failed&q=x&task=y", ""),
        ("/tasks", "#select-all"),
        (f"/tasks/{over}", ".deeds-off summary"),
        (f"/tasks/{waiting}", ""),
        (f"/tasks/{over}/again", ""),
    ):
        page = someone.go(path)
        if deed:
            page.click(deed)
        violations += someone.accessibility_violations()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.fill("#args", "[")
    page.click("button:has-text('Run it')")
    violations += someone.accessibility_violations()
    someone.complaints.clear()  # the browser remarks on the 400
    page = someone.go("/tasks")
    page.check("#select-all")
    page.click(".bulk button[value=remove]")
    violations += someone.accessibility_violations()
    assert violations == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_storage_page_fits_and_is_accessible(visitor: Visitors, theme: str, width: int) -> None:
    someone = visitor(color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    enqueue(someone, 2)
    page = someone.go("/storage")
    expect(page.locator("#tables tbody tr")).to_have_count(7)
    expect(page.locator("#redis tbody")).to_contain_text(IDLE)
    assert someone.accessibility_violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
