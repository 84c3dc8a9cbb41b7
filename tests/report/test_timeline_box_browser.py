"""The box of the timeline in a real browser: times always in view, whole where it stands, compact where it is pinned."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import Visit

pytestmark = pytest.mark.browser
STUCK = "() => document.getElementById('timeline').classList.contains('stuck')"
BOX = (
    "() => { const box = document.getElementById('timeline').getBoundingClientRect();"
    " return { top: box.top, height: box.height, bottom: box.bottom }; }"
)
LENGTH = "() => document.documentElement.scrollHeight"
PAST = "() => document.getElementById('findings').scrollIntoView()"
MARKS = (
    "() => { const at = (node) => { const box = node.getBoundingClientRect(); return Math.round(box.left + box.width / 2); };"
    " return [[...document.querySelectorAll('#ruler span')].map((node) => [node.textContent, at(node)]),"
    " [...document.querySelectorAll('#plot .xtick text')].map((node) =>"
    " [(node.querySelector('tspan.line') || node).textContent, at(node)])]; }"
)


@pytest.fixture(scope="module")
def shared(browser: Any, report: Path) -> Iterator[Visit]:
    visit = Visit(browser, report, viewport={"width": 1280, "height": 900}).plot("drawn")
    yield visit
    visit.context.close()


def top(visit: Visit) -> Visit:
    visit.page.evaluate("() => { document.getElementById('zoom-all').click(); scrollTo(0, 0); }")
    return visit.until(STUCK, wanted=False)


def test_the_ruler_says_what_the_axis_says(shared: Visit) -> None:
    page = top(shared)
    ruler, axis = page.page.evaluate(MARKS)
    assert len(axis) >= 3
    assert [label for label, _ in ruler] == [label for label, _ in axis]
    assert all(abs(one[1] - other[1]) <= 1 for one, other in zip(ruler, axis, strict=True))
    page.page.locator("#zoom-in").click()
    page.until("() => location.hash.startsWith('#t=')")
    zoomed, axis = page.page.evaluate(MARKS)
    assert zoomed != ruler
    assert [label for label, _ in zoomed] == [label for label, _ in axis]
    page.quiet()


def test_the_timeline_stands_whole_and_sticks_compact(shared: Visit) -> None:
    page = top(shared)
    whole, length = page.page.evaluate(BOX), page.page.evaluate(LENGTH)
    assert page.page.evaluate(
        "() => { const one = document.getElementById('lanes'); return one.scrollHeight === one.clientHeight; }"
    )
    page.page.evaluate(PAST)
    page.until(STUCK)
    stuck = page.page.evaluate(BOX)
    assert stuck["height"] <= 0.4 * 900 < whole["height"]
    assert stuck["top"] == 42
    assert page.page.evaluate(LENGTH) == length
    assert (
        page.page.evaluate("() => document.getElementById('findings').getBoundingClientRect().top") >= stuck["bottom"]
    )
    ruler = page.page.locator("#ruler").bounding_box()
    assert stuck["top"] < ruler["y"] < ruler["y"] + ruler["height"] < stuck["bottom"]
    assert page.page.evaluate(
        "() => { const one = document.getElementById('plot'); return one.clientWidth === one._fullLayout.width; }"
    )
    top(page)
    assert page.page.evaluate(BOX)["height"] == whole["height"]
    page.quiet()


def test_a_compact_timeline_says_how_many_lanes_are_below(shared: Visit) -> None:
    page = top(shared)
    assert not page.page.locator("#more-rows").is_visible()
    page.page.evaluate(PAST)
    page.until(STUCK)
    more = page.page.locator("#more-rows")
    assert "more lane" in more.inner_text()
    more.click()
    page.until("() => document.getElementById('more-rows').hidden")
    assert page.page.locator("#ruler").is_visible()
    page.quiet()


def test_the_link_to_the_timeline_leads_to_all_of_it(shared: Visit) -> None:
    page = top(shared)
    page.page.evaluate(PAST)
    page.until(STUCK)
    page.page.locator("nav a[href='#timeline']").click()
    page.until(STUCK, wanted=False)
    box = page.page.evaluate(BOX)
    assert box["top"] >= 42
    assert box["bottom"] <= 900
    page.quiet()


def test_focus_in_the_box_does_not_move_the_page(shared: Visit) -> None:
    page = top(shared)
    page.page.evaluate(PAST)
    page.until(STUCK)
    before = page.page.evaluate("() => scrollY")
    page.page.evaluate("() => document.getElementById('zoom-all').focus()")
    assert page.page.evaluate("() => scrollY") == before
    page.quiet()


def test_without_the_pin_nothing_sticks(shared: Visit) -> None:
    page = top(shared)
    page.page.keyboard.press("p")
    page.page.evaluate(PAST)
    page.page.wait_for_timeout(100)
    assert not page.page.evaluate(STUCK)
    page.page.keyboard.press("p")
    page.until(STUCK)
    page.quiet()


def test_a_phone_starts_without_the_pin(visit: Callable[..., Visit], report: Path) -> None:
    page = visit(report, viewport={"width": 390, "height": 844}).plot("drawn")
    assert page.page.locator("#pin").get_attribute("aria-pressed") == "false"
    edges = page.page.evaluate(
        "() => [...document.querySelectorAll('#ruler > *')].map((node) => node.getBoundingClientRect()).map((box) => [box.left, box.right])"
    )
    assert all(0 <= left < right <= 390 for left, right in edges)
    page.quiet()


LANE = (
    "(title) => { const plot = document.getElementById('plot'); const { yaxis } = plot._fullLayout;"
    " const row = plot.layout.meta.rows.find((one) => one.title === title);"
    " const top = plot.getBoundingClientRect().top + yaxis._offset;"
    " return [top + yaxis.l2p(row.top), top + yaxis.l2p(row.top + row.height)]; }"
)
"""Where a lane lies, pixels of the window."""


@pytest.mark.parametrize(
    ("link", "lane"),
    [
        (".call .zoom", "Calls"),
        ("tr[id='e=audio_session-2'] a", "Audio session: com.acme.voip"),
        ("tr[id='e=resource_event-1'] a", "CPU, memory, thermal"),
    ],
)
def test_on_a_phone_a_link_leads_to_its_lane(visit: Callable[..., Visit], report: Path, link: str, lane: str) -> None:
    page = visit(report, viewport={"width": 390, "height": 500}).plot("drawn")
    for _ in range(2):  # the second time the address stays what it is
        page.page.evaluate(
            "(link) => { const node = document.querySelector(link); for (let up = node; up; up = up.parentElement)"
            " if (up.tagName === 'DETAILS') up.open = true; node.scrollIntoView(); node.click(); }",
            link,
        )
        page.page.wait_for_timeout(150)
        top, bottom = page.page.evaluate(LANE, lane)
        assert 40 <= top < bottom <= 500
    page.quiet()


def test_a_stuck_timeline_scrolls_to_the_lane(shared: Visit) -> None:
    page = top(shared)
    page.page.evaluate(PAST)
    page.until(STUCK)
    page.page.evaluate(
        "() => { const link = document.querySelector(\"tr[id='e=resource_event-1'] a\"); link.closest('details').open = true;"
        " link.scrollIntoView(); link.click(); }"
    )
    page.page.wait_for_timeout(150)
    low, high = page.page.evaluate(
        "() => { const box = document.getElementById('lanes').getBoundingClientRect(); return [box.top, box.bottom]; }"
    )
    first, last = page.page.evaluate(LANE, "CPU, memory, thermal")
    assert low <= first < last <= high
    page.quiet()
