"""How the app died: watchdog, locks, limits, crashes, the user. Missed push reports and background tasks have their own files."""

from collections.abc import Iterator
from typing import Final

from traceview.rules import call_service, links
from traceview.rules.by_app import by_name
from traceview.rules.kill_texts import SYSTEM_KILLS, allowance, cpu_figures
from traceview.rules.kills import (
    CODES,
    code_text,
    code_value,
    deaths,
    has_kill,
    kill_class,
    kills,
    reason_text,
    state_text,
)
from traceview.rules.proofs import call_of_death, state_at_death
from traceview.rules.quotes import fit
from traceview.rules.registry import Check, Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    TERMINATION_DAEMONS,
    TERMINATION_KINDS,
    Row,
    any_of,
    duration,
    finding,
    name_of,
    plural,
    seen,
    shown,
)
from traceview.rules.windows import busiest

_CAN_SEE_EXITS: Final = seen(*TERMINATION_KINDS, by=TERMINATION_DAEMONS)
_NEEDS_EXITS: Final = "lines of runningboardd, SpringBoard or launchd about the end of processes"

_WATCHDOG_FIX: Final = (
    "Keep the main thread free while the app launches, enters the background and answers calls: no synchronous network, "
    "keychain, database migration or AVAudioSession.setActive there (activation blocks; use a background queue). Look at the "
    "main thread in the crash report: waiting means a lock or I/O, running means too much work."
)
_LOCK_FIX: Final = (
    "Close or unlock files in a shared container and SQLite databases before suspension: wrap writes in "
    "beginBackgroundTask(withName:expirationHandler:) begun before the write, or move the database out of the app group "
    "container; with Core Data or GRDB stop writing on didEnterBackground."
)


def _watchdog(inputs: Inputs) -> Iterator[Finding]:
    for death in kills(inputs, "watchdog"):
        worst = bool(death["in_call"])
        where = " during a call" if death["in_call"] else state_text(death)
        given = allowance(death["explanation"])
        yield finding(
            "watchdog-termination",
            "T07",
            Severity.critical if worst else Severity.high,
            [death],
            context=call_of_death(inputs, death),
            lines=[] if worst else state_at_death(inputs, death),
            title=f"The watchdog killed {name_of(death)}{where}"
            + (f": {given.event} exceeded its allowance of {given}" if given else "")
            + code_text(death),
            explanation=(
                f"iOS gives the app {given} for {given.event}. It took longer, so iOS ended it."
                if given
                else "The app did not answer the system within the time that it is given, so iOS ended it. The capture does "
                "not tell what for, and how long that was."
            )
            + (" The call went down with it." if worst else ""),
            advice=_WATCHDOG_FIX,
            pattern="in-call" if worst else "",
            measures={"allowance_s": given.seconds} if given else None,
        )


def _lock_held(inputs: Inputs) -> Iterator[Finding]:
    for death in kills(inputs, "lock_held"):
        yield finding(
            "lock-held-termination",
            "T06",
            Severity.critical,
            [death],
            title=f"iOS killed {name_of(death)} for holding a file lock while being suspended{code_text(death)}",
            explanation="A suspended process cannot release a lock that others may wait for; iOS ends it instead. The next "
            "VoIP push then needs a cold launch.",
            advice=_LOCK_FIX,
        )


def _system_kill(rule: str) -> Check:
    classes = [name for name, kill in SYSTEM_KILLS.items() if kill.rule == rule]

    def check(inputs: Inputs) -> Iterator[Finding]:
        for death in kills(inputs, *classes):
            kill = SYSTEM_KILLS[kill_class(death)]
            worst = bool(death["in_call"]) or kill.number in {"T04", "T08"}
            figures = cpu_figures(death["explanation"]) if kill.number == "T08" else ""
            yield finding(
                kill.rule,
                kill.number,
                Severity.critical if worst else Severity.high,
                [death],
                context=call_of_death(inputs, death),
                title=f"iOS killed {name_of(death)} {kill.verb}{figures or code_text(death)}",
                explanation=kill.explanation if figures or not kill.usual else f"{kill.explanation} {kill.usual}",
                advice=kill.advice,
                pattern=kill_class(death),
            )

    return check


def _crash_in_call(inputs: Inputs) -> Iterator[Finding]:
    for death in kills(inputs, "crash"):
        if death["in_call"]:
            yield finding(
                "crash-in-call",
                "T16",
                Severity.critical,
                [death],
                context=call_of_death(inputs, death),
                title=f"{name_of(death)} crashed during a call{code_text(death)}",
                explanation="The process ended by itself while its call lasted: the other side hears silence until its own "
                "timeout, and CallKit ends the call as failed.",
                advice="Symbolicate the crash report of this time. Restore or end the call on the next launch, and tell the "
                "server that the call ended.",
            )
    yield from call_service.crashes(inputs)


def _user_quit(inputs: Inputs) -> Iterator[Finding]:
    for death in kills(inputs, "user"):
        yield finding(
            "user-force-quit",
            "T15",
            Severity.info,
            [death],
            title=f"The user closed {name_of(death)} in the app switcher{code_text(death)}",
            explanation="No defect. Until the user opens the app again, only PushKit and a few other events launch it.",
            advice="Make sure that a VoIP push alone brings a call up from a cold launch.",
        )


