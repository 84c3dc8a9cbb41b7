"""What to tell of names that no row of a log has: those that are written nearly so and do occur."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Final

from traceview.cli.options import visible
from traceview_parsers.selection import Clause
from traceview_parsers.trace import Source
from traceview_parsers.unified_log.source import UnifiedLogSource

_COLUMNS: Final = ("process", "subsystem", "category")
"""Columns of ``log`` that options of the same name select."""
_MOST_NEAR: Final = 3
_NEAR: Final = 0.7
"""How alike names are that may be meant, from 0 to 1 (`difflib`; heuristic)."""
_MOST_NAMES: Final = 20_000
"""Distinct names of a column that are compared: a second (measured); logs that people have hold some thousand."""
_MOST_ROWS: Final = 200_000
"""Rows that are looked through of a source whose names stand in its rows alone: less than a second (measured)."""


def near_names(sources: Sequence[Source], clause: Clause) -> str:
    """Return a question for each name in `clause` that does not occur while others are written nearly so; empty: none.

    A log archive tells all processes, and the subsystems and categories of their messages, in its catalogs. Of any other
    log the first rows are looked through.
    """
    wanted = {name: values for name, values in clause.by_column() if name in _COLUMNS}
    if not wanted:
        return ""
    found: dict[str, dict[str, None]] = {name: {} for name in wanted}
    for source in sources:
        for column, names in source.names().items() if isinstance(source, UnifiedLogSource) else _of_rows(source):
            if column in found:
                found[column].update(dict.fromkeys(filter(None, names)))
    asked = ((column, name) for column, names in wanted.items() for name in sorted(filter(None, names)))
    return "; ".join(filter(None, (_question(column, name, found[column]) for column, name in asked)))


def _of_rows(source: Source) -> Iterator[tuple[str, Iterable[str | None]]]:
    rows = 0
    for batch in source.batches("log"):
        for column in _COLUMNS:
            yield column, batch.column(column).unique().to_pylist()
        rows += batch.num_rows
        if rows >= _MOST_ROWS:
            return


def _question(column: str, name: str, known: dict[str, None]) -> str:
    if name in known:
        return ""
    spelt = {one.lower(): one for one in islice(known, _MOST_NAMES)}
    near = [spelt[one] for one in get_close_matches(name.lower(), spelt, n=_MOST_NEAR, cutoff=_NEAR)]
    return f"for --{column} {visible(name)}, did you mean {' or '.join(map(visible, near))}?" if near else ""
