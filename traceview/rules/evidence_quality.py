"""What the capture itself leaves in doubt."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import polars as pl

from traceview.rules import links
from traceview.rules.registry import ClockStep, Finding, Inputs, Rule, Severity, Threshold
from traceview.rules.rows import (
    CALL_DAEMONS,
    SIMULATOR_PROCESSES,
    any_of,
    duration,
    finding,
    has_rows,
    name_of,
    plural,
    rows,
    seen,
    wanted,
)

_SEED_BUILD: Final = re.compile(r"\d{2}[A-Z]5\d{3}[a-z]")
"""Seeds have a four-digit number from 5000 on and a letter at the end (``23A5276f``)."""

_MAC: Final = re.compile(r"(?:Mac|iMac|VirtualMac|Xserve).*")
"""Model identifiers of computers (Apple Support, "Identify your Mac model"): ``Macmini9,1``, ``MacBookPro18,3``, ``Mac14,2``."""

_WITNESSES: Final = {"audio_session": "its audio session", "powerlog": "PowerLog", "audio_routing": "the audio route"}
"""What else than CallKit may tell of a call, in words."""


_STEPS: Final = 5
"""So many clock steps are named."""


def _about_capture(
    rule: str,
    number: str,
    *,
    title: str,
    explanation: str,
    advice: str,
    pattern: str,
    moments: Sequence[datetime] = (),
    evidence: tuple[int, ...] = (),
) -> Finding:
    """Build a finding about the capture as a whole: most rest on counts, so that no single line proves them."""
    return Finding(
        rule=rule,
        number=number,
        severity=Severity.info,
        app=None,
        start=min(moments, default=None),
        end=max(moments, default=None),
        title=title,
        explanation=explanation,
        advice=advice,
        evidence=evidence,
        pattern=pattern,
    )


def _incomplete(inputs: Inputs) -> Iterator[Finding]:
    facts = inputs.facts
    if facts.lost_messages:
        yield _about_capture(
            "log-incomplete",
            "Q02",
            title=f"The device lost {plural(facts.lost_messages, 'log message')} before they were stored",
            explanation="The log daemon drops messages where a process logs faster than they can be stored. What is absent "
            "here may have happened all the same.",
            advice="Log less in the app, or record again with a log stream that names the app's subsystem.",
            pattern="lost",
        )
    if _mostly_private(inputs):
        yield _about_capture(
            "log-incomplete",
            "Q02",
            title=f"{facts.private_share:.0%} of the recognised lines hide values as <private>",
            explanation="iOS hides names and identifiers on customer devices. Calls and pushes are then joined by process id "
            "and time.",
            advice="Install Apple's logging profile for the component (developer.apple.com, Profiles and Logs) and reproduce.",
            pattern="private",
        )


def _late_capture(inputs: Inputs) -> Iterator[Finding]:
    taken, first = inputs.facts.taken, inputs.facts.first
    deaths = [row for row in rows(inputs, "terminations") if wanted(inputs, row)]
    for row in deaths:
        if taken is None or first is None or row["start"] >= first:
            continue
        yield finding(
            "captured-late",
            "Q04",
            Severity.info,
            [row],
            title=f"The log begins {duration((first - row['start']).total_seconds())} after {name_of(row)} ended",
            explanation="A report tells of this end, but the log lines around it had already been rolled out when the capture "
            f"was taken, {duration((taken - row['start']).total_seconds())} later.",
            advice="Take the sysdiagnose within minutes of the trouble.",
        )


def _single_witness(inputs: Inputs) -> Iterator[Finding]:
    weak = pl.col("witness").is_not_null() & (pl.col("witness") != "callkit")
    for call in rows(inputs, "calls", weak):
        if not wanted(inputs, call):
            continue
        witness = _WITNESSES.get(str(call["witness"]), str(call["witness"]))
        yield finding(
            "call-single-witness",
            "Q05",
            Severity.info,
            [call],
            title=f"A call of {name_of(call)} is known from {witness} alone",
            explanation="No line of callservicesd or CallKit names this call: its edges and its owner are inferred, and rules "
            "about the report and the answer cannot see it.",
            advice="Capture callservicesd too (a whole sysdiagnose has it).",
            confidence=0.6,
            pattern=str(call["witness"]),
        )


def _unusual_device(inputs: Inputs) -> Iterator[Finding]:
    build, model = inputs.facts.os_build or "", inputs.facts.model or ""
    doubts = {
        "mac": bool(_MAC.fullmatch(model)),
        "simulator": bool(inputs.facts.simulator) or bool(SIMULATOR_PROCESSES & inputs.witnesses),
        "debugger": "debugserver" in inputs.witnesses,
        "seed": bool(_SEED_BUILD.fullmatch(build)),
    }
    texts = {
        "mac": (
            f"The log is of a Mac ({model})",
            "macOS neither suspends apps as iOS does nor knows background modes.",
        ),
        "simulator": ("The log is of a simulator", "Simulators suspend, throttle and schedule audio differently."),
        "debugger": (
            "A debugger ran on the device",
            "Under a debugger iOS neither suspends the app nor applies the watchdog.",
        ),
        "seed": (f"The device runs a beta of iOS ({build})", "Betas log more and behave differently from releases."),
    }
    for doubt, true in doubts.items():
        if true:
            yield _about_capture(
                "unusual-device",
                "Q06",
                title=f"{texts[doubt][0]}: background behaviour is not that of devices that customers have",
                explanation=texts[doubt][1],
                advice="Confirm findings on a release of iOS, on a device, without a debugger.",
                pattern=doubt,
            )


def _clock(inputs: Inputs) -> Iterator[Finding]:
    facts, limit = inputs.facts, inputs.thresholds["step"]
    if facts.clock_step_s is not None and abs(facts.clock_step_s) > limit:
        steps = [step for step in facts.clock_steps if abs(step.by_s) > limit]
        yield _about_capture(
            "clock-changed",
            "Q01",
            title=f"The device's clock was set {'back' if facts.clock_step_s < 0 else 'forward'} by {abs(facts.clock_step_s):,.1f} s while it recorded",
            explanation="Times before and after the step are on two clocks. Windows across it may be longer or shorter than told."
            + _told_steps(steps),
            advice="Judge latencies within one side of the step; the server's clock may differ from both.",
            pattern="step",
            moments=[step.time for step in steps],
            evidence=tuple(dict.fromkeys(step.ref for step in steps if step.ref is not None)),
        )
    if facts.clock_offset_s is not None and abs(facts.clock_offset_s) > limit:
        yield _about_capture(
            "clock-changed",
            "Q01",
            title=f"Two sources of this capture place the same facts {duration(abs(facts.clock_offset_s))} apart",
            explanation="Their clocks disagree, or the zone of one was assumed wrong. Findings that join both are less sure. "
            "It is measured on what both tell (lines, launches, ends of processes; table clocks), so no single line shows it.",
            advice="See `traceview doctor` for which sources; give --tz where a text prints no zone.",
            pattern="offset",
        )


def _told_steps(steps: list[ClockStep]) -> str:
    """Return each step (of many the largest ones) with its moment, and why no line is quoted where none is."""
    if not steps:
        return " No source tells when, so no line is quoted."
    largest = sorted(sorted(steps, key=lambda step: -abs(step.by_s))[:_STEPS], key=lambda step: step.time)
    told = ", ".join(f"by {step.by_s:+,.1f} s at {step.time:%Y-%m-%d %H:%M:%S} UTC" for step in largest)
    more = f" and {plural(len(steps) - _STEPS, 'more time')}" if len(steps) > _STEPS else ""
    where = (
        " An archive tells this in its clock records (times are those of the clock before the step), which are no log lines, "
        "so none is quoted; `traceview log` marks the place with "
        '"=== system wallclock time adjusted".'
        if any(step.ref is None for step in steps)
        else ""
    )
    return f" It was set {told}{more}.{where}"


def _lite(inputs: Inputs) -> Iterator[Finding]:
    if inputs.facts.powerlog_lite:
        yield _about_capture(
            "powerlog-limited",
            "Q03",
            title="The PowerLog was recorded in Lite mode",
            explanation="Many of its tables stay empty then: that nothing was noted is no evidence that nothing happened.",
            advice="Install Apple's battery-life logging profile on the device and reproduce for a day.",
            pattern="lite",
        )
    if inputs.facts.powerlog_lacks:
        yield _about_capture(
            "powerlog-limited",
            "Q03",
            title=f"The PowerLog lacks {plural(len(inputs.facts.powerlog_lacks), 'table')} about apps and calls",
            explanation=f"It does not have: {', '.join(inputs.facts.powerlog_lacks)}. Another version of iOS names them "
            "otherwise, or the device does not note them.",
            advice="`traceview doctor` shows what was read. Rules that need these tables are not evaluated.",
            pattern="lacks",
        )


def _mostly_private(inputs: Inputs) -> bool:
    share = inputs.facts.private_share
    return share is not None and share > inputs.thresholds["private_share"]


def _can_tell(inputs: Inputs) -> bool:
    """A log text does not tell what was lost, so it can be called incomplete but never complete."""
    return inputs.facts.lost_messages is not None or _mostly_private(inputs)


RULES: Final = (
    Rule(
        id="log-incomplete",
        numbers=("Q02",),
        title="Messages lost or hidden",
        severity=Severity.info,
        why="What a log does not show may still have happened.",
        fix="Record again with less logging or with Apple's logging profile.",
        needs="the count of lost messages, which a logarchive has, or recognised lines that are mostly private",
        can_run=_can_tell,
        check=_incomplete,
        thresholds=(
            Threshold(
                "private_share",
                0.5,
                "share",
                "heuristic",
                "a larger share of private lines among the recognised ones is reported",
            ),
        ),
        links=(links.CRASH_REPORT,),
    ),
    Rule(
        id="clock-changed",
        numbers=("Q01",),
        title="Clocks that were set or disagree",
        severity=Severity.info,
        why="Latencies and orders of events across a step are not what they seem.",
        fix="Judge within one side of the step, and give the zone of texts that print none.",
        needs="a source that tells clock steps (a logarchive, a PowerLog), or two sources that know the same facts",
        can_run=lambda inputs: inputs.facts.clock_step_s is not None or inputs.facts.clock_offset_s is not None,
        check=_clock,
        thresholds=(Threshold("step", 2.0, "s", "heuristic", "smaller steps and offsets are not reported"),),
        links=(links.CRASH_REPORT,),
    ),
    Rule(
        id="powerlog-limited",
        numbers=("Q03",),
        title="PowerLog in Lite mode or incomplete",
        severity=Severity.info,
        why="What it does not note may still have happened.",
        fix="Record with Apple's battery-life logging profile.",
        needs="a PowerLog (a sysdiagnose holds one)",
        can_run=lambda inputs: inputs.facts.powerlog_lite is not None,
        check=_lite,
        links=(links.BACKGROUND_MODES,),
    ),
    Rule(
        id="captured-late",
        numbers=("Q04",),
        title="Captured long after the event",
        severity=Severity.info,
        why="Without the lines around an event its cause stays open.",
        fix="Take the sysdiagnose within minutes.",
        needs="the time at which the capture was taken (a sysdiagnose has it) and the first time that its log covers",
        can_run=lambda inputs: inputs.facts.taken is not None and inputs.facts.first is not None,
        check=_late_capture,
        links=(links.CRASH_REPORT,),
    ),
    Rule(
        id="call-single-witness",
        numbers=("Q05",),
        title="Call known from one source only",
        severity=Severity.info,
        why="Edges and owner of such a call are inferred.",
        fix="Capture callservicesd too.",
        needs="lines that show a call",
        can_run=any_of(seen("call.", by=CALL_DAEMONS), has_rows("calls")),
        check=_single_witness,
        links=(links.CALLKIT,),
    ),
    Rule(
        id="unusual-device",
        numbers=("Q06",),
        title="Simulator, Mac, beta or debugger",
        severity=Severity.info,
        why="Limits and scheduling differ from what users get.",
        fix="Confirm on a release device without a debugger.",
        needs="any log line, or the device's model or build",
        can_run=lambda inputs: bool(inputs.witnesses or inputs.facts.os_build or inputs.facts.model),
        check=_unusual_device,
        links=(links.BACKGROUND_TIME,),
    ),
)
