"""The verdict: what happened, to which app, how bad; and what was looked at where nothing was found."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from traceview.analysis import Analysis
from traceview.app_versions import with_version
from traceview.completeness import LOG_READERS, log_span, time_doubt
from traceview.plots.text import duration, plural
from traceview.plots.view import witness_rows
from traceview.report.views.findings import FindingsView, FindingView
from traceview.report.views.moments import Moments
from traceview.rules.registry import Rule, Severity
from traceview.sources import doubts
from traceview.verdict import little_said, nothing_said, unjudged_tables
from traceview.zones import from_ns

TOP: Final = 5
NOUNS: Final = {
    "calls": ("call", "calls"),
    "pushes": ("push", "pushes"),
    "audio_sessions": ("audio session", "audio sessions"),
    "suspensions": ("suspension", "suspensions"),
    "glitches": ("glitch window", "glitch windows"),
    "terminations": ("termination", "terminations"),
    "background_tasks": ("background task", "background tasks"),
    "processes": ("process", "processes"),
}
REDACTION: Final = {
    "none": "nothing was removed",
    "ids": "what looks like a telephone number, an address, an account, a device id or a device's owner was replaced; names "
    "inside sentences may remain where no line tells them as such; names of files, folders, apps and processes stay",
    "all": "identifiers replaced, free text removed; names of files, folders, apps and processes stay",
}


class VerdictView(Struct, frozen=True):
    """First screen of the report."""

    headline: str
    severity: str
    worst: FindingView | None
    summary: str
    doubts: tuple[str, ...]
    lead: str
    top: tuple[FindingView, ...]
    more: int
    facts: tuple[tuple[str, str], ...]
    seen: str
    unjudged: tuple[tuple[str, str], ...]
    checked: tuple[str, ...]


def verdict_view(
    analysis: Analysis, findings: FindingsView, moments: Moments, rules: Mapping[str, Rule]
) -> VerdictView:
    """Build the first screen."""
    worst = analysis.worst
    skipped = {rule.rule for rule in analysis.not_evaluated}
    head = findings.items[0] if findings.items and worst is not None and worst > Severity.low else None
    others = findings.items[1:] if head else findings.items
    return VerdictView(
        headline=_headline(analysis),
        severity=worst.name if worst is not None else "none",
        worst=head,
        summary=head.explanation[0] if head and head.explanation else "",
        doubts=tuple(doubts(analysis.problems)),
        lead=_lead(analysis, rules),
        top=others[:TOP],
        more=len(analysis.findings) - len(others[:TOP]) - (1 if head else 0),
        facts=tuple((name, value) for name, value in _facts(analysis, moments) if value),
        seen=_seen(analysis),
        unjudged=tuple(unjudged_tables(analysis)),
        checked=tuple(sorted(rule.title for rule in rules.values() if rule.id not in skipped)),
    )


def _headline(analysis: Analysis) -> str:
    worst = analysis.worst
    if (said := nothing_said(analysis) or little_said(analysis)) is not None:
        return said
    if worst is None:
        return "Nothing found but what was accepted" if analysis.accepted else "Nothing found"
    if worst <= Severity.low:
        return f"Nothing serious found: {plural(len(analysis.findings), 'remark')}"
    return analysis.findings[0].title


def _lead(analysis: Analysis, rules: Mapping[str, Rule]) -> str:
    skipped = len({rule.rule for rule in analysis.not_evaluated})
    gap = f"{plural(skipped, 'rule')} could not be evaluated" if skipped else "every rule had its inputs"
    if analysis.accepted:
        gap += f"; {plural(analysis.accepted, 'finding')} that the configuration accepts not shown"
    if not analysis.findings and analysis.accepted:
        return f"No other finding; {gap}."
    if not analysis.findings:
        silent = {one.rule for one in analysis.not_evaluated}
        ran = sum(rule not in silent for rule in rules)
        run = f"No match in the {plural(ran, 'rule')} that could run" if ran else "No rule could run"
        doubt = " That is no clean bill of health: see below what the capture holds." if skipped else ""
        return f"{run}; {gap}.{doubt}"
    told = analysis.worst is not None and analysis.worst > Severity.low
    others = len(analysis.findings) - told
    apps = sorted({finding.app for finding in analysis.findings if finding.app})
    whom = f" about {plural(len(apps), 'app')}" if len(apps) > 1 else ""
    if not others or len(analysis.findings) == 1:
        return f"The only finding; {gap}."
    return f"{plural(others, 'more finding' if told else 'finding')}{whom}; {gap}."


def _facts(analysis: Analysis, moments: Moments) -> list[tuple[str, str]]:
    device, capture = analysis.device, analysis.capture
    named = ", ".join(with_version(app, analysis.app_versions) for app in analysis.apps[:3])
    apps = named + (f" and {len(analysis.apps) - 3} more" if len(analysis.apps) > 3 else "")
    span = log_span(analysis.coverage)
    shown = ""
    if span:
        begin, end = span
        first, last = moments.full(begin), moments.full(end)
        shown = first if first == last else f"{first} to {last} ({duration((end - begin).total_seconds())})"
        shown += f"; {doubt}" if (doubt := time_doubt(analysis.coverage)) else ""
    return [
        ("App" if len(analysis.apps) < 2 else "Apps", apps or "none recognised"),
        ("Device", " · ".join(part for part in (device.hardware, device.name) if part)),
        ("System", device.system or ""),
        ("Capture", capture.name),
        ("Taken", moments.full(from_ns(capture.time_ns)) if capture.time_ns is not None else ""),
        ("Log covers" if any(one.reader in LOG_READERS for one in analysis.coverage) else "Covers", shown),
        (
            "Rows read",
            f"{sum(one.rows or 0 for one in analysis.coverage):,} from {plural(len(analysis.coverage), 'source')}",
        ),
        ("Times", f"{moments.clock.label}, {moments.clock.how}"),
        ("Redaction", REDACTION[analysis.redaction]),
    ]


def _seen(analysis: Analysis) -> str:
    counts = [
        plural(analysis.episodes[table].height, *nouns)
        for table, nouns in NOUNS.items()
        if analysis.episodes[table].height
    ]
    told = witness_rows(analysis)
    pushes = told.filter(lane="push", kind="received").height if told.height else 0
    if pushes and analysis.episodes["pushes"].is_empty():
        counts.append(f"{plural(pushes, *NOUNS['pushes'])} noted by PowerLog")
    return ", ".join(counts)
