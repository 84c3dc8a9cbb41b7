"""PowerLog's tables as events: witnesses like log lines, days longer than most logs.

What a table cannot tell is left out: a route row names no app, a call row no direction. Calls are noted in whole
seconds, pushes in batches of minutes (both seen in a real file of iPadOS 15.0.2), so pushes get a confidence at which
nothing is joined by their time.
"""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl
from msgspec import Struct

from traceview.signals.vocabulary import EVENT_SCHEMA
from traceview_parsers.schema import REF_POSITION_BITS

Tables = Mapping[str, pl.DataFrame]

PRINTER: Final = "PerfPowerServices"
"""The daemon that writes PowerLog."""
SIGNAL_PREFIX: Final = "powerlog."
_STATES: Final = {
    "terminated": "terminated",
    "suspended": "suspended",
    "background": "background-running",
    "foreground": "foreground-running",
    "obscured": "foreground-obscured",
}
"""PowerLog's app states in the words of other witnesses; unknown and process server claim nothing."""
_LOW_POWER: Final = "com.apple.system.lowpowermode"
_CALLS: Final = {"callStart": "call.running", "callStop": "call.ended"}
_CALL_CATEGORY: Final = "PhoneCall"
"""Output category while the device routes the audio of a call."""
_PLAYBACK: Final = {"AudioPlayback_Start": "audio_io.started", "AudioPlayback_Stop": "audio_io.stopped"}
_PUSH_CONFIDENCE: Final = 0.3
"""Heuristic: far below what episodes join by time."""


_ROW_BITS: Final = 32
"""Low bits of a PowerLog row's ``ref``: its row id in the file."""
_ONE_BOOT: Final = pl.duration(seconds=30)
"""Heuristic: boot times closer together than this are one boot, told again after the clock was set."""


class _Apps(Struct, frozen=True):
    """What the whole file knows of bundles.

    Attributes:
        apps: Bundle ids of apps (not of extensions).
        hosts: ``bundle`` of an extension, ``host_bundle`` of its app.
    """

    apps: pl.Series
    hosts: pl.DataFrame


