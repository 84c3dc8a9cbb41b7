"""What PowerLog and Instruments measured: CPU and network in the background, pushes, a main thread that hangs."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Final

import polars as pl
from msgspec import Struct

from traceview.rules import links
from traceview.rules.by_app import call_windows, state_windows
from traceview.rules.proofs import state_edges
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    Line,
    Predicate,
    Row,
    duration,
    finding,
    name_of,
    owned_calls,
    plural,
    remembered,
    voip_apps,
    wanted,
)
from traceview.rules.windows import busiest, intersect, length_s, union

_DAY_S: Final = 86_400.0
_MOSTLY: Final = 0.9
"""A measured interval is background where the app spent this share of it there (heuristic: PowerLog's intervals have
edges of their own)."""
_LIMIT_S: Final = 60.0
"""The usual limit counts CPU time over 60 s (real cpu_resource reports: "80% cpu over 60 seconds")."""
_CORES: Final = 10
"""CPU cores of the largest devices (iPad with M4; iPhones have six): more CPU time than these give was not used."""
_UNSEEN: Final = frozenset({"background", "suspended"})


def measured(inputs: Inputs, lane: str) -> list[Row]:
    """Return the windows of `lane` that are about an app worth a finding, by start, as rows like those of episodes."""
    return [row for row in _lane(inputs, lane) if row["app"] and wanted(inputs, row)]


def _lane(inputs: Inputs, lane: str) -> list[Row]:
    told = pl.col("lane") == lane
    frame = (
        inputs.windows.filter(told).with_columns(pl.max_horizontal("start", "end").alias("end")).sort("start", "ref")
    )
    edges = {"id": None, "start_how": "observed", "end_how": "observed"}
    return [{**row, **edges, "evidence": [row["ref"]]} for row in frame.to_dicts()]


def has_measured(*lanes: str) -> Predicate:
    """Return a predicate: a source measured one of `lanes` for an app."""
    return lambda inputs: any(_lanes(inputs).get(lane, False) for lane in lanes)


def _lanes(inputs: Inputs) -> dict[str, bool]:
    """Return which lanes have windows, and whether one of them is about an app."""
    if inputs.windows.is_empty():
        return {}
    about_app = pl.col("app").is_not_null().any()
    return remembered(inputs, "lanes", lambda: dict(inputs.windows.group_by("lane").agg(about_app).iter_rows()))


def _by_app(found: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(str(row["app"]), []).append(row)
    return groups


def _length(row: Row) -> float:
    return float((row["end"] - row["start"]).total_seconds())


def _in_background(inputs: Inputs, row: Row) -> bool:
    """Whether the app spent (almost) all of the interval in the background or suspended."""
    window = (row["start"], row["end"])
    inside = length_s(intersect([window], state_windows(inputs, row, window, *_UNSEEN)))
    return inside >= _MOSTLY * _length(row) > 0


def _background_edges(inputs: Inputs, about: list[Row]) -> list[Line]:
    """Return the lines that tell that the app of these measurements was in the background then."""
    return state_edges(inputs, about[0], _UNSEEN, [(row["start"], row["end"]) for row in about])


def _in_call(inputs: Inputs, row: Row) -> bool:
    window = (row["start"], row["end"])
    return bool(intersect([window], call_windows(inputs, row, window)))


def _days(about: list[Row]) -> float:
    """Return how many days the measurements cover, at least one: an allowance for a day is not divided."""
    covered = length_s(union((row["start"], row["end"]) for row in about))
    return max(1.0, covered / _DAY_S)


def _near_limit(inputs: Inputs) -> Iterator[Finding]:
    limits = inputs.thresholds
    hot = []
    for row in measured(inputs, "cpu"):
        load = _load(inputs, row)
        limit = limits["long_percent" if load.ran_s > limits["short"] else "percent"]
        if load.percent >= limit and _in_background(inputs, row):
            hot.append(row)
    for app, about in _by_app(hot).items():
        worst = max((_load(inputs, row) for row in about), key=lambda load: load.percent)
        yield finding(
            "cpu-near-limit",
            "T09",
            Severity.medium,
            about,
            lines=_background_edges(inputs, about),
            title=f"{app} used {_use(worst)}",
            explanation="iOS ends an app whose CPU use in the background stays above a limit (80 % of a core over 60 s is "
            f"the usual one). {_how_measured(worst)} Such a load competes with the audio thread.",
            advice="Find the load with the Time Profiler while the app is in the background; stop timers, rendering and "
            "retries there.",
            confidence=0.4 if worst.contradicted else 0.7,
            measures={"cpu_percent": worst.percent},
        )


class _Load(Struct, frozen=True):
    """CPU time in a measured interval, and the part of it in which the app was not suspended.

    Attributes:
        row: The measurement.
        used_s: CPU time.
        awake_s: How long the app could run, as its states tell.
        ran_s: The same; the whole interval where it is told to be suspended throughout, as it did run.
        over_s: That time, and at least that of the limit: what ran for less had no time to reach it.
    """

    row: Row
    used_s: float
    awake_s: float
    ran_s: float
    over_s: float

    @property
    def percent(self) -> float:
        """Of a core, over `over_s`."""
        return 100 * self.used_s / self.over_s if self.over_s > 0 else 0.0

    @property
    def contradicted(self) -> bool:
        """Whether the states leave no time in which all cores together could have used this much."""
        return self.used_s > _CORES * self.awake_s


def _load(inputs: Inputs, row: Row) -> _Load:
    length = _length(row)
    window = (row["start"], row["end"])
    awake = length - length_s(intersect([window], state_windows(inputs, row, window, "suspended")))
    ran = awake if awake > 0 else length
    return _Load(row, float(row["value"] or 0) / 100 * length, awake, ran, max(ran, min(length, _LIMIT_S)))


def _use(load: _Load) -> str:
    """Return how much was used, for a title; over the time of the limit where the app ran for less."""
    if load.over_s > load.ran_s:
        return (
            f"{duration(load.used_s)} of CPU time in the background, {load.percent:.0f} % of a core over "
            f"{duration(load.over_s)}"
        )
    return f"{load.percent:.0f} % of a core for {duration(load.ran_s)} in the background"


def _how_measured(load: _Load) -> str:
    length = _length(load.row)
    if load.contradicted:
        awake = f"ran for only {duration(load.awake_s)} of them" if load.awake_s > 0 else "did not run in them"
        return (
            f"PowerLog counts {duration(load.used_s)} of CPU time within {duration(length)}, while lines tell that the app "
            f"{awake}: the two contradict each other, and one of them is wrong."
        )
    average = f"an average over {duration(load.over_s)}: it cannot tell how near to the limit the peaks came."
    if load.ran_s >= length:
        return f"This is {average}"
    return (
        f"It used {duration(load.used_s)} of CPU time within {duration(length)}, of which it was suspended for "
        f"{duration(length - load.ran_s)} and could not run; what is told is {average}"
    )


def _cpu_seconds(found: Iterable[Row]) -> float:
    return sum(float(row["value"] or 0) / 100 * _length(row) for row in found)


def _cpu_share(inputs: Inputs) -> Iterator[Finding]:
    for app, own in _by_app(measured(inputs, "cpu")).items():
        idle = [row for row in own if _in_background(inputs, row) and not _in_call(inputs, row)]
        spent, total = _cpu_seconds(idle), _cpu_seconds(own)
        share = spent / total if total else 0.0
        if share <= inputs.thresholds["share"] or spent / _days(own) <= inputs.thresholds["seconds"]:
            continue
        yield finding(
            "background-cpu-share",
            "B09",
            Severity.medium,
            idle,
            lines=_background_edges(inputs, idle),
            title=f"{app} spent {duration(spent)} of CPU time in the background without a call, {share:.0%} of all its CPU time",
            explanation="An app that waits for calls needs next to none. The user sees this in Settings, Battery, as "
            "background activity, and iOS launches such apps less.",
            advice="Look for polling, reconnecting sockets and work that every push starts; move it to BGProcessingTask.",
            confidence=0.6,
            measures={"background_cpu_s": spent, "background_share": share},
        )


def _network_share(inputs: Inputs) -> Iterator[Finding]:
    for app, own in _by_app(measured(inputs, "network")).items():
        idle = [row for row in own if _in_background(inputs, row) and not _in_call(inputs, row)]
        megabytes = sum(float(row["value"] or 0) for row in idle) / 1e6
        if megabytes / _days(own) <= inputs.thresholds["megabytes"]:
            continue
        yield finding(
            "background-network-use",
            "B10",
            Severity.medium,
            idle,
            lines=_background_edges(inputs, idle),
            title=f"{app} moved {megabytes:,.0f} MB in the background without a call",
            explanation="Media of a call explains traffic; here no call was up. It costs battery and the user's data plan.",
            advice="Use a background URLSession with isDiscretionary for large transfers, and no keep-alive traffic.",
            confidence=0.6,
            measures={"background_mb": megabytes},
        )


def _dropped(inputs: Inputs) -> Iterator[Finding]:
    calling = voip_apps(inputs)
    about = [row for row in measured(inputs, "push") if row["kind"] == "dropped" and row["app"] in calling]
    for app, own in _by_app(about).items():
        yield finding(
            "push-dropped",
            "V11",
            Severity.medium,
            own,
            title=f"PowerLog notes {plural(len(own), 'push', 'pushes')} for {app} as dropped",
            explanation="The push service received them and did not hand them over. Whether they were pushes for calls is "
            "not noted; where they were, these calls never rang.",
            advice="Send VoIP pushes with apns-push-type voip, apns-priority 10 and apns-expiration 0, and compare with the "
            "server's log of this time.",
            confidence=0.5,
            measures={"dropped_count": float(len(own))},
        )


_LOW_PRIORITY: Final = "priority 5"
"""Background pushes must have this priority (Apple, Pushing background updates to your app)."""


def _silent_pushes(inputs: Inputs) -> Iterator[Finding]:
    silent = [row for row in measured(inputs, "push") if _LOW_PRIORITY in (row["text"] or "")]
    for app, own in _by_app(silent).items():
        first, last = busiest([row["start"] for row in own], 3600)
        count = last - first
        if count <= inputs.thresholds["medium"]:
            continue
        yield finding(
            "silent-push-overuse",
            "B05",
            Severity.high if count > inputs.thresholds["high"] else Severity.medium,
            own[first:last],
            title=f"{app} received {count} pushes of low priority within an hour",
            explanation="Background pushes wake the app. Apple asks for no more than two or three an hour and throttles "
            "what exceeds that, so that others come late or never.",
            advice="Bundle updates, send alerts for what the user shall see, and keep calls on PushKit.",
            confidence=0.7,
            measures={"push_count": float(count)},
        )


def _hangs(inputs: Inputs) -> Iterator[Finding]:
    least = timedelta(seconds=inputs.thresholds["least"])
    for row in _lane(inputs, "hang"):
        if not wanted(inputs, row) or row["end"] - row["start"] < least:
            continue
        calls = [
            call
            for call in owned_calls(inputs, row)
            if call["start"] <= row["end"] and (call["end"] is None or row["start"] < call["end"])
        ]
        if calls:
            yield finding(
                "hang-in-call",
                "G12",
                Severity.medium,
                [row],
                context=calls,
                title=f"The main thread of {name_of(row)} hung for {duration(_length(row))} in a call",
                explanation="Buttons do nothing, CallKit actions wait, and code that touches the main queue from the audio "
                "path stalls with it.",
                advice="Look at the main thread in Instruments (Hangs, Time Profiler) at this moment; move network, storage and "
                "AVAudioSession.setActive off it.",
                measures={"hang_s": _length(row)},
            )


_NEEDS_POWERLOG: Final = "a PowerLog (a sysdiagnose holds one) that measured the app"

RULES: Final = (
    Rule(
        id="cpu-near-limit",
        numbers=("T09",),
        title="CPU use near the limit for the background",
        severity=Severity.medium,
        why="The next step is a kill, with the call if there is one.",
        fix="Find the load in the background with the Time Profiler, and stop it there.",
        needs=f"{_NEEDS_POWERLOG}: CPU by interval, and the app's states",
        can_run=has_measured("cpu"),
        check=_near_limit,
        thresholds=(
            Threshold(
                "percent", 48.0, "%", "heuristic (60 % of the usual limit, 80 % over 60 s)", "of a core, from this on"
            ),
            Threshold("long_percent", 25.0, "%", "heuristic", "the same for long intervals, whose average hides peaks"),
            Threshold("short", 120.0, "s", "heuristic", "intervals longer than this are long"),
        ),
        links=(links.SIGKILL, links.BACKGROUND_MODES),
    ),
    Rule(
        id="background-cpu-share",
        numbers=("B09",),
        title="CPU time in the background without a call",
        severity=Severity.medium,
        why="It drains the battery while nobody uses the app.",
        fix="Remove polling and reconnecting; let pushes wake the app.",
        needs=f"{_NEEDS_POWERLOG}: CPU by interval, and the app's states",
        can_run=has_measured("cpu"),
        check=_cpu_share,
        thresholds=(
            Threshold("share", 0.5, "share", "heuristic", "a larger share of the app's CPU time is reported"),
            Threshold("seconds", 60.0, "CPU s per day", "heuristic", "less is not judged"),
        ),
        links=(links.BACKGROUND_MODES,),
    ),
    Rule(
        id="background-network-use",
        numbers=("B10",),
        title="Network use in the background without a call",
        severity=Severity.medium,
        why="It costs battery and data.",
        fix="Use a background URLSession for large transfers, and no keep-alive traffic.",
        needs=f"{_NEEDS_POWERLOG}: bytes by interval, and the app's states",
        can_run=has_measured("network"),
        check=_network_share,
        thresholds=(Threshold("megabytes", 50.0, "MB per day", "heuristic", "more is reported"),),
        links=(links.BACKGROUND_MODES,),
    ),
    Rule(
        id="push-dropped",
        numbers=("V11",),
        title="Pushes dropped on the device",
        severity=Severity.medium,
        why="A call whose push is dropped never rings.",
        fix="Send VoIP pushes with priority 10 and without expiration.",
        needs=f"{_NEEDS_POWERLOG}: received pushes",
        can_run=has_measured("push"),
        check=_dropped,
        links=(links.PUSH_TYPE_VOIP,),
    ),
    Rule(
        id="silent-push-overuse",
        numbers=("B05",),
        title="Too many background pushes",
        severity=Severity.high,
        why="iOS throttles them, and each one wakes the app.",
        fix="Send no more than two or three background pushes an hour.",
        needs=f"{_NEEDS_POWERLOG}: received pushes with their priority",
        can_run=has_measured("push"),
        check=_silent_pushes,
        thresholds=(
            Threshold(
                "medium", 3.0, "pushes per hour", "Apple, Pushing background updates to your app", "medium above this"
            ),
            Threshold("high", 10.0, "pushes per hour", "heuristic", "high above this"),
        ),
        links=(links.SILENT_PUSH,),
    ),
    Rule(
        id="hang-in-call",
        numbers=("G12",),
        title="Main thread hangs in a call",
        severity=Severity.medium,
        why="The app does not react, and CallKit actions time out.",
        fix="Move blocking work off the main thread.",
        needs="a recording of Instruments with hangs (or a busy main run loop), and a source that shows the call",
        can_run=lambda inputs: "hang" in _lanes(inputs),
        check=_hangs,
        thresholds=(Threshold("least", 2.0, "s", "heuristic", "shorter hangs are not reported"),),
        links=(links.WATCHDOG,),
    ),
)
