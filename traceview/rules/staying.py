"""Time in the background without a purpose, by what held the app (table ``background_runs``)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from traceview.rules import links
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    AUDIO_SERVERS,
    CALL_DAEMONS,
    STATE_KINDS,
    Row,
    any_of,
    at_least,
    call_apps,
    duration,
    every,
    finding,
    has_rows,
    name_of,
    rows,
    seen,
    shown,
    stable,
    voip_apps,
    wanted,
    window_of,
)
from traceview.rules.windows import busiest, length_s, union

_DAY_S: Final = 86_400.0
_OVERSTAYED: Final = pl.col("verdict") == "overstayed"


def _by_app(inputs: Inputs, condition: pl.Expr, apps: frozenset[str]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows(inputs, "background_runs", condition):
        if wanted(inputs, row) and row["app"] in apps:
            groups.setdefault(str(row["app"]), []).append(row)
    return groups


def _days(inputs: Inputs, about: list[Row]) -> float:
    """Return the days from the first to the last of the runs, at least one: an allowance for a day is not divided."""
    spans = union(window for row in about if (window := window_of(inputs, row)) is not None)
    return max(1.0, length_s([(spans[0][0], spans[-1][1])]) / _DAY_S) if spans else 1.0


def _overstayed(inputs: Inputs) -> Iterator[Finding]:
    limit = inputs.thresholds["background"]
    for run in rows(inputs, "background_runs", _OVERSTAYED & (pl.col("longest_uncovered_s") > limit)):
        if not wanted(inputs, run):
            continue
        seconds = float(run["longest_uncovered_s"])
        begin: datetime = run["uncovered_from"] or run["start"]
        held = f" Lines name these holders for other parts of the run: {run['holders']}." if run["holders"] else ""
        yield finding(
            "background-without-reason",
            "B03",
            Severity.low,
            [run],
            title=f"{name_of(run)} ran on for {at_least(run)}{duration(seconds)} in the background without a visible reason",
            explanation="iOS suspends an app about 30 s after it left the foreground unless something holds it. No call, audio "
            "session, location update, background task or assertion in this capture explains this run."
            + held
            + " Bluetooth, a debugger or a reason that is not logged remain.",
            advice="Check what keeps the app running: location updates, Bluetooth, a connected debugger. End it when no call "
            "is up.",
            confidence=0.5,
            measures={"background_s": seconds},
            window=(begin, begin + timedelta(seconds=seconds)),
        )


def _uncovered(inputs: Inputs) -> Iterator[Finding]:
    for app, about in _by_app(inputs, _OVERSTAYED, call_apps(inputs)).items():
        seconds = sum(float(row["uncovered_s"] or 0) for row in about)
        a_day = seconds / _days(inputs, about)
        if a_day <= inputs.thresholds["medium"]:
            continue
        yield finding(
            "background-time-unexplained",
            "B02",
            Severity.high if a_day > inputs.thresholds["high"] else Severity.medium,
            about,
            title=f"{app} ran for {duration(seconds)} in the background that no call, audio, location or task explains",
            explanation="Added up, this is time for which iOS had no reason to keep the app running that a line names. It shows "
            "as background activity in Settings, Battery.",
            advice="Find what keeps the app running (Bluetooth, a forgotten assertion, network extensions) and end it when no "
            "call is up.",
            confidence=0.5,
            measures={"unexplained_s": seconds},
        )


def _location(inputs: Inputs) -> Iterator[Finding]:
    for app, about in _by_app(inputs, pl.col("location_s") > 0, voip_apps(inputs)).items():
        seconds = sum(float(row["location_s"]) for row in about)
        if seconds / _days(inputs, about) <= inputs.thresholds["limit"]:
            continue
        yield finding(
            "location-keep-alive",
            "B04",
            Severity.medium,
            about,
            title=f"Location updates held {app}, which makes calls, for {duration(seconds)} in the background",
            explanation="Location is for apps whose purpose needs it (navigation, sharing where one is). To stay alive for calls "
            "it is a misuse: it drains the battery, shows the arrow in the status bar, and App Review rejects it under 2.5.4.",
            advice="If location is no feature of the app, remove the mode: a VoIP push launches the app when a call comes.",
            confidence=0.5,
            measures={"location_s": seconds},
        )


_IDENTIFIER: Final = r"^[A-Za-z0-9]+(\.[A-Za-z0-9_-]+){2,}$"
"""Tasks of BGTaskScheduler are named by reverse domain; those of UIKit have a number beside their name."""


def _expiring(inputs: Inputs) -> Iterator[Finding]:
    scheduled = pl.col("task_id").is_null() & pl.col("name").str.contains(_IDENTIFIER)
    late = [
        row
        for row in rows(
            inputs, "background_tasks", scheduled & pl.col("outcome").is_in(["overrun", "expired", "killed"])
        )
        if wanted(inputs, row)
    ]
    for key in dict.fromkeys((name_of(row), str(row["name"])) for row in late):
        own = [row for row in late if (name_of(row), row["name"]) == key]
        first, last = busiest([row["start"] for row in own], _DAY_S)
        if last - first < inputs.thresholds["expirations"]:
            continue
        yield finding(
            "scheduled-task-expires",
            "B08",
            Severity.medium,
            own[first:last],
            title=f"The scheduled task {shown(key[1])} of {key[0]} did not end in time {last - first} times within a day",
            explanation="iOS had to expire the task: it does more than its time allows, or forgets to complete. Such tasks are "
            "run less and less.",
            advice="Call setTaskCompleted(success:) on every path, stop work in expirationHandler, and use BGProcessingTask for "
            "what takes longer than about 30 s.",
            confidence=0.7,
            pattern=stable(key[1]),
            measures={"expiration_count": float(last - first)},
        )


_CAN_SEE: Final = every(any_of(seen(*STATE_KINDS), has_rows("app_states")), seen(by=("runningboardd", "assertiond")))
_CAN_SEE_ALL: Final = every(_CAN_SEE, seen(by=AUDIO_SERVERS), seen(by=CALL_DAEMONS))
_NEEDS: Final = "lines about the app's state, and lines of runningboardd (assertiond) about assertions"
_NEEDS_ALL: Final = f"{_NEEDS}, the audio server and callservicesd: all of them, since the rule rests on what is absent"

RULES: Final = (
    Rule(
        id="background-without-reason",
        numbers=("B03",),
        title="Should have been suspended and was not",
        severity=Severity.low,
        why="iOS suspends an app about 30 s after it left the foreground; one that runs on uses energy for something.",
        fix="Find and end what keeps the app running.",
        needs=_NEEDS_ALL,
        can_run=_CAN_SEE_ALL,
        check=_overstayed,
        thresholds=(
            Threshold(
                "background",
                35.0,
                "s",
                "a run of 34.1 s was seen in a real power log; the limit is about 30 s",
                "longer is reported",
            ),
        ),
        links=(links.BACKGROUND_TIME, links.REVIEW),
    ),
    Rule(
        id="background-time-unexplained",
        numbers=("B02",),
        title="Much background time that nothing explains",
        severity=Severity.high,
        why="It drains the battery, and iOS launches such apps less.",
        fix="Find and end what keeps the app running.",
        needs=_NEEDS_ALL,
        can_run=_CAN_SEE_ALL,
        check=_uncovered,
        thresholds=(
            Threshold("medium", 1800.0, "s per day", "heuristic", "medium above this"),
            Threshold("high", 7200.0, "s per day", "heuristic", "high above this"),
        ),
        links=(links.BACKGROUND_TIME, links.REVIEW),
    ),
    Rule(
        id="scheduled-task-expires",
        numbers=("B08",),
        title="Scheduled background task does not end in time",
        severity=Severity.medium,
        why="iOS runs tasks that expire less and less.",
        fix="Complete the task on every path and stop it in its expiration handler.",
        needs="lines of dasd or of BackgroundTasks in the app about scheduled tasks",
        can_run=seen("background_task.", by=("dasd",)),
        check=_expiring,
        thresholds=(Threshold("expirations", 3.0, "per day", "heuristic", "fewer are not reported"),),
        links=(links.BACKGROUND_TIME,),
    ),
    Rule(
        id="location-keep-alive",
        numbers=("B04",),
        title="Location updates keep a calling app alive",
        severity=Severity.medium,
        why="It drains the battery and is rejected by App Review.",
        fix="Remove the location mode unless location is a feature of the app.",
        needs=_NEEDS,
        can_run=_CAN_SEE,
        check=_location,
        thresholds=(Threshold("limit", 900.0, "s per day", "heuristic", "more is reported"),),
        links=(links.REVIEW, links.BACKGROUND_MODES),
    ),
)
