"""Long selectors and addresses: where they may break, and that no text becomes markup by it."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from traceview.report.breaks import breakable
from traceview.report.views.findings import link
from traceview.visible import visible


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "call provider(_:didActivate:reason:) now",
            "call provider(_:<wbr>didActivate:<wbr>reason:<wbr>) now",
        ),
        (
            "https://developer.apple.com/documentation",
            "https://<wbr>developer.apple.com/<wbr>documentation",
        ),
        ("2026-01-15 09:12:39.049 and a/b", "2026-01-15 09:12:39.049 and a/b"),
        ("com.acme.voip.notifications.extension", "com.acme.voip.notifications.extension"),
    ],
)
def test_long_words_break_after_colons_and_slashes(text: str, wanted: str) -> None:
    assert breakable(text) == wanted


@given(st.text(alphabet=st.sampled_from("ab:/<>&\"'; \u202e\x00wr"), max_size=80))
def test_text_stays_text(text: str) -> None:
    shown = breakable(text)
    assert html.unescape(shown.replace("<wbr>", "")) == visible(text)
    assert not set(shown.replace("<wbr>", "")) & set("<>\"'")


def test_markup_is_not_escaped_twice() -> None:
    assert breakable(Markup("<b>x</b>")) == "<b>x</b>"


def test_an_address_stays_whole_in_its_link() -> None:
    address = "https://developer.apple.com/documentation/callkit"
    assert f'href="{address}"' in link(f"See {address}.")
    assert "documentation/<wbr>callkit</a>." in link(f"See {address}.")
