"""PowerLog's tables as windows.

Meaning of states, operations and calls: `traceview_parsers.schema_powerlog`. Thermal pressure has the numbers of Darwin's
libkern/OSThermalNotification.h; the numbers of other codes are not documented and stay out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import polars as pl

from traceview.signals.heat import PRESSURE
from traceview.witness.schema import TIME, WITNESS_SCHEMA, windows
from traceview.witness.states import stops, until_next

Tables = Mapping[str, pl.DataFrame]
OTHERS: Final = "all other apps and daemons"
STATES: Final = {
    "terminated": "not_running",
    "suspended": "suspended",
    "background": "background",
    "foreground": "foreground",
    "obscured": "foreground",
}
"""PowerLog's states of an app in the words of the episode table ``app_states``."""
ROUTES: Final = ("Receiver", "Speaker", "HeadphonesBT", "Headphone", "Headset", "CarAudioOutput", "AirPlay", "AirTunes")
"""Routes by type (strings of PerfPowerServices): any other may be the name that a person gave a device."""
_LOW_POWER: Final = "com.apple.system.lowpowermode"
_ACQUIRED: Final = 0
_RELEASED: Final = 4
_PLACES: Final = {
    "com.apple.lock-screen": "lock screen",
    "com.apple.springboard.passcode": "passcode",
    "com.apple.springboard.home-screen": "home screen",
}


def powerlog_windows(tables: Tables, apps: Sequence[str]) -> pl.DataFrame:
    """Return the windows of all PowerLog tables (`WITNESS_SCHEMA` without `source` and `clock`).

    Args:
        tables: Tables ``power_*`` with rows, by name.
        apps: Bundle ids whose rows are wanted; CPU and network of all others are added up.
    """
    stretches = stops(frame["time"] for frame in tables.values())
    parts = [pl.DataFrame(schema=WITNESS_SCHEMA)]
    for name, build in _BUILDERS.items():
        frame = tables.get(name)
        if frame is not None and frame.height:
            parts.append(build(frame, stretches, apps))
    return pl.concat(parts)


