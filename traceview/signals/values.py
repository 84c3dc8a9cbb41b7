"""Fields from typed arguments: where a source knows an argument's value, nothing has to be found in the text again.

What is produced is what the text shows, so that both ways give the same events: integers and floats as their
placeholder prints them (a float of ``%f`` has six decimals, an unsigned integer its 64 bits), strings cut where the
format cuts them, decoded values as they are, nothing for values that are withheld or null.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
from msgspec import Struct

from traceview.signals.notation import arguments_of
from traceview_parsers.unified_log.formats import (
    CHARACTERS,
    FLOATS,
    SIGNED,
    STRINGS,
    UNSIGNED,
    Placeholder,
    placeholders,
)
from traceview_parsers.unified_log.printf import format_character, format_float, format_integer, format_text

Rows = np.ndarray[Any, np.dtype[Any]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

_INTEGERS: Final = SIGNED | UNSIGNED | {"p"}
_LONGEST: Final = 8
"""Bytes of the widest integer; a narrower one has its sign extended already."""


class Call(Struct, frozen=True):
    """How a form reads the arguments of a call site.

    Attributes:
        count: Arguments that the call site's format takes.
        fields: Name → (position of its argument, placeholder as the call site wrote it).
    """

    count: int
    fields: Mapping[str, tuple[int, Placeholder]]


@lru_cache(maxsize=65_536)
def call_of(named: str, printed: str) -> Call | None:
    """Return how to read the arguments of `printed`, a call site's format, by `named`, its format in the catalogue.

    None where the two differ in more than annotations, or where another argument says how a field is printed.
    """
    places = placeholders(printed)
    if len(places) != len(placeholders(named)):
        return None
    fields = {name: (at, places[at]) for name, at in arguments_of(named).items()}
    if any("*" in (place.width, place.precision) for _, place in fields.values()):
        return None
    return Call(len(places), fields)


class Arguments:
    """The ``arguments`` column of some rows, as flat arrays.

    Args:
        column: Lists of `ARGUMENT` structs, one a row, null where a source has none.
    """

    def __init__(self, column: pl.Series) -> None:
        lists = column.rechunk().to_arrow()
        borders = lists.offsets.to_numpy()
        self._start = borders[:-1]
        self._count = np.where(lists.is_valid().to_numpy(zero_copy_only=False), np.diff(borders), -1)
        self._values = lists.values

    def fit(self, rows: Rows, call: Call) -> Mask:
        """Say for each of `rows` whether it has as many arguments as the call site's format takes."""
        return np.equal(self._count[rows], call.count)

    def fields(self, rows: Rows, call: Call) -> dict[str, pl.Series]:
        """Return the raw fields of `rows`: text as printed, null where a value is withheld or null."""
        return {name: self._field(rows, *place) for name, place in call.fields.items()}

    def _field(self, rows: Rows, at: int, place: Placeholder) -> pl.Series:
        taken = self._values.take(pa.array(self._start[rows] + at))
        texts = pl.Series("text", taken.field("text")).cast(pl.String)
        if place.conversion in STRINGS and not place.plain and place.decoder is None:
            texts = _each(texts, partial(format_text, place))
        shown = [texts]
        if place.conversion in _INTEGERS:
            shown.append(_integers(pl.Series("integer", taken.field("integer")), place))
        elif place.conversion in CHARACTERS:
            shown.append(_each(pl.Series("integer", taken.field("integer")), partial(format_character, place)))
        elif place.conversion in FLOATS:
            shown.append(_each(pl.Series("real", taken.field("real")), partial(format_float, place)))
        return pl.select(pl.coalesce(shown)).to_series() if len(shown) > 1 else texts


def _integers(values: pl.Series, place: Placeholder) -> pl.Series:
    if place.conversion in SIGNED and place.plain and not place.length.startswith("h"):
        return values.cast(pl.String)
    return _each(values, lambda bits: format_integer(place, bits, _LONGEST))


def _each(values: pl.Series, render: Callable[[Any], str]) -> pl.Series:
    """Render each distinct value once."""
    distinct = values.drop_nulls().unique()
    if distinct.is_empty():
        return pl.repeat(None, len(values), dtype=pl.String, eager=True)
    texts = pl.Series([render(value) for value in distinct.to_list()], dtype=pl.String)
    return values.replace_strict(distinct, texts, default=None, return_dtype=pl.String)
