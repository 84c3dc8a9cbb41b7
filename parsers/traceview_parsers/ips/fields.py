"""Small texts inside reports: times, versions, codes, termination contexts, amounts.

Forms are those of real reports of iOS 8 to 16 and of quoted excerpts up to iOS 26.
"""

import re
from dataclasses import dataclass
from datetime import datetime

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.(\d+))? ?([+-]\d{2}):?(\d{2})")
_OS = re.compile(r"(?:iPhone OS|iOS|iPadOS|watchOS|macOS) ([\d.]+) \((?:Build )?(\w+)\)")
_CODE = re.compile(r"\b[Cc]ode[: ]\s*(0x[0-9A-Fa-f]+|\d+)")
_NAMESPACE = re.compile(r"Namespace (\w+)|^(\w+) (?:0x[0-9a-fA-F]+|\d+)")
_BARE_CODE = re.compile(r"^\w+ (0x[0-9a-fA-F]+|\d+)")
_EXPLANATION = re.compile(
    r"explanation:(.*?)(?=\s*(?:ProcessVisibility:|reportType:|maxTerminationResistance:|\|?\s*ProcessState:|>$|$))",
    re.DOTALL,
)
_ALLOWANCE = re.compile(r"(?:time allowance of|gracefully after) ([\d.]+)\s*s")
_LABELLED = {"visibility": "ProcessVisibility", "watchdog_event": "WatchdogEvent"}
_LIMIT = re.compile(
    r"(?P<used>[\d.]+)\s*(?P<unit>seconds cpu time|wakeups|(?:[KMGT]?B) of file backed memory dirtied)\s+over"
    r"(?: the last)?\s+(?P<window>[\d.]+) seconds.*?exceeding limit of (?P<limit>[\d.]+)\s*(?P<limit_unit>%|wakeups|[KMGT]?B)"
    r".*?over (?P<limit_window>[\d.]+) seconds"
)
_BYTES = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000}
"""Decimal units: the limit of 1,073.74 MB a day is printed as 12.43 KB/s (real reports), which is 2³⁰ bytes."""


def time_ns(text: str | None) -> int | None:
    """Return UTC nanoseconds of ``2022-09-18 15:28:37.3451 +0900`` (any number of decimals), or None."""
    match = _TIME.match(text.strip()) if text else None
    if match is None:
        return None
    day, clock, decimals, hours, minutes = match.groups()
    try:
        seconds = datetime.fromisoformat(f"{day}T{clock}{hours}:{minutes}").timestamp()
    except ValueError:
        return None
    return int(seconds) * 1_000_000_000 + int((decimals or "0")[:9].ljust(9, "0"))


def os_version(text: str | None) -> tuple[str | None, str | None]:
    """``iPhone OS 16.0 (20A362)`` → (``16.0``, ``20A362``)."""
    match = _OS.search(text or "")
    return (match[1], match[2]) if match else (None, None)


def version(text: str | None) -> tuple[str | None, str | None]:
    """``1.4.5 (52)`` → (``1.4.5``, ``52``); crash reports up to iOS 14 print ``build (version)`` instead."""
    match = re.fullmatch(r"(\S+) \((\S+)\)", (text or "").strip())
    return (match[1], match[2]) if match and "?" not in match[0] else (None, None)


@dataclass(frozen=True, slots=True)
class Termination:
    """How a process was ended. `code` is lower-case hexadecimal."""

    namespace: str | None = None
    code: str | None = None
    explanation: str | None = None
    visibility: str | None = None
    watchdog_event: str | None = None
    allowance_s: float | None = None


def termination(text: str) -> Termination:
    """Read a termination reason: ``Namespace X, Code 0x…``, ``X 2343432205 <RBSTerminateContext| …>`` or both lines.

    Codes are decimal or hexadecimal; hexadecimal is returned.
    """
    text = text.replace("\\n", "\n").strip()
    namespace = _NAMESPACE.search(text)
    code = _CODE.search(text) or _BARE_CODE.search(text)
    explanation = _EXPLANATION.search(text)
    allowance = _ALLOWANCE.search(text)
    labelled = {field: re.search(rf"{label}: ([\w-]+)", text) for field, label in _LABELLED.items()}
    said = explanation[1].strip() if explanation else None
    if said is None and "Description:" in text:
        said = text.split("Description:", 1)[1].split("|", 1)[0].strip()
    return Termination(
        namespace=next((group for group in namespace.groups() if group), None) if namespace else None,
        code=f"{int(code[1], 0):#x}" if code else None,
        explanation=said if said and not said.startswith("<no explanation") else None,
        allowance_s=float(allowance[1]) if allowance else None,
        visibility=labelled["visibility"][1] if labelled["visibility"] else None,
        watchdog_event=labelled["watchdog_event"][1] if labelled["watchdog_event"] else None,
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """What a resource report measured: CPU seconds, wakeups or bytes, against the limit that it prints.

    `limit` is percent of a core, wakeups a second, or bytes a second.
    """

    used: float
    window_s: float
    limit: float
    limit_window_s: float


def usage(text: str | None) -> Usage | None:
    """Read the line ``CPU:``, ``Wakeups:`` or ``Writes:`` of a resource report."""
    match = _LIMIT.search(text or "")
    if match is None:
        return None
    scale = _BYTES.get(match["unit"].split(" ", 1)[0], 1)
    limit_scale = _BYTES.get(match["limit_unit"], 1)
    return Usage(
        float(match["used"]) * scale,
        float(match["window"]),
        float(match["limit"]) * limit_scale,
        float(match["limit_window"]),
    )
