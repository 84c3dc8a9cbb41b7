"""Memory, CPU, wake-ups and disk: what the system took or warned about."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import polars as pl

from traceview.rules import call_service, links
from traceview.rules.call_times import calls_in
from traceview.rules.kills import (
    daemon_name,
    daemons,
    is_harmless,
    jetsam_reason,
    kill_class,
    kills,
    memory_text,
    state_text,
)
from traceview.rules.proofs import call_of_death, first_line, state_at_death
from traceview.rules.registry import Finding, Inputs, Rule, Severity
from traceview.rules.rows import (
    AUDIO_SERVERS,
    CALL_DAEMONS,
    TERMINATION_DAEMONS,
    TERMINATION_KINDS,
    Row,
    duration,
    finding,
    name_of,
    owned_calls,
    owner,
    plural,
    rows,
    seen,
    shown,
    undated,
    wanted,
)
from traceview.rules.windows import clusters

_MEMORY_FIX: Final = (
    "Release caches, images and video buffers on didEnterBackground and on memory warnings, and aim below 50 MB while "
    "suspended (Apple, WWDC20). Extensions have hard limits of their own: keep a notification service extension small."
)
_CALL_MEMORY_FIX: Final = (
    "Find what grows during a call (Instruments, Allocations and VM Tracker): video frames and audio buffers that pile up, "
    "images, logs kept in memory. Release what the call does not need on memory warnings, lower the video resolution where "
    "os_proc_available_memory() runs low, and release caches before the call connects."
)
_RUNNING_MEMORY_FIX: Final = (
    "Find what grew (Instruments, Allocations and VM Tracker), release caches, images and buffers on memory warnings, and "
    "do less where os_proc_available_memory() runs low."
)
_SUSPENDED_MEMORY_FIX: Final = "Release caches, images and video buffers on didEnterBackground, and aim below 50 MB while suspended (Apple, WWDC20)."
_NAMED: Final = 3
"""Processes of iOS that a title names."""

_SHORT_OF_MEMORY: Final = "The device ran short of memory and iOS chose this process."
_AFTER_JETSAM: Final = {
    "suspended": " Suspended apps go first; that is normal, but the next call needs a cold launch.",
    "in a call": " Its call went down with it. Suspended apps go first: where one in a call has to go, memory is very short.",
    "": " Suspended apps go first; the next call needs a cold launch.",
}
"""What follows from it, by the state that the app was in."""
_SHORT_FOR_SYSTEM: Final = "The device ran short of memory, and iOS gave up processes of its own."
_WHY_OF_SYSTEM: Final = {
    "per-process-limit": "A process of iOS exceeded the memory limit of its own, whatever the rest of the device did.",
    "highwater": "The device ran short of memory, and what runs above the limit that holds while others need memory (its "
    "high-water mark) goes first.",
}
"""What the end of processes of iOS tells, by jetsam reason; other reasons: `_SHORT_FOR_SYSTEM`."""
_SYSTEM_FIX: Final = (
    "No app has to change for this alone. If an app lost its call or was slow at this time, see which processes held the "
    "memory then: the jetsam report lists all of them with their pages (Apple, Identifying high-memory use with jetsam "
    "event reports). `--app NAME` judges one of these processes as if it were your app."
)
_WHY_JETSAM: Final = {
    "per-process-limit": "The app exceeded the memory limit of its own, whatever the rest of the device did.",
    "highwater": "The device ran short of memory, and this process was above the limit that it has while others need memory "
    "(its high-water mark); the kernel removes such processes first.",
}
"""Why the kernel removed a process, by jetsam reason (xnu, ``kern_memorystatus``)."""


def _jetsam(inputs: Inputs) -> Iterator[Finding]:
    told = [death for death in kills(inputs, "jetsam") if not is_harmless(death)]
    system = [death for death in told if death["of_system"] and daemon_name(death) not in AUDIO_SERVERS | CALL_DAEMONS]
    if system:
        yield _jetsam_of_system(system)
    for death in told:
        if death["of_system"]:
            continue
        reason = jetsam_reason(death)
        severity = _jetsam_severity(death, reason)
        where = " in a call" if death["in_call"] else state_text(death)
        yield finding(
            "jetsam",
            "T11",
            severity,
            [death],
            context=call_of_death(inputs, death),
            lines=[] if death["in_call"] else state_at_death(inputs, death),
            title=f"iOS removed {name_of(death)} from memory{where}" + memory_text(death),
            explanation=_WHY_JETSAM.get(reason or "") or _SHORT_OF_MEMORY + _after_jetsam(death),
            advice=_memory_fix(death),
            pattern=f"{reason or 'unknown'}{':in-call' if death['in_call'] else ''}",
            measures={"memory_bytes": death["memory_bytes"]} if death["memory_bytes"] else {},
        )


def _after_jetsam(death: Row) -> str:
    return _AFTER_JETSAM["in a call" if death["in_call"] else "suspended" if death["app_state"] == "suspended" else ""]


def _memory_fix(death: Row) -> str:
    """Return advice for the state in which the process ended; all of it where no line tells the state."""
    if death["in_call"]:
        return _CALL_MEMORY_FIX
    if death["app_state"] == "suspended":
        return _SUSPENDED_MEMORY_FIX
    return _RUNNING_MEMORY_FIX if death["app_state"] else _MEMORY_FIX


def _jetsam_of_system(deaths: list[Row]) -> Finding:
    """Return one finding about all processes of iOS that were removed: it tells of the device, not of an app."""
    reasons = list(dict.fromkeys(reason for death in deaths if (reason := jetsam_reason(death))))
    return finding(
        "jetsam",
        "T11",
        Severity.info,
        _nameless(deaths),
        title=f"iOS removed {_several(deaths)} from memory" + (f" ({', '.join(reasons)})" if reasons else ""),
        explanation=" ".join(
            dict.fromkeys(_WHY_OF_SYSTEM.get(reason, _SHORT_FOR_SYSTEM) for reason in reasons or [""])
        ),
        advice=_SYSTEM_FIX,
        pattern="system",
        measures={"processes_count": float(len(deaths))},
    )


def _several(found: list[Row]) -> str:
    """Return ``dasd, a process of iOS,`` or ``4 processes of iOS (dasd, cloudd, healthd and 1 more)``."""
    names = list(dict.fromkeys(name_of(row) for row in found))
    if len(names) == 1:
        return f"{names[0]}, a process of iOS,"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} processes of iOS ({', '.join(names[:_NAMED])}{more})"


def _nameless(found: list[Row]) -> list[Row]:
    """Return the rows without their names: the finding is about iOS, not about one of them."""
    return [{**row, "app": None, "process": None} for row in found]


def _jetsam_severity(death: Row, reason: str | None) -> Severity:
    if death["in_call"] or reason == "per-process-limit":
        return Severity.critical
    return Severity.low if death["app_state"] == "suspended" else Severity.medium


_SYSTEM_CALLER: Final = {"cellular": "Phone", "facetime": "FaceTime"}
_MOMENT: Final = timedelta(microseconds=1)
_WITHOUT_SERVICE: Final = (
    "Every app depends on it: callservicesd carries the calls, the audio server all audio. It starts again, and what it carried is "
    "lost."
)


def _calls_then(inputs: Inputs, death: Row) -> tuple[list[Row], str]:
    """Return the calls that ran when a service of iOS ended, and a sentence about them; nothing where its time is not known."""
    if death["start"] is None:
        return [], ""
    calls = calls_in(inputs, death["start"], death["start"] + _MOMENT)
    if not calls:
        return [], " No call is told to have run then."
    whose = dict.fromkeys(
        name_of(call) if call["app"] else _SYSTEM_CALLER.get(call["kind"], "an app that no line names")
        for call in calls
    )
    return (
        calls,
        f" {'A call' if len(calls) == 1 else plural(len(calls), 'call')} ran then: of {' and of '.join(whose)}.",
    )


def _helper_jetsam(inputs: Inputs) -> Iterator[Finding]:
    hosts = {
        row["pid"]: row for row in inputs.episodes["processes"].filter(pl.col("host_app").is_not_null()).to_dicts()
    }
    known = {
        app for app in inputs.episodes["processes"]["app"].drop_nulls().to_list() if not app.startswith("com.apple.")
    }
    for death in (*rows(inputs, "terminations"), *undated(inputs, "terminations")):
        if kill_class(death) != "jetsam" or is_harmless(death) or call_service.ends_calls(inputs, death):
            continue
        daemon = daemon_name(death) if daemon_name(death) in AUDIO_SERVERS | CALL_DAEMONS else None
        extension = hosts.get(death["pid"])
        host = extension["host_app"] if extension else owner(death["app"], known)
        if daemon is None and (host is None or not wanted(inputs, {"app": host})):
            continue
        whose = "the system's call or audio service" if daemon else f"an extension of {host}"
        reason = jetsam_reason(death)
        calls, told = _calls_then(inputs, death) if daemon else ([], "")
        yield finding(
            "jetsam-of-helper",
            "T12",
            Severity.high,
            [{**death, "app": None, "process": None} if daemon else death],
            context=calls,
            lines=first_line(extension) if extension and extension["start"] and not daemon else [],
            title=f"iOS removed {name_of(death)}, {whose}, from memory" + memory_text(death),
            explanation=_WITHOUT_SERVICE + told
            if daemon
            else "Calls depend on this process: without it notifications are not decrypted, or tunnels fall.",
            advice=_SYSTEM_FIX if daemon else _MEMORY_FIX,
            pattern=f"{shown(daemon or death['app'] or death['process'] or '')}:{reason or ''}",
        )
    yield from call_service.removals(inputs)


_SAME_LOAD_S: Final = 60.0
"""Lines about one limit with shorter pauses between them tell of one load."""
_PRESSURE: Final = {
    "cpu": ("T10", "cpu-warning", "exceeded a CPU limit of iOS"),
    "threads": ("T10", "threads-warning", "runs more threads than iOS allows"),
    "wakeups": ("G11", "wakeups-warning", "woke the CPU more often than iOS allows"),
    "disk": ("G13", "disk-warning", "wrote more to disk than iOS allows"),
}
_NO_ACTION: Final = "iOS recorded the excess; no action that it took is recorded."
_LOAD: Final = (
    "In the background the next step is a kill; in a call the audio thread competes with this load.",
    "Find the threads in the matching resource report, or record the scenario with Instruments (Time Profiler, System Trace).",
)
_MEANS: Final = {
    "wakeups": (
        "Every wake-up costs energy; short timers, polling and chains of small tasks cause them.",
        "Find the threads in the matching resource report, or record the scenario with Instruments (System Trace).",
    ),
    "disk": (
        "Writes cost energy and wear out the storage.",
        "Find what writes in the matching report or with Instruments (File Activity); write only what changed, and log less.",
    ),
}
_MEASURES: Final = {"cpu": "cpu_s", "wakeups": "wakeup_count", "disk": "written_bytes"}


def _pressure(inputs: Inputs) -> Iterator[Finding]:
    hot = pl.col("kind").is_in(list(_PRESSURE)) & ~pl.col("fatal").fill_null(value=False)
    found = [
        {**row, "kind": "threads"} if row["level"] == "thread count" else row
        for row in (*rows(inputs, "resource_events", hot), *_undated_pressure(inputs))
        if wanted(inputs, row) and (row["app"] or row["process"]) and not _ignored(inputs, row)
    ]
    system = [row for row in found if _of_system(inputs, row)]
    for kind in dict.fromkeys(row["kind"] for row in system):
        yield _pressure_of_system([row for row in system if row["kind"] == kind])
    found = [row for row in found if not _of_system(inputs, row)]
    for app, kind in dict.fromkeys((name_of(row), str(row["kind"])) for row in found):
        own = [row for row in found if (name_of(row), row["kind"]) == (app, kind)]
        yield from (_pressure_finding(inputs, [row]) for row in own if row["start"] is None)
        own = [row for row in own if row["start"] is not None]
        for first, last in clusters([row["start"] for row in own], _SAME_LOAD_S):
            yield _pressure_finding(inputs, own[first:last])


def _undated_pressure(inputs: Inputs) -> list[Row]:
    return [row for row in undated(inputs, "resource_events") if row["kind"] in _PRESSURE and not row["fatal"]]


def _of_system(inputs: Inputs, row: Row) -> bool:
    """Whether the row is about a daemon nobody asked for; daemons pass limits on healthy devices too."""
    return not inputs.apps and (row["pid"], row["process"]) in daemons(inputs)


def _ignored(inputs: Inputs, row: Row) -> bool:
    """Whether the row is about a daemon where apps are told; a capture that names no app is a report that was picked."""
    return bool(inputs.episodes["processes"]["is_app"].any()) and _of_system(inputs, row)


def _pressure_of_system(about: list[Row]) -> Finding:
    """Return one finding about all processes of iOS that passed one kind of limit."""
    number, pattern, verb = _PRESSURE[str(about[0]["kind"])]
    told = about[0] if len(about) == 1 and None not in (about[0]["value"], about[0]["limit"]) else None
    return finding(
        "resource-warning",
        number,
        Severity.info,
        _nameless(about),
        title=f"{_several(about)} {verb}{_figures(told) if told else ''}",
        explanation=f"{_NO_ACTION} Processes of iOS pass such limits on healthy devices too.",
        advice="No app has to change for this alone. What an app asks of iOS may cause such load (photos, location, "
        "indexing, notifications): compare the time with what the app did. `--app NAME` judges this process as if it were "
        "your app.",
        pattern=f"{pattern}:system",
        measures={_MEASURES[str(told["kind"])]: float(told["value"])} if told and told["kind"] in _MEASURES else {},
    )


def _pressure_finding(inputs: Inputs, about: list[Row]) -> Finding:
    kind = str(about[0]["kind"])
    number, pattern, verb = _PRESSURE[kind]
    means, advice = _MEANS.get(kind, _LOAD)
    calls = [call for call in owned_calls(inputs, about[0]) if any(_overlap(call, row) for row in about)]
    told = next((row for row in about if row["value"] is not None and row["limit"] is not None), None)
    figures = _figures(told) if told else _limit(about)
    return finding(
        "resource-warning",
        number,
        Severity.high if calls and kind == "cpu" else Severity.medium,
        about,
        context=calls,
        title=f"{name_of(about[0])} {verb}{figures}" + (" in a call" if calls else ""),
        explanation=f"{_NO_ACTION} {means}{_several_told(about, figures=bool(figures))}",
        advice=advice,
        pattern=pattern,
        measures={_MEASURES[kind]: float(told["value"])} if told else {},
    )


def _several_told(about: list[Row], *, figures: bool) -> str:
    """Return that the finding joins what several lines tell, whose times the window spans; `figures`: the title has some."""
    if len(about) < 2 or about[0]["start"] is None:
        return ""
    ends = [row["end"] or row["start"] for row in about]
    apart = duration((max(ends) - min(ends)).total_seconds())
    span = duration((max(ends) - min(row["start"] for row in about)).total_seconds())
    one = "the figures are those of one of them, and " if figures else ""
    return (
        f" {len(about)} lines or reports, written within {apart}, tell of such an excess and are taken for one load: {one}"
        f"the time told here ({span}) spans what all of them measured."
    )


def _figures(row: Row) -> str:
    """Return what was used and the limit; the window is that of the measurement, a limit has its own."""
    used, limit = row["value"], row["limit"]
    seconds = 0.0 if row["start"] is None else ((row["end"] or row["start"]) - row["start"]).total_seconds()
    within = f" in {duration(seconds)}" if seconds > 0 else ""
    if row["kind"] == "cpu":
        return f" ({used:.0f} s of CPU time{within}, limit {limit:.0f} s)"
    if row["kind"] == "disk":
        return f" ({used / 1e6:,.0f} MB{within}, limit {limit / 1e6:,.0f} MB)"
    return f" ({used:,.0f} times{within}, limit {limit:,.0f})"


def _limit(about: list[Row]) -> str:
    """Return the limit where the lines tell nothing else: the kernel names the time in which it was passed."""
    row = next(
        (row for row in about if row["kind"] == "cpu" and row["limit"] is not None and row["start"] is not None), None
    )
    seconds = 0.0 if row is None or row["end"] is None else (row["end"] - row["start"]).total_seconds()
    return f" (more than {row['limit']:.0f} s of CPU time within {duration(seconds)})" if row and seconds > 0 else ""


def _overlap(call: Row, row: Row) -> bool:
    """Whether the measured time touches the call."""
    if row["start"] is None:
        return False
    return bool(call["start"] <= (row["end"] or row["start"]) and (call["end"] is None or row["start"] < call["end"]))


RULES: Final = (
    Rule(
        id="jetsam",
        numbers=("T11",),
        title="Removed from memory",
        severity=Severity.critical,
        why="The app is gone without a crash; in a call the call is lost.",
        fix=_MEMORY_FIX,
        needs="lines of the kernel or of runningboardd about the end of processes",
        can_run=seen("jetsam.killed", *TERMINATION_KINDS, by=TERMINATION_DAEMONS | {"kernel"}),
        check=_jetsam,
        links=(links.JETSAM,),
    ),
    Rule(
        id="jetsam-of-helper",
        numbers=("T12",),
        title="A helper that calls depend on was removed from memory",
        severity=Severity.critical,
        why="Notifications, tunnels, all calls or all audio fail with it.",
        fix=f"Where it is an extension of the app: {_MEMORY_FIX} Where it is a service of iOS, clean up in providerDidReset(_:) and after "
        "mediaServicesWereResetNotification.",
        needs="lines of the kernel or of runningboardd about the end of processes",
        can_run=seen("jetsam.killed", *TERMINATION_KINDS, by=TERMINATION_DAEMONS | {"kernel"}),
        check=_helper_jetsam,
        links=(links.JETSAM, links.PROVIDER_DELEGATE),
    ),
    Rule(
        id="resource-warning",
        numbers=("T10", "G11", "G13"),
        title="Warned about CPU, wake-ups or disk writes",
        severity=Severity.high,
        why="The step before a kill, and a cause of glitches.",
        fix="Profile the scenario and cut the load.",
        needs="lines about resource limits (kernel, symptomsd, or resource reports)",
        can_run=seen("resource.cpu", "resource.wakeups", "resource.disk", by=("kernel", "symptomsd")),
        check=_pressure,
        links=(links.SIGKILL,),
    ),
)
