"""Lanes of other witnesses than the log: rows of the table ``witnesses`` (`traceview.witness.schema`)."""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from traceview.episodes.schema import Episodes
from traceview.plots.lanes import LANES, UNKNOWN, Lane
from traceview.plots.shapes import Span
from traceview.plots.theme import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, VERMILLION, Look

TABLE: Final = "witnesses"
_PREFIX: Final = "witness_"
PALE: Final = "rgba(139,146,156,0.25)"
_TOLD: Final = (("source", "source"), ("its clock", "clock"))
_NAMED: Final = (("route", "route"), ("app", "app"), ("process", "process"), ("process id", "pid"))


def _lane(
    key: str,
    title: str,
    looks: Mapping[str, Look],
    details: tuple[tuple[str, str], ...] = (),
    *,
    per_app: bool = False,
    instants: bool = False,
    full: float | None = None,
) -> Lane:
    every = (("", "text"), *_NAMED, *details, ("", "explanation"), *_TOLD)
    return Lane(f"{_PREFIX}{key}", title, looks, every, _shapes(key), per_app=per_app, instants=instants, full=full)


def _shapes(key: str) -> Callable[[Episodes, Span], pl.DataFrame]:
    def shapes(tables: Episodes, _span: Span) -> pl.DataFrame:
        return tables[TABLE].filter(pl.col("lane") == key).with_columns(
            id=pl.lit(None, pl.String),
            who="app",
            look="kind",
            begin="start",
            finish=pl.coalesce("end", "start"),
            end_how=pl.when(~pl.col("end_known") & (pl.col("end") > pl.col("start"))).then(pl.lit("silent")),
        )  # fmt: skip

    return shapes


_STATES: Final = next(lane.looks for lane in LANES if lane.key == "app_states")

