"""An analysis as text for people at a terminal. Log text is untrusted: control characters are made visible."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import polars as pl
import typer
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.app_versions import with_version
from traceview.cli.background import in_background
from traceview.cli.kept import how_many, left_out
from traceview.cli.options import visible, zone_of
from traceview.cli.proof import telling
from traceview.cli.summary import fold, unchecked, verdict, wrap
from traceview.cli.text_calls import calls
from traceview.cli.troubles import doubts, problem_lines, times_of
from traceview.completeness import log_span, time_doubt
from traceview.rules.registry import Finding, Severity
from traceview.sources import by_weight
from traceview.verdict import unjudged_tables
from traceview.zones import read_locally
from traceview_parsers.trace import Coverage

_MESSAGE_CHARACTERS = 220
_NAMED_SOURCES = 8
_COLOURS = {
    Severity.critical: "bright_red",
    Severity.high: "red",
    Severity.medium: "yellow",
    Severity.low: "cyan",
    Severity.info: "bright_black",
}


class _Clock(Struct, frozen=True):
    """How times are written: in a zone, with the date where the capture covers several days and no time before told it."""

    zone: tzinfo
    dates: bool

    def __call__(self, time: datetime, told: datetime | None = None) -> str:
        local = time.astimezone(self.zone)
        dated = self.dates and (told is None or told.astimezone(self.zone).date() != local.date())
        return local.strftime("%Y-%m-%d %H:%M:%S.%f" if dated else "%H:%M:%S.%f")[:-3]


def render_analysis(analysis: Analysis, *, in_full: bool = False) -> str:
    """Return the whole text: verdict, findings with proof, calls, and what the capture could not show.

    Args:
        analysis: What was found.
        in_full: Whether each rule is named that could not be evaluated, with what it needs; else how many lack what.
    """
    zone = zone_of(analysis.capture.tz)
    clock = _Clock(zone, _days(analysis, zone))
    parts = [_headline(analysis, zone), *_doubts(analysis), verdict(analysis), _beside(analysis)]
    parts += _findings(analysis, clock)
    parts += [
        calls(analysis.episodes, clock),
        in_background(analysis.episodes["background_runs"], analysis.apps, analysis.coverage),
    ]
    parts += [_not_shown(analysis, zone, in_full=in_full)]
    return "\n\n".join(part for part in parts if part)


def render_evidence(analysis: Analysis, finding: Finding) -> str:
    """Return all lines kept of those that a finding rests on, uncut, by time; an empty text where it rests on none."""
    zone = zone_of(analysis.capture.tz)
    clock = _Clock(zone, _days(analysis, zone))
    proof = analysis.lines.filter(pl.col("ref").is_in(list(finding.evidence))).sort("time", maintain_order=True)
    if proof.is_empty():
        return ""
    doubt = f", {told}" if (told := time_doubt(analysis.coverage)) else ""
    offset = "" if finding.start is None else f", times in {finding.start.astimezone(zone):%Z}{doubt}"
    gaps = left_out(analysis, finding)
    rows = []
    for row in proof.iter_rows(named=True):
        rows.append(_line(row, clock, finding.start, cut=None))
        rows += [f"    … {one.told} …" for one in gaps if one.after == row["ref"]]
    return "\n".join([f"Evidence ({how_many(proof.height, gaps)}{offset}):", *rows])


def _headline(analysis: Analysis, zone: tzinfo) -> str:
    device = analysis.device
    facts = [visible(fact) for fact in (analysis.capture.name, device.hardware, device.system) if fact]
    if (span := _span(analysis, zone)) is not None:
        facts.append(f"{span} ({doubt})" if (doubt := time_doubt(analysis.coverage)) else span)
    if analysis.apps:
        more = f" and {len(analysis.apps) - 3} more" if len(analysis.apps) > 3 else ""
        named = ", ".join(with_version(app, analysis.app_versions) for app in analysis.apps[:3])
        facts.append("apps: " + visible(named) + more)
    return fold(" · ".join(facts), "")


def _doubts(analysis: Analysis) -> list[str]:
    """Return what puts all findings in doubt, to be read before them."""
    return [typer.style(fold(text, ""), fg="yellow") for text in doubts(analysis.problems)]


def _beside(analysis: Analysis) -> str:
    """Return where to look for what no rule judges, where the rules can say little."""
    return "\n".join(fold(f"{what}: `{command}`") for what, command in unjudged_tables(analysis))


def _days(analysis: Analysis, zone: tzinfo) -> bool:
    """Whether the capture covers, or a finding names, more than one day, so that a time needs its date."""
    times = [time for finding in analysis.findings for time in (finding.start, finding.end) if time is not None]
    return len({time.astimezone(zone).date() for time in (*(log_span(analysis.coverage) or ()), *times)}) > 1


def _span(analysis: Analysis, zone: tzinfo) -> str | None:
    """Return what the logs cover, as the report says it."""
    span = log_span(analysis.coverage)
    if span is None:
        return None
    first, last = (f"{time.astimezone(zone):%Y-%m-%d %H:%M:%S}" for time in span)
    return f"{first}{f' to {last}' if last != first else ''} {span[0].astimezone(zone):%Z}"


def _findings(analysis: Analysis, clock: _Clock) -> list[str]:
    """Return the findings; what several have to say in the same words, the first of them says."""
    told: set[tuple[str, str, str]] = set()
    parts = []
    for finding in analysis.findings:
        words = finding.rule, finding.explanation, finding.advice
        parts.append(_finding(finding, analysis.lines, clock, again=words in told))
        told.add(words)
    return parts


def _finding(finding: Finding, lines: pl.DataFrame, clock: _Clock, *, again: bool) -> str:
    """Return a finding with its proof; `again`: what it means and what to do was said of another one of its rule."""
    name = finding.severity.name.upper()
    label = typer.style(name, fg=_COLOURS[finding.severity], bold=True)
    number = f" {finding.number}" if finding.number else ""
    head = label + fold(f"{name} {finding.title}", "").removeprefix(name)
    about = f"  rule {finding.rule}{number}, confidence {finding.confidence:.0%}, fingerprint {finding.fingerprint}"
    if finding.start is not None:
        about = f"  {clock(finding.start)}{_until(finding, clock)} · {about.strip()}"
    proof = lines.filter(pl.col("ref").is_in(list(finding.evidence)))
    shown = []
    for missing, row in telling(proof, finding):
        shown += [f"    … {missing:,} more lines …"] * (missing > 0)
        shown.append(_line(row, clock, finding.start))
    if again:
        body = [*shown, wrap(f"→ as above for {finding.rule}")]
    else:
        body = [wrap(finding.explanation), *shown, wrap(f"→ {finding.advice}")]
    return "\n".join([head, typer.style(fold(about.strip()), dim=True), *body])


def _until(finding: Finding, clock: _Clock) -> str:
    return (
        f" to {clock(finding.end, finding.start)}" if finding.end is not None and finding.end != finding.start else ""
    )


def _line(row: dict[str, object], clock: _Clock, told: datetime | None, cut: int | None = _MESSAGE_CHARACTERS) -> str:
    time = row["time"]
    stamp = clock(time, told) if isinstance(time, datetime) else "(no time)"
    who = f"{row['process'] or '?'}[{row['pid'] if row['pid'] is not None else '?'}]"
    message = str(row["message"] or "")
    if cut is not None and len(message) > cut:
        message = message[:cut] + "…"
    origin = str(row["source"]).rsplit("/", 1)[-1]
    return fold(f"{stamp} {who} {message}  ({origin}:{row['place'] or row['position']})", "    ", "    ")


def _sources(covered: Sequence[Coverage], zone: tzinfo) -> list[str]:
    """Return a line for each source, and one for all of which the same is to be told."""
    alike: dict[str, list[str]] = {}
    for one in covered:
        notes = read_locally("; ".join(one.notes), zone)
        count = "" if one.rows is None else f"{one.rows:,} row{'s' * (one.rows != 1)}, "
        told = f"({one.reader}): {count}{times_of(one)}{'; ' + notes if notes else ''}"
        alike.setdefault(told, []).append(one.source)
    return [fold(f"{_named(names)} {told}") for told, names in alike.items()]


def _named(sources: Sequence[str]) -> str:
    names = ", ".join(name.rsplit("/", 1)[-1] for name in sources[:_NAMED_SOURCES])
    return f"{names} and {len(sources) - _NAMED_SOURCES:,} more" if len(sources) > _NAMED_SOURCES else names


def _not_shown(analysis: Analysis, zone: tzinfo, *, in_full: bool) -> str:
    first, rest = by_weight(analysis)
    rows = _sources(first, zone)
    if rest:
        told = f"{len(rest):,} more with nothing doubtful and no evidence of a finding (`traceview doctor` shows them)"
        rows.append(fold(f"{told}: {_named([one.source for one in rest])}"))
    rows += [fold(read_locally(text, zone)) for text, _ in problem_lines(analysis.problems)]
    if analysis.not_evaluated:
        rows += unchecked(analysis, in_full=in_full)
    return "\n".join([typer.style("What the capture covers, and what could not be checked", bold=True), *rows])
