"""One offline HTML file for one capture: verdict, timeline, calls, findings with their lines, tables, gaps.

The page names no network resource, and its content security policy forbids any. Text of the capture is untrusted: the
template engine escapes all of it, and control and bidirectional characters are made visible. The same analysis gives
the same bytes.
"""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from msgspec import Struct

from traceview.analysis import Analysis
from traceview.plots.text import plural, size
from traceview.report.page import page, render
from traceview.report.payload import figure, library, pack
from traceview.report.redact import Level
from traceview.report.redact import redact as redacted
from traceview.report.views.calls import calls_view
from traceview.report.views.findings import findings_view
from traceview.report.views.gaps import coverage_view, problems_view
from traceview.report.views.limits import STEPS, Limits
from traceview.report.views.moments import Moments
from traceview.report.views.opening import opening_view
from traceview.report.views.tables import tables_view
from traceview.report.views.verdict import verdict_view
from traceview.report.views.witnesses import witnesses_view
from traceview.rules.lacking import grouped
from traceview.rules.registry import Rule

BUDGET: Final = 15_000_000
"""Bytes above which a report leaves things out. Browsers get slow far below the sizes at which they fail."""


class ReportSize(Struct, frozen=True):
    """What was written.

    Attributes:
        path: The file.
        total: Its size in bytes.
        library: Bytes of the plotting library in it.
        timeline: Bytes of the figure.
        degraded: What the report leaves out because of its limits, one sentence each; it says the same itself.
    """

    path: Path
    total: int
    library: int
    timeline: int
    degraded: tuple[str, ...]

    def __str__(self) -> str:
        rest = self.total - self.library - self.timeline
        return f"{size(self.total)} (plotting library {size(self.library)}, timeline {size(self.timeline)}, text {size(rest)})"


class _Page(Struct, frozen=True):
    html: str
    library: int
    timeline: int
    degraded: tuple[str, ...]


def write(
    analysis: Analysis,
    out: Path,
    *,
    redact: Level = "none",
    rules: Iterable[Rule] = (),
    budget: int = BUDGET,
) -> ReportSize:
    """Write the report of one capture.

    Args:
        analysis: What was found.
        out: File to write; an existing one is replaced.
        redact: What to remove first, see `traceview.report.redact.redact`; `Capture.redacted` knows more names.
        rules: The rules that ran, for their reasons and links, and to name what was checked where nothing was found.
        budget: Size in bytes above which more is left out. The last step of `STEPS` is written in any case.

    Raises:
        OSError: The file cannot be written.
    """
    analysis = redacted(analysis, redact)
    by_id = {rule.id: rule for rule in rules}
    drawn = _page(analysis, by_id, STEPS[0])
    for limits in STEPS[1:]:
        if len(drawn.html.encode()) <= budget:
            break
        drawn = _page(analysis, by_id, limits)
    content = drawn.html.encode()
    _replace(out, content)
    return ReportSize(out, len(content), drawn.library, drawn.timeline, drawn.degraded)


def _replace(out: Path, content: bytes) -> None:
    """Write a file whole or not at all; what is no regular file (a pipe, ``/dev/stdout``) is written as it is."""
    if out.exists() and not out.is_file():
        out.write_bytes(content)
        return
    part = out.with_name(out.name + ".part")
    try:
        part.write_bytes(content)
        part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _page(analysis: Analysis, rules: dict[str, Rule], limits: Limits) -> _Page:
    moments = Moments.of(analysis)
    findings = findings_view(analysis, moments, limits, rules)
    calls, more_calls = calls_view(analysis, moments, limits)
    tables = tables_view(analysis, moments, limits)
    witnesses = witnesses_view(analysis, moments, limits)
    drawn = figure(analysis, limits.shapes)
    degraded = [*drawn.layout.meta["binned"]]
    degraded += _left_out(findings.hidden, "finding", "findings")
    degraded += _left_out(sum(item.evidence.hidden for item in findings.items), "evidence line", "evidence lines")
    degraded += _left_out(more_calls, "call card", "call cards")
    hidden = sum(table.hidden for table in tables) + witnesses.hidden
    degraded += _left_out(hidden, "table row", "table rows")
    body = render(
        "body.html.j2",
        analysis=analysis,
        verdict=verdict_view(analysis, findings, moments, rules),
        findings=findings,
        calls=calls,
        more_calls=more_calls,
        tables=tables,
        witnesses=witnesses,
        coverage=coverage_view(analysis, moments),
        problems=problems_view(analysis, moments),
        looks=_by_lane(drawn.layout.meta["looks"]),
        opens=opening_view(drawn.layout.meta),
        binned=drawn.layout.meta["binned"],
        lacks=grouped(analysis.not_evaluated, {one.reader for one in analysis.coverage}),
        degraded=degraded,
        clock=moments.clock,
        dated=moments.dated,
        drawable=bool(drawn.data),
        height=round(drawn.layout.height),
        version=version("traceview"),
    )
    timeline = pack(drawn.to_json()) if drawn.data else ""
    html = page(
        analysis.capture.name or "capture",
        body,
        {"timeline": timeline} if timeline else {},
        styles=("report.css",),
        scripts=("theme.js", "unpack.js", "plot.js", "report.js"),
    )
    return _Page(html, len(library()) if timeline else 0, len(timeline), tuple(degraded))


def _left_out(count: int, noun: str, many: str) -> list[str]:
    return [f"{plural(count, noun, many)} left out: use traceview export."] if count else []


def _by_lane(looks: Iterable[dict[str, str]]) -> dict[str, list[dict[str, str]]]:
    lanes: dict[str, list[dict[str, str]]] = {}
    for look in looks:
        lanes.setdefault(look["lane"], []).append(look)
    return lanes
