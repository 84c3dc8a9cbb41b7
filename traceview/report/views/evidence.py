"""Evidence lines of findings among their neighbours in time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec import Struct

from traceview.analysis import LINE_SCHEMA, Analysis
from traceview.plots.text import duration
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moment, Moments
from traceview.sources import below, common_path
from traceview_parsers.schema import split_ref

NEAR_NS: Final = 5_000_000_000
"""A neighbour further away than this explains nothing (heuristic)."""
PAUSE_NS: Final = 2_000_000_000
"""Pauses from this length on are written out between lines, shorter ones only where lines are left out."""


class LineView(Struct, frozen=True):
    """One log line, or a pause before it."""

    evidence: bool
    pause: str
    time: Moment | None
    process: str
    pid: int | None
    subsystem: str
    category: str
    level: str
    message: str
    cut: int
    origin: str
    signal: str


class EvidenceView(Struct, frozen=True):
    """Lines of one finding, and what is not shown of them.

    Attributes:
        lines: Evidence and neighbours, by time.
        shown: Evidence among them.
        hidden: Evidence lines left out by a cap.
        elsewhere: Positions of evidence that is no log line or was not kept.
        source: What the sources of all lines have in common: one source, its folder or archive, or empty.
    """

    lines: tuple[LineView, ...] = ()
    shown: int = 0
    hidden: int = 0
    elsewhere: tuple[str, ...] = ()
    source: str = ""


class EvidenceBook:
    """All kept lines of an analysis, and a budget of how many may still be printed."""

    def __init__(self, analysis: Analysis, moments: Moments, limits: Limits) -> None:
        self._lines = _all_lines(analysis)
        self._row_of = {ref: row for row, ref in enumerate(self._lines["ref"].to_list())}
        self._times = self._lines["time"].dt.timestamp("ns").fill_null(0).to_numpy()
        self._moments = moments
        self._limits = limits
        self._left = limits.lines

    def view(self, refs: Sequence[int]) -> EvidenceView:
        """Return the evidence `refs` in context."""
        unique = list(dict.fromkeys(refs))
        rows = sorted(self._row_of[ref] for ref in unique if ref in self._row_of)
        elsewhere = [ref for ref in unique if ref not in self._row_of]
        proof = rows[: min(self._limits.evidence, self._left)]
        shown = self._with_neighbours(proof)
        self._left -= len(shown)
        common = common_path([name or "" for name in self._lines[shown]["source"].to_list()])
        return EvidenceView(
            tuple(self._views(shown, set(proof), common)),
            len(proof),
            len(rows) - len(proof),
            tuple(_origin(ref) for ref in elsewhere[: self._limits.evidence]),
            common,
        )

    def _with_neighbours(self, proof: Sequence[int]) -> list[int]:
        last = len(self._times) - 1
        reach = self._limits.context
        chosen = set(proof)
        for row in proof:
            near = np.arange(max(0, row - reach), min(last, row + reach) + 1)
            close = np.abs(self._times[near] - self._times[row]) <= NEAR_NS
            chosen.update(near[close].tolist())
        if len(chosen) > self._left:
            chosen = set(proof)
        return sorted(chosen)

    def _views(self, rows: Sequence[int], proof: set[int], common: str) -> list[LineView]:
        views: list[LineView] = []
        before: int | None = None
        for row, line in zip(rows, self._lines[list(rows)].iter_rows(named=True), strict=True):
            pause = ""
            if before is not None:
                gap = int(self._times[row] - self._times[before])
                if gap >= PAUSE_NS or row - before > 1:
                    pause = f"{duration(gap / 1e9)} later"
            views.append(self._view(line, common, evidence=row in proof, pause=pause))
            before = row
        return views

    def _view(self, line: dict[str, Any], common: str, *, evidence: bool, pause: str) -> LineView:
        when: datetime | None = line["time"]
        message = line["message"] or ""
        kept = message[: self._limits.message]
        source = below(line["source"] or "", common)
        position = line["place"] or line["position"]
        return LineView(
            evidence=evidence,
            pause=pause,
            time=self._moments.moment(when, 6) if when is not None else None,
            process=line["process"] or "",
            pid=line["pid"],
            subsystem=line["subsystem"] or "",
            category=line["category"] or "",
            level=line["level"] or "",
            message=kept,
            cut=len(message) - len(kept),
            origin=_origin(line["ref"]) if position is None else f"{source}:{position}" if source else str(position),
            signal=line["signal"] or "",
        )


def _origin(ref: int) -> str:
    source, position = split_ref(ref)
    return f"source {source + 1}, row {position}"


def _all_lines(analysis: Analysis) -> pl.DataFrame:
    """Return the kept lines and, where one was not kept, the recognised event that an evidence names."""
    needed = {ref for finding in analysis.findings for ref in finding.evidence}
    events = (
        analysis.events.lazy()
        .filter(pl.col("ref").is_in(pl.Series(sorted(needed), dtype=pl.UInt64()).implode()))
        .join(analysis.lines.lazy().select("ref"), on="ref", how="anti")
        .unique("ref", keep="first", maintain_order=True)
        .rename({"log_category": "category", "category": "audio_category"})
        .collect()
    )
    columns = [
        pl.col(name) if name in events.columns else pl.lit(None, dtype=kind).alias(name)
        for name, kind in LINE_SCHEMA.items()
    ]
    lines = analysis.lines.unique("ref", keep="first", maintain_order=True)
    return pl.concat([lines, events.select(columns)]).sort("time", "ref", maintain_order=True)