def _app_states(frame: pl.DataFrame, stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    own = frame.filter(pl.col("bundle").is_in(apps))
    kind = pl.col("state").replace_strict(STATES, default="unknown", return_dtype=pl.String)
    obscured = pl.when(pl.col("state") == "obscured").then(pl.lit("obscured by something else on screen"))
    return windows(until_next(own, stretches, ["bundle"], ["state", "pid"]), "app_state", app=pl.col("bundle"), kind=kind, text=obscured)  # fmt: skip


def _spent(frame: pl.DataFrame, apps: Sequence[str], values: Sequence[str]) -> pl.DataFrame:
    """Add `values` up by interval: for each app, and for all others together."""
    own = pl.col("bundle").is_in(apps).fill_null(value=False)
    length = (pl.col("end") - pl.col("time")).dt.total_nanoseconds() / 1e9
    return (
        frame.drop_nulls(["time", "end"])
        .with_columns(app=pl.when(own).then("bundle"), process=pl.when(~own).then(pl.lit(OTHERS)))
        .group_by("app", "process", "time", "end", maintain_order=True)
        .agg(pl.col("ref").first(), *(pl.col(name).fill_null(0).sum() for name in values))
        .with_columns(length_s=length)
        .filter(pl.col("length_s") > 0)
        .with_columns(start=pl.col("time"), end_known=pl.lit(value=True))
    )


def _cpu(frame: pl.DataFrame, _stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    spent = _spent(frame, apps, ["cpu_s", "cpu_billed_to_me_s"])
    percent = pl.col("cpu_s") / pl.col("length_s") * 100
    used = pl.format(
        "{} s of CPU in {} s", pl.col("cpu_s").round(2), pl.col("length_s").round(0).cast(pl.Int64, strict=False)
    )
    billed = pl.format("{} s billed to it by daemons", pl.col("cpu_billed_to_me_s").round(2))
    text = pl.concat_str(used, pl.when(pl.col("app").is_not_null()).then(billed), separator="; ", ignore_nulls=True)
    some = pl.when(percent < 20).then(pl.lit("low")).when(percent < 50).then(pl.lit("medium"))
    kind = some.when(percent < 100).then(pl.lit("high")).otherwise(pl.lit("over"))
    return windows(spent.filter(pl.col("cpu_s") > 0), "cpu", value=percent, kind=kind, text=text)


_RUN_TIME: Final = {
    "screen_on_s": "on screen",
    "background_s": "in the background",
    "background_audio_playing_s": "playing audio in the background",
    "background_location_s": "with location in the background",
    "in_call_background_s": "in the background of a call",
}
"""Seconds of a bucket that are told, where they are above zero."""


def _run_time(frame: pl.DataFrame, _stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    """How long the app itself ran in each bucket (an hour, mostly), without what daemons did for it."""
    spent = [pl.col(name).fill_null(0) for name in _RUN_TIME]
    own = frame.filter(
        pl.col("bundle").is_in(apps), pl.col("on_behalf_of").is_null(), pl.any_horizontal(one > 0 for one in spent)
    ).drop_nulls(["time", "end"])
    audible = pl.when(pl.col("background_audio_playing_s") > 0).then(pl.lit("audio"))
    kind = audible.when(pl.col("background_s") > 0).then(pl.lit("background")).otherwise(pl.lit("screen"))
    parts = [pl.when(pl.col(name) > 0).then(pl.format("{} s {}", pl.col(name).round(1), pl.lit(words))) for name, words in _RUN_TIME.items()]  # fmt: skip
    return windows(
        own,
        "run_time",
        app=pl.col("bundle"),
        kind=kind,
        start=pl.col("time"),
        end_known=pl.lit(value=True),
        value=pl.col("background_s").fill_null(0),
        text=pl.concat_str(parts, separator=", ", ignore_nulls=True),
    )


def _now_playing(frame: pl.DataFrame, stretches: pl.DataFrame, _apps: Sequence[str]) -> pl.DataFrame:
    changes = until_next(frame.drop_nulls("bundle"), stretches, ["bundle"], ["playing"])
    return windows(changes.filter("playing"), "playback", app=pl.col("bundle"), kind=pl.lit("now playing"))


def _location(frame: pl.DataFrame, stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    """What the app last asked of locationd; the words are its own."""
    own = frame.filter(pl.col("bundle").is_in(apps)).drop("end")
    changes = until_next(own, stretches, ["bundle", "client"], ["type", "in_use_level"])
    text = pl.concat_str(
        pl.col("type"), pl.format("accuracy {} m", pl.col("accuracy_m").round(0)), separator=", ", ignore_nulls=True
    )
    asked = changes.filter(pl.col("type").str.len_chars() > 0)
    return windows(asked, "location", app=pl.col("bundle"), kind=pl.lit("client"), text=text)


def _network(frame: pl.DataFrame, _stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    spent = _spent(frame, apps, ["wifi_in_bytes", "wifi_out_bytes", "cell_in_bytes", "cell_out_bytes"])
    wifi, cellular = (pl.col(f"{name}_in_bytes") + pl.col(f"{name}_out_bytes") for name in ("wifi", "cell"))
    kind = pl.when(wifi == 0).then(pl.lit("cellular")).when(cellular == 0).then(pl.lit("wifi"))
    text = pl.format(
        "Wi-Fi {} kB in, {} kB out; cellular {} kB in, {} kB out",
        *((pl.col(name) / 1000).round(1) for name in ("wifi_in_bytes", "wifi_out_bytes", "cell_in_bytes", "cell_out_bytes")),
    )  # fmt: skip
    return windows(
        spent.filter(wifi + cellular > 0), "network", value=wifi + cellular, kind=kind.otherwise(pl.lit("both")), text=text
    )  # fmt: skip


def _routes(frame: pl.DataFrame, stretches: pl.DataFrame, _apps: Sequence[str]) -> pl.DataFrame:
    changes = until_next(frame, stretches, [], ["active", "route", "category", "active_pid"])
    known = pl.when(pl.col("route").is_in(ROUTES)).then("route").otherwise(pl.lit("other"))
    active = pl.when(pl.col("active")).then(pl.lit("a session is active")).otherwise(pl.lit("no session is active"))
    text = pl.concat_str(
        pl.format("category {}", "category"),
        pl.when(pl.col("active").is_not_null()).then(active),
        pl.format("Bluetooth {}", "bluetooth_endpoint"),
        separator="; ",
        ignore_nulls=True,
    )
    kind = pl.when(pl.col("active").not_()).then(pl.lit("inactive")).otherwise(known)
    pid = pl.when(pl.col("active_pid") > 0).then("active_pid")
    return windows(changes, "route", kind=kind, text=text, pid=pid)


def _lock(frame: pl.DataFrame, stretches: pl.DataFrame, _apps: Sequence[str]) -> pl.DataFrame:
    kind = pl.when(pl.col("locked")).then(pl.lit("locked")).otherwise(pl.lit("unlocked"))
    return windows(until_next(frame.drop_nulls("locked"), stretches, [], ["locked"]), "lock", kind=kind)


def _shown(frame: pl.DataFrame, stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    """What PowerLog last noted on the display; it does not tell whether the display is lit."""
    place = pl.col("bundle").replace_strict(_PLACES, default=None, return_dtype=pl.String)
    known = pl.when(pl.col("bundle").is_in(apps)).then(pl.lit("app")).when(place.is_not_null()).then(pl.lit("system"))
    changes = until_next(frame.drop_nulls("bundle"), stretches, ["display"], ["bundle"])
    return windows(changes, "shown", kind=known.otherwise(pl.lit("another app")), text=pl.coalesce(place, "bundle"))


def _battery(frame: pl.DataFrame, stretches: pl.DataFrame, _apps: Sequence[str]) -> pl.DataFrame:
    changes = until_next(frame.drop_nulls("level"), stretches, [], ["level", "charging", "external_power"])
    kind = (
        pl.when(pl.col("charging")).then(pl.lit("charging")).when(pl.col("external_power")).then(pl.lit("plugged in"))
    )
    text = pl.format("{} %", pl.col("level").round(0).cast(pl.Int64, strict=False))
    warm = pl.format("{} °C", pl.col("temperature_c").round(1))
    return windows(
        changes,
        "battery",
        value=pl.col("level"),
        kind=kind.otherwise(pl.lit("on battery")),
        text=pl.concat_str(text, warm, separator=", ", ignore_nulls=True),
    )


def _low_power(frame: pl.DataFrame, stretches: pl.DataFrame, _apps: Sequence[str]) -> pl.DataFrame:
    mode = until_next(frame.filter(pl.col("mode") == _LOW_POWER), stretches, [], ["value"])
    return windows(mode.filter(pl.col("value") == 1).drop("value"), "device", kind=pl.lit("low power mode"))


def _asleep(frame: pl.DataFrame, stretches: pl.DataFrame, _apps: Sequence[str]) -> pl.DataFrame:
    asleep = until_next(frame, stretches, [], ["state"]).filter(pl.col("state") == 0)
    return windows(asleep, "device", kind=pl.lit("asleep"))


def _thermal(frame: pl.DataFrame, stretches: pl.DataFrame, _apps: Sequence[str]) -> pl.DataFrame:
    named = pl.col("pressure_level").replace_strict(PRESSURE, default=None, return_dtype=pl.String)
    text = pl.format("thermal level {}, pressure level {}", "thermal_level", "pressure_level")
    changes = until_next(frame, stretches, [], ["thermal_level", "pressure_level"])
    return windows(changes, "thermal", kind=named.fill_null("unknown"), text=text)


def _paired(frame: pl.DataFrame, key: Sequence[str], column: str, begin: str | int, finish: str | int) -> pl.DataFrame:
    """Join each `begin` with a `finish` that follows it at once; rows that stay alone are moments."""
    ordered = frame.drop_nulls("time").sort("time", maintain_order=True)
    following = pl.col(column).shift(-1).over(key) == finish
    before = pl.col(column).shift(1).over(key) == begin
    begins = pl.col(column) == begin
    end = pl.when(begins & following).then(pl.col("time").shift(-1).over(key)).otherwise("time")
    return (
        ordered.with_columns(start=pl.col("time"), end=end, closes=(pl.col(column) == finish) & before.fill_null(value=False))
        .filter(~pl.col("closes"))
        .with_columns(end_known=pl.col("end") > pl.col("start"))
    )  # fmt: skip


def _calls(frame: pl.DataFrame, _stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    whole = _paired(
        frame.with_columns(whose=pl.coalesce("bundle", "provider")), ["whose"], "status", "callStart", "callStop"
    )
    kind = pl.when(pl.col("end_known")).then(pl.lit("call")).otherwise(pl.col("status"))
    text = pl.concat_str(
        pl.col("subtype"), pl.when(pl.col("video")).then(pl.lit("video")), separator=", ", ignore_nulls=True
    )
    own = pl.col("whose").is_in(apps)
    kind = pl.when(own).then(kind).otherwise(pl.lit("another app"))
    return windows(whole, "call", app=pl.col("whose"), kind=kind, text=text)


def _pushes(frame: pl.DataFrame, _stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    own = frame.drop_nulls("time").filter(pl.col("bundle").is_in(apps))
    kind = pl.when(pl.col("dropped")).then(pl.lit("dropped")).otherwise(pl.lit("received"))
    text = pl.concat_str(
        pl.lit("noted in the minutes after it came"),
        pl.format("over {}", "connection"),
        pl.format("priority {}", "priority"),
        separator="; ",
        ignore_nulls=True,
    )
    return windows(own, "push", app=pl.col("bundle"), kind=kind, text=text, start=pl.col("time"), end=pl.col("time"))


def _playback(frame: pl.DataFrame, _stretches: pl.DataFrame, _apps: Sequence[str]) -> pl.DataFrame:
    whole = _paired(frame, ["process", "pid"], "operation", "AudioPlayback_Start", "AudioPlayback_Stop")
    kind = pl.when(pl.col("end_known")).then(pl.lit("playback")).otherwise(pl.col("operation"))
    return windows(whole, "playback", kind=kind, explanation=pl.col("assertion_name"))


def _exits(frame: pl.DataFrame, _stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    own = frame.drop_nulls("time").filter(pl.col("bundle").is_in(apps) | pl.col("bundle").is_null())
    space = pl.coalesce("namespace", pl.format("namespace {}", "namespace_code"))
    text = pl.concat_str(space, pl.format("code {}", "code"), separator=", ", ignore_nulls=True)
    return windows(own, "exit", app=pl.col("bundle"), kind=pl.lit("exit"), text=text, start=pl.col("time"), end=pl.col("time"))  # fmt: skip


def _tasks(frame: pl.DataFrame, _stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    own = frame.drop_nulls("time").filter(pl.col("bundle").is_in(apps))
    text = pl.format("{} s of CPU", "cpu_s")
    return windows(
        own,
        "task",
        app=pl.col("bundle"),
        kind=pl.lit("run"),
        text=text,
        explanation=pl.col("task"),
        start=pl.col("time"),
        end=pl.max_horizontal(pl.coalesce("end", "time"), "time").cast(TIME),
        end_known=pl.col("end").is_not_null(),
    )


def _assertions(frame: pl.DataFrame, _stretches: pl.DataFrame, apps: Sequence[str]) -> pl.DataFrame:
    """RunningBoard's assertions on an app; what the numbers 0 and 4 of `action` mean follows from their order in pairs."""
    frame = frame.filter(pl.col("unique_id").is_in(frame.filter(pl.col("identity").is_in(apps))["unique_id"].implode()))
    whole = _paired(frame, ["unique_id"], "action", _ACQUIRED, _RELEASED).filter(pl.col("identity").is_in(apps))
    told = pl.col("in_log") if "in_log" in whole.columns else pl.lit(value=False)
    kind = pl.when(told).then(pl.lit("also in the log")).otherwise(pl.lit("PowerLog alone"))
    text = pl.concat_str(pl.format("id {}", "assertion_id"), "domain", separator="; ", ignore_nulls=True)
    pid = pl.col("on_behalf_of_pid")
    return windows(
        whole, "assertion", app=pl.col("identity"), pid=pid, kind=kind, text=text, explanation=pl.col("label")
    )


_Build = Callable[[pl.DataFrame, pl.DataFrame, Sequence[str]], pl.DataFrame]
_BUILDERS: Final[dict[str, _Build]] = {
    "power_app_states": _app_states,
    "power_app_run_time": _run_time,
    "power_coalition": _cpu,
    "power_network_use": _network,
    "power_audio_routing": _routes,
    "power_audio_app": _playback,
    "power_now_playing": _now_playing,
    "power_location_clients": _location,
    "power_lock": _lock,
    "power_screen": _shown,
    "power_battery": _battery,
    "power_modes": _low_power,
    "power_sleep_wake": _asleep,
    "power_thermal": _thermal,
    "power_call_service": _calls,
    "power_received_pushes": _pushes,
    "power_process_exits": _exits,
    "power_background_tasks": _tasks,
    "power_assertions": _assertions,
}
POWER_TABLES: Final = tuple(_BUILDERS)
"""Tables that give windows."""
