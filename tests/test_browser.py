"""The pages in a real browser: live updates, the keyboard, themes, narrow screens, no JavaScript, accessibility."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from monitoring import broker
from tests.browser import BASE, Visitor
from tests.running import Running, wait_for

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visitor]
PAGES = ("/", "/tasks", "/tasks?status=failed&queue=default", "/tasks?search=none", "/tasks?size=20&sort=queue")


def run(visitor: Visitor, function: str, **options: object) -> str:
    """Enqueues a job and waits until its page exists and says that it is over."""
    job_id = broker.enqueue(function, **options)  # type: ignore[arg-type]  # passed through
    page = visitor.page
    assert wait_for(lambda: is_over(visitor, job_id), 20), page.content()
    return job_id


def is_over(visitor: Visitor, job_id: str) -> bool:
    response = visitor.context.request.get(f"{visitor.address}{BASE}/tasks/{job_id}/parts")
    return response.ok and any(
        f'<span class="task-status"><span class="status status-{word}"' in response.text()
        for word in ("completed", "failed")
    )


def mark(page: Page) -> None:
    """Leaves a mark in the page that a reload would wipe off."""
    page.evaluate("window.isUntouched = true")


def is_untouched(page: Page) -> bool:
    return bool(page.evaluate("window.isUntouched === true"))


# --- Live ---------------------------------------------------------------------------------------------------------


def test_it_shows_a_new_task_behind_a_button_and_then_turns_it_completed(visitor: Visitors) -> None:
    page = visitor().go("/tasks")
    mark(page)
    job_id = broker.enqueue("tests.jobs.sleep", args=[1.5], queue_name="mail")
    expect(page.locator("#new-tasks")).to_have_text("1 new")
    row = page.locator(f"#task-{job_id}")
    expect(row).to_have_count(0)
    page.click("#new-tasks")
    expect(row.locator(".status")).to_have_text("Running")
    expect(page.locator("#new-tasks")).to_be_hidden()
    expect(row.locator(".status")).to_have_text("Completed")
    expect(row.locator(".cell-duration")).to_contain_text("1.5")
    expect(page.locator(".tabs a", has_text="Completed").locator(".tab-count")).not_to_have_text("0")
    assert is_untouched(page)


def test_it_keeps_rows_in_their_place(visitor: Visitors) -> None:
    someone = visitor()
    for _ in range(3):
        run(someone, "tests.jobs.echo")
    job_id = broker.enqueue("tests.jobs.sleep", args=[2])
    assert wait_for(lambda: someone.context.request.get(f"{someone.address}{BASE}/tasks/{job_id}").ok, 10)
    page = someone.go("/tasks?sort=created&size=100")
    row = page.locator(f"#task-{job_id}")
    row.locator(".row-link").focus()
    before = row.bounding_box()
    expect(row.locator(".status")).to_have_text("Completed")
    assert row.bounding_box() == before
    expect(row.locator(".row-link")).to_be_focused()
    broker.enqueue("tests.jobs.echo")
    page.wait_for_timeout(1500)
    expect(page.locator("#new-tasks")).to_be_hidden()


def test_it_keeps_rows_that_no_longer_match_and_dims_them(visitor: Visitors) -> None:
    someone = visitor()
    job_id = broker.enqueue("tests.jobs.sleep", args=[2.5])
    page = someone.go("/tasks?status=running")
    row = page.locator(f"#task-{job_id}")
    if not row.count():
        expect(page.locator("#new-tasks")).to_have_text("1 new")
        page.click("#new-tasks")
    expect(row.locator(".status")).to_have_text("Running")
    expect(row.locator(".status")).to_have_text("Completed")
    expect(row).to_have_class("is-elsewhere")


def test_it_stays_cheap_and_counts_exactly_when_much_happens(visitor: Visitors) -> None:
    page = visitor().go("/tasks?queue=bulk")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    for _ in range(60):
        broker.enqueue("tests.jobs.echo", queue_name="bulk")
    expect(page.locator("#new-tasks")).to_have_text("60 new")
    assert len([url for url in requests if "/tasks/rows" in url]) < 30
    assert all(len(url) < 8_000 for url in requests)


def test_it_follows_a_task_on_its_page(visitor: Visitors) -> None:
    someone = visitor()
    job_id = broker.enqueue("demo.tasks.send_newsletter_batch", kwargs={"issue": 1, "recipients": 160})
    assert wait_for(lambda: someone.context.request.get(f"{someone.address}{BASE}/tasks/{job_id}").ok, 10)
    page = someone.go(f"/tasks/{job_id}")
    mark(page)
    expect(page.locator("[data-progress-message]")).to_contain_text("of 160 sent")
    page.wait_for_function("document.querySelector('progress').value > 0")  # 1 of 160 is still 0 %
    expect(page.locator(".task-status")).to_have_text("Completed")
    expect(page.locator("#task-result")).to_contain_text('"sent": 160')
    expect(page.locator("#task-timeline .step-completed")).to_have_count(1)
    assert is_untouched(page)


def test_it_follows_the_whole_on_the_overview(visitor: Visitors) -> None:
    page = visitor().go("/")
    mark(page)
    job_id = broker.enqueue("tests.jobs.fail", args=["the sea is rough"])
    expect(page.locator(f"#failures a[href$='{job_id}']")).to_be_visible()
    expect(page.locator("#failures")).to_contain_text("ValueError: the sea is rough")
    expect(page.locator(f"#changes a[href$='{job_id}']").first).to_be_visible()
    assert is_untouched(page)


def test_it_says_when_it_is_cut_off_and_catches_up(visitor: Visitors, site: Running) -> None:
    someone = visitor()
    shown = run(someone, "tests.jobs.echo")
    page = someone.go("/tasks?queue=default")
    mark(page)
    for pid in site.supervised("manage.py serve"):
        os.kill(pid, signal.SIGKILL)
    expect(page.locator("#stale")).to_be_visible()
    expect(page.locator("#stale")).to_contain_text("The connection is lost.")
    expect(page.locator("#live")).to_have_text("Not live")
    job_id = broker.enqueue("tests.jobs.echo")
    assert wait_for(site.answers, 30)
    expect(page.locator("#stale")).to_be_hidden(timeout=30_000)
    expect(page.locator("#new-tasks")).to_have_text("1 new")
    page.click("#new-tasks")
    expect(page.locator(f"#task-{job_id} .status")).to_have_text("Completed")
    expect(page.locator(f"#task-{shown}")).to_be_visible()
    assert is_untouched(page)
    # While the server is away the browser itself complains that it cannot be reached.
    someone.complaints = [
        text for text in someone.complaints if "ERR_CONNECTION" not in text and "WebSocket" not in text
    ]


def test_it_sends_who_is_no_longer_logged_in_to_the_login(visitor: Visitors) -> None:
    page = visitor(storage_state=None)
    page.log_in()
    page.go("/tasks")
    page.context.clear_cookies()
    broker.enqueue("tests.jobs.echo")
    page.page.wait_for_url(f"**{BASE}/login?next=**")


# --- By hand ------------------------------------------------------------------------------------------------------


def test_it_logs_in_and_out(visitor: Visitors) -> None:
    someone = visitor(storage_state=None)
    page = someone.page
    page.goto(f"{someone.address}{BASE}/tasks?status=failed")
    page.fill("#username", "viewer")
    page.fill("#password", "wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Invalid username or password.")
    someone.complaints.clear()  # the browser remarks on the 401
    page.fill("#password", "viewer")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{BASE}/tasks?status=failed")
    page.click(".menu summary")
    page.click("button:has-text('Log out')")
    page.wait_for_url(f"**{BASE}/login")


def test_it_obeys_the_keyboard(visitor: Visitors) -> None:
    someone = visitor()
    for _ in range(2):
        run(someone, "tests.jobs.echo")
    page = someone.go("/")
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("?gt")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url(f"**{BASE}/tasks")
    links = page.locator("tr .row-link")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{BASE}/tasks/*")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url(f"**{BASE}/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()


def test_it_applies_a_choice_at_once_and_keeps_the_address_short(visitor: Visitors) -> None:
    someone = visitor()
    run(someone, "tests.jobs.echo", queue_name="mail")
    page = someone.go("/tasks?status=completed")
    page.select_option("#queue", "mail")
    page.wait_for_url(f"**{BASE}/tasks?status=completed&queue=mail")
    page.fill("#search", "echo")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{BASE}/tasks?status=completed&search=echo&queue=mail")
    page.click(".chip:has-text('Queue')")
    page.wait_for_url(f"**{BASE}/tasks?status=completed&search=echo")


def test_it_copies_ids(visitor: Visitors) -> None:
    someone = visitor(permissions=["clipboard-read", "clipboard-write"])
    job_id = run(someone, "tests.jobs.echo")
    page = someone.go(f"/tasks/{job_id}")
    page.click("#task-head .copy")
    expect(page.locator("#task-head .copy")).to_have_attribute("data-copied", "")
    assert page.evaluate("navigator.clipboard.readText()") == job_id


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_it_follows_the_systems_theme_and_remembers_another(visitor: Visitors) -> None:
    page = visitor(color_scheme="dark").go("/")
    dark = ground(page)
    page.click(".menu summary")
    page.check("input[name=theme][value=light]")
    light = ground(page)
    assert light != dark
    page.goto(page.url + "tasks", wait_until="commit")
    page.wait_for_selector("body")
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert ground(page) == light


def test_it_tells_times_in_the_viewers_zone_or_in_utc(visitor: Visitors) -> None:
    someone = visitor(timezone_id="Asia/Kolkata")
    job_id = run(someone, "tests.jobs.echo")
    page = someone.go(f"/tasks/{job_id}")
    created = page.locator("#task-facts dt:text-is('Created') + dd time")
    expect(created).to_contain_text("UTC+05:30")
    page.click(".menu summary")
    page.check("input[name=zone][value=utc]")
    moment = created.get_attribute("datetime") or ""
    expect(created).to_have_text(f"{moment[:10]} {moment[11:19]} UTC")


def test_it_keeps_clocks_going(visitor: Visitors) -> None:
    someone = visitor()
    run(someone, "tests.jobs.echo")
    page = someone.go("/tasks")
    created = page.locator("tr .cell-created time").first
    before = created.text_content() or ""
    expect(created).not_to_have_text(before)


# --- For everyone -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_is_accessible_and_needs_nothing_forbidden(visitor: Visitors, theme: str, width: int) -> None:
    someone = visitor(color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    failed = run(someone, "tests.jobs.fail", args=["<b>boom</b>"], retries=1)
    told = run(someone, "tests.jobs.report_everything")
    violations = []
    for path in (*PAGES, f"/tasks/{failed}", f"/tasks/{told}"):
        page = someone.go(path)
        violations += someone.accessibility_violations()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.locator("summary").evaluate_all("all => all.forEach(one => one.parentElement.open = true)")
    violations += someone.accessibility_violations()
    page.keyboard.press("?")
    violations += someone.accessibility_violations()
    someone.context.clear_cookies()
    page.goto(f"{someone.address}{BASE}/login")
    violations += someone.accessibility_violations()
    assert violations == []


@pytest.mark.parametrize(
    "path", ["/tasks?created_from=soon&status=tired", "/nowhere", "/tasks/00000000-0000-0000-0000-000000000000"]
)
def test_pages_of_errors_are_accessible(visitor: Visitors, path: str) -> None:
    someone = visitor()
    someone.go(path)
    assert someone.accessibility_violations() == []
    assert all("Failed to load resource" in complaint for complaint in someone.complaints), someone.complaints
    someone.complaints.clear()  # the browser remarks on the status


def test_long_names_break_no_page(visitor: Visitors) -> None:
    someone = visitor(viewport={"width": 360, "height": 800})
    long = "x" * 250
    job_id = broker.enqueue(
        "tests.jobs.echo", args=[long], queue_name=long, meta={"kind": long, "origin_reference": long}
    )
    assert wait_for(lambda: someone.context.request.get(f"{someone.address}{BASE}/tasks/{job_id}").ok, 10)
    for path in ("/", "/tasks", f"/tasks?queue={long}", f"/tasks?search={long}", f"/tasks/{job_id}"):
        page = someone.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_it_uses_a_very_wide_screen(visitor: Visitors) -> None:
    someone = visitor(viewport={"width": 2560, "height": 1440})
    run(someone, "tests.jobs.echo")
    page = someone.go("/tasks")
    table = page.locator("table.tasks").bounding_box()
    assert table is not None
    assert table["width"] >= 1900
    assert page.evaluate("document.documentElement.scrollWidth") <= 2560


def test_everything_but_live_updates_works_without_javascript(visitor: Visitors) -> None:
    job_id = run(visitor(), "tests.jobs.fail", args=["quietly"])
    someone = visitor(storage_state=None, java_script_enabled=False)
    someone.log_in()
    page = someone.page
    expect(page.locator("#health")).to_be_visible()
    expect(page.get_by_text("Not live without JavaScript")).to_be_visible()
    page.click("nav >> text=Tasks")
    page.click(".tabs a:has-text('Failed')")
    page.fill("#search", "fail")
    page.click("button:has-text('Filter')")
    page.click(f"#task-{job_id} .row-link")
    expect(page.locator("#task-error")).to_contain_text("ValueError: quietly")
    expect(page.locator(".copy")).to_have_count(page.locator(".copy").count())
    expect(page.locator(".copy").first).to_be_hidden()
    page.click(".menu summary")
    page.click("button:has-text('Log out')")
    page.wait_for_url(f"**{BASE}/login")


@pytest.mark.parametrize("path", ["/admin/", "/admin/monitoring/task/", "/api-docs"])
def test_the_admin_and_the_api_documentation_work_under_the_policy(visitor: Visitors, path: str) -> None:
    someone = visitor(storage_state=None)
    someone.log_in("admin")
    page = someone.page
    page.goto(f"{someone.address}{path}")
    page.wait_for_load_state("networkidle")
    if path == "/api-docs":
        expect(page.locator(".opblock").first).to_be_visible()
    else:
        expect(page.locator("#content h1")).to_be_visible()


def test_it_answers_within_a_blink(visitor: Visitors) -> None:
    """A rough guard; the benchmark measures."""
    page = visitor().go("/tasks?queue=quick")
    begun = time.monotonic()
    broker.enqueue("tests.jobs.echo", queue_name="quick")
    page.locator("#new-tasks:visible").wait_for()
    assert time.monotonic() - begun < 2