def powerlog_events(tables: Tables, of_log: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the events that PowerLog's tables tell (`EVENT_SCHEMA`), by time; ``signal`` is ``powerlog.<table>``.

    Args:
        tables: Tables ``power_*`` and ``clock_steps``; those that are missing tell nothing.
        of_log: Events of the log: where it knows the boot of a time, PowerLog's events of that boot get its UUID.
    """
    known = _apps(tables)
    frames = []
    for name, build in _BUILDERS.items():
        if name in tables and tables[name].height:
            frame = _sorted(tables[name].filter(pl.col("time").is_not_null()))
            found = _complete(build(frame, known), name)
            frames.append(
                found.unique([one for one in found.columns if one != "ref"], keep="first", maintain_order=True)
            )
    events = pl.concat(frames) if frames else pl.DataFrame(schema=EVENT_SCHEMA)
    return _with_boots(events.sort("time", "ref"), tables.get("power_device"), of_log)


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows by source, then time: changes are told from the row before of the same file."""
    source = (pl.col("ref") // (1 << REF_POSITION_BITS)).alias("source")
    return frame.with_columns(source).sort("source", "time", "ref")


def _complete(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    name = table.removeprefix("power_")
    row = pl.col("ref") % (1 << _ROW_BITS)
    named = frame.with_columns(
        pl.lit(SIGNAL_PREFIX + name).alias("signal"),
        pl.lit(PRINTER).alias("process"),
        pl.format("PowerLog {} row {}: {}", pl.lit(name), row, pl.col("message")).alias("message"),
    )
    missing = [pl.lit(None, kind).alias(name) for name, kind in EVENT_SCHEMA.items() if name not in named.columns]
    return named.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())


def _events(
    rows: pl.DataFrame, kind: str | pl.Expr, confidence: float, message: pl.Expr, **fields: pl.Expr
) -> pl.DataFrame:
    return rows.select(
        "ref",
        "time",
        (pl.lit(kind) if isinstance(kind, str) else kind).alias("kind"),
        pl.lit(confidence).alias("confidence"),
        message.alias("message"),
        **fields,
    )


def _words(*parts: pl.Expr) -> pl.Expr:
    """Join the parts that are set with blanks."""
    return pl.concat_str(parts, separator=" ", ignore_nulls=True)


def _apps(tables: Tables) -> _Apps:
    installed = tables.get("power_apps")
    if installed is None:
        return _Apps(
            pl.Series("bundle", [], pl.String), pl.DataFrame(schema={"bundle": pl.String, "host_bundle": pl.String})
        )
    hosts = installed.filter(pl.col("host").is_not_null() & pl.col("bundle").is_not_null())
    apps = installed.filter(pl.col("host").is_null())["bundle"].drop_nulls().unique()
    return _Apps(apps, hosts.select("bundle", host_bundle="host").unique("bundle", keep="first", maintain_order=True))


def _app_states(rows: pl.DataFrame, known: _Apps) -> pl.DataFrame:
    """States of apps; of extensions and services too, which are no apps. An end tells no reason."""
    told = rows.filter(pl.col("state").is_in(list(_STATES))).join(
        known.hosts, on="bundle", how="left", maintain_order="left"
    )
    state = pl.col("state")
    visible = state.is_in(["foreground", "obscured"])
    kind = (
        pl.when(state == "terminated")
        .then(pl.lit("process.exited"))
        .when(~pl.col("bundle").is_in(known.apps.implode()))
        .then(pl.lit("process.state"))
        .when(visible)
        .then(pl.lit("app.foreground"))
        .otherwise(pl.lit("app.background"))
    )
    who = _words(pl.col("bundle"), pl.format("[{}]", pl.col("pid")), pl.col("state"))
    return _events(
        told,
        kind,
        0.9,
        _words(who, pl.format("(State {})", pl.col("state_code"))),
        bundle=pl.col("bundle"),
        subject_pid=pl.col("pid"),
        host_bundle=pl.col("host_bundle"),
        state=state.replace_strict(_STATES),
    )


def _process_ids(rows: pl.DataFrame, known: _Apps) -> pl.DataFrame:
    """Who has which pid, of apps: daemons are named by their own lines."""
    apps = rows.filter(pl.col("bundle").is_in(known.apps.implode()) & pl.col("pid").is_not_null())
    return _events(
        apps,
        "process.identity",
        0.9,
        _words(pl.format("{}[{}] is", pl.col("process").fill_null("process "), pl.col("pid")), pl.col("bundle")),
        bundle=pl.col("bundle"),
        subject=pl.col("process"),
        subject_pid=pl.col("pid"),
    )


def _calls(rows: pl.DataFrame, _known: _Apps) -> pl.DataFrame:
    return _events(
        rows.filter(pl.col("status").is_in(list(_CALLS))),
        pl.col("status").replace_strict(_CALLS),
        0.9,
        _words(pl.col("status"), pl.coalesce("bundle", "provider"), pl.lit("(whole seconds)")),
        bundle=pl.col("bundle"),
        provider=pl.col("provider"),
    )


def _pushes(rows: pl.DataFrame, known: _Apps) -> pl.DataFrame:
    """Pushes of apps and of system services; a topic is a bundle only where an app has it."""
    app = pl.col("bundle").is_in(known.apps.implode()) | pl.lit(known.apps.is_empty())
    return _events(
        rows,
        "push.received",
        _PUSH_CONFIDENCE,
        _words(pl.lit("push for"), pl.col("topic"), pl.lit("noted in a batch: received within minutes of this time")),
        bundle=pl.when(app).then(pl.col("bundle")),
        topic=pl.col("topic"),
    )


def _exits(rows: pl.DataFrame, _known: _Apps) -> pl.DataFrame:
    """Ends of processes; that the numbers are xnu's namespaces and codes is likely, not documented."""
    return _events(
        rows,
        "process.exited",
        0.8,
        _words(
            pl.coalesce("process", "bundle"),
            pl.format("[{}]", pl.col("pid")),
            pl.lit("exited"),
            pl.coalesce("namespace", pl.col("namespace_code").cast(pl.String)),
            pl.col("code"),
        ),
        bundle=pl.col("bundle"),
        subject=pl.col("process"),
        subject_pid=pl.col("pid"),
        namespace=pl.col("namespace"),
        code=pl.col("code"),
    )


def _audio_app(rows: pl.DataFrame, _known: _Apps) -> pl.DataFrame:
    return _events(
        rows.filter(pl.col("operation").is_in(list(_PLAYBACK))),
        pl.col("operation").replace_strict(_PLAYBACK),
        0.7,
        _words(pl.col("operation"), pl.col("process"), pl.format("[{}]", pl.col("pid")), pl.col("route")),
        subject=pl.col("process"),
        subject_pid=pl.col("pid"),
        route=pl.col("route"),
        playing=pl.col("operation") == "AudioPlayback_Start",
    )


def _routes(rows: pl.DataFrame, _known: _Apps) -> pl.DataFrame:
    """Changes of the route of the whole device, and the calls that it is for; rows that only repeat it are snapshots."""
    before = pl.col("route").shift(1).over("source")
    changed = rows.with_columns(before.alias("before")).filter(pl.col("route") != pl.col("before"))
    routes = _events(
        changed,
        "audio_session.route_changed",
        0.8,
        pl.format("route {} (was {})", pl.col("route"), pl.col("before")),
        route=pl.col("route"),
        previous_route=pl.col("before"),
    )
    in_call = (pl.col("category") == _CALL_CATEGORY) & pl.col("active").fill_null(value=True)
    told = rows.with_columns(in_call.fill_null(value=False).alias("calling"))
    turned = told.filter(pl.col("calling") != pl.col("calling").shift(1, fill_value=False).over("source"))
    calls = _events(
        turned,
        pl.when("calling").then(pl.lit("call.running")).otherwise(pl.lit("call.ended")),
        0.8,
        _words(
            pl.lit("audio routing"),
            pl.col("category"),
            pl.when("calling").then(pl.lit("begins")).otherwise(pl.lit("is over")),
        ),
        route=pl.col("route"),
        subject_pid=pl.when("calling").then(pl.col("active_pid")),
    )
    return pl.concat([routes, calls], how="diagonal")


def _thermal(rows: pl.DataFrame, _known: _Apps) -> pl.DataFrame:
    """Pressure where it changes; nominal (0) only behind a pressure."""
    level = pl.coalesce("pressure_level", "thermal_level")
    before = pl.col("level").shift(1, fill_value=0).over("source")
    changed = rows.with_columns(level.alias("level")).drop_nulls("level").filter(pl.col("level") != before)
    return _events(
        changed,
        "resource.thermal",
        0.9,
        pl.format("thermal pressure {}", pl.col("level")),
        reason=pl.lit("thermal pressure"),
        value=pl.col("level"),
    )


def _modes(rows: pl.DataFrame, _known: _Apps) -> pl.DataFrame:
    """Low Power Mode switched on or off; at the begin of a file only if on."""
    low_power = rows.filter(pl.col("mode") == _LOW_POWER)
    switched = low_power.filter(pl.col("value") != pl.col("value").shift(1, fill_value=0).over("source"))
    state = pl.when(pl.col("value") != 0).then(pl.lit("on")).otherwise(pl.lit("off"))
    return _events(
        switched,
        "resource.power",
        0.9,
        _words(pl.lit("Low Power Mode"), state),
        reason=_words(pl.lit("low power mode"), state),
        active=pl.col("value") != 0,
    )


def _clock_steps(rows: pl.DataFrame, _known: _Apps) -> pl.DataFrame:
    set_ = rows.filter(pl.col("step_s").fill_null(0.0) != 0)
    return _events(
        set_,
        "system.clock",
        0.9,
        pl.format("the wall clock was set by {} s", pl.col("step_s").round(3)),
        reason=pl.lit("wall clock adjusted"),
        value=pl.col("step_s"),
    )


_BUILDERS: Final[dict[str, Callable[[pl.DataFrame, _Apps], pl.DataFrame]]] = {
    "power_app_states": _app_states,
    "power_process_ids": _process_ids,
    "power_process_exits": _exits,
    "power_call_service": _calls,
    "power_received_pushes": _pushes,
    "power_audio_app": _audio_app,
    "power_audio_routing": _routes,
    "power_thermal": _thermal,
    "power_modes": _modes,
    "clock_steps": _clock_steps,
}

TABLES: Final = (*_BUILDERS, "power_apps", "power_device")
"""Tables that `powerlog_events` reads."""
LANE_TABLES: Final = (
    *("power_app_run_time", "power_coalition", "power_network_use", "power_battery", "power_now_playing"),
    *("power_screen", "power_lock", "power_location_clients", "power_background_tasks"),
)
"""Tables that make no events but tell how much an app used, and what the device did meanwhile."""


def kinds_in_full(events: pl.DataFrame) -> frozenset[str]:
    """Return the kinds of event that PowerLog would tell if they happened, of events from `powerlog_events`.

    App states and exits with their reasons are noted one and all. Of calls, pushes and audio it knows a part; that
    nothing more is told of them proves nothing.
    """
    states = (pl.col("signal") == "powerlog.app_states") & (pl.col("kind") != "process.exited")
    full = events.filter(states | (pl.col("signal") == "powerlog.process_exits"))
    return frozenset(full["kind"].unique().to_list())


def _with_boots(events: pl.DataFrame, device: pl.DataFrame | None, of_log: pl.DataFrame | None) -> pl.DataFrame:
    """Give each event its boot: the log's UUID where the log has lines of that boot, else PowerLog's time of boot.

    Pids mean something within one boot only.
    """
    if device is None or device["boot_time"].drop_nulls().is_empty():
        return events
    boots = device.select(pl.col("boot_time").alias("booted")).drop_nulls().unique().sort("booted")
    label = pl.concat_str(pl.lit("PowerLog boot "), pl.col("booted").dt.strftime("%FT%TZ"))
    again = (pl.col("booted").diff() <= _ONE_BOOT).fill_null(value=False)
    boots = boots.filter(~again).with_columns(label.alias("label"))
    if of_log is not None:
        lines = of_log.select("time", "boot_uuid").drop_nulls().sort("time")
        seen = lines.join_asof(boots, left_on="time", right_on="booted", strategy="backward")
        uuids = (
            seen.drop_nulls("booted").group_by("booted").agg(pl.col("boot_uuid").mode().sort().first().alias("uuid"))
        )
        boots = boots.join(uuids, on="booted", how="left").with_columns(pl.coalesce("uuid", "label").alias("label"))
    told = events.join_asof(boots.sort("booted"), left_on="time", right_on="booted", strategy="backward")
    return told.with_columns(pl.col("label").alias("boot_uuid")).select(list(EVENT_SCHEMA))
