"""One card for each call: its phases with latencies, and what disturbed it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl
from msgspec import Struct

from traceview.analysis import Analysis
from traceview.episodes.glitch_causes import cause_in_words
from traceview.episodes.schema import TIME
from traceview.plots.lanes import LANES
from traceview.plots.shapes import finding_ids
from traceview.plots.text import duration, plural
from traceview.plots.view import known_span
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moment, Moments
from traceview.report.views.witnesses import during

BAR_WIDTH: Final = 1000
DISTURBANCES: Final = 40
STEPS: Final = (
    ("pushed", "push received"),
    ("launched", "app launched"),
    ("reported", "reported"),
    ("ringing", "ringing"),
    ("answered", "answered"),
    ("audio_activated", "audio activated"),
    ("first_io", "first audio I/O"),
    ("connected", "connected"),
    ("ended", "ended"),
)
LASTING: Final = frozenset({"silence", "suspension_gap", "stalled"})
"""Glitches that are told by how long they lasted, not by how often they came."""
FAULTS: Final = {
    "not_activated": "answered, but CallKit never activated the audio",
    "no_io": "activated, but audio I/O never started",
    "no_input": "one way: no input",
    "no_output": "one way: no output",
}
_CALLS: Final = LANES[0]


class Step(Struct, frozen=True):
    """One step of a call; `after` is the time since the step before."""

    name: str
    time: Moment
    after: str


class Segment(Struct, frozen=True):
    """A phase in the bar, in thousandths of the call."""

    key: str
    name: str
    left: float
    width: float


class Disturbance(Struct, frozen=True):
    """Something that happened in the call; `left` is its place in the bar."""

    time: Moment
    kind: str
    text: str
    left: float


class CallView(Struct, frozen=True):
    """One call; `findings` holds id, severity and title of each finding about it."""

    id: str
    app: str
    outcome: str
    facts: tuple[tuple[str, str], ...]
    window: str
    length: str
    steps: tuple[Step, ...]
    segments: tuple[Segment, ...]
    disturbances: tuple[Disturbance, ...]
    more: int
    findings: tuple[tuple[str, str, str], ...]


class _Window(Struct, frozen=True):
    begin: datetime
    end: datetime

    def place(self, moment: datetime) -> float:
        whole = max((self.end - self.begin).total_seconds(), 1e-6)
        return round(min(max((moment - self.begin).total_seconds() / whole, 0.0), 1.0) * BAR_WIDTH, 2)


def calls_view(analysis: Analysis, moments: Moments, limits: Limits) -> tuple[tuple[CallView, ...], int]:
    """Return the cards by time, and how many calls have none."""
    calls = analysis.episodes["calls"]
    span = known_span(analysis, [*analysis.episodes.values(), analysis.events.select("time")])
    if not calls.height or span is None:
        return (), calls.height
    phases = _CALLS.shapes(analysis.episodes, span)
    chosen = calls.sort(pl.coalesce("reported", "start"), nulls_last=True).head(limits.calls)
    cards = tuple(
        _card(call, phases.filter(pl.col("id") == call["id"]), analysis, moments, limits)
        for call in chosen.iter_rows(named=True)
    )
    return cards, calls.height - len(cards)


def _card(
    call: Mapping[str, Any], phases: pl.DataFrame, analysis: Analysis, moments: Moments, limits: Limits
) -> CallView:
    begins, finishes = phases["begin"].to_list(), phases["finish"].to_list()
    window = _Window(min(begins), max(finishes))
    disturbances = _disturbances(analysis, call, window, moments)
    return CallView(
        id=call["id"],
        app=call["app"] or call["provider"] or "",
        outcome=call["outcome"] or "",
        facts=(*_facts(call), *during(analysis, call["app"], window.begin, window.end)),
        window=moments.permalink(window.begin, window.end),
        length=("at least " if call["start_how"] == "capture_edge" else "")
        + duration((window.end - window.begin).total_seconds()),
        steps=_steps(call, analysis.episodes["pushes"], moments),
        segments=_segments(phases, window),
        disturbances=tuple(disturbances[:DISTURBANCES]),
        more=max(0, len(disturbances) - DISTURBANCES),
        findings=_findings(analysis, call, window, limits),
    )


def _facts(call: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    facts = [
        ("direction", call["direction"]),
        ("kind", call["kind"]),
        ("begin", "not in the capture" if call["start_how"] == "capture_edge" else None),
        ("end", _end(call)),
        ("audio", FAULTS.get(call["audio_fault"], call["audio_fault"])),
        ("holds", _holds(call)),
        ("swaps", str(call["swaps"]) if call["swaps"] else None),
        ("other calls", str(call["other_calls"]) if call["other_calls"] else None),
        ("failed actions", f"{call['failed_actions']}: {call['failed_action']}" if call["failed_actions"] else None),
        ("call id", call["call_id"]),
        ("seen by", call["witness"]),
    ]
    return tuple((name, value) for name, value in facts if value)


def _end(call: Mapping[str, Any]) -> str | None:
    told: str | None = call["end_reason"]
    if call["contradicted_by"]:
        return f"{told or 'time'} ({call['end_how']}, contradicted by later lines)"
    return f"{told or 'time'} (inferred)" if call["end_how"] == "inferred" else told


def _holds(call: Mapping[str, Any]) -> str | None:
    if not call["holds"]:
        return "not known" if call["holds"] is None else None
    return str(call["holds"]) + (f", {duration(call['held_s'])} in all" if call["held_s"] is not None else "")


def _steps(call: Mapping[str, Any], pushes: pl.DataFrame, moments: Moments) -> tuple[Step, ...]:
    delivered = pushes.filter(pl.col("call") == call["id"])["delivered"].drop_nulls().head(1)
    found: list[tuple[datetime, str]] = [(moment, "push delivered") for moment in delivered]
    found += [(call[column], name) for column, name in STEPS if call[column] is not None]
    if call["ended"] is None and call["end"] is not None and call["end_how"] != "capture_edge":
        found.append((call["end"], "ended"))
    inferred = call["end_how"] == "inferred"
    found = [(moment, "ended (inferred)" if inferred and name == "ended" else name) for moment, name in found]
    found.sort(key=lambda pair: pair[0])
    befores: list[datetime | None] = [None, *(moment for moment, _ in found)]
    return tuple(
        Step(name, moments.moment(moment), f"+{duration((moment - before).total_seconds())}" if before else "")
        for before, (moment, name) in zip(befores, found, strict=False)
    )


def _segments(phases: pl.DataFrame, window: _Window) -> tuple[Segment, ...]:
    rows = phases.select("look", "begin", "finish").iter_rows()
    places = [(key, window.place(begin), window.place(finish)) for key, begin, finish in rows]
    return tuple(Segment(key, _CALLS.look(key).name, left, round(right - left, 2)) for key, left, right in places)


def _disturbances(analysis: Analysis, call: Mapping[str, Any], window: _Window, moments: Moments) -> list[Disturbance]:
    found: list[Disturbance] = []
    for table, kind in (("glitches", "glitch"), ("interruptions", "interruption"), ("route_changes", "route")):
        for row in _within(analysis.episodes[table], window, call["app"]).iter_rows(named=True):
            begin = row["start"] or window.begin
            found.append(Disturbance(moments.moment(begin), kind, _WORDS[table](row), window.place(begin)))
    return sorted(found, key=lambda item: item.left)


def _within(table: pl.DataFrame, window: _Window, app: str | None) -> pl.DataFrame:
    begin, end = (pl.lit(edge).cast(TIME) for edge in (window.begin, window.end))
    overlap = (pl.coalesce("start", begin) <= end) & (pl.coalesce("end", "start", end) >= begin)
    mine = pl.col("app").is_null() if app is None else pl.col("app").is_null() | (pl.col("app") == app)
    return table.filter(overlap & mine)


def _glitch(row: Mapping[str, Any]) -> str:
    words = (row["kind"] or "glitch").replace("_", " ")
    if row["kind"] in LASTING and row["start"] is not None and row["end"] is not None:
        words += f" for {duration((row['end'] - row['start']).total_seconds())}"
    else:
        words += f", {plural(row['count'] or 1, 'time')}"
    if (row["peak_per_10s"] or 0) > 1:
        words += f", peak {row['peak_per_10s']} in 10 s"
    cause = cause_in_words(row)
    return f"{words}; {cause}" if cause else words


def _interruption(row: Mapping[str, Any]) -> str:
    words = f"interrupted by {row['interrupter'] or 'an unknown process'}"
    if row["start"] is not None and row["end"] is not None:
        words += f" for {duration((row['end'] - row['start']).total_seconds())}"
    return words if row["resumed"] is None else words + ("" if row["resumed"] else "; audio did not come back")


def _route(row: Mapping[str, Any]) -> str:
    change = " → ".join(part for part in (row["previous_route"], row["route"]) if part) or "changed"
    return f"route {change}" + (f" ({row['reason']})" if row["reason"] else "")


_WORDS: Final = {"glitches": _glitch, "interruptions": _interruption, "route_changes": _route}


def _findings(
    analysis: Analysis, call: Mapping[str, Any], window: _Window, limits: Limits
) -> tuple[tuple[str, str, str], ...]:
    """Return the findings that name the call, or that name no call and lie in its time and app."""
    calls = set(analysis.episodes["calls"]["id"].to_list())
    margin = timedelta(seconds=1)
    about = []
    pairs = list(zip(finding_ids(analysis.findings), analysis.findings, strict=True))
    for identity, finding in pairs[: limits.findings]:
        named = calls.intersection(finding.episodes)
        inside = (
            not named
            and finding.start is not None
            and finding.app in {None, call["app"]}
            and window.begin - margin <= finding.start <= window.end + margin
        )
        if call["id"] in named or inside:
            about.append((identity, finding.severity.name, finding.title))
    return tuple(about)
