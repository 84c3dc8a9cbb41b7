"""Lanes of the timeline: which episodes each one shows, and how they look.

What a shape is: `shapes.py`.
"""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl
from msgspec import Struct, field

from traceview.episodes.schema import Episodes
from traceview.plots import shapes
from traceview.plots.call_phases import call_shapes
from traceview.plots.shapes import Span
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

OTHER: Final = Look("other", GREY, symbol="circle-open")


class Lane(Struct, frozen=True):
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


_WHO = ("app", "who")
UNKNOWN: Final = Look("unknown", GREY, symbol="circle-open")

FINDINGS: Final = Lane(
    "findings",
    "Findings",
    SEVERITY,
    (("", "title"), ("rule", "rule"), _WHO),
    lambda _episodes, _span: shapes.finding_shapes(()),
    instants=True,
)
"""Findings are no episodes: their shapes come from `finding_shapes`."""

COVERAGE: Final = Lane(
    "coverage",
    "Sources",
    {"covered": Look("covered by a source", "rgba(139,146,156,0.55)")},
    (("", "who"), ("clock", "clock")),
    lambda _episodes, _span: shapes.coverage_shapes(()),
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
            "talking": Look("audio session active", GREEN),
            "silent": Look("no audio: session not active, interrupted or suspended", GREY, "/"),
            "held": Look("on hold", BLUE, "/"),
            "connected": Look("answered or connected, audio not known", BLUE),
            "unknown": Look("in a call, phase not told", "rgba(139,146,156,0.45)"),
        },
        (_WHO, ("direction", "direction"), ("kind", "kind"), ("outcome", "outcome"), ("end", "end_reason")),
        call_shapes,
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
        shapes.pushes,
        instants=True,
    ),
    Lane(
        "push_to_talk",
        "Push to Talk",
        {
            "channel": Look("channel joined", "rgba(139,146,156,0.25)"),
            "transmission": Look("transmission", GREEN),
        },
        (_WHO, ("channel", "channel_id"), ("to audio, seconds", "activate_s"), ("end", "end_reason")),
        shapes.push_to_talk,
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
        shapes.app_states,
        per_app=True,
    ),
    Lane(
        "background_runs",
        "Kept awake",
        {
            "held": Look("held by what a line names", GREEN),
            "within_budget": Look("within the background budget", SKY),
            "overstayed": Look("nothing held it: should have been suspended", RED, "x"),
            "not_known": Look("what held it is not in the capture", GREY, "/"),
        },
        (
            _WHO,
            ("held by", "holders"),
            ("without a holder, seconds", "uncovered_s"),
            ("ended by", "ended_by"),
        ),
        shapes.background_runs,
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
        shapes.audio_sessions,
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
        shapes.disturbances,
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
            "silence": Look("no audio while the session is active", PURPLE, "/", "circle"),
            "suspension_gap": Look("app suspended while its audio was to run", GREY, "/", "hourglass"),
        },
        (
            _WHO,
            ("count", "count"),
            ("peak in 10 s", "peak_per_10s"),
            ("device", "device"),
            ("app was", "app_state"),
            ("cause", "cause"),
            ("confidence", "cause_confidence"),
            ("for", "facts_for"),
            ("against", "facts_against"),
        ),
        shapes.glitches,
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
        shapes.terminations,
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
        shapes.background_tasks,
        per_app=True,
    ),
    Lane(
        "network",
        "Network",
        {
            "connection_lost": Look("connections lost", VERMILLION, symbol="x"),
            "path_lost": Look("no network", RED, "x", "square"),
            "handover": Look("other interface", BLUE, symbol="diamond"),
            "background_session": Look("background transfer", SKY, symbol="circle"),
            "push_channel_down": Look("push channel down", ORANGE, "/", "triangle-down"),
        },
        (
            _WHO,
            ("interface", "interface"),
            ("before", "previous_interface"),
            ("reason", "reason"),
            ("error", "error"),
            ("lines", "count"),
            ("app was", "app_state"),
        ),
        shapes.network,
        instants=True,
    ),
    Lane(
        "conditions",
        "Heat, Low Power Mode",
        {"thermal": Look("thermal pressure", RED, "/"), "low_power": Look("Low Power Mode", ORANGE)},
        (("level", "level"), ("value", "value")),
        shapes.device_conditions,
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
        shapes.resource_events,
        instants=True,
    ),
)
"""Lanes of episodes, top to bottom; `FINDINGS` stands above them."""
