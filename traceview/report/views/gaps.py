"""What the capture could not show: coverage by source, rules without inputs, problems."""

from typing import Final

from msgspec import Struct

from traceview.analysis import Analysis
from traceview.clocks import bound_text
from traceview.plots.text import duration
from traceview.report.views.moments import Moments
from traceview.sources import below, by_weight, common_path, troubles
from traceview.zones import from_ns, read_locally
from traceview_parsers.trace import Coverage

BAR_WIDTH: Final = 1000


class CoverageView(Struct, frozen=True):
    """One source; `left` and `width` are thousandths of the time that all sources cover together."""

    source: str
    reader: str
    start: str
    end: str
    length: str
    rows: str
    clock: str
    certainty: str
    notes: tuple[str, ...]
    left: float
    width: float


class ProblemView(Struct, frozen=True):
    """What could not be read."""

    source: str
    kind: str
    message: str
    where: str
    count: str
    sample: str


class SourcesView(Struct, frozen=True):
    """All sources: `first` those that matter, `rest` those that tell nothing doubtful and that no finding rests on."""

    first: tuple[CoverageView, ...]
    rest: tuple[CoverageView, ...]


def coverage_view(analysis: Analysis, moments: Moments) -> SourcesView:
    """Return all sources, what matters first."""
    edges = [edge for source in analysis.coverage for edge in (source.start_ns, source.end_ns) if edge is not None]
    first, whole = (min(edges), max(max(edges) - min(edges), 1)) if edges else (0, 1)
    path = common_path([source.source for source in analysis.coverage])
    parts = (tuple(_coverage(one, path, moments, first, whole) for one in part) for part in by_weight(analysis))
    return SourcesView(*parts)


def _coverage(source: Coverage, path: str, moments: Moments, first: int, whole: int) -> CoverageView:
    begin, end = source.start_ns, source.end_ns
    timed = begin is not None and end is not None
    left = (begin - first) / whole * BAR_WIDTH if begin is not None else 0.0
    width = max((end - begin) / whole * BAR_WIDTH, 4.0) if begin is not None and end is not None else 0.0
    return CoverageView(
        source=below(source.source, path) or source.source,
        reader=source.reader,
        start=moments.full(from_ns(begin)) if begin is not None else "",
        end=moments.full(from_ns(end)) if end is not None else "",
        length=duration((end - begin) / 1e9) if timed and begin is not None and end is not None else "",
        rows=f"{source.rows:,}" if source.rows is not None else "none",
        clock=source.clock,
        certainty=bound_text(source.certainty_ns) if source.certainty_ns is not None and timed else "",
        notes=tuple(read_locally(note, moments.clock.zone) for note in source.notes),
        left=round(min(left, BAR_WIDTH - 4.0), 1),
        width=round(width, 1),
    )


def problems_view(analysis: Analysis, moments: Moments) -> tuple[ProblemView, ...]:
    """Return all problems; what several sources have in common is one, with the place of the first."""
    return tuple(
        ProblemView(
            source=one.where if len(one.sources) == 1 else f"{len(one.sources):,} sources: {one.where}",
            kind=one.kind,
            message=read_locally(one.message, moments.clock.zone),
            where=one.position,
            count=f"{one.count:,}",
            sample=one.sample,
        )
        for one in troubles(analysis.problems)
    )
