"""Time in the background: tasks that overrun, tasks that are chained, frequent wakes."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import polars as pl

from traceview.rules import links
from traceview.rules.by_app import by_name, call_windows, first_suspension, session_windows, state_windows
from traceview.rules.kills import code_text, has_kill, kills
from traceview.rules.proofs import first_line, shortened, state_edges
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    CALL_DAEMONS,
    STATE_DAEMONS,
    STATE_KINDS,
    Row,
    any_of,
    duration,
    every,
    finding,
    has_rows,
    name_of,
    rows,
    rows_of,
    same_app,
    seen,
    shown,
    stable,
    wanted,
    window_of,
    windows_of,
)
from traceview.rules.suspended_in_call import suspended_in_call
from traceview.rules.why_suspended import SUSPENDED_FIX
from traceview.rules.windows import busiest, intersect, length_s, subtract

_TASK_FIX: Final = (
    "Call endBackgroundTask(_:) on every path, also in the expiration handler, and keep one identifier for each "
    "beginBackgroundTask(withName:expirationHandler:). Do not use a background task to stay alive between calls; for work "
    "longer than 30 s use BGProcessingTask or a background URLSession."
)


def _overrun(inputs: Inputs) -> Iterator[Finding]:
    killed = kills(inputs, "background_task")
    named: set[str] = set()
    tasks = [row for row in rows(inputs, "background_tasks") if wanted(inputs, row)]
    tasks = [{**row, "background_held_s": _held(inputs, row)} for row in tasks]
    worst = {str(row["id"]): _judge(inputs, row) for row in tasks}
    named_tasks: dict[tuple[str, str | None], list[Row]] = {}
    for row in tasks:
        mine = named_tasks.setdefault((name_of(row), _task_label(row)), [])
        if worst[str(row["id"])] is not None:
            mine.append(row)
    for key, about in named_tasks.items():
        if not about:
            continue
        deaths = [row for row in killed if row["id"] not in named and any(_ended_by(task, row) for task in about)]
        named.update(str(row["id"]) for row in deaths)
        severity = max(level for row in about if (level := worst[str(row["id"])]) is not None)
        yield _task_finding(inputs, key, about, deaths, Severity.critical if deaths else severity)
    for death in killed:
        if death["id"] not in named:
            yield finding(
                "background-task-overrun",
                "T04",
                Severity.critical,
                [death],
                title=f"iOS killed {name_of(death)} because a background task did not end{code_text(death)}",
                explanation="The background time ran out while a task was still open. Such a kill leaves no crash report.",
                advice=_TASK_FIX,
                pattern="killed",
            )


def _held(inputs: Inputs, task: Row) -> float | None:
    """Return for how long the task used up background time, or None where the app's state is unknown.

    A call or an active audio session keeps the app awake anyway, so that time does not count (Apple Developer Forums
    764762). A suspended app holds no task: an end that no line tells lies before its suspension at the latest.
    """
    window = window_of(inputs, task)
    held: float | None = task["background_held_s"]
    if window is None or not rows_of(inputs, "app_states", task):
        return held
    if task["end_how"] != "observed" and not _ends_are_told(inputs):
        return None
    window = (window[0], first_suspension(inputs, task, window) or window[1])
    background = intersect([window], state_windows(inputs, task, window, "background"))
    awake = [*call_windows(inputs, task, window), *session_windows(inputs, task, window)]
    return length_s(subtract(background, awake))


def _ends_are_told(inputs: Inputs) -> bool:
    """Whether a line about the end of any task is in the capture, or runningboardd, which tells them all."""
    ends = {"background_task.ended", "assertion.invalidated", "assertion.expired"}
    return bool(ends & inputs.kinds or {"runningboardd", "assertiond"} & inputs.witnesses)


def _task_label(task: Row) -> str | None:
    name = task["name"]
    return None if name is None or "<private>" in name else stable(name)


def _ended_by(task: Row, death: Row) -> bool:
    begun = death["start"] is not None and task["start"] <= death["start"]
    return begun and same_app(task, death) and (task["end"] is None or task["end"] >= death["start"] or _unended(task))


def _unended(task: Row) -> bool:
    return task["outcome"] in {"killed", "expired", "open", "overrun"}


def _judge(inputs: Inputs, task: Row) -> Severity | None:
    """Return how bad one background task is, or None where it is fine."""
    held = task["background_held_s"]
    if task["outcome"] == "killed":
        return Severity.critical
    if task["outcome"] == "expired" or (held is not None and held >= inputs.thresholds["high"]):
        return Severity.high
    if held is not None and held > inputs.thresholds["warn"]:
        return Severity.medium
    if task["outcome"] == "overrun":
        return Severity.low if held is not None else Severity.medium
    return None


def _task_finding(
    inputs: Inputs, key: tuple[str, str | None], about: list[Row], deaths: list[Row], severity: Severity
) -> Finding:
    app, task = key
    longest = max((row["background_held_s"] or row["held_s"] or 0.0 for row in about), default=0.0)
    label = f'"{shown(about[0]["name"])}"' if task else "without a name"
    count = f" ({len(about)} times)" if len(about) > 1 else ""
    fatal = bool(deaths) or any(row["outcome"] == "killed" for row in about)
    outcome = " until iOS killed it" + code_text(deaths[0]) if deaths else " until iOS killed it" if fatal else ""
    if not fatal and all(row["outcome"] == "expired" for row in about):
        outcome = " until iOS took the time away"
    held = f" for {duration(longest)}" if longest else " for more than 30 s"
    return finding(
        "background-task-overrun",
        "T04" if fatal else "T05",
        severity,
        [*about, *deaths],
        lines=state_edges(inputs, about[0], ["background"], windows_of(inputs, about)),
        title=f"{app} held background task {label}{held}{outcome}{count}",
        explanation="A background task buys about 30 s after the app left the foreground, no guarantee. Beyond that iOS "
        "calls the expiration handler and then terminates the app (0x2182bad2), without a crash report."
        + ("" if fatal else " This time the app survived; a slower network or a locked device tips it over."),
        advice=_TASK_FIX,
        pattern=f"{'killed' if fatal else 'held'}:{task or ''}",
        measures={"held_s": longest, "task_count": float(len(about))},
    )


def _chained(inputs: Inputs) -> Iterator[Finding]:
    gap, least = inputs.thresholds["gap"], inputs.thresholds["tasks"]
    tasks = [
        row
        for row in rows(inputs, "background_tasks", pl.col("background_held_s") > 0)
        if wanted(inputs, row) and row["end"] is not None
    ]
    for app, own in by_name(tasks).items():
        chain: list[Row] = []
        for row in own:
            if chain and not 0 <= (row["start"] - chain[-1]["end"]).total_seconds() <= gap:
                yield from _chain_finding(app, chain, least)
                chain = []
            chain.append(row)
        yield from _chain_finding(app, chain, least)


def _chain_finding(app: str, chain: list[Row], least: float) -> Iterator[Finding]:
    if len(chain) <= least:
        return
    total = (chain[-1]["end"] - chain[0]["start"]).total_seconds()
    yield finding(
        "background-task-chaining",
        "B07",
        Severity.medium,
        chain,
        title=f"{app} chained {len(chain)} background tasks over {duration(total)} in the background",
        explanation="Each new task began as soon as the previous one ended. The budget belongs to the stay in the "
        "background, not to the task: chaining wins nothing and ends in a kill.",
        advice="Begin one task for the whole piece of work and end it; schedule the rest with BGTaskScheduler.",
        confidence=0.8,
        measures={"task_count": float(len(chain)), "chain_s": total},
    )


def _wake_churn(inputs: Inputs) -> Iterator[Finding]:
    states = [row for row in rows(inputs, "app_states") if wanted(inputs, row)]
    for app, series in by_name(states).items():
        turns = [
            (before, after)
            for before, after in pairwise(series)
            if before["state"] in {"suspended", "not_running"} and after["state"] == "background"
        ]
        first, last = busiest([after["start"] for _, after in turns], 3600)
        count = last - first
        if count <= inputs.thresholds["medium"]:
            continue
        yield finding(
            "wake-churn",
            "B06",
            Severity.high if count > inputs.thresholds["high"] else Severity.medium,
            [after for _, after in turns[first:last]],
            lines=shortened(line for before, _ in turns[first:last] for line in first_line(before)),
            title=f"{app} was woken {count} times within an hour in the background",
            explanation="Every wake costs energy and counts against the app: iOS launches apps that wake often and do little "
            "less and less. For a calling app only pushes for calls should wake it.",
            advice="Find what wakes the app (silent pushes, region monitoring, Bluetooth, background fetch) and batch it.",
            confidence=0.8,
            measures={"wake_count": float(count)},
        )


_CAN_SEE_STATES: Final = any_of(seen(*STATE_KINDS), has_rows("app_states"))
_TOLD_BY_POWERLOG: Final = (pl.col("witness") == "powerlog") & (pl.col("end") > pl.col("start"))

RULES: Final = (
    Rule(
        id="background-task-overrun",
        numbers=("T04", "T05"),
        title="Background task held too long",
        severity=Severity.critical,
        why="iOS kills an app whose background task does not end, without leaving a crash report.",
        fix=_TASK_FIX,
        needs="lines of runningboardd about background assertions, or the app's own UIKit lines about background tasks",
        can_run=any_of(
            seen("background_task.", "assertion.expired", by=("runningboardd", "assertiond")),
            has_kill("background_task"),
        ),
        check=_overrun,
        thresholds=(
            Threshold("warn", 25.0, "s", "heuristic (the budget of about 30 s is nearly used up)", "medium above this"),
            Threshold("high", 30.0, "s", "UIKit warns about tasks created over 30 seconds ago", "high from this on"),
        ),
        links=(links.BACKGROUND_TIME, links.SIGKILL, links.FORUM_ACTIVE_SESSION),
    ),
    Rule(
        id="background-task-chaining",
        numbers=("B07",),
        title="Background tasks chained to stay alive",
        severity=Severity.medium,
        why="It drains the battery and ends in a kill.",
        fix="Use one task for one piece of work and BGTaskScheduler for the rest.",
        needs="the app's UIKit lines or runningboardd's lines about background tasks, and lines about its state",
        can_run=every(seen("background_task.", by=("runningboardd", "assertiond")), _CAN_SEE_STATES),
        check=_chained,
        thresholds=(
            Threshold("gap", 1.0, "s", "heuristic", "longest pause between two tasks of a chain"),
            Threshold("tasks", 5.0, "tasks", "heuristic", "longer chains are reported"),
        ),
        links=(links.BACKGROUND_TIME,),
    ),
    Rule(
        id="suspended-during-call",
        numbers=("G14",),
        title="Suspended during a call",
        severity=Severity.critical,
        why="A suspended app neither plays nor records nor answers the network: the call is dead although it looks alive.",
        fix=SUSPENDED_FIX,
        needs="lines about the app's state (runningboardd or any daemon that repeats its updates) and about its calls "
        "(callservicesd, CallKit in the app, or PowerLog)",
        can_run=every(
            any_of(_CAN_SEE_STATES, seen(by=STATE_DAEMONS)),
            any_of(seen("call.", by=CALL_DAEMONS), has_rows("calls", _TOLD_BY_POWERLOG)),
        ),
        check=suspended_in_call,
        thresholds=(
            Threshold(
                "least",
                1.0,
                "s",
                "heuristic (the order of two daemons' lines at the end of a call)",
                "shorter is ignored",
            ),
        ),
        links=(links.CALLKIT, links.BACKGROUND_MODES, links.FORUM_SUSPENDED),
    ),
    Rule(
        id="wake-churn",
        numbers=("B06",),
        title="Woken often in the background",
        severity=Severity.high,
        why="Frequent wakes drain the battery and make iOS launch the app less.",
        fix="Find and batch what wakes the app.",
        needs="lines about the app's state (runningboardd, SpringBoard, or any daemon that repeats their updates)",
        can_run=_CAN_SEE_STATES,
        check=_wake_churn,
        thresholds=(
            Threshold("medium", 12.0, "wakes per hour", "heuristic", "medium above this"),
            Threshold("high", 30.0, "wakes per hour", "heuristic", "high above this"),
        ),
        links=(links.BACKGROUND_MODES,),
    ),
)
