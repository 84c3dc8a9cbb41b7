"""Texts of combinations of values, remembered from batch to batch."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.log_styles import spelling
from traceview_parsers.log_styles.pieces import Spelled
from traceview_parsers.log_styles.spelling import Speller

VALUE = st.one_of(st.none(), st.sampled_from("abcd"))
NUMBER = st.one_of(st.none(), st.sampled_from([0, 1, 2**63, 2**64 - 1]))
ROWS = st.lists(st.tuples(VALUE, NUMBER, VALUE), min_size=1, max_size=12)


def text(*values: Any) -> str:
    return repr(values)


def columns_of(rows: list[tuple[Any, ...]]) -> list[Any]:
    first, number, last = zip(*rows, strict=True)
    coded = [pa.array(column, pa.string()).dictionary_encode() for column in (first, last)]
    return [coded[0], pa.array(number, pa.uint64()), coded[1]]


def texts(piece: Any, rows: int) -> list[Any]:
    return piece.array().to_pylist() if isinstance(piece, Spelled) else [piece] * rows


@pytest.mark.parametrize("kept", [1, 1 << 14])
@given(batches=st.lists(ROWS, min_size=1, max_size=6))
def test_every_row_has_the_text_of_its_values(kept: int, batches: list[list[tuple[Any, ...]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spelling, "_KEPT", kept)
        speller = Speller(text)
        for rows in batches:
            assert texts(speller.spell(columns_of(rows)), len(rows)) == [text(*row) for row in rows]


def test_dictionaries_that_grow_keep_what_is_known() -> None:
    called: list[tuple[Any, ...]] = []

    def told(*values: Any) -> str:
        called.append(values)
        return text(*values)

    speller = Speller(told)
    short, long = pa.array(["a", "b"]), pa.array(["a", "b", "c"])
    for names, codes in ((short, [0, 1]), (long, [2, 0]), (short, [1, None]), (long, [2, None])):
        column = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), names)
        values = [None if code is None else names[code].as_py() for code in codes]
        assert texts(speller.spell([column]), 2) == [text(value) for value in values]
    assert called == [("a",), ("b",), ("c",), (None,)]
    other = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["b", "a"]))
    assert texts(speller.spell([other]), 2) == ["('b',)", "('a',)"]
