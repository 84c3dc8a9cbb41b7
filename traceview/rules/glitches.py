"""Glitches: missed audio deadlines, restarts, format changes and flapping routes."""

from collections.abc import Iterator
from typing import Final

import polars as pl

from traceview.episodes.glitch_causes import LOW_POWER, cause_in_words
from traceview.rules import links
from traceview.rules.proofs import calls_around, shortened
from traceview.rules.quotes import marked
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    AUDIO_SERVERS,
    SIMULATOR_PROCESSES,
    Line,
    Row,
    any_of,
    duration,
    finding,
    has_rows,
    is_apple,
    name_of,
    plural,
    rows,
    seen,
    shown,
    wanted,
)
from traceview.rules.windows import busiest, clusters
from traceview.signals.heat import MILD, PRESSURE

_GROUP_GAP_S: Final = 60.0
"""Glitches of one app with shorter pauses between them are told as one finding."""

_OVERLOAD_FIX: Final = (
    "Keep locks, allocation, Objective-C messaging, file access and logging out of the render callback; join your own "
    "real-time threads to the audio unit's workgroup (os_workgroup), ask for a larger buffer with "
    "setPreferredIOBufferDuration(_:), and move video and UI work off while the call runs in the background, where CPU is "
    "throttled."
)


def _audible(inputs: Inputs, condition: pl.Expr) -> list[Row]:
    """Return glitches of apps that matter, and those of the audio server itself (`of_server`), which every app hears."""
    found: list[Row] = []
    for row in rows(inputs, "glitches", condition):
        if (row["app"] is None or is_apple(row["app"])) and row["process"] in AUDIO_SERVERS:
            found.append({**row, "app": None, "process": None, "pid": None, "of_server": True})
        elif wanted(inputs, row):
            found.append({**row, "of_server": False})
    return found


def _who(row: Row) -> str:
    return "the audio server" if row["of_server"] else name_of(row)


def _is_simulator(inputs: Inputs) -> bool:
    return bool(inputs.facts.simulator) or bool(SIMULATOR_PROCESSES & inputs.witnesses)


def _groups(found: list[Row]) -> Iterator[list[Row]]:
    for key in dict.fromkeys((_who(row), bool(row["in_call"])) for row in found):
        about = [row for row in found if (_who(row), bool(row["in_call"])) == key]
        for first, last in clusters([row["start"] for row in about], _GROUP_GAP_S):
            yield about[first:last]


def _overload_severity(inputs: Inputs, peak: int, count: int, *, in_call: bool) -> Severity:
    limits = inputs.thresholds
    if count > limits["critical"] and peak >= limits["high"]:
        severity = Severity.critical
    elif peak >= limits["high"]:
        severity = Severity.high
    else:
        severity = Severity.medium if peak >= limits["medium"] else Severity.low
    return severity if in_call else min(severity, Severity.medium)


def _overload(inputs: Inputs) -> Iterator[Finding]:
    simulator = _is_simulator(inputs)
    for about in _groups(_audible(inputs, pl.col("kind") == "overload")):
        count = sum(row["count"] or 1 for row in about)
        peak = max(row["peak_per_10s"] or 1 for row in about)
        in_call = bool(about[0]["in_call"])
        severity = _overload_severity(inputs, peak, count, in_call=in_call)
        cause = likeliest(about)
        where = " in a call" if in_call else ""
        yield finding(
            "io-overload",
            "G03" if _under_pressure(about) else "G02" if about[0]["of_server"] else "G01",
            Severity.info if simulator else severity,
            about,
            context=calls_around(inputs, about),
            lines=cause_lines(about, cause),
            title=f"Audio of {_who(about[0])} missed {plural(count, 'deadline')}{where} (up to {peak} in 10 s)",
            explanation="The audio thread did not finish a buffer in time, so the hardware skipped it: users hear a click or "
            "a gap for each."
            + cause_sentence(cause)
            + (
                " The log is of a simulator, which prints such lines all the time: no statement about a device."
                if simulator
                else ""
            ),
            advice=_advice(cause),
            confidence=0.3 if simulator else 0.9,
            pattern="in-call" if in_call else "",
            measures={"overload_count": float(count), "peak_per_10s_count": float(peak)},
        )


