"""The fleet page in a real browser, offline: policy, requests, figures, switch, links, filter, narrow pages."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from traceview.fleet.report import write

CHROMIUM = Path("/usr/bin/chromium")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}"),
]
WAIT_S = 20


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


class Visit:
    """One page with everything that it complained about or asked for."""

    def __init__(self, browser: Any, file: Path, fragment: str = "", **options: Any) -> None:
        self.context = browser.new_context(offline=True, **{"viewport": {"width": 1400, "height": 900}, **options})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.route("**/*", self._route)
        self.address = file.as_uri()
        self.page.goto(self.address + fragment)

    def _route(self, route: Any) -> None:
        if route.request.url.split("#")[0] == self.address:
            route.continue_()
        else:
            self.requests.append(route.request.url)
            route.abort()

    def until(self, expression: str, wanted: object) -> None:
        """Poll plain evaluations: the page's policy forbids the evaluation of strings that a driver would use to wait."""
        end = time.monotonic() + WAIT_S
        while (seen := self.page.evaluate(expression)) != wanted:
            assert time.monotonic() < end, f"{expression} is {seen!r}, not {wanted!r}"
            self.page.wait_for_timeout(40)

    def states(self, wanted: str) -> "Visit":
        states = "() => [...new Set([...document.querySelectorAll('.heat')].map((box) => box.dataset.state || ''))]"
        self.until(states, [wanted])
        return self

    def quiet(self) -> None:
        assert self.complaints == []
        assert self.requests == []


@pytest.fixture(scope="module")
def report(synthetic: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    write(synthetic(folder / "fleet", 1200), folder / "fleet.html")
    return folder / "fleet.html"


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def go(file: Path, fragment: str = "", **options: Any) -> Visit:
        visits.append(Visit(browser, file, fragment, **options))
        return visits[-1]

    yield go
    for one in visits:
        one.context.close()


def test_it_draws_without_complaint_or_request(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report).states("drawn")
    assert page.page.locator(".heat .heatmaplayer image, .heat .heatmaplayer .hm").count() > 0
    assert page.page.locator(".modebar, [data-title*='hare'], [data-title*='loud']").count() == 0
    assert page.page.locator("a[href*='plotly.com'], a[href*='plot.ly']").count() == 0
    page.quiet()


def test_the_switch_changes_all_heat_maps(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report).states("drawn")
    before = page.page.locator(".heat[data-figure='os']").inner_text()
    page.page.get_by_role("button", name="per 1,000 calls").click()
    page.until("() => document.querySelector('.heat[data-figure=os]').dataset.metric", "per_1000_calls")
    assert page.page.locator(".heat[data-figure='os']").inner_text() != before
    assert page.page.get_by_role("button", name="% of captures").get_attribute("aria-pressed") == "false"
    assert page.page.locator(".meaning:visible").count() == 1
    page.quiet()


@pytest.mark.parametrize("how", ["load", "hashchange", "click"])
def test_links_to_rules(visit: Callable[..., Visit], report: Path, how: str) -> None:
    page = visit(report, "#r=io-overload" if how == "load" else "")
    if how == "hashchange":
        page.page.evaluate("() => { location.hash = '#r=io-overload'; }")
    if how == "click":
        page.page.locator(".top a[href='#r=io-overload']").click()
    page.until("() => document.getElementById('r=io-overload').open", wanted=True)
    assert page.page.evaluate("() => document.activeElement.parentElement.id") == "r=io-overload"
    page.states("drawn").quiet()


def test_a_click_on_a_cell_opens_the_rule(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report).states("drawn")
    figure = page.page.locator(".heat[data-figure='os'] .nsewdrag").first
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    page.page.mouse.move(box["x"] + 30, box["y"] + 40)
    page.page.wait_for_timeout(150)
    page.page.mouse.click(box["x"] + 30, box["y"] + 40)
    page.until(
        "() => location.hash.startsWith('#r=') && document.getElementById(location.hash.slice(1)).open", wanted=True
    )
    page.quiet()


def test_captures_can_be_filtered(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report).states("drawn")
    page.page.locator("details[id='r=push-unreported'] .filter-link").click()
    shown = page.page.locator("#capture-table tbody tr:visible")
    assert 0 < shown.count() < 1200
    assert "push-unreported" in shown.first.inner_text()
    page.page.locator("#filter").fill("no such capture")
    assert shown.count() == 0
    assert page.page.locator("#filtered").inner_text() == "0 of 1200"
    page.quiet()


def test_dark_mode_follows_the_system_and_the_button(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report, color_scheme="dark").states("drawn")
    lightest = "() => document.querySelector('.heat[data-figure=os]').data[0].colorscale[0][1]"
    assert page.page.evaluate(lightest) == "#1f2226"
    page.page.locator("#theme-button").click()
    page.until(lightest, "#f3f4f6")
    page.quiet()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_narrow_pages_do_not_scroll_sideways(visit: Callable[..., Visit], report: Path, width: int) -> None:
    page = visit(report, viewport={"width": width, "height": 800}).states("drawn")
    page.page.evaluate("() => document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    page.page.wait_for_timeout(150)
    assert page.page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.quiet()


def test_without_scripts_the_tables_are_there(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report, java_script_enabled=False)
    assert page.page.locator("h1").is_visible()
    page.page.locator("#versions summary").first.click()
    assert page.page.locator("#versions table").first.is_visible()


def test_an_old_browser_is_told(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report)
    page.page.add_init_script("delete window.DecompressionStream")
    page.page.reload()
    page.states("failed")
    assert "browser from 2023" in page.page.locator(".heat").first.inner_text()


def test_printing(visit: Callable[..., Visit], report: Path, tmp_path: Path) -> None:
    page = visit(report).states("drawn")
    page.page.pdf(path=str(tmp_path / "x.pdf"), format="A4", print_background=True)
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    width = "() => Math.max(...[...document.querySelectorAll('.heat .main-svg')].map((one) => one.clientWidth))"
    page.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.until(width, 690)
    assert page.page.locator("details.rule:not([open])").count() == 0
    page.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    page.until(f"{width.replace('() => ', '() => 690 < ')}", wanted=True)
    assert page.page.locator("details.rule:not([open])").count() > 0
    page.quiet()
