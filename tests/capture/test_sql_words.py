"""``end`` is a column of windows and closes a CASE; people need not know which of both SQL takes it for."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview.sql_words import with_end_quoted

CALLS = pl.DataFrame({"app": ["a", "b"], "start": [1, 5], "end": [4, None]})


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT start, end FROM calls", [(1, 4), (5, None)]),
        ("SELECT start, END -- end\nFROM calls", [(1, 4), (5, None)]),
        ("SELECT start, end - start AS d FROM calls WHERE end IS NOT NULL ORDER BY end", [(1, 3)]),
        ("SELECT c.start, c.end FROM calls AS c", [(1, 4), (5, None)]),
        ('SELECT start, "end" FROM calls /* end */', [(1, 4), (5, None)]),
        ("SELECT CASE WHEN end IS NULL THEN 'open, end' ELSE 'closed' END AS how, end FROM calls", [("closed", 4), ("open, end", None)]),
        ("SELECT CASE WHEN start > 1 THEN start ELSE end END, end FROM calls", [(4, 4), (5, None)]),
        ("SELECT CASE WHEN start>1 THEN CASE WHEN end>1 THEN 1 ELSE 2 END ELSE 3 END AS x, end FROM calls", [(3, 4), (2, None)]),
        ("SELECT MAX(end), COALESCE(end, 9) FROM calls GROUP BY app, end ORDER BY app", [(4, 4), (None, 9)]),
        ("SELECT start AS end FROM calls", [(1,), (5,)]),
    ],
)  # fmt: skip
def test_end_is_what_was_meant(query: str, rows: list[tuple[object, ...]]) -> None:
    found = pl.SQLContext(calls=CALLS).execute(with_end_quoted(query), eager=True)
    assert [row for row in found.rows() if row] == rows


@given(st.text(alphabet="end 'ECAS\"-/*,\n()`", max_size=40))
def test_nothing_else_is_touched(text: str) -> None:
    assert with_end_quoted(text).lower().replace('"end"', "end") == text.lower().replace('"end"', "end")