_SHORT_OF_CPU: Final = frozenset({"cpu", "thermal", "preemption"})


def _under_pressure(about: list[Row]) -> bool:
    """Whether most of the missed deadlines came with a lack of CPU: high load, heat or preemption."""
    pressed = sum(row["count"] or 1 for row in about if row["cause"] in _SHORT_OF_CPU)
    return 2 * pressed > sum(row["count"] or 1 for row in about)


def likeliest(about: list[Row]) -> Row | None:
    """Return the glitch whose cause is the surest, or None where none is known."""
    known = [row for row in about if row["cause"] not in {None, "unknown"}]
    return max(known, key=lambda row: row["cause_confidence"] or 0.0, default=None)


def cause_sentence(glitch: Row | None) -> str:
    """Return `` Most likely cause: …`` with the facts that speak for it, to follow another sentence; or nothing."""
    words = None if glitch is None else cause_in_words(glitch)
    return "" if words is None else f" {marked(words[0].upper() + words[1:], 300, own=True)}."


def cause_lines(about: list[Row], glitch: Row | None) -> list[Line]:
    """Return the lines that tell the facts for the cause of `glitch`, and for the same cause of others in `about`."""
    if glitch is None:
        return []
    alike = [glitch, *(row for row in about if row["cause"] == glitch["cause"])]
    return shortened((row["start"], ref) for row in alike for ref in row["cause_evidence"] or ())


_HEAT_FIX: Final = (
    "The device was hot then, which slows its processor: watch ProcessInfo.thermalState and lower resolution, frame rate and "
    "processing from .serious on."
)
_MILD_HEAT_FIX: Final = (
    "The device was warm then, below the levels at which iOS slows it most: watch ProcessInfo.thermalState and lower "
    "resolution, frame rate and processing from .fair on, since .serious may not have been reached."
)
_LOW_POWER_FIX: Final = (
    "Low Power Mode slows the processor: where ProcessInfo.isLowPowerModeEnabled is true, spend less on each buffer and on "
    "video, and test calls with it."
)
_CAUSE_FIX: Final = {
    "cpu": "Find what used the CPU then (Instruments, Time Profiler and System Trace), and take it away from calls.",
    "thermal": _HEAT_FIX,
    "preemption": "The audio thread was ready and got no core: lower the priority of what competes with it.",
    "memory": "Memory was short then: release caches and video buffers before the call needs them.",
    "route_change": "The route changed then: read the new sample rate and buffer size, and restart the engine once for each "
    "configuration change.",
    "interruption": "An interruption came then: stop audio I/O as it begins and start it again when it ends.",
}


def _advice(glitch: Row | None) -> str:
    """Return what speaks to the cause, then what holds for all missed deadlines."""
    if glitch is None:
        return _OVERLOAD_FIX
    saving = glitch["cause"] == "cpu" and LOW_POWER in (glitch["facts_for"] or "")
    own = _LOW_POWER_FIX if saving else _MILD_HEAT_FIX if _mildly_hot(glitch) else _CAUSE_FIX.get(glitch["cause"])
    return f"{own} {_OVERLOAD_FIX}" if own else _OVERLOAD_FIX


def _mildly_hot(glitch: Row) -> bool:
    """Whether heat is the cause, and none of the levels that the facts name is more than mild."""
    told = glitch["facts_for"] or ""
    hotter = (name for name in PRESSURE.values() if name not in {"nominal", *MILD})
    mild = any(f"{name} heat" in told for name in MILD)
    return glitch["cause"] == "thermal" and mild and not any(f"{name} heat" in told for name in (*hotter, "critical"))


