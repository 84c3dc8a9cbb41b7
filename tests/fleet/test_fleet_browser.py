"""The fleet page in a real browser, offline: policy, requests, figures, switch, links, filter, narrow pages."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Visit

from traceview.fleet.report import write

pytestmark = pytest.mark.browser
CAPTURES = 300
RULE_IS_OPEN = "() => document.getElementById('r=io-overload').open"
METRIC = "() => document.querySelector('.heat[data-figure=os]').dataset.metric"


def drawn(visit: Visit, wanted: str = "drawn") -> Visit:
    """Wait until all heat maps are in that state."""
    states = "() => [...new Set([...document.querySelectorAll('.heat')].map((box) => box.dataset.state || ''))]"
    return visit.until(states, [wanted])


def fresh(visit: Visit) -> Visit:
    """Go back to how the page was when it was drawn."""
    visit.page.evaluate(
        "() => { document.activeElement.blur(); document.querySelectorAll('details').forEach((one) => { one.open = false; });"
        " history.replaceState(null, '', location.pathname); scrollTo(0, 0); }"
    )
    visit.page.locator("#filter").fill("")
    visit.page.get_by_role("button", name="% of captures").click()
    return visit.until(METRIC, "share")


@pytest.fixture(scope="module")
def report(synthetic: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    write(synthetic(folder / "fleet", CAPTURES), folder / "fleet.html")
    return folder / "fleet.html"


@pytest.fixture(scope="module")
def shared(browser: Any, report: Path) -> Iterator[Visit]:
    """One drawn page for the tests that only act on it: drawing takes a second or more. Opened at a rule."""
    visit = drawn(Visit(browser, report, "#r=io-overload"))
    visit.loaded = visit.page.evaluate(
        "() => ({ open: document.getElementById('r=io-overload').open, focus: document.activeElement.parentElement.id })"
    )
    yield visit
    visit.context.close()


def test_it_draws_without_complaint_or_request(shared: Visit) -> None:
    assert shared.page.locator(".heat .heatmaplayer image, .heat .heatmaplayer .hm").count() > 0
    assert shared.page.locator(".modebar, [data-title*='hare'], [data-title*='loud']").count() == 0
    assert shared.page.locator("a[href*='plotly.com'], a[href*='plot.ly']").count() == 0
    shared.quiet()


def test_the_switch_changes_all_heat_maps(shared: Visit) -> None:
    page = fresh(shared)
    before = page.page.locator(".heat[data-figure='os']").inner_text()
    page.page.get_by_role("button", name="per 1,000 calls").click()
    page.until(METRIC, "per_1000_calls")
    assert page.page.locator(".heat[data-figure='os']").inner_text() != before
    assert page.page.get_by_role("button", name="% of captures").get_attribute("aria-pressed") == "false"
    assert page.page.locator(".meaning:visible").count() == 1
    page.quiet()


def test_links_to_rules_work_on_load(shared: Visit) -> None:
    assert shared.loaded == {"open": True, "focus": "r=io-overload"}


@pytest.mark.parametrize("how", ["hashchange", "click"])
def test_links_to_rules(shared: Visit, how: str) -> None:
    page = fresh(shared)
    assert not page.page.evaluate(RULE_IS_OPEN)
    if how == "hashchange":
        page.page.evaluate("() => { location.hash = '#r=io-overload'; }")
    else:
        page.page.locator(".top a[href='#r=io-overload']").click()
    page.until(RULE_IS_OPEN)
    page.until("() => document.activeElement.parentElement.id", "r=io-overload")
    page.quiet()


def test_a_click_on_a_cell_opens_the_rule(shared: Visit) -> None:
    page = fresh(shared)
    figure = page.page.locator(".heat[data-figure='os'] .nsewdrag").first
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    page.page.mouse.move(box["x"] + 30, box["y"] + 40)
    page.page.wait_for_timeout(150)
    page.page.mouse.click(box["x"] + 30, box["y"] + 40)
    page.until("() => location.hash.startsWith('#r=') && document.getElementById(location.hash.slice(1)).open")
    page.quiet()


def test_captures_can_be_filtered(shared: Visit) -> None:
    page = fresh(shared)
    page.page.evaluate("() => { document.getElementById('r=push-unreported').open = true; }")
    page.page.locator("details[id='r=push-unreported'] .filter-link").click()
    shown = page.page.locator("#capture-table tbody tr:visible")
    assert 0 < shown.count() < CAPTURES
    assert "push-unreported" in shown.first.inner_text()
    page.page.locator("#filter").fill("no such capture")
    assert shown.count() == 0
    assert page.page.locator("#filtered").inner_text() == f"0 of {CAPTURES}"
    page.quiet()


@pytest.mark.parametrize("width", [768, 390, 320])
def test_narrow_pages_do_not_scroll_sideways(shared: Visit, width: int) -> None:
    page = fresh(shared)
    page.page.evaluate("() => document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    page.page.set_viewport_size({"width": width, "height": 800})
    page.until("() => [...document.querySelectorAll('.heat')].every((box) => box._fullLayout.width < 900)")
    assert page.page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.page.set_viewport_size({"width": 1400, "height": 900})
    page.quiet()


def test_printing(shared: Visit, tmp_path: Path) -> None:
    page = fresh(shared)
    page.page.pdf(path=str(tmp_path / "x.pdf"), format="A4", print_background=True)
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    width = "() => Math.max(...[...document.querySelectorAll('.heat .main-svg')].map((one) => one.clientWidth))"
    page.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.until(width, 690)
    assert page.page.locator("details.rule:not([open])").count() == 0
    page.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    page.until(f"{width.replace('() => ', '() => 690 < ')}")
    assert page.page.locator("details.rule:not([open])").count() > 0
    page.quiet()


def test_dark_mode_follows_the_system_and_the_button(visit: Callable[..., Visit], report: Path) -> None:
    page = drawn(visit(report, color_scheme="dark"))
    lightest = "() => document.querySelector('.heat[data-figure=os]').data[0].colorscale[0][1]"
    assert page.page.evaluate(lightest) == "#1f2226"
    page.page.locator("#theme-button").click()
    page.until(lightest, "#f3f4f6")
    page.quiet()


def test_a_narrow_page_is_drawn_narrow(visit: Callable[..., Visit], report: Path) -> None:
    page = drawn(visit(report, viewport={"width": 320, "height": 800}))
    page.page.evaluate("() => document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    page.until("() => [...document.querySelectorAll('.heat')].every((box) => box._fullLayout.width < 900)")
    assert page.page.evaluate("() => document.documentElement.scrollWidth") <= 320
    page.quiet()


def test_versions_wider_than_their_columns_are_not_cut(visit: Callable[..., Visit], report: Path) -> None:
    page = drawn(visit(report, viewport={"width": 390, "height": 844}))
    cut = (
        "() => [...document.querySelectorAll('.heat')].flatMap((box) => [...box.querySelectorAll('.xtick text')]"
        ".filter((label) => label.getBoundingClientRect().top < box.getBoundingClientRect().top)).length"
    )
    assert page.page.evaluate(cut) == 0
    heat_maps = """document.querySelectorAll(".heat:not([data-columns='0'])")"""
    heights = f"() => [...{heat_maps}].map((box) => box._fullLayout._size.h)"
    rows = page.page.evaluate(heights)
    assert page.page.evaluate("() => document.querySelector('.heat')._fullLayout.xaxis.tickangle") == -90
    page.page.set_viewport_size({"width": 1400, "height": 900})
    page.until("() => document.querySelector('.heat')._fullLayout.xaxis.tickangle", 0)
    assert page.page.evaluate(heights) == rows
    page.quiet()


def test_without_scripts_the_tables_are_there(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report, java_script_enabled=False)
    assert page.page.locator("h1").is_visible()
    page.page.locator("#versions summary").first.click()
    assert page.page.locator("#versions table").first.is_visible()


def test_an_old_browser_is_told(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report, script="delete window.DecompressionStream")
    drawn(page, "failed")
    assert "browser from 2023" in page.page.locator(".heat").first.inner_text()


NAMES = """() => [...document.querySelectorAll('.heat')].flatMap((box) => {
  const left = box.getBoundingClientRect().left;
  return [...box.querySelectorAll('.yaxislayer-above .ytick text, .yaxislayer-below .ytick text')].map((name) => {
    const lines = [...name.querySelectorAll('tspan')].map((line) => line.textContent);
    return { text: lines.length ? lines.join(' ') : name.textContent, cut: name.getBoundingClientRect().left < left };
  });
})"""


@pytest.mark.parametrize("width", [1280, 800])
def test_names_of_rules_are_whole(browser: Any, report: Path, width: int) -> None:
    visit = drawn(Visit(browser, report, viewport={"width": width, "height": 900}))
    names = visit.page.evaluate(NAMES)
    assert "T10 Warned about CPU, wake-ups or disk writes" in {name["text"] for name in names}
    assert not [name for name in names if name["cut"] or "…" in name["text"]]
    visit.context.close()


def test_the_axis_of_ratios_is_named_whole_on_a_telephone(browser: Any, report: Path) -> None:
    visit = drawn(Visit(browser, report, viewport={"width": 400, "height": 900}))
    over = "() => { const of = (name) => document.querySelector(`.heat[data-figure=ratios] ${name}`).getBoundingClientRect();"
    assert visit.page.evaluate(f"{over} return of('.xtitle').right <= of('.main-svg').right; }}")
    visit.context.close()
