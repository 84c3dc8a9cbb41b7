"""Columns of every episode table: the only place where they are defined.

All tables start with the same columns. Times are UTC nanoseconds; an open end is null with ``end_how`` =
``capture_edge``. ``*_how`` is ``observed`` (a line says so), ``inferred`` (follows from other lines) or
``capture_edge`` (the capture begins or ends inside the window: the true edge lies outside; the start is then the first
line that proves the window). ``evidence`` holds the ``ref`` of the lines that the row rests on, earliest first: at most
20, the first 12 and the last 8 where there are more.
"""

from typing import Final

import polars as pl

TIME: Final = pl.Datetime("ns", "UTC")
HOW: Final = pl.String()  # observed, inferred, capture_edge

COMMON: Final[dict[str, pl.DataType]] = {
    "id": pl.String(),  # table prefix and ordinal: call-1, suspension-3
    "app": pl.String(),  # bundle id; null where no witness names it
    "process": pl.String(),  # process name; null where unknown
    "pid": pl.Int64(),
    "start": TIME,
    "end": TIME,
    "start_how": HOW,
    "end_how": HOW,
    "evidence": pl.List(pl.UInt64()),
}

_SPECIFIC: Final[dict[str, dict[str, pl.DataType]]] = {
    "processes": {
        "boot_uuid": pl.String(),
        "launch_reason": pl.String(),
        "is_app": pl.Boolean(),  # an app (not a daemon or an extension)
        "host_app": pl.String(),  # bundle id of the app that an extension or XPC service belongs to
        "exit_code": pl.String(),
    },
    "app_states": {
        "state": pl.String(),  # foreground, background, suspended, not_running
        "role": pl.String(),
        "contradicted_by": pl.List(pl.UInt64()),  # lines of other witnesses that say otherwise
    },
    "suspensions": {
        "kept_awake_by": pl.String(),  # what held the app in the background before, if known
        "grace_s": pl.Float64(),  # from background to suspension
        "ended_by": pl.String(),  # resumed, terminated, or null
        "in_call": pl.Boolean(),
    },
    "background_tasks": {
        "task_id": pl.String(),
        "name": pl.String(),
        "outcome": pl.String(),  # ended, overrun (iOS warned), expired (assertion timed out), killed, open
        "held_s": pl.Float64(),
        "background_held_s": pl.Float64(),  # part of held_s that the app spent outside the foreground
    },
    "assertions": {
        "assertion_id": pl.String(),
        "name": pl.String(),
        "originator": pl.String(),
        "originator_pid": pl.Int64(),
        "end_reason": pl.String(),
    },
    "pushes": {
        "push_id": pl.String(),
        "topic": pl.String(),
        "voip": pl.Boolean(),
        "received": TIME,
        "launched": TIME,  # the push launched or opened the app
        "delivered": TIME,
        "reported": TIME,  # the app reported a call
        "report_latency_s": pl.Float64(),  # delivered (else received) to reported
        "outcome": pl.String(),  # reported, unreported, blocked, unknown
        "call": pl.String(),  # id in calls
    },
    "calls": {
        "call_id": pl.String(),
        "direction": pl.String(),  # incoming, outgoing
        "provider": pl.String(),
        "kind": pl.String(),  # callkit, cellular, facetime, unknown
        "reported": TIME,
        "answered": TIME,
        "audio_activated": TIME,
        "connected": TIME,
        "ended": TIME,
        "end_reason": pl.String(),
        "holds": pl.Int64(),
        "outcome": pl.String(),  # answered, missed, declined, failed, unknown
        "witness": pl.String(),  # callkit, audio_session, powerlog: the strongest that names the call
    },
    "audio_sessions": {
        "session_id": pl.String(),
        "category": pl.String(),
        "mode": pl.String(),
        "options": pl.String(),
        "activated_by": pl.String(),  # app, callkit, unknown
        "refused_error": pl.String(),  # set: the activation was refused and the window has no length
        "in_call_s": pl.Float64(),
        "foreground_s": pl.Float64(),
        "background_s": pl.Float64(),
        "io_started": TIME,
        "stopped_by": pl.String(),  # app, callkit, system_suspended, interruption, process_exit, unknown
        "background_denied": TIME,  # active while the audio server said that the app may not play in the background
    },
    "interruptions": {
        "session_id": pl.String(),
        "interrupter": pl.String(),
        "reason": pl.String(),
        "resumed": pl.Boolean(),  # the session was active again afterwards
        "in_call": pl.Boolean(),
    },
    "route_changes": {
        "session_id": pl.String(),
        "route": pl.String(),
        "previous_route": pl.String(),
        "reason": pl.String(),
        "in_call": pl.Boolean(),
    },
    "glitches": {
        "kind": pl.String(),  # overload, io_failed, io_restart, format_change, stalled, media_services_reset
        "count": pl.Int64(),
        "peak_per_10s": pl.Int64(),
        "device": pl.String(),
        "in_call": pl.Boolean(),
        "app_state": pl.String(),
        "cause": pl.String(),  # cpu, thermal, route_change, interruption, suspension, memory, unknown
        "cause_confidence": pl.Float64(),
        "cause_evidence": pl.List(pl.UInt64()),
    },
    "resource_events": {
        "kind": pl.String(),  # cpu, wakeups, memory, disk, thermal, power
        "level": pl.String(),
        # CPU seconds, wake-ups or bytes within the window; a level for thermal and power
        "value": pl.Float64(),
        "limit": pl.Float64(),  # in the unit of `value`
        "fatal": pl.Boolean(),
    },
    "terminations": {
        # crash, watchdog, lock_held, push_unreported, background_task, resumed_too_often, cpu, jetsam, thermal, disk,
        # resource, user (swiped away), debug (a developer's switch), launch_failed, service_owner_exited, normal_exit,
        # unknown
        "kind": pl.String(),
        "namespace": pl.String(),
        "code": pl.String(),  # lower-case hexadecimal, 0x8badf00d
        "explanation": pl.String(),
        "app_state": pl.String(),
        "in_call": pl.Boolean(),
    },
}

EPISODES: Final[dict[str, dict[str, pl.DataType]]] = {
    table: {**COMMON, **columns} for table, columns in _SPECIFIC.items()
}
"""Schema of each episode table."""

Episodes = dict[str, pl.DataFrame]
"""All episode tables by name."""


def empty_episodes() -> Episodes:
    """Return all tables without rows."""
    return {table: pl.DataFrame(schema=columns) for table, columns in EPISODES.items()}