def _debug_kill(inputs: Inputs) -> Iterator[Finding]:
    for death in kills(inputs, "debug_kill"):
        yield finding(
            "debug-kill",
            "T18",
            Severity.low,
            [death],
            title=f"A developer setting killed {name_of(death)} in the background (BG Kill Demo)",
            explanation="The developer menu of this device ends background apps on purpose; users never see this.",
            advice="Switch the setting off on the device before judging background behaviour.",
        )


_EXPLAINED: Final = frozenset({*CODES.values(), *SYSTEM_KILLS, "debug_kill", "jetsam"})
_UNTOLD: Final = {
    True: "The process crashed, and nothing tells why. The next VoIP push needs a cold launch.",
    False: "The process ended with a code that none of the known system kills uses. The next VoIP push needs a cold launch.",
}
"""What is said of a crash, and of another end, where the capture gives no reason."""
_PEACEFUL: Final = frozenset({"normal_exit", "service_owner_exited", "unknown"})


def _silent_death(inputs: Inputs) -> Iterator[Finding]:
    for death in deaths(inputs):
        kind = kill_class(death)
        if kind in _EXPLAINED or (kind == "crash" and death["in_call"]):
            continue
        if kind in _PEACEFUL and not code_value(death["code"]):
            if kind == "unknown" and _HELD_AUDIO in (death["explanation"] or ""):
                yield _untold_death(death)
            continue
        crashed = kind == "crash"
        if death["of_system"]:
            yield _death_of_system(death, crashed=crashed)
            continue
        reason = reason_text(death)
        told = death["explanation"] or ""
        yield finding(
            "unexplained-termination",
            "T19",
            Severity.high if crashed or death["in_call"] else Severity.medium,
            [death],
            title=f"{name_of(death)} {_ended(death, reason)}",
            explanation=shown(told, 300) if fit(told, 300) not in ("", "crashed") else _UNTOLD[crashed],
            advice="Symbolicate the crash report of this time with the dSYM of that build and read the thread that crashed; "
            "where the capture does not hold it, it is in Settings, Privacy & Security, Analytics Data."
            if crashed
            else "Look for a report of this time in Settings, Privacy & Security, Analytics Data, or for the exit reason "
            "in MetricKit (MXAppExitMetric).",
            pattern=f"{kind}:{shown(death['namespace'] or '')}:{shown(death['code'] or '')}",
            confidence=0.9 if crashed else 0.7,
        )
    yield from call_service.other_ends(inputs)


def _ended(death: Row, reason: str) -> str:
    kind = kill_class(death)
    if kind == "crash":
        return f"crashed ({reason})" if reason else "crashed"
    return f"was terminated ({reason or kind})"


def _death_of_system(death: Row, *, crashed: bool) -> Finding:
    """Return that a process of iOS ended, for which nobody asked: no app caused it that is known, and no app can mend it."""
    told = (death["explanation"] or "").rstrip(".")
    return finding(
        "unexplained-termination",
        "T19",
        Severity.info,
        [{**death, "app": None, "process": None}],
        title=f"{name_of(death)}, a process of iOS, {_ended(death, reason_text(death))}",
        explanation=(f"{shown(told, 300)}. " if fit(told, 300) not in ("", "crashed") else "")
        + "This process belongs to iOS, which starts it again when it is needed.",
        advice="No app has to change for this alone. If an app asked for what this process does when it ended, compare the "
        "times, and send the report to Apple (Feedback Assistant). `--app NAME` judges this process as if it were your app.",
        pattern=f"system:{kill_class(death)}",
        confidence=0.9 if crashed else 0.7,
    )


_HELD_AUDIO: Final = "audio client died"
"""What the audio server says of a process that ended without giving up its session."""


def _untold_death(death: Row) -> Finding:
    return finding(
        "unexplained-termination",
        "T19",
        Severity.low,
        [death],
        title=f"{name_of(death)} ended while it held an audio session, and no line tells why",
        explanation="The audio server cleaned up after the process. A crash, a kill by iOS and the app switcher all look like "
        "this where the lines of runningboardd and SpringBoard about the cause are absent.",
        advice="Record these daemons too (a whole sysdiagnose has them), or look for a report of this time in Settings, "
        "Privacy & Security, Analytics Data.",
        pattern="untold",
        confidence=0.5,
    )


_ABNORMAL: Final = frozenset({*CODES.values(), *SYSTEM_KILLS, "crash", "jetsam"}) - {"user"}


