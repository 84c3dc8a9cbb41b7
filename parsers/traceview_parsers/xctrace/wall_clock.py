"""When a recording began: trace-relative nanoseconds plus this give UTC."""

import re
from decimal import Decimal
from typing import Final

import numpy as np
from msgspec import Struct

from traceview_parsers.clock import resolution_ns
from traceview_parsers.xctrace.markup import Element

SECOND: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND
APPLE_EPOCH_NS: Final = 978_307_200 * SECOND
"""2001-01-01, the epoch of NSDate."""
CERTAINTY_NS: Final = 1_000_000
"""Start dates are printed to the millisecond."""
_NUMBER: Final = re.compile(r"\d{1,19}(\.\d{1,12})?")
_OLDEST_NS: Final = 1_400_000_000 * SECOND
"""2014: before any Instruments that can export."""
_NEWEST_NS: Final = 2_500_000_000 * SECOND


class Start(Struct, frozen=True):
    """Start of a recording in UTC nanoseconds, and where it is written."""

    ns: int
    how: str
    certainty_ns: int = CERTAINTY_NS


def from_time_info(row: Element, columns: list[str], printed: int | None) -> Start | None:
    """Return the start that a row of ``time-info`` states.

    Apple's type of the cell is "time since epoch"; which epoch and unit is documented nowhere, so the reading that
    falls into the years of Instruments is taken, next to the printed start date where there is one.

    Args:
        row: The row.
        columns: Mnemonics of its cells.
        printed: Start date of the table of contents, or None.
    """
    if "trace-start-time" not in columns or len(row.children) != len(columns):
        return None
    readings = readings_of(row.children[columns.index("trace-start-time")].text)
    if printed is not None:
        if all(one % SECOND == 0 for one in readings):
            return None  # whole seconds: the printed date is finer
        readings = sorted((one for one in readings if abs(one - printed) < DAY_NS), key=lambda one: abs(one - printed))
    if not readings:
        return None
    return Start(readings[0], "time-info", resolution_ns(np.array(readings[:1], np.int64)) or CERTAINTY_NS)


def readings_of(text: str) -> list[int]:
    """Return what a cell of type "time since epoch" may mean, UTC nanoseconds: the readings in the years of Instruments."""
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return []
    number = Decimal(text)
    readings = [int(number * unit) + epoch for unit in (SECOND, 10**6, 10**3, 1) for epoch in (0, APPLE_EPOCH_NS)]
    return [one for one in readings if _OLDEST_NS <= one <= _NEWEST_NS]
