"""Findings of two captures side by side."""

from collections import Counter

from msgspec import Struct

from traceview.analysis import Analysis
from traceview.rules.registry import Severity


class Change(Struct, frozen=True):
    """One fingerprint in two captures.

    Attributes:
        change: ``new``, ``gone``, ``more``, ``fewer`` or ``same``.
        before: Findings in the first capture.
        after: Findings in the second.
        severity: Worst severity on either side; of a new finding, that is how bad it is.
        rule: Slug of the rule.
        app: The app or process that it is about, or None.
        title: Title of the newest finding.
        fingerprint: What both share.
        not_evaluated: The rule could not be evaluated on the side without findings, so the change proves nothing.
    """

    change: str
    before: int
    after: int
    severity: Severity
    rule: str
    app: str | None
    title: str
    fingerprint: str
    not_evaluated: bool = False


_ORDER = {"new": 0, "more": 1, "same": 2, "fewer": 3, "gone": 4}


def compare(before: Analysis, after: Analysis) -> list[Change]:
    """Return one row a fingerprint: what got worse first, among these the worst first."""
    counts = [Counter(finding.fingerprint for finding in side.findings) for side in (before, after)]
    newest = {finding.fingerprint: finding for side in (before, after) for finding in side.findings}
    silent = [{one.rule for one in side.not_evaluated} for side in (before, after)]
    rows = []
    for fingerprint, finding in newest.items():
        first, second = counts[0][fingerprint], counts[1][fingerprint]
        worst = max(f.severity for side in (before, after) for f in side.findings if f.fingerprint == fingerprint)
        blind = (not first and finding.rule in silent[0]) or (not second and finding.rule in silent[1])
        change = _change(first, second)
        rows.append(Change(change, first, second, worst, finding.rule, finding.app, finding.title, fingerprint, blind))
    return sorted(rows, key=lambda row: (_ORDER[row.change], -row.severity, row.rule, row.title))


def _change(before: int, after: int) -> str:
    if not before:
        return "new"
    if not after:
        return "gone"
    if after == before:
        return "same"
    return "more" if after > before else "fewer"
