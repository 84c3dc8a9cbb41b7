"""What a capture lacks for the rules that it cannot evaluate, so that people read causes and not sixty names."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, partial
from itertools import combinations
from typing import Final

import polars as pl
from msgspec import Struct
from msgspec.structs import replace

from traceview.completeness import LOG_READERS
from traceview.rules.registry import CaptureFacts, Inputs, NotEvaluated, Rule
from traceview.rules.rows import (
    AUDIO_SERVERS,
    CALL_DAEMONS,
    STATE_DAEMONS,
    STATE_KINDS,
    TERMINATION_DAEMONS,
    remembered,
)
from traceview.witness.schema import WITNESS_SCHEMA


class Source(StrEnum):
    """What a capture may lack. The first four are lines of the device's log."""

    calls = "calls"
    audio = "audio"
    states = "app states"
    daemons = "daemons"
    powerlog = "powerlog"
    instruments = "instruments"
    capture = "capture"


MOST_SILENT: Final = 20
"""Rules without evidence above which "nothing found" would say too much: a third of the catalogue (heuristic)."""
_LOG: Final = (Source.calls, Source.audio, Source.states, Source.daemons)
_LINES: Final = {
    Source.calls: "calls and pushes (callservicesd, CallKit, PushKit)",
    Source.audio: "audio (audiomxd, mediaserverd, AVAudioSession)",
    Source.states: "app states and ends of processes (runningboardd, SpringBoard)",
    Source.daemons: "limits, scheduled tasks and the push connection (kernel, dasd, apsd)",
}
_NO_LOG: Final = "need the device's log (a sysdiagnose, a .logarchive or log text)"
_OTHERS: Final = {
    Source.powerlog: "need a PowerLog (a sysdiagnose holds one)",
    Source.instruments: "need a recording of Instruments",
    Source.capture: "need facts about the capture itself (a sysdiagnose has them)",
}
_SILENT: Final = {
    Source.powerlog: "need rows that the PowerLog of this capture does not hold",
    Source.instruments: "need tables that the recording of Instruments does not hold",
}
"""Said where the source is there, by `Source`."""
_READERS: Final = {Source.powerlog: "powerlog", Source.instruments: "xctrace"}
_ABOUT_CAPTURE: Final = CaptureFacts(
    taken=datetime.max.replace(tzinfo=UTC),
    first=datetime.min.replace(tzinfo=UTC),
    lost_messages=0,
    os_build="",
    clock_step_s=0.0,
)
"""A capture of which everything is known; only whether something is known matters here."""


def _with_lines(processes: Iterable[str], kinds: Iterable[str] = ()) -> Callable[[Inputs], Inputs]:
    return lambda inputs: replace(inputs, witnesses=inputs.witnesses | {*processes}, kinds=inputs.kinds | {*kinds})


def _with_windows(*lanes: str) -> Callable[[Inputs], Inputs]:
    return lambda inputs: replace(inputs, windows=_windows_in(lanes))


@cache
def _windows_in(lanes: tuple[str, ...]) -> pl.DataFrame:
    """Return a window of an app in each lane."""
    rows = pl.DataFrame({"lane": lanes, "app": [""] * len(lanes)})
    return pl.concat([pl.DataFrame(schema=WITNESS_SCHEMA), rows], how="diagonal")


def _with_powerlog(inputs: Inputs) -> Inputs:
    return replace(_with_windows("cpu", "network", "push")(inputs), facts=replace(inputs.facts, powerlog_lite=False))


_ADDED: Final[dict[Source, Callable[[Inputs], Inputs]]] = {
    Source.calls: _with_lines(CALL_DAEMONS),
    Source.audio: _with_lines(AUDIO_SERVERS),
    Source.states: _with_lines(STATE_DAEMONS | TERMINATION_DAEMONS, STATE_KINDS),
    Source.daemons: _with_lines(("kernel", "symptomsd", "dasd", "apsd")),
    Source.powerlog: _with_powerlog,
    Source.instruments: _with_windows("hang"),
    Source.capture: lambda inputs: replace(inputs, facts=_ABOUT_CAPTURE),
}
_TRIED: Final = (*((one,) for one in Source), *combinations(_LOG, 2), *combinations(_LOG, 3))


def lacks(rule: Rule, inputs: Inputs) -> tuple[Source, ...]:
    """Return the fewest sources with which `rule` could run, found by asking its own predicate; () where none of them helps.

    Raises:
        Exception: Whatever the predicate of a third-party rule raises.
    """
    for sources in _TRIED:
        richer = remembered(inputs, ("as if it had", sources), partial(_richer, inputs, sources))
        if rule.can_run(replace(richer, thresholds=inputs.thresholds)):
            return sources
    return ()


def _richer(inputs: Inputs, added: Iterable[Source]) -> Inputs:
    """Return the inputs as if the capture had the sources `added` too."""
    richer = replace(inputs, memo={})
    for source in added:
        richer = _ADDED[source](richer)
    return richer


class Lack(Struct, frozen=True):
    """Rules that could not be evaluated for one reason.

    Attributes:
        why: A clause for people: ``need a PowerLog (…)``, or what else keeps them from running.
        rules: The rules, by slug.
    """

    why: str
    rules: tuple[NotEvaluated, ...]

    def __str__(self) -> str:
        count = len(self.rules)
        if not self.why.startswith("need "):
            return f"{count}: {self.why}"
        return f"{count} {self.why}" if count > 1 else f"1 needs {self.why.removeprefix('need ')}"


def grouped(not_evaluated: Iterable[NotEvaluated], readers: Collection[str]) -> tuple[Lack, ...]:
    """Return the rules by what they lack, most rules first.

    Args:
        not_evaluated: As `evaluate` gives them.
        readers: Of the capture's sources: without a log, all rules that need lines need the same.
    """
    groups: dict[str, list[NotEvaluated]] = {}
    for one in not_evaluated:
        groups.setdefault(_why(one, readers), []).append(one)
    found = [Lack(why, tuple(sorted(rules, key=lambda one: one.rule))) for why, rules in groups.items()]
    return tuple(sorted(found, key=lambda lack: -len(lack.rules)))


def _why(one: NotEvaluated, readers: Collection[str]) -> str:
    if not one.lacks:
        return one.needs
    sources = [Source(name) for name in one.lacks]
    first = sources[0]
    if first not in _LINES:
        return _SILENT[first] if _READERS.get(first) in readers else _OTHERS[first]
    if LOG_READERS.isdisjoint(readers):
        return _NO_LOG
    about = _LINES[first] if len(sources) == 1 else f"{', '.join(sources[:-1])} and {sources[-1]} together"
    return f"need log lines about {about}"
