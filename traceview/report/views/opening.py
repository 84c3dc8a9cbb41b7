"""What the timeline opens with, and links to what lies outside of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from traceview.report.views.moments import Moments

_LINKS: Final = 6


class OpeningView(Struct, frozen=True):
    """The sentence above the timeline; `links` have fragment, time and content of a stretch, `more` are not listed."""

    sentence: str
    links: tuple[tuple[str, str, str], ...]
    more: int


def opening_view(meta: Mapping[str, Any]) -> OpeningView | None:
    """Return what ``layout.meta`` of a timeline tells of its first view, or None where that shows everything."""
    if not meta["opens"]:
        return None
    outside = meta["elsewhere"]
    links = tuple(
        (Moments.permalink(*map(datetime.fromisoformat, (one["begin"], one["end"]))), one["label"], one["holds"])
        for one in outside
        if one["rank"] < _LINKS
    )
    return OpeningView(meta["opens"][0], links, len(outside) - len(links))
