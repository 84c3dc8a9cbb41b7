"""Findings as the report shows them."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from markupsafe import Markup
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.plots.shapes import finding_ids
from traceview.plots.text import duration, number
from traceview.report.breaks import breakable
from traceview.report.views.evidence import EvidenceBook, EvidenceView
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moment, Moments
from traceview.rules.registry import Finding, Rule, Severity

_LINK = re.compile(r"https://[A-Za-z0-9.-]+(?:/[A-Za-z0-9._~!$&()*+,;=:@%/?-]*[A-Za-z0-9/])?(?:#[A-Za-z0-9._-]+)?")
_CODE: Final = re.compile(r"`([^`\n]+)`")
UNITS: Final = {"s": "s", "count": "", "ms": "ms", "bytes": "bytes", "hz": "Hz", "percent": "%"}


class FindingView(Struct, frozen=True):
    """One finding; `id` is its permalink, `window` the fragment that zooms to it, `given` what the rule rates it."""

    id: str
    severity: str
    given: str
    rule: str
    number: str
    app: str
    title: str
    start: Moment | None
    end: Moment | None
    open_end: bool
    length: str
    window: str
    explanation: tuple[str, ...]
    advice: tuple[Markup, ...]
    why: str
    links: tuple[str, ...]
    confidence: str
    fingerprint: str
    measures: tuple[tuple[str, str], ...]
    episodes: tuple[str, ...]
    evidence: EvidenceView


class FindingsView(Struct, frozen=True):
    """All findings that are shown, and how many are not."""

    items: tuple[FindingView, ...]
    counts: tuple[tuple[str, int], ...]
    hidden: int


def findings_view(analysis: Analysis, moments: Moments, limits: Limits, rules: Mapping[str, Rule]) -> FindingsView:
    """Build the view of all findings."""
    book = EvidenceBook(analysis, moments, limits)
    ids = finding_ids(analysis.findings)
    chosen = list(zip(ids, analysis.findings, strict=True))[: limits.findings]
    items = tuple(_view(identity, finding, moments, book, rules.get(finding.rule)) for identity, finding in chosen)
    severities = [finding.severity for finding in analysis.findings]
    counts = tuple((level.name, severities.count(level)) for level in sorted(Severity, reverse=True))
    return FindingsView(
        items, tuple(pair for pair in counts if pair[1]), max(0, len(analysis.findings) - limits.findings)
    )


def _view(identity: str, finding: Finding, moments: Moments, book: EvidenceBook, rule: Rule | None) -> FindingView:
    start, end = finding.start, finding.end
    return FindingView(
        id=identity,
        severity=finding.severity.name,
        given="" if finding.given is None else finding.given.name,
        rule=finding.rule,
        number=finding.number or "",
        app=finding.app or "",
        title=finding.title,
        start=moments.moment(start) if start else None,
        end=moments.moment(end) if end and end != start else None,
        open_end=start is not None and end is None,
        length=_length(start, end),
        window=moments.permalink(start, end),
        explanation=paragraphs(finding.explanation),
        advice=tuple(link(text) for text in paragraphs(finding.advice)),
        why=rule.why if rule and _warns(finding, rule) else "",
        links=rule.links if rule else (),
        confidence=f"{finding.confidence:.0%}".replace("%", " %"),
        fingerprint=finding.fingerprint,
        measures=tuple(_measure(key, value) for key, value in finding.measures.items()),
        episodes=finding.episodes,
        evidence=book.view(finding.evidence),
    )


def _warns(finding: Finding, rule: Rule) -> bool:
    """Tell a warning, whatever severity the configuration gives it, from a remark, such as one about processes of iOS."""
    own = finding.severity if finding.given is None else finding.given
    return own > Severity.info or rule.severity == Severity.info


def _length(start: datetime | None, end: datetime | None) -> str:
    return duration((end - start).total_seconds()) if start and end and end > start else ""


def _measure(key: str, value: float) -> tuple[str, str]:
    """Split ``answer_to_audio_s`` into a name and a figure with its unit."""
    name, _, unit = key.rpartition("_")
    if unit not in UNITS or not name:
        return key.replace("_", " "), number(value)
    text = duration(value) if unit == "s" else f"{number(value)} {UNITS[unit]}".rstrip()
    return name.replace("_", " "), text


def paragraphs(text: str) -> tuple[str, ...]:
    """Split at empty lines."""
    return tuple(part.strip() for part in re.split(r"\n\s*\n", text) if part.strip())


def link(text: str) -> Markup:
    """Turn the documentation addresses of a rule's own words into anchors, what stands in backticks into code; escape all."""
    parts: list[Markup] = []
    position = 0
    for match in _LINK.finditer(text):
        parts.append(_with_code(text[position : match.start()]))
        parts.append(Markup('<a href="{}" rel="noreferrer noopener">{}</a>').format(match[0], breakable(match[0])))
        position = match.end()
    parts.append(_with_code(text[position:]))
    return Markup("").join(parts)


def _with_code(text: str) -> Markup:
    pieces = [breakable(one) for one in _CODE.split(text)]  # every second piece stood in backticks
    marked = [Markup("<code>{}</code>").format(one) if at % 2 else one for at, one in enumerate(pieces)]
    return Markup("").join(marked)