_BESIDE: Final[dict[str, tuple[Lane, ...]]] = {
    "calls": (
        _lane(
            "call",
            "Calls, by PowerLog",
            {
                "call": Look("call", GREEN),
                "callStart": Look("begin of a call", GREEN, symbol="triangle-up"),
                "callStop": Look("end of a call", GREY, symbol="square"),
                "another app": Look("call of another app", SKY, "/", "circle-open"),
            },
        ),
    ),
    "pushes": (
        _lane(
            "push",
            "Pushes, by PowerLog",
            {
                "received": Look("received", BLUE, symbol="triangle-down"),
                "dropped": Look("dropped", VERMILLION, symbol="square"),
            },
            instants=True,
        ),
    ),
    "app_states": (
        _lane("app_state", "State by PowerLog", _STATES, per_app=True),
        _lane(
            "run_time",
            "Run time, by PowerLog",
            {
                "screen": Look("on screen only", SKY),
                "background": Look("in the background", BLUE),
                "audio": Look("in the background, with audio", PURPLE),
            },
            (("seconds in the background", "value"),),
            per_app=True,
            full=3600.0,
        ),
        _lane("differs", "Log and PowerLog differ", {"differs": Look("different states", RED, "x", "x")}),
        _lane(
            "life_cycle",
            "Life cycle, by Instruments",
            {
                "Foreground - Active": Look("foreground, active", BLUE),
                "Background": Look("background", SKY),
                "Suspended": Look("suspended", GREY, "/"),
            },
        ),
    ),
    "background_runs": (
        _lane(
            "assertion",
            "Assertions, by PowerLog",
            {
                "also in the log": Look("the log tells it too", GREEN),
                "PowerLog alone": Look("PowerLog alone tells it", SKY),
            },
            per_app=True,
        ),
    ),
    "audio_sessions": (
        _lane(
            "playback",
            "Playback, by PowerLog",
            {
                "playback": Look("audio is played", PURPLE),
                "now playing": Look("shown as now playing", SKY),
                "AudioPlayback_Start": Look("begin of playback", PURPLE, symbol="triangle-up"),
                "AudioPlayback_Stop": Look("end of playback", GREY, symbol="square"),
            },
        ),
    ),
    "disturbances": (
        _lane(
            "route",
            "Audio route, by PowerLog",
            {
                "Receiver": Look("receiver", GREEN),
                "Speaker": Look("speaker", ORANGE),
                "HeadphonesBT": Look("Bluetooth", BLUE),
                "Headphone": Look("headphones", PURPLE),
                "Headset": Look("headset", PURPLE, "/"),
                "CarAudioOutput": Look("car", VERMILLION),
                "AirPlay": Look("AirPlay", SKY),
                "AirTunes": Look("AirPlay", SKY),
                "inactive": Look("no session is active", PALE),
            },
        ),
    ),
    "glitches": (
        _lane(
            "audio_io",
            "Audio IO cycles",
            {"normal": Look("in time", GREEN), "late": Look("late or overload", RED, symbol="x")},
            (("milliseconds", "value"),),
            instants=True,
        ),
        _lane(
            "hang",
            "Hangs, by Instruments",
            {
                "Potential Interaction Delay": Look("interaction delay", GREY, symbol="circle"),
                "Brief Unresponsiveness": Look("brief", SKY, symbol="circle"),
                "Microhang": Look("microhang", ORANGE, symbol="triangle-up"),
                "Hang": Look("hang", VERMILLION, symbol="square"),
                "Severe Hang": Look("severe hang", RED, symbol="x"),
            },
            (("milliseconds", "value"),),
            instants=True,
        ),
        _lane(
            "runloop",
            "Main run loop busy",
            {"busy": Look("below 250 ms", GREY), "long": Look("250 ms or longer", RED)},
            (("milliseconds", "value"),),
        ),
    ),
    "terminations": (
        _lane(
            "report",
            "Reports",
            {
                "crash": Look("crash", VERMILLION, symbol="cross"),
                "jetsam": Look("jetsam", ORANGE, symbol="square"),
                "cpu": Look("CPU", VERMILLION, symbol="triangle-up"),
                "cpu_fatal": Look("CPU, killed", RED, symbol="x"),
                "wakeups": Look("wakeups", SKY, symbol="triangle-down"),
                "disk_writes": Look("disk writes", BLUE, symbol="diamond"),
                "hang": Look("hang", PURPLE, symbol="star"),
                "launch": Look("slow launch", PURPLE, symbol="diamond-open"),
                "stackshot": Look("stackshot", GREY, symbol="circle-open"),
                "memory": Look("memory", ORANGE, symbol="diamond"),
            },
        ),
        _lane("exit", "Exits, by PowerLog", {"exit": Look("process ended", GREY, symbol="x")}, instants=True),
    ),
    "background_tasks": (_lane("task", "Task runs, by PowerLog", {"run": Look("ran", GREEN)}, per_app=True),),
    "resource_events": (
        _lane(
            "cpu",
            "CPU, by PowerLog",
            {
                "low": Look("below 20 % of a core", SKY),
                "medium": Look("20 to 50 %", BLUE),
                "high": Look("50 to 100 %", ORANGE),
                "over": Look("a core and more", VERMILLION),
            },
            (("percent of a core", "value"),),
            per_app=True,
            full=100.0,
        ),
        _lane(
            "thermal",
            "Thermal state",
            {
                "nominal": Look("nominal", PALE),
                "light": Look("light", SKY),
                "fair": Look("fair", SKY),
                "moderate": Look("moderate", ORANGE),
                "serious": Look("serious", VERMILLION),
                "heavy": Look("heavy", VERMILLION),
                "trapping": Look("trapping", RED, "x"),
                "critical": Look("critical", RED, "x"),
                "sleeping": Look("sleeping", RED, "/"),
                "unknown": UNKNOWN,
            },
        ),
        _lane(
            "network",
            "Network, by PowerLog",
            {
                "wifi": Look("Wi-Fi", SKY),
                "cellular": Look("cellular", PURPLE),
                "both": Look("both", BLUE),
            },
            per_app=True,
            full=1.0,
        ),
        _lane("location", "Location, by PowerLog", {"client": Look("asks for location", GREEN)}, per_app=True),
        _lane(
            "shown",
            "On the display",
            {
                "app": Look("the app", BLUE),
                "another app": Look("another app", SKY),
                "system": Look("lock, passcode or home screen", PALE),
            },
        ),
        _lane("lock", "Screen lock", {"locked": Look("locked", GREY, "/"), "unlocked": Look("unlocked", GREEN)}),
        _lane(
            "device",
            "Device",
            {"asleep": Look("asleep", GREY), "low power mode": Look("low power mode", ORANGE, "/")},
        ),
        _lane(
            "battery",
            "Battery",
            {
                "on battery": Look("on battery", SKY),
                "plugged in": Look("plugged in", GREY),
                "charging": Look("charging", GREEN),
            },
            full=100.0,
        ),
    ),
}
"""Lanes of witnesses by the lane of episodes below which they stand."""

ALL_LANES: Final = tuple(one for lane in LANES for one in (lane, *_BESIDE.get(lane.key, ())))
"""All lanes, top to bottom."""


def lane_key(lane: Lane) -> str:
    """Return what the table ``witnesses`` calls the lane; the lane's own key for lanes of episodes."""
    return lane.key.removeprefix(_PREFIX)
