"""Times as the whole report prints them."""

from datetime import UTC, datetime, timedelta
from typing import Self

from msgspec import Struct

from traceview.analysis import Analysis
from traceview.plots.clock import DisplayClock
from traceview.plots.rows import shown_span
from traceview.plots.timeline import TABLES
from traceview.plots.view import clock_of, log_span, witness_rows

PERMALINK_MARGIN = timedelta(seconds=1)


class Moment(Struct, frozen=True):
    """One time: for people, and for machines (RFC 3339, UTC)."""

    text: str
    iso: str


class Moments(Struct, frozen=True):
    """Prints times on one clock, with the date where the capture spans several days."""

    clock: DisplayClock
    dated: bool

    @classmethod
    def of(cls, analysis: Analysis) -> Self:
        """Return the printer for an analysis."""
        found = [moment for finding in analysis.findings for moment in (finding.start, finding.end) if moment]
        frames = [*(analysis.episodes[table] for table in TABLES), analysis.lines.select("time")]
        if log_span(analysis.coverage) is None:
            frames.append(witness_rows(analysis))
        edges = [*(shown_span(frames) or ()), *found]
        clock = clock_of(analysis, (min(edges), max(edges)) if edges else None)
        days = {clock.local(edge).date() for edge in edges}
        return cls(clock, len(days) > 1)

    def moment(self, when: datetime, digits: int = 3) -> Moment:
        """Return a time with `digits` (3 or 6) decimals."""
        local = self.clock.local(when)
        text = local.strftime("%H:%M:%S.%f")
        text = text if digits == 6 else text[:-3]
        return Moment(f"{local:%b %d} {text}" if self.dated else text, iso(when))

    def full(self, when: datetime) -> str:
        """Return date and time to the second, for headers."""
        return f"{self.clock.local(when):%Y-%m-%d %H:%M:%S}"

    @staticmethod
    def permalink(start: datetime | None, end: datetime | None) -> str:
        """Return the fragment that zooms the timeline to a window, or an empty string."""
        if start is None:
            return ""
        return f"#t={iso(start - PERMALINK_MARGIN)},{iso((end or start) + PERMALINK_MARGIN)}"


def iso(when: datetime) -> str:
    """Return RFC 3339 in UTC with milliseconds, as the permalinks use it."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
