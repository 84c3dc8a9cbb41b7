"""Typed arguments: the values of a batch of messages as the ``arguments`` column."""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.schema import ARGUMENT, ARGUMENTS_FIELD
from traceview_parsers.unified_log import columns
from traceview_parsers.unified_log.interning import Array
from traceview_parsers.unified_log.items import IS_NO_VALUE, PRIVATE, SENSITIVE
from traceview_parsers.unified_log.page import Page, as_floats
from traceview_parsers.unified_log.stars import IS_STAR

_PRIVACY: Final = pa.array(["private", "sensitive"], pa.string())
_FLOATS: Final = frozenset("fFeEgGaA")
_SIGNED: Final = frozenset("dDi")
_MASKED: Final = 0xF0


def no_arguments(rows: int) -> Any:
    """Return the column for rows whose source has no typed arguments."""
    return pa.nulls(rows, ARGUMENTS_FIELD.type)


def typed_arguments(page: Page, records: Array) -> Any:
    """Return the ``arguments`` column of some records of a page whose values are written: lists in the format's order.

    Numbers are integers or reals by their conversion; integers of a conversion without sign keep their bits. Texts are
    strings and objects as logged, data and decoded numbers as printed. Withheld values have a privacy and nothing else;
    a hash stands for a withheld value too.
    """
    items, slots = page.items, page.slots
    style = slots["style"].take(page.slot, mode="clip")
    row_of = np.full(page.layout.plan.size, -1)
    row_of[records] = np.arange(records.size)
    record = row_of.take(items.record)
    rows = np.flatnonzero((page.slot >= 0) & ~IS_NO_VALUE.take(items.kind) & ~IS_STAR.take(style) & (record >= 0))
    rows = rows[np.argsort(record[rows], kind="stable")]
    slot, kind = page.slot[rows], items.kind[rows]
    places = slots["place"].take(slot)
    withheld = page.withheld(rows)
    number = (kind >> 4 == 0) & (kind & (PRIVATE | SENSITIVE) == 0)
    real = number & page.plans.of_conversion(_FLOATS).take(places) & (items.size[rows] >= 4)
    integer, reals = _numbers(page, rows, page.plans.of_conversion(_SIGNED).take(places))
    texts = page.texts(rows)
    absent = withheld | (page.nothing(rows) & ~number) | (number & ~page.plans.decoded().take(places))
    shown = pa.array(np.flatnonzero(~absent))
    column = texts.take(shown)
    index = np.where(absent, -1, np.cumsum(~absent) - 1)
    text = (
        column.take(pa.array(index, mask=absent)).cast(pa.string()) if len(column) else pa.nulls(rows.size, pa.string())
    )
    hidden = withheld | (kind >= _MASKED)
    privacy = np.where(hidden, np.where(kind & SENSITIVE != 0, 1, 0), -1)
    fields = [
        columns.fixed(integer, pa.int64(), number & ~real),
        columns.fixed(reals, pa.float64(), real),
        text,
        columns.named(privacy, _PRIVACY).cast(pa.string()),
    ]
    structs = pa.StructArray.from_arrays(fields, fields=list(ARGUMENT))
    count = np.bincount(record[rows], minlength=records.size)
    borders = np.concatenate([[0], np.cumsum(count)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(borders), structs)


def _numbers(page: Page, rows: Array, signed: Array) -> tuple[Array, Array]:
    """Return (integers, the same bits as floats) of items; meaningless where an item is no number."""
    size = np.minimum(page.items.size[rows], 8)
    bits = page.items.numbers(page.data, rows)
    shift = (8 * (8 - size)).astype(np.uint64)
    extended = (bits << shift).view(np.int64) >> shift.view(np.int64)
    return np.where(signed, extended, bits.view(np.int64)), as_floats(bits, size)
