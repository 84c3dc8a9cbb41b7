"""Widths and precisions that arguments give (``%*d``, ``%.*f``): which items they are, and which value they belong to.

Compilers differ in how they write them (see `formats.Placeholder.items`), so neither an item's type nor its number alone
tells what it is: the slot that is next does.
"""

from typing import Final

import numpy as np

from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.items import IS_NO_VALUE, LENGTH, MASK_NAME, NO_SLOT, NUMBER_TYPES, Items
from traceview_parsers.unified_log.plans import Plans, Style

IS_STAR: Final = np.isin(np.arange(len(Style)), (Style.WIDTH, Style.PRECISION))
"""Whether slots of a style take a width or precision."""

_KINDS: Final = np.arange(256)
_IS_LENGTH: Final = _KINDS >> 4 == LENGTH
_IS_MASK_NAME: Final = _KINDS >> 4 == MASK_NAME
_CAN_BE_STAR: Final = _IS_LENGTH | np.isin(_KINDS, NUMBER_TYPES)
_MOST: Final = 3
"""Items that can stand before a value and belong to it: a width, a precision and the name of a mask."""


def place(items: Items, plans: Plans, plan: Array) -> None:
    """Correct the slots of the items of records whose format takes widths or precisions.

    A number or length in the place of a width or precision is one. A value that cannot be one shows that the program
    gave none, and goes to the slot behind.

    Args:
        items: The items.
        plans: The plans.
        plan: Plan of each record.
    """
    starred = plans.table["starred"].take(plan)
    if not starred.any():
        return
    is_star = IS_STAR.take(plans.slots["style"])
    skipped = is_star.astype(np.int64) + (is_star & np.append(is_star[1:], [False]))
    rank = np.flatnonzero(starred.take(items.order))
    plan = plan.take(items.order.take(rank))
    slot, count = np.zeros(rank.size, np.int64), plans.table["slots"].take(plan)
    first = plans.table["slot"].take(plan)
    begin = 0
    for active in items.steps.tolist():
        going = int(np.searchsorted(rank, active))
        rank, slot, count, first = rank[:going], slot[:going], count[:going], first[:going]
        rows = begin + rank
        kind = items.kind.take(rows)
        ahead = np.where(slot < count, skipped.take(first + slot, mode="clip"), 0)
        fills = (ahead > 0) & _CAN_BE_STAR.take(kind)
        is_value = ~fills & ~IS_NO_VALUE.take(kind)
        slot = slot + ahead * is_value
        items.slot[rows] = np.where(items.slot.take(rows) == NO_SLOT, NO_SLOT, slot)
        slot = slot + (fills | is_value)
        begin += active


def are_led(items: Items, style: Array, rows: Array) -> Array:
    """Return which of these values have an item before them that may be theirs; `style` is that of all items' slots."""
    before = items.before(rows)
    answer: Array = (before >= 0) & (IS_NO_VALUE.take(items.kind[before]) | IS_STAR.take(style[before]))
    return answer


def given(items: Items, style: Array, data: Array, rows: Array) -> tuple[list[int | None], list[int | None]]:
    """Return (widths, precisions) that items before these values give; `style` is that of all items' slots."""
    widths: list[int | None] = [None] * rows.size
    precisions: list[int | None] = [None] * rows.size
    at = rows
    for _ in range(_MOST):
        at = items.before(at)
        kind = items.kind[at]
        named = _IS_MASK_NAME.take(kind)
        is_width = (at >= 0) & ~named & (style[at] == Style.WIDTH)
        is_precision = (at >= 0) & ~named & ~is_width & (_IS_LENGTH.take(kind) | (style[at] == Style.PRECISION))
        for values, hits in ((widths, np.flatnonzero(is_width)), (precisions, np.flatnonzero(is_precision))):
            numbers = items.numbers(data, at[hits]).astype(np.uint32).view(np.int32)
            for row, value in zip(hits.tolist(), numbers.tolist(), strict=True):
                values[row] = value if values[row] is None else values[row]
        at = np.where(is_width | is_precision | (named & (at >= 0)), at, -1)
    return widths, precisions
