"""The report in a real browser, offline: policy, requests, drawing, links, keys, themes, narrow pages, size."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Visit

from traceview.analysis import Analysis
from traceview.report.html import write

pytestmark = pytest.mark.browser
TIMES = "#t=2026-05-04T12:01:00Z,2026-05-04T12:01:30.500Z"


def fresh(visit: Visit) -> Visit:
    """Go back to how the page was when it was drawn."""
    visit.page.evaluate(
        "() => { document.activeElement.blur(); document.querySelectorAll('details').forEach((one, at) => { one.open = false; });"
        " document.getElementById('zoom-all').click(); scrollTo(0, 0); }"
    )
    return visit.until("() => location.hash", "")


@pytest.fixture(scope="module")
def shared(browser: Any, report: Path) -> Iterator[Visit]:
    """One drawn page for the tests that only act on it: drawing takes a second or more. Opened at its third finding."""
    third = re.findall(r'id="(f=[0-9a-f]+)"', report.read_text(encoding="utf-8"))[2]
    visit = Visit(browser, report, f"#{third}").plot("drawn")
    visit.until("() => document.activeElement.tagName", "SUMMARY")
    visit.loaded = visit.page.evaluate(
        "() => ({ open: document.querySelectorAll('.finding')[2].open, from: document.getElementById('plot').dataset.from,"
        " focus: document.activeElement.closest('.finding').id, hash: location.hash })"
    )
    yield visit
    visit.context.close()


def _start_ms(analysis: Analysis, finding: int) -> float:
    start = analysis.findings[finding].start
    assert start
    return start.timestamp() * 1000


def test_it_draws_without_complaint_or_request(shared: Visit) -> None:
    assert shared.page.locator("#plot .barlayer .point").count() >= 20
    assert shared.page.locator("#plot .modebar, #plot [data-title*='loud'], #plot [data-title*='hare']").count() == 0
    assert shared.page.locator("a[href*='plotly.com'], a[href*='plot.ly']").count() == 0
    shared.quiet()


def test_a_click_on_a_finding_zooms_and_opens_its_lines(shared: Visit, rich: Analysis) -> None:
    page = fresh(shared)
    before = page.range()
    target = page.page.locator("details.finding").nth(1)
    target.locator("summary").click()
    assert target.evaluate("node => node.open")
    assert target.locator("tr.evidence").first.is_visible()
    start = _start_ms(rich, 1)
    page.until(f"() => Number(document.getElementById('plot').dataset.from) === {start - 1000:.0f}")
    low, high = page.range()
    assert high - low < (before[1] - before[0]) / 10
    assert low < start < high
    assert f"#f={rich.findings[1].fingerprint}" in page.page.url
    target.locator("summary").click()
    assert not target.evaluate("node => node.open")
    page.quiet()


def test_permalinks_to_findings_work_on_load(shared: Visit, rich: Analysis) -> None:
    link = f"f={rich.findings[2].fingerprint}"
    start = f"{_start_ms(rich, 2) - 1000:.0f}"
    assert shared.loaded == {"open": True, "from": start, "focus": link, "hash": f"#{link}"}


def test_permalinks_to_findings_work_on_change(shared: Visit, rich: Analysis) -> None:
    page = fresh(shared)
    fragment = f"#f={rich.findings[1].fingerprint}"
    page.page.evaluate(f"() => {{ location.hash = '{fragment}'; }}")
    page.until("() => document.querySelectorAll('.finding')[1].open")
    page.until(f"() => Number(document.getElementById('plot').dataset.from) === {_start_ms(rich, 1) - 1000:.0f}")
    page.until("() => (document.activeElement.closest('.finding') || {}).id || ''", fragment[1:])
    page.quiet()


def test_permalinks_to_times(shared: Visit) -> None:
    page = fresh(shared)
    page.page.evaluate(f"() => {{ location.hash = '{TIMES}'; }}")
    page.until("() => document.getElementById('plot').dataset.from || ''", "1777896060000")
    low, high = page.range()
    assert low <= 1777896060000
    assert high >= 1777896090500
    assert high - low < 60_000
    page.quiet()


def test_broken_permalinks_do_nothing(shared: Visit) -> None:
    page = fresh(shared)
    before = page.range()
    page.page.evaluate("() => { location.hash = '#t=never,ever&f=%E0%A4%A&e=none'; }")
    page.page.wait_for_timeout(100)
    assert page.range() == before
    page.quiet()


@pytest.mark.parametrize(
    ("fragment", "told"),
    [
        ("#f=deadbeef", "no finding “deadbeef”"),
        ("#e=nonesuch", "no table row “nonesuch”"),
        ("#c=call-99", "no call card “call-99”"),
        ("#t=never,ever&e=none", "no table row “none”, no time “never,ever”"),
        ("#f=", "no finding “”"),
    ],
)
def test_a_link_to_what_is_not_there_says_so(shared: Visit, fragment: str, told: str) -> None:
    page = fresh(shared)
    page.page.evaluate("(fragment) => { scrollTo(0, 1e6); location.hash = fragment; }", fragment)
    page.until(
        "() => document.getElementById('missing').textContent",
        f"The link names what this report does not hold: {told}.",
    )
    assert page.page.locator("#missing").bounding_box()["y"] > 0
    page.page.evaluate("() => { location.hash = '#e=call-2'; }")
    page.until("() => document.getElementById('missing').hidden")
    page.quiet()


def test_what_a_link_asks_for_is_text(shared: Visit) -> None:
    page = fresh(shared)
    page.page.evaluate("() => { location.hash = '#f=<img src=x onerror=alert(1)>' + 'x'.repeat(500); }")
    page.until("() => document.getElementById('missing').hidden", wanted=False)
    assert page.page.locator("#missing *").count() == 0
    assert len(page.page.locator("#missing").inner_text()) < 200
    page.quiet()


def test_episodes_are_linked(shared: Visit) -> None:
    page = fresh(shared)
    page.page.evaluate("() => { location.hash = '#e=call-2'; }")
    page.until(
        "() => document.querySelector('tr.selected') !== null && document.querySelector('tr.selected').id", "e=call-2"
    )
    assert page.page.locator("tr.selected").is_visible()
    page.quiet()


def test_a_click_on_a_time_marks_it(shared: Visit) -> None:
    page = fresh(shared)
    time_of_line = page.page.locator(".call .steps time").nth(4)
    moment = time_of_line.evaluate("node => Date.parse(node.dateTime)")
    time_of_line.click()
    page.until("() => document.getElementById('plot').dataset.cursor || ''", str(moment))
    low, high = page.range()
    assert low < moment < high
    page.quiet()


def test_keys_go_from_finding_to_finding(shared: Visit) -> None:
    page = fresh(shared)
    focused = "() => [...document.querySelectorAll('.finding summary')].indexOf(document.activeElement)"
    page.page.evaluate("() => { location.hash = document.querySelector('.finding').id; }")
    page.until(focused, 0)
    for key, index in (("j", 1), ("j", 2), ("k", 1)):
        page.page.keyboard.press(key)
        page.until(focused, index)
    assert page.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.page.keyboard.press("0")
    page.until("() => location.hash", "")
    page.page.keyboard.press("?")
    page.until("() => document.getElementById('help').open")
    page.page.locator("#help button").click()
    page.until("() => document.getElementById('help').open", wanted=False)
    page.quiet()


def test_the_timeline_moves_by_keys(shared: Visit) -> None:
    page = fresh(shared)
    before = page.range()
    page.page.locator("#plot").focus()
    page.page.keyboard.press("+")
    page.until("() => location.hash.startsWith('#t=')")
    zoomed = page.range()
    assert zoomed[1] - zoomed[0] == pytest.approx((before[1] - before[0]) / 2, rel=0.01)
    shown = page.page.url
    page.page.keyboard.press("ArrowRight")
    page.until(f"() => location.href !== '{shown}'")
    assert page.range()[0] > zoomed[0]
    page.quiet()


def test_a_click_in_the_timeline_opens_the_finding(shared: Visit) -> None:
    page = fresh(shared)
    page.page.locator("#timeline").scroll_into_view_if_needed()
    page.page.wait_for_timeout(100)
    box = page.page.locator("#plot .barlayer .point path").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.page.mouse.move(x - 1, y)
    page.page.mouse.move(x, y)
    page.page.wait_for_timeout(150)
    page.page.mouse.click(x, y)
    page.until("() => location.hash.startsWith('#f=')")
    page.quiet()


def test_dark_mode_follows_the_system_and_the_button(shared: Visit) -> None:
    page = fresh(shared)
    background = "() => getComputedStyle(document.body).backgroundColor"
    tick = "() => getComputedStyle(document.querySelector('#plot .xtick text')).fill"
    page.page.emulate_media(color_scheme="dark")
    page.until(background, "rgb(15, 17, 19)")
    page.until(tick, "rgb(154, 162, 173)")
    page.page.locator("#theme-button").click()
    page.until(background, "rgb(247, 247, 248)")
    page.until(tick, "rgb(93, 100, 112)")
    page.quiet()


def test_narrow_pages_do_not_scroll_sideways(shared: Visit) -> None:
    page = fresh(shared)
    page.page.evaluate("() => document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    for width in (768, 390, 320):
        page.page.set_viewport_size({"width": width, "height": 800})
        page.until("() => document.getElementById('plot')._fullLayout.width <= innerWidth")
        assert page.page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.until("() => document.querySelectorAll('#plot .annotation').length >= 10")
    page.page.set_viewport_size({"width": 1400, "height": 900})
    page.until("() => document.querySelectorAll('#plot .annotation').length", 0)
    page.quiet()


def test_printing_opens_the_findings(shared: Visit, tmp_path: Path) -> None:
    page = fresh(shared)
    page.page.pdf(path=str(tmp_path / "x.pdf"), format="A4", print_background=True)
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")
    opened = "() => [...document.querySelectorAll('.finding')].every((node) => node.open)"
    page.page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    page.until(opened)
    page.page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    page.until(opened, wanted=False)
    page.quiet()


def test_an_empty_report_needs_no_library(visit: Callable[..., Visit], empty: Analysis, tmp_path: Path) -> None:
    write(empty, tmp_path / "x.html")
    page = visit(tmp_path / "x.html")
    page.plot("empty")
    assert page.page.locator("h1").inner_text() == (
        "Nothing can be said: none of the 5,120 log rows is one that a rule could judge"
    )
    page.quiet()


def test_without_scripts_all_but_the_timeline_is_there(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report, java_script_enabled=False)
    assert page.page.locator("h1").is_visible()
    assert "needs JavaScript" in page.page.locator("#plot-note").inner_text()
    page.page.locator("details.finding summary").nth(1).click()
    assert page.page.locator("details.finding").nth(1).locator("tr.evidence").first.is_visible()


def test_an_old_browser_is_told(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report, script="delete window.DecompressionStream")
    page.plot("unsupported")
    assert "browser from 2023" in page.page.locator("#plot-note").inner_text()


def test_a_full_report_stays_usable(
    visit: Callable[..., Visit], crowded: Callable[[int, int], Analysis], tmp_path: Path
) -> None:
    """4,900 bars and 2,000 evidence lines: the verdict shows before the plot, and a finding zooms within seconds."""
    size = write(crowded(4800, 2000), tmp_path / "x.html")
    assert size.total < 6_000_000
    page = visit(tmp_path / "x.html", TIMES)
    assert page.page.locator("h1").is_visible()
    page.plot("drawn")
    page.until("() => document.getElementById('plot').dataset.from || ''", "1777896060000")
    page.page.locator("#zoom-all").click()
    page.until("() => document.querySelectorAll('#plot .barlayer .point').length > 4500")
    page.page.locator("details.finding summary").nth(20).click()
    page.until("() => (document.getElementById('plot').dataset.from || '') !== '1777896060000'")
    page.quiet()
