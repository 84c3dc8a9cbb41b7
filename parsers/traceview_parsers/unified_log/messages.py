"""Messages of many records at once.

Every message is a row of pieces: literals of its format, texts where they lie in the data, numbers from a byte matrix.
The pieces become entries of one Arrow ``binary_view`` array; casting that to ``large_binary`` copies all bytes in one
pass, and the offsets at the records' borders are those of the messages.
"""

from functools import partial
from typing import Any, Final, cast

import numpy as np

from traceview_parsers.unified_log.arguments import render
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.items import IS_NO_VALUE, NUMBER, Items, Places, walk_items
from traceview_parsers.unified_log.page import Layout, Page
from traceview_parsers.unified_log.plans import Plans

_CACHE_LIMIT: Final = 200_000
"""Values rendered one by one that are kept for the next time (heuristic; some 30 MB)."""


class Composer:
    """Writes messages; keeps what it rendered one value at a time, since values repeat."""

    def __init__(self, plans: Plans) -> None:
        self._plans = plans
        self._cache: dict[Any, bytes] = {}

    def compose(self, data: Array, places: Places, plan: Array) -> Page:
        """Write the messages of records.

        Args:
            data: uint8, the decompressed bytes that `places` speaks of.
            places: Where each record's items and values lie.
            plan: Plan number of each record's call site.
        """
        items = walk_items(data, places)
        plan = self._plans.fitted(plan, partial(_count_values, items, plan.size))
        page = Page(data, places, items, Layout(self._plans, plan), self._plans)
        page.write_values(self._render)
        return page

    def _render(self, keys: list[Any]) -> list[bytes]:
        """Return the text of each value: (placeholder, size, number) or (placeholder, type, bytes, width, precision)."""
        cache = self._cache
        texts = list(map(cache.get, keys))
        if None in texts:  # mostly there is none, and this is faster than to look at each
            for at, text in enumerate(texts):
                if text is None:
                    key = keys[at]
                    texts[at] = cache.get(key) or self._remember(key)
        return cast("list[bytes]", texts)

    def _remember(self, key: Any) -> bytes:
        """Render one value and keep its text."""
        place = self._plans.placeholders[key[0]]
        if len(key) == 3:
            shown = render(place, NUMBER, key[2].to_bytes(key[1], "little"), None, None)
        else:
            shown = render(place, *key[1:])
        if len(self._cache) >= _CACHE_LIMIT:
            self._cache.clear()
        text = self._cache[key] = shown.encode("utf-8", "replace")
        return text


def _count_values(items: Items, records: int) -> Array:
    """Return how many values each record brings; widths and names of masks are none."""
    return np.bincount(items.record[~IS_NO_VALUE.take(items.kind)], minlength=records)