def _restart(inputs: Inputs) -> Iterator[Finding]:
    failing = pl.col("kind").is_in(["io_failed", "io_restart"])
    for about in _groups(_audible(inputs, failing)):
        count = sum(row["count"] or 1 for row in about)
        first, last = busiest([row["start"] for row in about], 10)
        peak = max(last - first, *(row["peak_per_10s"] or 1 for row in about))
        in_call = bool(about[0]["in_call"])
        if peak < inputs.thresholds["restarts"]:
            yield from _failed_once(inputs, about, in_call=in_call)
            continue
        yield finding(
            "io-restart",
            "G08",
            Severity.high if in_call else Severity.medium,
            about,
            context=calls_around(inputs, about),
            title=f"Audio I/O of {_who(about[0])} failed or restarted {plural(count, 'time')}"
            f"{' in a call' if in_call else ''} (up to {peak} in 10 s)",
            explanation="Each restart tears the audio path down and builds it up again: a gap of a tenth of a second or more, "
            "often with a changed format.",
            advice="Restart the engine once per route or configuration change (AVAudioEngineConfigurationChange), after a short "
            "delay, and not from several observers at once.",
            pattern="in-call" if in_call else "",
            measures={"restart_count": float(count)},
        )


def _failed_once(inputs: Inputs, about: list[Row], *, in_call: bool) -> Iterator[Finding]:
    """A single failure may be followed by a start that works, so it is worth knowing and no more."""
    failures = [row for row in about if row["kind"] == "io_failed"]
    if failures:
        yield finding(
            "io-restart",
            "G08",
            Severity.info,
            failures,
            context=calls_around(inputs, failures),
            title=f"Audio I/O of {_who(failures[0])} failed {plural(len(failures), 'time')}{' in a call' if in_call else ''}",
            explanation="An audio unit could not start or stopped with the error that the line shows. Without a later start "
            "there is no sound.",
            advice="Check the format (a sample rate of 0 Hz means that the route is not ready) and that the session is active, "
            "then start once more after the next route or configuration change.",
            confidence=0.5,
            pattern="once",
            measures={"failure_count": float(len(failures))},
        )


def _format_changed(inputs: Inputs) -> Iterator[Finding]:
    changed = (pl.col("kind") == "format_change") & pl.col("in_call")
    for about in _groups(_audible(inputs, changed)):
        count = sum(row["count"] or 1 for row in about)
        if count <= inputs.thresholds["changes"]:
            continue
        yield finding(
            "format-change-in-call",
            "G07",
            Severity.medium,
            about,
            context=calls_around(inputs, about),
            title=f"The audio format of {_who(about[0])} changed {count} times in a call",
            explanation="A change of sample rate or buffer size in a call stops the hardware for a moment; code that caches "
            "the old rate plays too fast, too slow or not at all.",
            advice="Set preferred sample rate and buffer duration once before activation, read the true values after each "
            "route change, and convert in the engine instead of forcing the hardware.",
            measures={"change_count": float(count)},
        )


def _stalled(inputs: Inputs) -> Iterator[Finding]:
    for about in _groups(_audible(inputs, pl.col("kind") == "stalled")):
        count = sum(row["count"] or 1 for row in about)
        in_call = bool(about[0]["in_call"])
        yield finding(
            "audio-io-stalled",
            "A14",
            Severity.high if in_call else Severity.low,
            about,
            context=calls_around(inputs, about),
            title=f"Audio I/O of {_who(about[0])} stalled {plural(count, 'time')}{' in a call' if in_call else ''}",
            explanation="The session was active but no audio moved.",
            advice="Start the engine or unit in provider(_:didActivate:) and check its error; watch for a render callback "
            "that stops being called.",
            pattern="in-call" if in_call else "",
            measures={"stall_count": float(count)},
        )


_DEVICE_REASONS: Final = ("olddeviceunavailable", "newdeviceavailable")
"""Reasons of a change of device (AVAudioSession.RouteChangeReason), for lines that name no route."""


