"""The result of analysing one capture: what CLI, report, fleet and Python API share."""

import polars as pl
from msgspec import Struct, field

from traceview.episodes.schema import Episodes, empty_episodes
from traceview.rules.registry import Finding, NotEvaluated, Severity
from traceview.signals.vocabulary import empty_events
from traceview_parsers.problems import Problem
from traceview_parsers.trace import CaptureInfo, Coverage, Device

LINE_SCHEMA: dict[str, pl.DataType] = {
    "ref": pl.UInt64(),
    "time": pl.Datetime("ns", "UTC"),
    "time_how": pl.String(),
    "process": pl.String(),
    "pid": pl.Int64(),
    "tid": pl.UInt64(),
    "sender": pl.String(),
    "subsystem": pl.String(),
    "category": pl.String(),
    "level": pl.String(),
    "message": pl.String(),
    "source": pl.String(),  # path inside the capture
    "position": pl.UInt64(),  # line number or record ordinal in the source
    "place": pl.String(),  # where that number alone finds nothing: table and row id of a database (`TABLE:ROW`)
    "signal": pl.String(),  # what the line was recognised as, or null
}
"""Columns of `Analysis.lines`."""


class Analysis(Struct):
    """Everything that was understood of one capture.

    Attributes:
        capture: Name and time; its zone is one offset for the whole capture (`traceview.zones`).
        device: Who made it.
        coverage: From when to when each source speaks, how its time was mapped, how sure that is, and what comparing it
            with the other sources found.
        problems: What could not be read.
        apps: Bundle ids (else process names) that were analysed, most relevant first.
        app_versions: Their versions, as far as reports or PowerLog tell them; ``4.2 or 4.3`` where an update lies in or near
            the capture (`app_versions.is_several`).
        events: Recognised lines (`EVENT_SCHEMA`).
        episodes: Windows by table.
        findings: Worst first, then by time.
        accepted: How many findings the baseline or a suppression accepts, so that they are left out of `findings`.
        accepted_by_rule: The same by rule, of rules that have some.
        not_evaluated: Rules without inputs.
        lines: Evidence lines and their neighbours in time (`LINE_SCHEMA`), by time.
        tables: Small tables of other witnesses than the log, as read: ``reports`` and what the capture has beside it;
            and ``clocks``: by how much the clocks of two sources differ that know the same facts (`clocks.CLOCK_SCHEMA`);
            and ``witnesses``: windows that PowerLog, Instruments and reports tell of (`witness.WITNESS_SCHEMA`), bounded.
        rows_read: Log rows that were read.
        redaction: ``none``, ``ids`` or ``all``: what was already removed from texts.
    """

    capture: CaptureInfo
    device: Device
    coverage: list[Coverage] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    app_versions: dict[str, str] = field(default_factory=dict)
    events: pl.DataFrame = field(default_factory=empty_events)
    episodes: Episodes = field(default_factory=empty_episodes)
    findings: list[Finding] = field(default_factory=list)
    not_evaluated: list[NotEvaluated] = field(default_factory=list)
    lines: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LINE_SCHEMA))
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    rows_read: int = 0
    accepted: int = 0
    accepted_by_rule: dict[str, int] = field(default_factory=dict)
    redaction: str = "none"

    @property
    def worst(self) -> Severity | None:
        """Severity of the worst finding, or None."""
        return max((finding.severity for finding in self.findings), default=None)
