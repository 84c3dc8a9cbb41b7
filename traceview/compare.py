"""Findings of two captures side by side, of what releases they are, and how much each of them shows."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import polars as pl
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.app_versions import is_several, release
from traceview.completeness import LOG_READERS, spanning, stretches_of
from traceview.rules.registry import Severity
from traceview.rules.rows import duration, plural
from traceview.rules.windows import length_s, union
from traceview.zones import from_ns
from traceview_parsers.trace import Device

_NAMED_APPS: Final = 3
_UNLIKE: Final = 0.5
"""Share of the larger of two amounts by which the other may be less before counts mislead (heuristic)."""


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
        unseen: The app that it is about never appears on the side without findings, though it does on the other: nor does that.
        lacking: ``call`` or ``VoIP push`` where the findings are about such ones and the side without findings shows none of
            the app: nor does that; else empty.
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
    unseen: bool = False
    lacking: str = ""

    @property
    def unproven(self) -> bool:
        """Whether the side without findings could not have shown any."""
        return self.not_evaluated or self.unseen or bool(self.lacking)


class Releases(Struct, frozen=True):
    """What versions two captures show.

    Attributes:
        before: Apps with their versions and the system of the first capture, for people; ``unknown`` where they are.
        after: Those of the second.
        same: Whether apps and system are of the same release; None where that is not known. A system is the same where its
            build is; apps count whose version either side tells.
        told: The same for people, a sentence without its full stop.
    """

    before: str
    after: str
    same: bool | None
    told: str


class Exposure(Struct, frozen=True):
    """How much one capture shows: what counts of findings would have to be divided by.

    Attributes:
        covered_s: Seconds that its logs cover, else those of all sources that measure; without their gaps, what several
            cover counts once. None where nothing in it has a time.
        calls: Calls, also those that failed or were never answered; of the apps asked for where the user asked for some.
        voip_pushes: VoIP pushes of the same apps.
    """

    covered_s: float | None
    calls: int
    voip_pushes: int

    def __str__(self) -> str:
        """Return the same for people."""
        covered = "covered time unknown" if self.covered_s is None else f"{duration(self.covered_s)} covered"
        return f"{covered}, {plural(self.calls, 'call')}, {plural(self.voip_pushes, 'VoIP push', 'VoIP pushes')}"


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
        shows, silent_side = (before, after) if first else (after, before)
        unseen = not (first and second) and finding.app in shows.apps and finding.app not in silent_side.apps
        lacking = _lacking(fingerprint, shows, silent_side) if not (first and second) else ""
        change, rule, title = _change(first, second), finding.rule, finding.title
        rows.append(Change(change, first, second, worst, rule, finding.app, title, fingerprint, blind, unseen, lacking))
    return sorted(rows, key=lambda row: (_ORDER[row.change], -row.severity, row.rule, row.title))


def unproven(rows: Sequence[Change], least: Severity) -> list[Change]:
    """Return what was found before, at least so bad, and is gone only in that the other side could not have shown it."""
    return [row for row in rows if row.change == "gone" and row.severity >= least and row.unproven]


def _lacking(fingerprint: str, shows: Analysis, silent: Analysis) -> str:
    """Return what each finding of this fingerprint is about and the silent side shows none of: a call, a VoIP push, or nothing."""
    findings = [one for one in shows.findings if one.fingerprint == fingerprint]
    for table, what in (("calls", "call"), ("pushes", "VoIP push")):
        about, there = (side.episodes[table].filter(_of(findings[0].app)) for side in (shows, silent))
        if table == "pushes":
            about, there = about.filter("voip"), there.filter("voip")
        ids = set(about["id"])
        if there.is_empty() and all(ids.intersection(one.episodes) for one in findings):
            return what
    return ""


def _of(app: str | None) -> pl.Expr:
    """Return what tells the rows of an app; those of no known app could be its own."""
    return pl.lit(value=True) if app is None else (pl.col("app") == app) | pl.col("app").is_null()


def exposure(side: Analysis, asked: Collection[str] = ()) -> Exposure:
    """Return how much a capture shows.

    Args:
        side: Its analysis.
        asked: Apps that the user asked for; empty: all calls and pushes count.
    """
    logs = [one for one in side.coverage if one.reader in LOG_READERS and one.start_ns is not None]
    windows = [stretch for one in logs or spanning(side.coverage) for stretch in stretches_of(one)]
    covered = length_s(union((from_ns(since), from_ns(until)) for since, until in windows)) if windows else None
    calls, pushes = side.episodes["calls"], side.episodes["pushes"].filter(pl.col("voip"))
    if asked:
        calls, pushes = (table.filter(pl.col("app").is_in(side.apps)) for table in (calls, pushes))
    return Exposure(covered, calls.height, pushes.height)


def unlike(before: Exposure, after: Exposure) -> list[str]:
    """Return in what two captures differ by more than half of the larger, in words; empty where counts may be compared."""
    amounts = (
        ("the covered time", before.covered_s, after.covered_s),
        ("the number of calls", before.calls, after.calls),
        ("the number of VoIP pushes", before.voip_pushes, after.voip_pushes),
    )
    return [
        what
        for what, one, other in amounts
        if one is not None and other is not None and abs(one - other) > _UNLIKE * max(one, other)
    ]


def releases(before: Analysis, after: Analysis) -> Releases:
    """Return what versions of apps and system two captures show, and whether they are the same release."""
    told = sorted({*before.app_versions, *after.app_versions})
    changes = [_app(app, before.app_versions.get(app), after.app_versions.get(app)) for app in told]
    changes = [*(changes or [(None, "versions of the apps unknown")]), _system(before.device, after.device)]
    answers = {same for same, _ in changes}
    same = False if False in answers else None if None in answers else True
    head = {True: "the same release", False: "not the same release", None: "unknown whether it is the same release"}[
        same
    ]
    sentence = f"{head}: {'; '.join(text for _, text in changes)}"
    return Releases(_shown(before), _shown(after), same, sentence)


def _shown(side: Analysis) -> str:
    """Return the apps with their versions, those of which none is known, and the system."""
    known = [f"{app} {version}" for app, version in side.app_versions.items()]
    unknown = [app for app in side.apps if app not in side.app_versions]
    more = [f"{len(unknown) - _NAMED_APPS} more"] if len(unknown) > _NAMED_APPS else []
    lacking = f"version unknown: {', '.join([*unknown[:_NAMED_APPS], *more])}" if unknown else ""
    return "; ".join(filter(None, (", ".join(known), lacking, _system_text(side.device))))


def _app(app: str, before: str | None, after: str | None) -> tuple[bool | None, str]:
    if before is None or after is None or is_several(before) or is_several(after):
        return None, f"{app} {before or 'unknown'} → {after or 'unknown'}"
    return (True, f"{app} {before}") if release(before) == release(after) else (False, f"{app} {before} → {after}")


def _system(before: Device, after: Device) -> tuple[bool | None, str]:
    """Return whether the system is the same: of one build. One version may have several builds, so it proves no more than that."""
    texts = _system_text(before), _system_text(after)
    change = texts[0] if texts[0] == texts[1] else " → ".join(texts)
    for one, other in ((before.os_name, after.os_name), (before.os_version, after.os_version)):
        if one is not None and other is not None and one != other:
            return False, change
    if before.os_build is None or after.os_build is None:
        return None, change
    return before.os_build == after.os_build, change


def _system_text(device: Device) -> str:
    """Return name, version and build: ``iOS 26.2 (23C55)``; what is missing is said."""
    if device.system is None:
        return "system unknown"
    name = device.os_name or "system"
    if device.os_version is None:
        return f"{name} (version unknown, build {device.os_build or 'unknown'})"
    return f"{name} {device.os_version} ({device.os_build or 'build unknown'})"


def _change(before: int, after: int) -> str:
    if not before:
        return "new"
    if not after:
        return "gone"
    if after == before:
        return "same"
    return "more" if after > before else "fewer"
