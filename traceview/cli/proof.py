"""Which of a finding's lines are shown where there is room for a few only."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from traceview.rules.registry import Finding

_SHOWN: Final = 5
"""Lines of a proof that are shown, where there are more than one above that."""
_TELLING: Final = 0.5
"""A line is told by its words if it shares one with the title that at most one other line has, or several less rare ones."""
_WORD: Final = re.compile(r"[A-Za-z]{4,}")

Row = dict[str, Any]


def telling(proof: pl.DataFrame, finding: Finding) -> Iterator[tuple[int, Row]]:
    """Yield the lines to show, by time, each with how many lines are left out before it.

    The first line is shown and the last one within the finding's window (what follows is clearing up), and between these
    what the finding speaks of: lines with words of its title that few others of the proof have. Where no word tells lines
    apart, the first and the last ones stay.

    Args:
        proof: All lines that the finding rests on, by time.
        finding: The finding.
    """
    rows = proof.to_dicts()
    chosen = range(len(rows)) if len(rows) <= _SHOWN + 1 else sorted(_chosen(rows, finding))
    before = -1
    for place in chosen:
        yield place - before - 1, rows[place]
        before = place


def _chosen(rows: list[Row], finding: Finding) -> set[int]:
    inside = [
        place for place, row in enumerate(rows) if finding.end is None or (row["time"] or finding.end) <= finding.end
    ]
    last = inside[-1] if inside else len(rows) - 1
    words = [_words(str(row["message"] or "")) for row in rows]
    frequency = Counter(word for some in words for word in some)
    asked = _words(finding.title)
    score = [sum(1 / frequency[word] for word in some & asked) for some in words]
    ends = [0, last, 1, last - 1, last - 2]
    best = sorted(range(len(rows)), key=lambda place: (-score[place], place))
    told = [place for place in best if score[place] >= _TELLING]
    order = dict.fromkeys(place for place in (0, last, *told, *ends, *best) if place >= 0)
    chosen = set(list(order)[:_SHOWN])
    # A single line takes no more room than the remark that it is left out.
    alone = {place + 1 for place in chosen if place + 2 in chosen}
    return chosen | alone


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}
