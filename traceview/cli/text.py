"""An analysis as text for people at a terminal. Log text is untrusted: control characters are made visible."""

import textwrap
from datetime import datetime, tzinfo

import polars as pl
import typer

from traceview.analysis import Analysis
from traceview.cli.options import visible, zone_of
from traceview.rules.registry import Finding, Severity

_WIDTH = 110
_LINES_PER_FINDING = 4
_MESSAGE_CHARACTERS = 220
_COLOURS = {
    Severity.critical: "bright_red",
    Severity.high: "red",
    Severity.medium: "yellow",
    Severity.low: "cyan",
    Severity.info: "bright_black",
}


def render_analysis(analysis: Analysis) -> str:
    """Return the whole text: verdict, findings with proof, calls, and what the capture could not show."""
    zone = zone_of(analysis.capture.tz)
    parts = [_headline(analysis, zone), verdict(analysis)]
    parts += [_finding(finding, analysis.lines, zone) for finding in analysis.findings]
    parts += [_calls(analysis.episodes["calls"], zone), _not_shown(analysis)]
    return "\n\n".join(part for part in parts if part)


def verdict(analysis: Analysis) -> str:
    """Return one sentence: how many findings of which severity, or what clean rests on."""
    counts = dict.fromkeys(reversed(Severity), 0)
    for finding in analysis.findings:
        counts[finding.severity] += 1
    found = ", ".join(f"{count} {severity.name}" for severity, count in counts.items() if count)
    rows = analysis.rows_read
    read = f"{rows:,} log row{'s' * (rows != 1)}, {analysis.events.height:,} recognised"
    unchecked = f"{len(analysis.not_evaluated)} rules could not be evaluated" if analysis.not_evaluated else ""
    if found:
        text = f"{len(analysis.findings)} finding{'s' * (len(analysis.findings) != 1)}: {found} ({read})"
    elif not analysis.events.height:
        text = f"Nothing can be said: no line was recognised ({read})"
    else:
        text = f"No findings ({read})"
    return typer.style(f"{text}{'; ' + unchecked if unchecked else ''}", bold=True)


def _headline(analysis: Analysis, zone: tzinfo) -> str:
    device = analysis.device
    known = [device.model, " ".join(filter(None, (device.os_name, device.os_version))), device.os_build]
    facts = [visible(analysis.capture.name), *(visible(fact) for fact in known if fact)]
    if (span := _span(analysis, zone)) is not None:
        facts.append(span)
    if analysis.apps:
        more = f" and {len(analysis.apps) - 3} more" if len(analysis.apps) > 3 else ""
        facts.append("apps: " + visible(", ".join(analysis.apps[:3])) + more)
    return " · ".join(facts)


def _span(analysis: Analysis, zone: tzinfo) -> str | None:
    starts = [one.start_ns for one in analysis.coverage if one.start_ns is not None]
    ends = [one.end_ns for one in analysis.coverage if one.end_ns is not None]
    if not starts or not ends:
        return None
    start = datetime.fromtimestamp(min(starts) / 1e9, zone)
    end = datetime.fromtimestamp(max(ends) / 1e9, zone)
    return f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} {start:%Z}"


def _finding(finding: Finding, lines: pl.DataFrame, zone: tzinfo) -> str:
    label = typer.style(finding.severity.name.upper(), fg=_COLOURS[finding.severity], bold=True)
    number = f" {finding.number}" if finding.number else ""
    head = f"{label} {visible(finding.title)}"
    about = f"  rule {finding.rule}{number}, confidence {finding.confidence:.0%}, fingerprint {finding.fingerprint}"
    if finding.start is not None:
        about = f"  {_clock(finding.start, zone)}{_until(finding, zone)} · {about.strip()}"
    proof = lines.filter(pl.col("ref").is_in(list(finding.evidence)))
    shown = [_line(row, zone) for row in proof.head(_LINES_PER_FINDING).iter_rows(named=True)]
    if proof.height > _LINES_PER_FINDING:
        shown.append(f"    … {proof.height - _LINES_PER_FINDING} more lines")
    body = [_wrap(finding.explanation), *shown, _wrap(f"→ {finding.advice}")]
    return "\n".join([head, typer.style(about, dim=True), *body])


def _until(finding: Finding, zone: tzinfo) -> str:
    return f" to {_clock(finding.end, zone)}" if finding.end is not None and finding.end != finding.start else ""


def _line(row: dict[str, object], zone: tzinfo) -> str:
    time = row["time"]
    stamp = _clock(time, zone) if isinstance(time, datetime) else "(no time)"
    who = f"{row['process'] or '?'}[{row['pid'] if row['pid'] is not None else '?'}]"
    message = visible(str(row["message"] or ""))
    cut = message if len(message) <= _MESSAGE_CHARACTERS else message[:_MESSAGE_CHARACTERS] + "…"
    origin = str(row["source"]).rsplit("/", 1)[-1]
    return f"    {stamp} {visible(who)} {cut}  ({visible(origin)}:{row['position']})"


def _calls(calls: pl.DataFrame, zone: tzinfo) -> str:
    if calls.is_empty():
        return ""
    rows = [typer.style("Calls", bold=True)]
    for call in calls.head(20).iter_rows(named=True):
        phases = [(name, call[name]) for name in ("reported", "answered", "audio_activated", "connected", "ended")]
        told = ", ".join(f"{name.replace('_', ' ')} {_clock(time, zone)}" for name, time in phases if time is not None)
        who = visible(call["app"] or call["provider"] or call["kind"] or "unknown app")
        rows.append(f"  {call['id']} {call['direction'] or 'call'} {who}: {call['outcome'] or 'unknown'}; {told}")
    if calls.height > 20:
        rows.append(f"  … {calls.height - 20} more: traceview export")
    return "\n".join(rows)


def _not_shown(analysis: Analysis) -> str:
    rows = []
    for one in analysis.coverage:
        notes = "; ".join(one.notes)
        count = "" if one.rows is None else f"{one.rows:,} row{'s' * (one.rows != 1)}, "
        name = one.source.rsplit("/", 1)[-1]
        rows.append(
            f"  {visible(name)} ({one.reader}): {count}{visible(one.clock)}{'; ' + visible(notes) if notes else ''}"
        )
    for problem in analysis.problems:
        where = "" if problem.position is None else f" at {problem.unit} {problem.position:,}"
        rows.append(f"  {visible(problem.source)}{where}: {visible(problem.message)} ({problem.count:,} in all)")
    if analysis.not_evaluated:
        names = ", ".join(sorted(rule.rule for rule in analysis.not_evaluated))
        lacking = "rules that need evidence which this capture lacks (`traceview explain RULE` says which)"
        rows.append(_wrap(f"{len(analysis.not_evaluated)} {lacking}: {names}"))
    return "\n".join([typer.style("What the capture covers, and what could not be checked", bold=True), *rows])


def _clock(time: datetime, zone: tzinfo) -> str:
    return f"{time.astimezone(zone):%H:%M:%S.%f}"[:-3]


def _wrap(text: str) -> str:
    return textwrap.fill(visible(text), _WIDTH, initial_indent="  ", subsequent_indent="  ")
