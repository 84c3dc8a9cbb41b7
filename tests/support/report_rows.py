"""Rows of the synthetic analysis that tests of reports, plots and redaction use: invented apps, people and calls."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from traceview.analysis import LINE_SCHEMA
from traceview.episodes.schema import EPISODES, empty_episodes

APP = "com.acme.voip"
MUSIC = "com.tunes.player"
T0 = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
PREFIXES = {"pushes": "push", "glitches": "glitch"}
SECRETS = (
    "Jane's Phone",
    "F2LXK1ABCDEF",
    "00008110-000A1B2C3D4E5F60",
    "jane.doe@example.org",
    "+49 151 23456789",
    "sip:jane@pbx.example.org",
    "192.168.77.13",
    "2001:db8::42:1",
    "A1B2C3D4-1111-2222-3333-444455556666",
    "/Users/janedoe/",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
)
"""Private values that the rich analysis holds, each in some text."""


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after `T0`."""
    return T0 + timedelta(seconds=seconds)


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return an episode table; ids, edges and evidence are filled in where a row leaves them out."""
    filled = [
        {
            "id": f"{PREFIXES.get(name, name.removesuffix('s'))}-{index}",
            "app": APP,
            "process": "Acme",
            "pid": 512,
            "start_how": "observed",
            "end_how": "observed",
            "evidence": [],
            **row,
        }
        for index, row in enumerate(rows, 1)
    ]
    return pl.DataFrame(filled, schema=EPISODES[name])


def log_lines(messages: Sequence[tuple[float, str, str, str | None]]) -> pl.DataFrame:
    """Return lines (seconds, process, message, signal) with references from 1."""
    rows = [
        {
            "ref": ref,
            "time": at(seconds),
            "time_how": "observed",
            "process": process,
            "pid": 30 + len(process),
            "tid": 0x1F0 + ref,
            "subsystem": f"com.apple.{process}",
            "category": "default",
            "level": "Default",
            "message": message,
            "source": "system_logs.logarchive",
            "position": 1000 + ref,
            "signal": signal,
        }
        for ref, (seconds, process, message, signal) in enumerate(messages, 1)
    ]
    return pl.DataFrame(rows, schema=LINE_SCHEMA)


def episodes() -> dict[str, pl.DataFrame]:
    """Return episode tables: two apps, three calls, and something in most tables."""
    rows: dict[str, list[dict[str, Any]]] = {
        "calls": [
            {
                "start": at(60),
                "end": at(260),
                "call_id": "A1B2C3D4-1111-2222-3333-444455556666",
                "direction": "incoming",
                "provider": APP,
                "kind": "callkit",
                "reported": at(60.4),
                "answered": at(66.1),
                "audio_activated": at(71.9),
                "connected": at(72.3),
                "ended": at(260),
                "end_reason": "remote ended",
                "holds": 1,
                "hold_starts": [at(200)],
                "hold_ends": [at(210)],
                "outcome": "answered",
                "witness": "callkit",
                "evidence": [3, 5],
            },
            {
                "start": at(400),
                "end": at(431),
                "direction": "incoming",
                "kind": "callkit",
                "reported": at(400),
                "ended": at(431),
                "end_reason": "unanswered",
                "holds": 0,
                "outcome": "missed",
                "witness": "callkit",
            },
            {
                "start": at(520),
                "direction": "outgoing",
                "kind": "callkit",
                "reported": at(520),
                "connected": at(524.7),
                "audio_activated": at(521),
                "holds": 0,
                "outcome": "answered",
                "witness": "audio_session",
                "end_how": "capture_edge",
            },
        ],
        "pushes": [
            {
                "start": at(58.2),
                "received": at(58.2),
                "launched": at(58.9),
                "delivered": at(59.3),
                "reported": at(60.4),
                "report_latency_s": 1.1,
                "outcome": "reported",
                "topic": f"{APP}.voip",
                "voip": True,
                "call": "call-1",
            },
            {
                "start": at(300),
                "received": at(300),
                "delivered": at(300.4),
                "outcome": "unreported",
                "topic": f"{APP}.voip",
                "voip": True,
                "end": at(307.6),
                "evidence": [8, 9],
            },
            {"start": at(399.2), "received": at(399.2), "reported": at(400), "outcome": "reported", "voip": True},
        ],
        "app_states": [
            {"start": None, "end": at(10), "state": "foreground", "start_how": "capture_edge"},
            {"start": at(10), "end": at(39), "state": "background"},
            {"start": at(39), "end": at(58.9), "state": "suspended"},
            {"start": at(58.9), "end": at(75), "state": "background"},
            {"start": at(75), "end": at(240), "state": "foreground"},
            {"start": at(240), "end": at(307.6), "state": "background"},
            {"start": at(307.6), "end": at(399.5), "state": "not_running"},
            {"start": at(399.5), "end": None, "state": "background", "end_how": "capture_edge", "pid": 544},
            {"start": at(0), "end": at(160), "state": "background", "app": MUSIC, "process": "Tunes", "pid": 301},
            {"start": at(160), "end": at(600), "state": "suspended", "app": MUSIC, "process": "Tunes", "pid": 301},
        ],
        "audio_sessions": [
            {
                "start": at(67),
                "end": at(67),
                "session_id": "0x6f6a3",
                "category": "PlayAndRecord",
                "mode": "VoiceChat",
                "refused_error": "!pri",
                "activated_by": "app",
                "evidence": [4],
            },
            {
                "start": at(71.9),
                "end": at(300),
                "session_id": "0x6f6a3",
                "category": "PlayAndRecord",
                "mode": "VoiceChat",
                "activated_by": "callkit",
                "in_call_s": 188.1,
                "foreground_s": 165.0,
                "background_s": 63.1,
                "stopped_by": "app",
            },
            {
                "start": at(1),
                "end": at(71.5),
                "app": MUSIC,
                "process": "Tunes",
                "pid": 301,
                "session_id": "0x6f001",
                "category": "MediaPlayback",
                "mode": "Default",
                "activated_by": "app",
                "stopped_by": "interruption",
            },
        ],
        "interruptions": [
            {"start": at(130), "end": at(149), "interrupter": "com.apple.Siri", "resumed": True, "in_call": True}
        ],
        "route_changes": [
            {
                "start": at(s),
                "end": at(s),
                "route": route,
                "previous_route": old,
                "reason": "NewDeviceAvailable",
                "in_call": True,
            }
            for s, old, route in (
                (80, "Receiver", "Speaker"),
                (110, "Speaker", "BluetoothHFP"),
                (151, "BluetoothHFP", "Receiver"),
            )
        ],
        "glitches": [
            {
                "start": at(111),
                "end": at(119),
                "kind": "overload",
                "count": 42,
                "peak_per_10s": 38,
                "device": "VPAUAggregateAudioDevice",
                "in_call": True,
                "app_state": "foreground",
                "cause": "cpu",
                "cause_confidence": 0.7,
                "evidence": [6, 7],
            },
            {
                "start": at(200),
                "end": at(200.2),
                "kind": "stalled",
                "count": 1,
                "in_call": True,
                "cause": "unknown",
            },
        ],
        "terminations": [
            {
                "start": at(307.6),
                "end": at(307.6),
                "kind": "push_unreported",
                "namespace": "10",
                "code": "0xbaadca11",
                "explanation": "did not report a call after a VoIP push",
                "app_state": "background",
                "evidence": [10],
            }
        ],
        "background_tasks": [
            {"start": at(10), "end": at(38), "task_id": "3", "name": "upload", "outcome": "overrun", "held_s": 28.0},
            {"start": at(12), "end": at(14), "task_id": "4", "name": "sync", "outcome": "ended", "held_s": 2.0},
            {"start": at(241), "end": at(260), "task_id": "9", "name": "cdr", "outcome": "ended", "held_s": 19.0},
        ],
        "resource_events": [
            {"start": at(112), "kind": "cpu", "level": "warning", "value": 92.0, "limit": 50.0, "fatal": False},
            {"start": at(118), "kind": "thermal", "level": "serious", "app": None, "process": None, "pid": None},
        ],
    }
    return {**empty_episodes(), **{name: table(name, content) for name, content in rows.items()}}


_MESSAGES: list[tuple[float, str, str, str | None]] = [
    (58.2, "apsd", "Received push for topic com.acme.voip.voip from 2001:db8::42:1", "push-received"),
    (58.9, "runningboardd", "Launching application<com.acme.voip> because of push", "process-launched"),
    (
        60.4,
        "callservicesd",
        "Reported call A1B2C3D4-1111-2222-3333-444455556666 from +49 151 23456789",
        "call-reported",
    ),
    (67.0, "mediaserverd", "sid:0x6f6a3, Acme(512) activation failed '!pri'", "audio-session-refused"),
    (71.9, "callservicesd", "Activated audio session for sip:jane@pbx.example.org", "audio-session-activated"),
    (111.2, "Acme", "HALC_ProxyIOContext::IOWorkLoop: skipping cycle due to overload", "io-overload"),
    (118.7, "Acme", "HALC_ProxyIOContext::IOWorkLoop: skipping cycle due to overload", "io-overload"),
    (300.0, "apsd", "Received push for topic com.acme.voip.voip from 192.168.77.13", "push-received"),
    (300.4, "callservicesd", "Delivered push to jane.doe@example.org's app on Jane's Phone", "push-delivered"),
    (307.6, "runningboardd", "Terminating process 512 with code 0xbaadca11, serial F2LXK1ABCDEF", "process-terminated"),
    (300.9, "Acme", "</td><script>alert(1)</script> <img src=x onerror=alert(2)> {{ 7*7 }}", None),
    (301.3, "Acme", "user said \u202edesrever\u202c and \x00 NUL, file:///Users/janedoe/x.txt", None),
    (302.0, "Acme", "token 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 ok", None),
    (112.4, "kernel", "Acme[512] exceeded its CPU budget, device 00008110-000A1B2C3D4E5F60", "resource-cpu"),
]


def lines() -> pl.DataFrame:
    """Return the log lines that the episodes and findings refer to, among many others."""
    filler = [
        (60.0 + index * 0.9, "SpringBoard", f"Scene update {index} finished without changes", None)
        for index in range(280)
    ]
    return log_lines([*_MESSAGES, *filler]).sort("time")
