"""Why a process ended: one class for each row of ``terminations``, by code where it has one.

Codes: Apple, EXC_CRASH (SIGKILL). 0xdeadfa11 and "BG Kill Demo": seen on real iOS lines. Namespaces and jetsam numbers: xnu,
``sys/reason.h`` and ``kern_memorystatus.h``.
"""

from datetime import timedelta
from typing import Final

import polars as pl

from traceview.rules.registry import Inputs
from traceview.rules.rows import (
    AUDIO_SERVERS,
    CALL_DAEMONS,
    Predicate,
    Row,
    in_own_call,
    remembered,
    rows,
    rows_of,
    shown,
    undated,
    wanted,
)

CODES: Final = {
    "0x8badf00d": "watchdog",
    "0xdead10cc": "lock_held",
    "0xbaadca11": "push_unreported",
    "0xbad22222": "resume_limit",
    "0x2182bad2": "background_task",
    "0x2182bad3": "background_session",
    "0x2182bad4": "background_fetch",
    "0xc00010ff": "thermal",
    "0xbaddd15c": "disk_space",
    "0xd00d2bad": "resource_overuse",
    "0xdeadfa11": "user",
}
"""Class by termination code."""

JETSAM_REASONS: Final = {
    2: "highwater",
    3: "vnode-limit",
    4: "vm-pageshortage",
    6: "fc-thrashing",
    7: "per-process-limit",
    8: "disk-space-shortage",
    9: "idle-exit",
}
"""Jetsam reason by its number."""

_SYNONYMS: Final = {
    "debug": "debug_kill",
    "resumed_too_often": "resume_limit",
    "disk": "disk_space",
    "resource": "resource_overuse",
}
"""Kinds of the episode table for classes that have a code."""

_SIGNALS: Final = {
    ("SIGNAL", f"{number:#x}"): f"SIG{name}"
    for number, name in {3: "QUIT", 4: "ILL", 5: "TRAP", 6: "ABRT", 8: "FPE", 10: "BUS", 11: "SEGV", 13: "PIPE"}.items()
}
"""Names of Darwin's signals (XNU, sys/signal.h) by namespace and code of a termination."""

_ABORT_JOIN: Final = timedelta(seconds=5)
"""An app ends within this time of the line that tells why PushKit ends it (heuristic; a report is written meanwhile)."""
_ORDER: Final = timedelta(seconds=0.5)
"""The lines of two processes about one moment may be out of order by this much (heuristic)."""

_UNREPORTED_TEXT: Final = "never posted an incoming call"


def code_value(code: str | None) -> int | None:
    """Return a code printed as hexadecimal or decimal number, or None."""
    if not code:
        return None
    try:
        return int(code.strip(), 0)
    except ValueError:
        return None


def kill_class(row: Row) -> str:
    """Return the class of a termination: a value of `CODES`, else the row's own kind, with a few texts recognised."""
    value = code_value(row["code"])
    by_code = CODES.get(f"0x{value:08x}") if value is not None and value >= 0 else None
    if by_code:
        return by_code
    text = row["explanation"] or ""
    if _UNREPORTED_TEXT in text:
        return "push_unreported"
    if "BG Kill Demo" in text:
        return "debug_kill"
    kind = str(row["kind"] or "unknown")
    return _SYNONYMS.get(kind, kind)


def jetsam_reason(row: Row) -> str | None:
    """Return why the kernel chose the victim of a jetsam, by text else by number, or None."""
    text = (row["explanation"] or "").lower()
    for reason in (*JETSAM_REASONS.values(), "long-idle-exit"):
        if reason in text:
            return reason
    value = code_value(row["code"])
    return JETSAM_REASONS.get(value) if value is not None else None


def is_harmless(row: Row) -> bool:
    """Whether a jetsam only took what nobody used."""
    return jetsam_reason(row) in {"idle-exit", "long-idle-exit"}


def memory_text(row: Row) -> str:
    """Return `` (per-process-limit, it held 2,048 MB)`` for a title: MB of 2²⁰ bytes, as RunningBoard prints limits."""
    held = f"it held {row['memory_bytes'] / (1 << 20):,.0f} MB" if row["memory_bytes"] else None
    told = ", ".join(part for part in (jetsam_reason(row), held) if part)
    return f" ({told})" if told else ""


