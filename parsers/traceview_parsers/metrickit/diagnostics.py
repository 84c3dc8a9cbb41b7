"""``MXDiagnosticPayload``: crashes, hangs and resource exceptions as rows of ``reports``.

A payload tells only the window in which its diagnostics happened (a day up to iOS 14, the moment of delivery later):
``start`` and ``time`` are its edges. It names no process, only the bundle (iOS 17 and later), so these rows make no
events in a timeline. Of the call stacks that of the attributed thread is kept.
"""

from typing import Any, Final

from msgspec.structs import asdict

from traceview_parsers.ips import values
from traceview_parsers.ips.termination import termination
from traceview_parsers.metrickit import stacks
from traceview_parsers.metrickit.amounts import amount
from traceview_parsers.metrickit.metadata import device, identity, instant
from traceview_parsers.problems import Problems

Row = dict[str, Any]

KINDS: Final = {
    "crashDiagnostics": "crash",
    "hangDiagnostics": "hang",
    "cpuExceptionDiagnostics": "cpu",
    "diskWriteExceptionDiagnostics": "disk_writes",
    "appLaunchDiagnostics": "launch",
}
"""Lists of a payload to kinds of report."""

_FIGURES: Final = {
    "hang": {"duration_s": "hangDuration"},
    "launch": {"duration_s": "launchDuration"},
    "cpu": {"used": "totalCPUTime", "window_s": "totalSampledTime"},
    "disk_writes": {"used": "writesCaused"},
}
"""Columns in seconds or bytes to fields of a payload, by kind."""

_EXCEPTIONS: Final = {
    1: "EXC_BAD_ACCESS",
    2: "EXC_BAD_INSTRUCTION",
    3: "EXC_ARITHMETIC",
    4: "EXC_EMULATION",
    5: "EXC_SOFTWARE",
    6: "EXC_BREAKPOINT",
    10: "EXC_CRASH",
    11: "EXC_RESOURCE",
    12: "EXC_GUARD",
}
"""Mach exception types (``mach/exception_types.h``)."""
_SIGNALS: Final = {
    3: "SIGQUIT",
    4: "SIGILL",
    5: "SIGTRAP",
    6: "SIGABRT",
    8: "SIGFPE",
    9: "SIGKILL",
    10: "SIGBUS",
    11: "SIGSEGV",
    12: "SIGSYS",
    13: "SIGPIPE",
    15: "SIGTERM",
}
"""Darwin's signals (``sys/signal.h``)."""


def report_rows(payload: Row, name: str, problems: Problems) -> list[Row]:
    """Return the rows of table ``reports`` of one payload (without ``ref``)."""
    window = {
        "start": instant(payload.get("timeStampBegin"), name, problems),
        "time": instant(payload.get("timeStampEnd"), name, problems),
    }
    rows = []
    for key, kind in KINDS.items():
        listed = payload.get(key)
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict):
                rows.append({**window, "kind": kind, **_report(one, kind, payload)})
            else:
                problems.add(
                    name, "unreadable-diagnostic", "diagnostics in an unknown form were left out", sample=str(one)
                )
    return rows


def stack_rows(tree: Row, name: str, problems: Problems) -> list[Row]:
    """Return one row of kind ``other`` for a call stack tree that came without its payload: only its stack is known."""
    found = stacks.frames(tree)
    if found is None:
        problems.add(name, "empty-call-stack", "a call stack tree without a frame was left out")
        return []
    return [{"kind": "other", "frames": found}]


def _report(diagnostic: Row, kind: str, payload: Row) -> Row:
    metadata = values.mapping(diagnostic.get("diagnosticMetaData"))
    exception, signal = values.integer(metadata.get("exceptionType")), values.integer(metadata.get("signal"))
    reason = values.text(metadata.get("terminationReason"))
    ended = termination(reason or "")
    thrown = values.mapping(metadata.get("objectiveCexceptionReason"))
    return {
        **asdict(ended),
        **identity(metadata, payload),
        "model": device(metadata),
        "pid": values.pid(metadata.get("pid")),
        "exception": None if exception is None else _EXCEPTIONS.get(exception, str(exception)),
        "signal": None if signal is None else _SIGNALS.get(signal, str(signal)),
        "frames": stacks.frames(diagnostic.get("callStackTree")),
        "explanation": values.text(thrown.get("composedMessage")) or ended.explanation or reason,
        **{column: _figure(metadata.get(field), field) for column, field in _FIGURES.get(kind, {}).items()},
    }


def _figure(value: Any, field: str) -> float | None:
    """Return seconds or bytes."""
    if isinstance(value, str):
        found = amount(value, field)
        return found.value if found else None
    return values.real(value)
