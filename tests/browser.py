"""A real Chromium before a real Quarterdeck: every process runs, on a database of its own and on the test's Redis."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.running import Running, wait_for

BASE = f"/{settings.MONITORING_BASE_PATH}"
AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Visitor:
    """Someone at a browser of their own, who is logged in. What the console complains of is kept."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context = context
        self.address = address
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type} at {self.page.url}: {message.text}")

    def go(self, path: str) -> Page:
        """Opens a page below the base and, where it is live, waits for the connection."""
        self.page.goto(f"{self.address}{BASE}{path}")
        self.wait_until_live()
        return self.page

    def wait_until_live(self) -> None:
        """Returns once the page hears the hub; pages that are not live are ready at once."""
        if self.page.locator("#live").count():
            self.page.locator("#live[data-state=live]").wait_for()

    def log_in(self, name: str = "viewer") -> None:
        """By the form, as people do."""
        self.page.goto(f"{self.address}{BASE}/login")
        self.page.fill("#username", name)
        self.page.fill("#password", name)
        self.page.click("text=Log in >> nth=-1")
        self.page.wait_for_url(f"{self.address}{BASE}/")

    def accessibility_violations(self) -> list[str]:
        """What axe-core finds of serious or critical impact on the page as it is."""
        self.page.wait_for_load_state()  # colours are looked at, too, and a click may have led to another page
        # Evaluated by the debugger, which the pages' policy does not bind.
        self.page.evaluate(AXE.read_text())
        found: Any = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{violation['id']} at {self.page.url}: {[node['target'] for node in violation['nodes']]}"
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
        ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Quarterdeck with web, recorder and workers, without demo traffic."""
    one = Running(
        tmp_path_factory.mktemp("site") / "data",
        REDIS_URL=settings.REDIS_URL,
        DEMO="0",
        QUARTERDECK_CALLABLES="tests.jobs",
    )
    one.start()
    try:
        assert wait_for(one.answers, 60), one.log.read_text()
        yield one
    finally:
        one.end()


LAUNCH_MS = 60_000
"""How long Chromium may take to start: a second where all is well, and more on a machine that does much else."""
_would_not_start: list[str] = []
"""Why Chromium did not start: it is not tried again for every module."""


def launch(playwright: Playwright) -> Browser:
    """A browser, at the second try if need be. Fails the test if none starts."""
    if _would_not_start:
        pytest.fail(f"Chromium did not start for an earlier test: {_would_not_start[-1]}")
    for last in (False, True):
        try:
            return playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), timeout=LAUNCH_MS)
        except PlaywrightError as error:
            if last:
                _would_not_start.append(str(error))
                raise
    raise AssertionError


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser. Without one the tests are skipped; CI must have one."""
    if CHROMIUM is None:
        reason = "no Chromium is installed (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def cookies(site: Running, chromium: Browser) -> Any:
    """The session of a viewer who has logged in once."""
    context = chromium.new_context()
    Visitor(context, f"http://127.0.0.1:{site.port}").log_in()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def visitor(site: Running, chromium: Browser, cookies: Any) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors; options are those of Playwright's contexts. No console may have complained in the end."""
    visitors: list[Visitor] = []

    def enter(**options: Any) -> Visitor:
        context = chromium.new_context(
            **{"storage_state": cookies, "viewport": {"width": 1280, "height": 800}, **options}
        )
        context.set_default_timeout(15_000)
        visitors.append(Visitor(context, f"http://127.0.0.1:{site.port}"))
        return visitors[-1]

    yield enter
    complaints = [complaint for one in visitors for complaint in one.complaints]
    for one in visitors:
        one.context.close()
    assert complaints == []
