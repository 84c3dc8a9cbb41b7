"""What the capture itself leaves in doubt."""

import re
from collections.abc import Iterator
from typing import Final

import polars as pl

from traceview.rules import links
from traceview.rules.registry import Finding, Inputs, Rule, Severity, Threshold
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


def _about_capture(rule: str, number: str, *, title: str, explanation: str, advice: str, pattern: str) -> Finding:
    """Build a finding about the capture as a whole: it rests on counts, so no single line proves it."""
    return Finding(
        rule=rule,
        number=number,
        severity=Severity.info,
        app=None,
        start=None,
        end=None,
        title=title,
        explanation=explanation,
        advice=advice,
        evidence=(),
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
        witness = str(call["witness"]).replace("_", " ")
        yield finding(
            "call-single-witness",
            "Q05",
            Severity.info,
            [call],
            title=f"A call of {name_of(call)} is known from the {witness} alone",
            explanation="No line of callservicesd or CallKit names this call: its edges and its owner are inferred, and rules "
            "about the report and the answer cannot see it.",
            advice="Capture callservicesd too (a whole sysdiagnose has it).",
            confidence=0.6,
            pattern=str(call["witness"]),
        )


def _unusual_device(inputs: Inputs) -> Iterator[Finding]:
    build = inputs.facts.os_build or ""
    doubts = {
        "simulator": bool(inputs.facts.simulator) or bool(SIMULATOR_PROCESSES & inputs.witnesses),
        "debugger": "debugserver" in inputs.witnesses,
        "seed": bool(_SEED_BUILD.fullmatch(build)),
    }
    texts = {
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
                title=f"{texts[doubt][0]}: background behaviour is not that of a customer's device",
                explanation=texts[doubt][1],
                advice="Confirm findings on a release of iOS, on a device, without a debugger.",
                pattern=doubt,
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
        title="Simulator, beta or debugger",
        severity=Severity.info,
        why="Limits and scheduling differ from what users get.",
        fix="Confirm on a release device without a debugger.",
        needs="any log line or the build of the system",
        can_run=lambda inputs: bool(inputs.witnesses or inputs.facts.os_build),
        check=_unusual_device,
        links=(links.BACKGROUND_TIME,),
    ),
)
