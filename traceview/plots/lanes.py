"""Lanes of the timeline: which episodes each one shows, and how they look.

Every lane turns episode tables into shapes: the table's own columns plus `who` (bundle id, else process), `look` (key
of `Lane.looks`), `begin` and `finish` (never null: open ends lie at the edge of the shown span).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import polars as pl

from traceview.episodes.schema import TIME, Episodes
from traceview.plots.theme import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SEVERITY,
    SKY,
    VERMILLION,
    Look,
)
from traceview.rules.registry import Finding
from traceview.visible import visible
from traceview_parsers.trace import Coverage

Span = tuple[datetime, datetime]
OTHER: Final = Look("other", GREY, symbol="circle-open")


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane of the timeline.

    Attributes:
        key: Stable name.
        title: For people.
        looks: Classes of shapes; a value that is not listed is drawn as `OTHER`.
        details: Label and column of each line in the hover text.
        shapes: Builds the shapes.
        per_app: One row for each app.
        instants: Shapes are counted, not measured, where they are binned.
        full: Shapes are as high as their column `value`; what the full height stands for at least. None: all are equal.
    """

    key: str
    title: str
    looks: Mapping[str, Look]
    details: tuple[tuple[str, str], ...]
    shapes: Callable[[Episodes, Span], pl.DataFrame]
    per_app: bool = False
    instants: bool = field(default=False)
    full: float | None = None

    def look(self, key: str) -> Look:
        """Return how the class `key` is drawn."""
        return self.looks.get(key, OTHER)


def finding_ids(findings: Sequence[Finding]) -> list[str]:
    """Return one id for each finding: its fingerprint, numbered from the second with the same fingerprint on."""
    seen: dict[str, int] = {}
    ids = []
    for finding in findings:
        count = seen[finding.fingerprint] = seen.get(finding.fingerprint, 0) + 1
        ids.append(finding.fingerprint if count == 1 else f"{finding.fingerprint}-{count}")
    return ids


def finding_shapes(findings: Sequence[Finding]) -> pl.DataFrame:
    """Return the shapes of findings that have a time; `id` is that of `finding_ids`."""
    rows = [
        {
            "id": identity,
            "who": None if finding.app is None else visible(finding.app),
            "look": finding.severity.name,
            "begin": finding.start,
            "finish": finding.end or finding.start,
            "title": visible(finding.title),
            "rule": finding.rule,
        }
        for identity, finding in zip(finding_ids(findings), findings, strict=True)
        if finding.start is not None
    ]
    text = pl.String()
    columns = {"id": text, "who": text, "look": text, "begin": TIME, "finish": TIME, "title": text, "rule": text}
    return pl.DataFrame(rows, schema=columns)


def coverage_shapes(coverage: Sequence[Coverage]) -> pl.DataFrame:
    """Return the time that each source covers, where it covers any."""
    rows = [
        {
            "who": visible(item.source),
            "look": "covered",
            "begin": item.start_ns,
            "finish": item.end_ns,
            "clock": item.clock,
        }
        for item in coverage
        if item.start_ns is not None and item.end_ns is not None and item.end_ns > item.start_ns
    ]
    text = pl.String()
    return pl.DataFrame(
        rows, schema={"who": text, "look": text, "begin": TIME, "finish": TIME, "clock": text}
    ).with_columns(id=pl.lit(None, dtype=text))


def _shapes(
    table: pl.DataFrame,
    span: Span,
    look: pl.Expr,
    *,
    begin: pl.Expr | None = None,
    finish: pl.Expr | None = None,
) -> pl.DataFrame:
    """Add the common columns; by default the window is (`start`, `end`). Rows without a time have no place."""
    first, last = (pl.lit(edge).cast(TIME) for edge in span)
    begin = pl.coalesce(begin, first) if begin is not None else pl.coalesce("start", first)
    open_end = pl.when(pl.col("end_how") == "capture_edge").then(last).otherwise(begin)
    finish = finish if finish is not None else pl.col("end")
    return table.filter(pl.col("start_how").is_not_null()).with_columns(
        who=pl.coalesce("app", "process"),
        look=look.fill_null("unknown"),
        begin=begin,
        finish=pl.max_horizontal(pl.coalesce(finish, open_end), begin),
    )


