"""The charts in a real browser: they draw, follow what happens and the theme, and need nothing forbidden."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from monitoring import broker
from tests.browser import BASE, Visitor
from tests.running import Running

pytestmark = pytest.mark.browser

Visitors = Callable[..., Visitor]
CHARTS = {"/": 2, "/?range=week": 2, "/?range=all": 2, "/statistics": 1, "/statistics?range=today&trend=90": 1}


@pytest.fixture(scope="module")
def past(site: Running) -> None:
    """Three weeks of tasks to draw."""
    done = site.manage("seed_history", "--tasks", "600", "--days", "20", "--seed", "4", DEMO="1")
    assert done.returncode == 0, done.stderr


# Of a copy: a browser complains when the canvas that is drawn on is read again and again.
PIXELS = """canvas => {
  const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) if (pixel) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}"""


def inked(canvas: Locator) -> int:
    """How many pixels of the canvas are not empty."""
    return sum(count for _, count in canvas.evaluate(PIXELS))


def colour_of(canvas: Locator) -> int:
    """The colour that most of the drawn pixels have."""
    return int(canvas.evaluate(PIXELS)[0][0])


def watch_policy(visitor: Visitor) -> None:
    """Has violations of the Content-Security-Policy end up among the complaints."""
    visitor.page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => console.error('policy', event.violatedDirective))"
    )


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_chart_draws_and_is_accessible(visitor: Visitors, theme: str, width: int) -> None:
    someone = visitor(color_scheme=theme, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    watch_policy(someone)
    violations = []
    for path, panes in CHARTS.items():
        page = someone.go(path)
        canvases = page.locator("figure[data-chart] canvas")
        expect(canvases).to_have_count(panes)
        for canvas in canvases.all():
            box = canvas.bounding_box()
            assert box is not None
            assert box["width"] > width / 4
            assert box["height"] > 60
            assert inked(canvas) > 500, path
        page.locator(".chart summary").click()
        violations += someone.accessibility_violations()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    someone.go("/queues")
    violations += someone.accessibility_violations()
    assert someone.page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations == []


@pytest.mark.usefixtures("past")
def test_a_chart_shows_the_figures_of_what_is_pointed_at(visitor: Visitors) -> None:
    page = visitor().go("/?range=week")
    pane = page.locator(".pane[data-pane=failed] .u-over")
    box = pane.bounding_box()
    assert box is not None
    pane.hover(position={"x": box["width"] * 1.5 / 8, "y": 20})  # the middle of the second of eight days
    row = page.locator("#ends-table tbody tr").nth(1)
    tip = page.locator(".chart-tip:visible")
    expect(tip).to_have_count(1)
    expect(tip).to_contain_text((row.locator("th").text_content() or "").strip())
    expect(tip.locator("strong")).to_have_text([cell or "" for cell in row.locator("td").all_text_contents()])
    page.mouse.move(0, 0)
    expect(page.locator(".chart-tip:visible")).to_have_count(0)


@pytest.mark.usefixtures("past")
def test_charts_take_the_colours_of_a_theme_and_the_width_of_the_page(visitor: Visitors) -> None:
    page = visitor(color_scheme="light").go("/?range=all")
    canvas = page.locator(".pane[data-pane=failed] canvas")
    light = colour_of(canvas)
    page.click(".menu summary")
    page.check("input[name=theme][value=dark]")
    expect_other(page, canvas, light)
    page.check("input[name=theme][value=system]")
    page.emulate_media(color_scheme="dark")
    expect_other(page, canvas, light)
    wide = canvas.bounding_box()
    page.set_viewport_size({"width": 600, "height": 800})
    page.wait_for_function(
        "width => document.querySelector('.pane canvas').clientWidth < width - 20", arg=wide["width"] if wide else 0
    )
    assert inked(canvas) > 500


def expect_other(page: Page, canvas: Locator, colour: int) -> None:
    page.wait_for_timeout(200)  # a frame or two
    assert colour_of(canvas) != colour


def test_a_chart_follows_what_happens(visitor: Visitors) -> None:
    page = visitor().go("/")
    page.evaluate("window.isUntouched = true")
    canvas = page.locator(".pane[data-pane=failed] canvas")
    before = int(page.locator("#ends-sum strong").nth(1).text_content() or "0")
    ink = inked(canvas)
    for _ in range(3):
        broker.enqueue("tests.jobs.fail", args=["aground"], queue_name="default")
    expect(page.locator("#ends-sum strong").nth(1)).to_have_text(str(before + 3))
    expect(page.locator("#queues tbody tr", has_text="default")).to_be_visible()
    page.wait_for_timeout(200)
    assert inked(canvas) != ink
    assert page.evaluate("window.isUntouched === true")


@pytest.mark.usefixtures("past")
def test_the_queues_follow_what_happens(visitor: Visitors) -> None:
    page = visitor().go("/queues")
    completed = page.locator("#queues tbody tr", has_text="reports").locator("[data-label=Completed]")
    done = int((completed.text_content() or "0").replace(",", ""))
    broker.enqueue("tests.jobs.echo", queue_name="reports")
    expect(completed).to_have_text(f"{done + 1:,}")


def test_letters_lead_to_the_pages(visitor: Visitors) -> None:
    page = visitor().go("/")
    for letter, path in (("q", "queues"), ("s", "statistics"), ("m", "metrics"), ("a", "audit")):
        page.keyboard.press("g")
        page.keyboard.press(letter)
        page.wait_for_url(f"**{BASE}/{path}")


def test_figures_are_read_without_javascript(visitor: Visitors) -> None:
    someone = visitor(storage_state=None, java_script_enabled=False)
    someone.log_in()
    page = someone.page
    page.click(".switch >> text=7 days")
    page.wait_for_url("**/?range=week")
    expect(page.locator(".chart-plot")).to_be_hidden()
    page.click(".chart summary")
    expect(page.locator("#ends-table tbody tr")).to_have_count(8)
    expect(page.locator("#ends-table tbody tr").first).to_be_visible()