def _flapping(inputs: Inputs) -> Iterator[Finding]:
    span = inputs.thresholds["span"]
    moved = (pl.col("route") != pl.col("previous_route")).fill_null(
        pl.col("reason").str.to_lowercase().is_in(_DEVICE_REASONS)
    )
    found = [row for row in rows(inputs, "route_changes", moved) if wanted(inputs, row) or row["app"] is None]
    for app in dict.fromkeys(name_of(row) for row in found):
        own = [row for row in found if name_of(row) == app]
        first, last = busiest([row["start"] for row in own], span)
        about = own[first:last]
        ways = list(dict.fromkeys(shown(row["route"] or row["reason"] or "?", 40) for row in about))
        if len(about) < inputs.thresholds["medium"] or not 1 < len(ways) < len(about):
            continue
        took = (about[-1]["start"] - about[0]["start"]).total_seconds()
        whose = f" of {app}" if about[0]["app"] or about[0]["process"] else ""
        yield finding(
            "route-flapping",
            "G04",
            Severity.high if len(about) >= inputs.thresholds["high"] else Severity.medium,
            about,
            title=f"The audio route{whose} changed {len(about)} times in {duration(took)} ({', '.join(ways)})",
            explanation="The route went to and fro. Each change interrupts audio for a moment, and Bluetooth needs seconds to "
            "settle between its music and its call profile.",
            advice="Do not answer route changes with overrideOutputAudioPort(_:) or setCategory unless the user asked; check "
            "AVAudioSession.RouteChangeReason and ignore .categoryChange and .override.",
            measures={"change_count": float(len(about))},
        )


_CAN_SEE_IO: Final = seen("audio_io.", by=AUDIO_SERVERS)
_NEEDS_IO: Final = "CoreAudio lines of the app or of the audio server (audiomxd, mediaserverd)"

RULES: Final = (
    Rule(
        id="io-overload",
        numbers=("G01", "G02", "G03"),
        title="Missed audio deadlines",
        severity=Severity.critical,
        why="Each missed deadline is a click or a gap that users hear.",
        fix=_OVERLOAD_FIX,
        needs=_NEEDS_IO,
        can_run=_CAN_SEE_IO,
        check=_overload,
        thresholds=(
            Threshold("medium", 3.0, "overloads in 10 s", "heuristic", "medium from this on"),
            Threshold("high", 10.0, "overloads in 10 s", "heuristic", "high from this on"),
            Threshold("critical", 50.0, "overloads", "heuristic", "critical above this many in one burst"),
        ),
        links=(links.AUDIO_SESSION,),
    ),
    Rule(
        id="io-restart",
        numbers=("G08",),
        title="Audio I/O restarts",
        severity=Severity.high,
        why="Each restart is a gap.",
        fix="Restart the engine once per configuration change.",
        needs=_NEEDS_IO,
        can_run=_CAN_SEE_IO,
        check=_restart,
        thresholds=(Threshold("restarts", 2.0, "restarts in 10 s", "heuristic", "fewer are at most information"),),
        links=(links.ROUTE_CHANGES,),
    ),
    Rule(
        id="format-change-in-call",
        numbers=("G07",),
        title="Audio format changes in a call",
        severity=Severity.medium,
        why="The hardware stops for a moment, and cached rates become wrong.",
        fix="Set preferences once, and read the true values after each route change.",
        needs=_NEEDS_IO,
        can_run=_CAN_SEE_IO,
        check=_format_changed,
        thresholds=(Threshold("changes", 1.0, "changes in a call", "heuristic", "more are reported"),),
        links=(links.ROUTE_CHANGES, links.AUDIO_SESSION),
    ),
    Rule(
        id="audio-io-stalled",
        numbers=("A14",),
        title="Active session without moving audio",
        severity=Severity.high,
        why="The call is up but silent.",
        fix="Start audio I/O in provider(_:didActivate:).",
        needs=_NEEDS_IO,
        can_run=_CAN_SEE_IO,
        check=_stalled,
        links=(links.DID_ACTIVATE,),
    ),
    Rule(
        id="route-flapping",
        numbers=("G04",),
        title="Audio route flaps",
        severity=Severity.high,
        why="Users hear gaps, and Bluetooth headsets fall out of their call profile.",
        fix="Do not fight the system's route; react to route changes once.",
        needs="lines about route changes (audio server, or AVAudioSession in the app)",
        can_run=any_of(seen("audio_session.route_changed", by=AUDIO_SERVERS), has_rows("route_changes")),
        check=_flapping,
        thresholds=(
            Threshold("medium", 3.0, "changes", "heuristic", "medium from this on"),
            Threshold("high", 6.0, "changes", "heuristic", "high from this on"),
            Threshold("span", 10.0, "s", "heuristic", "within this time"),
        ),
        links=(links.ROUTE_CHANGES,),
    ),
)