def _calls(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Split each call into phases."""
    calls = episodes["calls"]
    begin = pl.coalesce("reported", "start")
    last = pl.coalesce("ended", "end")
    talking = pl.coalesce("connected", "audio_activated")
    pickup = pl.coalesce("answered", talking)
    waiting = pl.when(pl.col("direction") == "outgoing").then(pl.lit("dialling")).otherwise(pl.lit("ringing"))
    phases = [
        _shapes(calls, span, waiting, begin=begin, finish=pl.coalesce(pickup, last)),
        _shapes(
            calls.filter(pl.col("answered").is_not_null()),
            span,
            pl.lit("connecting"),
            begin=pl.col("answered"),
            finish=pl.coalesce(talking, last),
        ),
        _shapes(calls.filter(talking.is_not_null()), span, pl.lit("talking"), begin=talking, finish=last),
    ]
    return pl.concat(phases).filter((pl.col("finish") > pl.col("begin")) | (pl.col("look") == waiting))


def _pushes(episodes: Episodes, span: Span) -> pl.DataFrame:
    begin = pl.coalesce("received", "delivered", "start")
    return _shapes(episodes["pushes"], span, pl.col("outcome"), begin=begin, finish=pl.coalesce("reported", "end"))


def _app_states(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return app states, and the suspensions of apps whose states name none."""
    states = episodes["app_states"]
    known = states.filter(pl.col("state") == "suspended").select("pid").unique()
    lone = episodes["suspensions"].join(known, on="pid", how="anti", nulls_equal=True)
    return pl.concat([_shapes(states, span, pl.col("state")), _shapes(lone, span, pl.lit("suspended"))], how="diagonal")


def _audio_sessions(episodes: Episodes, span: Span) -> pl.DataFrame:
    refused = pl.when(pl.col("refused_error").is_not_null()).then(pl.lit("refused"))
    return _shapes(episodes["audio_sessions"], span, refused.otherwise(pl.col("activated_by")))


def _disturbances(episodes: Episodes, span: Span) -> pl.DataFrame:
    interruptions = _shapes(episodes["interruptions"], span, pl.lit("interruption"))
    routes = _shapes(episodes["route_changes"], span, pl.lit("route"))
    return pl.concat([interruptions, routes], how="diagonal")


def _glitches(episodes: Episodes, span: Span) -> pl.DataFrame:
    return _shapes(episodes["glitches"], span, pl.col("kind"))


def _terminations(episodes: Episodes, span: Span) -> pl.DataFrame:
    kind = pl.col("kind")
    look = pl.when(kind.is_in(["crash", "jetsam", "user"])).then(kind).otherwise(pl.lit("killed"))
    return _shapes(episodes["terminations"], span, look)


def _background_tasks(episodes: Episodes, span: Span) -> pl.DataFrame:
    return _shapes(episodes["background_tasks"], span, pl.col("outcome"))


def _resource_events(episodes: Episodes, span: Span) -> pl.DataFrame:
    return _shapes(episodes["resource_events"], span, pl.col("kind"))


_WHO = ("app", "who")
UNKNOWN: Final = Look("unknown", GREY, symbol="circle-open")

FINDINGS: Final = Lane(
    "findings",
    "Findings",
    SEVERITY,
    (("", "title"), ("rule", "rule"), _WHO),
    lambda _episodes, _span: finding_shapes(()),
    instants=True,
)
"""Findings are no episodes: their shapes come from `finding_shapes`."""

COVERAGE: Final = Lane(
    "coverage",
    "Sources",
    {"covered": Look("covered by a source", "rgba(139,146,156,0.55)")},
    (("", "who"), ("clock", "clock")),
    lambda _episodes, _span: coverage_shapes(()),
)
"""What each source covers; its shapes come from `coverage_shapes`."""

LANES: Final[tuple[Lane, ...]] = (
    Lane(
        "calls",
        "Calls",
        {
            "ringing": Look("ringing", SKY),
            "dialling": Look("dialling", SKY, "/"),
            "connecting": Look("answered, no audio yet", ORANGE, "x"),
            "talking": Look("audio active", GREEN),
        },
        (_WHO, ("direction", "direction"), ("kind", "kind"), ("outcome", "outcome"), ("end", "end_reason")),
        _calls,
    ),
    Lane(
        "pushes",
        "Pushes",
        {
            "reported": Look("led to a call report", GREEN, symbol="triangle-down"),
            "unreported": Look("never reported", RED, "x", "x"),
            "blocked": Look("held back by iOS", VERMILLION, "/", "square"),
            "unknown": Look("outcome unknown", GREY, symbol="triangle-down-open"),
        },
        (
            _WHO,
            ("topic", "topic"),
            ("outcome", "outcome"),
            ("push to report, seconds", "report_latency_s"),
            ("call", "call"),
        ),
        _pushes,
        instants=True,
    ),
    Lane(
        "app_states",
        "App state",
        {
            "foreground": Look("foreground", BLUE),
            "background": Look("background", SKY),
            "suspended": Look("suspended", GREY, "/"),
            "not_running": Look("not running", "rgba(139,146,156,0.25)"),
            "unknown": UNKNOWN,
        },
        (_WHO, ("process id", "pid"), ("role", "role"), ("kept awake by", "kept_awake_by")),
        _app_states,
        per_app=True,
    ),
    Lane(
        "audio_sessions",
        "Audio session",
        {
            "callkit": Look("activated by CallKit", GREEN),
            "app": Look("activated by the app", PURPLE),
            "unknown": Look("activated by: unknown", GREY),
            "refused": Look("activation refused", RED, symbol="x-thin-open"),
        },
        (
            _WHO,
            ("session", "session_id"),
            ("category", "category"),
            ("mode", "mode"),
            ("refused with", "refused_error"),
            ("stopped by", "stopped_by"),
        ),
        _audio_sessions,
        per_app=True,
    ),
    Lane(
        "disturbances",
        "Interruptions, routes",
        {
            "interruption": Look("interruption", VERMILLION, "x", "square"),
            "route": Look("route change", BLUE, symbol="diamond-open"),
        },
        (
            _WHO,
            ("by", "interrupter"),
            ("from", "previous_route"),
            ("to", "route"),
            ("reason", "reason"),
        ),
        _disturbances,
        instants=True,
    ),
    Lane(
        "glitches",
        "Glitches",
        {
            "overload": Look("IO overload", VERMILLION, symbol="triangle-up"),
            "io_failed": Look("IO failed", RED, symbol="x"),
            "io_restart": Look("IO restart", ORANGE, symbol="diamond"),
            "format_change": Look("format change", BLUE, symbol="circle-open"),
            "stalled": Look("stalled", PURPLE, symbol="square"),
            "media_services_reset": Look("media services reset", RED, symbol="star"),
        },
        (
            _WHO,
            ("count", "count"),
            ("peak in 10 s", "peak_per_10s"),
            ("device", "device"),
            ("app was", "app_state"),
            ("likely cause", "cause"),
        ),
        _glitches,
        instants=True,
    ),
    Lane(
        "terminations",
        "Terminations",
        {
            "killed": Look("killed by iOS", RED, symbol="x"),
            "crash": Look("crash", VERMILLION, symbol="cross"),
            "jetsam": Look("out of memory (jetsam)", ORANGE, symbol="square"),
            "user": Look("by the user", GREY, symbol="circle"),
        },
        (_WHO, ("kind", "kind"), ("code", "code"), ("explanation", "explanation"), ("app was", "app_state")),
        _terminations,
        instants=True,
    ),
    Lane(
        "background_tasks",
        "Background tasks",
        {
            "ended": Look("ended in time", GREEN),
            "overrun": Look("overrun: iOS warned", ORANGE, "/"),
            "expired": Look("expired", VERMILLION, "x"),
            "killed": Look("killed", RED, "x"),
            "open": Look("never ended in the capture", GREY),
        },
        (_WHO, ("name", "name"), ("outcome", "outcome"), ("held in the background, seconds", "background_held_s")),
        _background_tasks,
        per_app=True,
    ),
    Lane(
        "resource_events",
        "CPU, memory, thermal",
        {
            "cpu": Look("CPU", VERMILLION, symbol="triangle-up"),
            "wakeups": Look("wakeups", SKY, symbol="triangle-down"),
            "memory": Look("memory", ORANGE, symbol="square"),
            "disk": Look("disk", BLUE, symbol="diamond"),
            "thermal": Look("thermal", RED, symbol="star"),
            "power": Look("power", PURPLE, symbol="circle"),
        },
        (_WHO, ("level", "level"), ("value", "value"), ("limit", "limit"), ("fatal", "fatal")),
        _resource_events,
        instants=True,
    ),
)
"""Lanes of episodes, top to bottom; `FINDINGS` stands above them."""
