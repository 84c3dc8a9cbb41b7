"""Which lines of a finding's evidence were not kept: a long window keeps its first and last ones only."""

from collections.abc import Sequence

import polars as pl
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.episodes.tables import EVIDENCE_CAP, EVIDENCE_HEAD
from traceview.rules.registry import Finding


class Gap(Struct, frozen=True):
    """Lines that are missing in the proof of a finding.

    Attributes:
        after: The line (`ref`) that they follow.
        lines: How many, or None where no figure tells: then there may be none at all.
    """

    after: int
    lines: int | None

    @property
    def told(self) -> str:
        """What stands in their place."""
        if self.lines is None:
            return f"here more lines may be left out: {_RULE}"
        return f"{self.lines:,} more line{'s' * (self.lines != 1)}, not kept: {_RULE}"


_RULE = f"a window keeps its first {EVIDENCE_HEAD} and its last {EVIDENCE_CAP - EVIDENCE_HEAD}"

_COUNTED = "glitches"
"""The table whose evidence is nothing but the lines that its ``count`` counts."""


def left_out(analysis: Analysis, finding: Finding) -> list[Gap]:
    """Return the gaps in a finding's evidence; an episode of which it takes the edges only (the call around it) has none."""
    known = set(finding.evidence)
    gaps = []
    for name, table in analysis.episodes.items():
        chosen = pl.col("id").is_in(finding.episodes) & (pl.col("evidence").list.len() == EVIDENCE_CAP)
        for row in table.filter(chosen).iter_rows(named=True):
            if known.issuperset(row["evidence"]):
                lines = _lines(analysis, row["evidence"], row["count"] if name == _COUNTED else None)
                if lines is None or lines > EVIDENCE_CAP:
                    missing = None if lines is None else lines - EVIDENCE_CAP
                    gaps.append(Gap(row["evidence"][EVIDENCE_HEAD - 1], missing))
    return gaps


def how_many(kept: int, gaps: Sequence[Gap]) -> str:
    """Return how many lines are kept, and of how many."""
    missing = [gap.lines for gap in gaps if gap.lines is not None]
    noun = f"line{'s' * (kept != 1)}"
    if len(missing) < len(gaps):
        return f"{kept} {noun}: of a long window the first {EVIDENCE_HEAD} and the last {EVIDENCE_CAP - EVIDENCE_HEAD}"
    return f"{kept} of {kept + sum(missing):,} {noun}" if gaps else f"{kept} {noun}"


def _lines(analysis: Analysis, evidence: list[int], count: int | None) -> int | None:
    """Return how many lines an episode had: its count, unless a line stands for several or the count is of something else."""
    told = analysis.events.filter(pl.col("ref").is_in(evidence))["count"].fill_null(1)
    return count if count is not None and count >= EVIDENCE_CAP and (told == 1).all() else None