def _crash_loop(inputs: Inputs) -> Iterator[Finding]:
    least, span = inputs.thresholds["exits"], inputs.thresholds["span"]
    dated = [row for row in kills(inputs, *_ABNORMAL) if row["start"] is not None]
    for app, own in by_name(row for row in dated if row["app"] or row["process"]).items():
        first, last = busiest([row["start"] for row in own], span)
        if last - first < least:
            continue
        about = own[first:last]
        took = (about[-1]["start"] - about[0]["start"]).total_seconds()
        kinds = ", ".join(sorted({kill_class(row) for row in about}))
        yield finding(
            "crash-loop",
            "T17",
            Severity.high,
            about,
            title=f"{app} ended abnormally {len(about)} times in {duration(took)} ({kinds})",
            explanation="iOS treats repeated failures as a bad app: callservicesd stops launching it for VoIP pushes, and "
            "background launches become rarer.",
            advice="Fix the first failure of the series; guard launch code against its own stored state (a corrupt "
            f"database crashes every launch). {plural(len(about), 'termination')} are listed as evidence.",
            measures={"exit_count": float(len(about))},
        )


RULES: Final = (
    Rule(
        id="watchdog-termination",
        numbers=("T07",),
        title="Killed by the watchdog",
        severity=Severity.critical,
        why="iOS ends apps whose main thread does not answer; in a call the call is lost.",
        fix=_WATCHDOG_FIX,
        needs=_NEEDS_EXITS,
        can_run=_CAN_SEE_EXITS,
        check=_watchdog,
        links=(links.WATCHDOG, links.SIGKILL),
    ),
    Rule(
        id="lock-held-termination",
        numbers=("T06",),
        title="Killed for a file lock held at suspension",
        severity=Severity.critical,
        why="The app disappears shortly after it goes to the background, without a crash in its own code.",
        fix=_LOCK_FIX,
        needs=_NEEDS_EXITS,
        can_run=_CAN_SEE_EXITS,
        check=_lock_held,
        links=(links.SIGKILL,),
    ),
    Rule(
        id="system-kill",
        numbers=("T04", "T13", "T14"),
        title="Killed by another limit of the system",
        severity=Severity.critical,
        why="iOS ended the app for what it did in the background or for the state of the device.",
        fix="See the advice of the finding: each code has its own remedy.",
        needs=_NEEDS_EXITS,
        can_run=_CAN_SEE_EXITS,
        check=_system_kill("system-kill"),
        links=(links.SIGKILL,),
    ),
    Rule(
        id="cpu-kill",
        numbers=("T08",),
        title="Killed for CPU use in the background",
        severity=Severity.critical,
        why="A fatal CPU limit ends the app, with the call if there is one.",
        fix=SYSTEM_KILLS["cpu"].advice,
        needs=_NEEDS_EXITS,
        can_run=_CAN_SEE_EXITS,
        check=_system_kill("cpu-kill"),
        links=(links.SIGKILL, links.BACKGROUND_MODES),
    ),
    Rule(
        id="crash-in-call",
        numbers=("T16",),
        title="Crash during a call",
        severity=Severity.critical,
        why="The app, or the service of iOS that carries its calls, is gone: the call is lost and the other side is not told.",
        fix="Symbolicate and fix the crash; end or restore the call on the next launch. Where iOS's service crashed, clean up in "
        "providerDidReset(_:).",
        needs=_NEEDS_EXITS,
        can_run=_CAN_SEE_EXITS,
        check=_crash_in_call,
        links=(links.CRASH_REPORT, links.PROVIDER_DELEGATE),
    ),
    Rule(
        id="crash-loop",
        numbers=("T17",),
        title="Repeated abnormal ends",
        severity=Severity.high,
        why="Each cold launch delays the next call, and iOS stops launching apps that keep failing.",
        fix="Fix the first failure of the series.",
        needs=_NEEDS_EXITS,
        can_run=_CAN_SEE_EXITS,
        check=_crash_loop,
        thresholds=(
            Threshold("exits", 3.0, "terminations", "heuristic", "so many abnormal ends make a loop"),
            Threshold("span", 600.0, "s", "heuristic", "within this time"),
        ),
        links=(links.FORUM_PUSH_BLOCKED, links.CRASH_REPORT),
    ),
    Rule(
        id="unexplained-termination",
        numbers=("T19",),
        title="Crash or termination outside a call",
        severity=Severity.high,
        why="The app is gone: the next call needs a cold launch, and state in memory is lost.",
        fix="Find the report of this time, or the exit reason in MetricKit.",
        needs=_NEEDS_EXITS,
        can_run=_CAN_SEE_EXITS,
        check=_silent_death,
        links=(links.CRASH_REPORT, links.SIGKILL),
    ),
    Rule(
        id="user-force-quit",
        numbers=("T15",),
        title="Closed by the user",
        severity=Severity.info,
        why="Explains why the app was gone; no defect.",
        fix="Nothing to fix.",
        needs=_NEEDS_EXITS,
        can_run=_CAN_SEE_EXITS,
        check=_user_quit,
        links=(links.SIGKILL,),
    ),
    Rule(
        id="debug-kill",
        numbers=("T18",),
        title="Killed by a developer setting",
        severity=Severity.low,
        why="Explains a kill that no user will see.",
        fix="Switch off the background kill setting on the test device.",
        needs=_NEEDS_EXITS,
        can_run=any_of(_CAN_SEE_EXITS, has_kill("debug_kill")),
        check=_debug_kill,
        links=(links.FORUM_SUSPENDED,),
    ),
)