def daemons(inputs: Inputs) -> frozenset[tuple[int | None, str | None]]:
    """Return pid and name of processes that are known to be neither an app nor to belong to one."""
    known = (pl.col("is_app") == False) & pl.col("host_app").is_null()  # noqa: E712 - a column
    return remembered(inputs, "daemons", lambda: _processes(inputs, known))


def _strangers(inputs: Inputs) -> frozenset[tuple[int | None, str | None]]:
    """Return pid and name of processes of which no line tells whether they are apps: each may be one."""
    unknown = pl.col("is_app").is_null() & pl.col("app").is_null()
    return remembered(inputs, "strangers", lambda: _processes(inputs, unknown))


def _processes(inputs: Inputs, condition: pl.Expr) -> frozenset[tuple[int | None, str | None]]:
    frame = inputs.episodes["processes"].filter(condition)
    return frozenset(zip(frame["pid"].to_list(), frame["process"].to_list(), strict=True))


def daemon_name(row: Row) -> str:
    """Return the name of the process; RunningBoard names a daemon by its label, com.apple.telephonyutilities.callservicesd."""
    return str(row["process"] or "").rpartition(".")[2]


def deaths(inputs: Inputs) -> list[Row]:
    """Return terminations that are worth a finding, by time: of apps, and of processes that may be apps (``unsure``).

    A capture without a log and without an app is a report that somebody picked: its process counts, whoever it is, and
    one of iOS that nobody asked for is marked ``of_system``. ``in_call`` is narrowed to the app's own calls. Those
    without a time come last. They are shared: copy before a change.
    """
    return remembered(inputs, "deaths", lambda: _deaths(inputs))


def _deaths(inputs: Inputs) -> list[Row]:
    picked = not inputs.witnesses and not inputs.episodes["processes"]["is_app"].any()
    system, strangers = frozenset() if inputs.apps else daemons(inputs), _strangers(inputs)
    services = frozenset() if inputs.apps else AUDIO_SERVERS | CALL_DAEMONS
    found = []
    for row in (*rows(inputs, "terminations"), *undated(inputs, "terminations")):
        who = (row["pid"], row["process"])
        of_system = who in system or daemon_name(row) in services
        if wanted(inputs, row) and (picked or not of_system):
            unsure = not inputs.apps and row["app"] is None and who in strangers and not of_system
            marks = {"in_call": in_own_call(inputs, row), "unsure": unsure, "of_system": of_system}
            found.append({**row, **marks, "kind": "push_unreported" if _aborted_for_push(inputs, row) else row["kind"]})
    return found


def _aborted_for_push(inputs: Inputs, row: Row) -> bool:
    """Whether a crash is the abort by which PushKit ends an app that reported no call: launchd tells only the signal."""
    if row["start"] is None or _signal(row) != "SIGABRT" or kill_class(row) != "crash":
        return False
    failed = [push for push in rows_of(inputs, "pushes", row) if push["outcome"] == "unreported" and push["end"]]
    return any(-_ORDER <= row["start"] - push["end"] <= _ABORT_JOIN for push in failed)


def kills(inputs: Inputs, *classes: str) -> list[Row]:
    """Return `deaths` of the given classes. They are shared, too."""
    return remembered(
        inputs, ("kills", *classes), lambda: [row for row in deaths(inputs) if kill_class(row) in classes]
    )


def has_kill(*classes: str) -> Predicate:
    """Return a predicate: a termination of one of `classes` is in the tables."""
    return lambda inputs: any(
        kill_class(row) in classes for row in (*rows(inputs, "terminations"), *undated(inputs, "terminations"))
    )


def code_text(row: Row) -> str:
    """Return `` (0x8badf00d)`` or `` (SIGSEGV)`` for a title, or nothing where no code was printed."""
    told = _signal(row) or row["code"]
    return f" ({shown(told)})" if told else ""


_STATES: Final = {"foreground": "in the foreground", "background": "in the background", "suspended": "suspended"}


def state_text(row: Row) -> str:
    """Return `` while in the background`` for a title, or nothing where the app's state says nothing."""
    state = _STATES.get(row["app_state"])
    return f" while {state}" if state else ""


def reason_text(row: Row) -> str:
    """Return the name of the signal, else namespace and code; an empty text where there is neither."""
    parts = (row["namespace"], row["code"])
    return _signal(row) or ", ".join(shown(part) for part in parts if part)


def _signal(row: Row) -> str | None:
    """Return the name of the signal that ended the process, if one did."""
    return _SIGNALS.get((row["namespace"], row["code"]))
