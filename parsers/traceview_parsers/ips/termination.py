"""How a process was ended: namespace, code and the context that RunningBoard or FrontBoard gave.

Forms of real reports and quotes of iOS 11 to 26: ``Namespace SPRINGBOARD, Code 0x8badf00d`` with a ``Termination
Description``; ``FRONTBOARD 2343432205 <RBSTerminateContext| domain:10 code:0x8BADF00D explanation:… >``; the same as JSON.
"""

import re
from typing import Any, Final

from msgspec import Struct

NAMESPACES: Final = {
    1: "JETSAM",
    2: "SIGNAL",
    3: "CODESIGNING",
    4: "HANGTRACER",
    5: "TEST",
    6: "DYLD",
    7: "LIBXPC",
    8: "OBJC",
    9: "EXEC",
    10: "FRONTBOARD",
    11: "TCC",
    12: "REPORTCRASH",
    13: "COREANIMATION",
    14: "AGGREGATED",
    15: "RUNNINGBOARD",
    16: "SKYWALK",
    17: "SETTINGS",
    18: "LIBSYSTEM",
    19: "FOUNDATION",
    20: "WATCHDOG",
    21: "METAL",
    22: "WATCHKIT",
    23: "GUARD",
    24: "ANALYTICS",
    25: "SANDBOX",
    26: "SECURITY",
    27: "ENDPOINTSECURITY",
    28: "PAC_EXCEPTION",
    29: "BLUETOOTH_CHIP",
    30: "PORT_SPACE",
    31: "WEBKIT",
    32: "BACKLIGHTSERVICES",
    33: "MEDIA",
}
"""Names of the namespaces by number (xnu, ``bsd/sys/reason.h``); 10 is SPRINGBOARD there and FRONTBOARD in reports of
iOS 15 and later."""

_CODE: Final = re.compile(r"\b[Cc]ode[: ]\s*(0x[0-9A-Fa-f]{1,16}|\d{1,20})")
_NAMESPACE: Final = re.compile(r"Namespace (\w+)|^(\w+) (?:0x[0-9a-fA-F]+|\d+)")
_DOMAIN: Final = re.compile(r"\bdomain:(\d{1,3})\b")
_BARE_CODE: Final = re.compile(r"^\w+ (0x[0-9a-fA-F]{1,16}|\d{1,20})")
_EXPLANATION: Final = re.compile(
    r"explanation:(.*?)(?=ProcessVisibility:|reportType:|maxTerminationResistance:|ProcessState:|>$|\Z)", re.DOTALL
)
_LONGEST: Final = 20_000
"""Characters of a termination text that are read; real ones have some hundred."""
_ALLOWANCE: Final = re.compile(r"(?:time allowance of|gracefully after|total time limit) ([\d.]{1,12})\s*s")
_OLD_ALLOWANCE: Final = re.compile(r"\bafter ([\d.]{1,12})\s*s\b")
_LABELLED: Final = {
    "visibility": re.compile(r"ProcessVisibility: ([\w-]+)"),
    "process_state": re.compile(r"ProcessState: ([\w-]+)"),
    "watchdog_event": re.compile(r"WatchdogEvent: ([\w-]+)"),
    "watchdog_visibility": re.compile(r"WatchdogVisibility: ([\w-]+)"),
    "report_type": re.compile(r"\breportType:(\w+)"),
    "resistance": re.compile(r"\bmaxTerminationResistance:(\w+)"),
    "thermal_state": re.compile(r"Thermal State:\s*([\w-]+)"),
}
_CPU: Final = {
    "cpu_total": re.compile(
        r"[Ee]lapsed total CPU time \(seconds\): ([\d.]{1,16})[^,\n|]*?(?:\([^)]*\))?, (\d{1,6})% CPU"
    ),
    "cpu_app": re.compile(r"[Ee]lapsed application CPU time \(seconds\): ([\d.]{1,16}), (\d{1,6})% CPU"),
}
"""Statistics that a watchdog adds: percent of one core, so that more than 100 is possible (Apple, "Addressing watchdog
terminations")."""


class Termination(Struct, frozen=True):
    """How a process was ended. `code` is lower-case hexadecimal; CPU is over the time that the watchdog waited."""

    namespace: str | None = None
    code: str | None = None
    explanation: str | None = None
    visibility: str | None = None
    process_state: str | None = None
    watchdog_event: str | None = None
    watchdog_visibility: str | None = None
    allowance_s: float | None = None
    cpu_total_s: float | None = None
    cpu_total_percent: float | None = None
    cpu_app_s: float | None = None
    cpu_app_percent: float | None = None
    thermal_state: str | None = None
    report_type: str | None = None
    resistance: str | None = None


def termination(text: str) -> Termination:
    """Read a termination reason: ``Namespace X, Code 0x…``, ``X 2343432205 <RBSTerminateContext| …>`` or both lines.

    Codes are decimal or hexadecimal; hexadecimal is returned.
    """
    text = text[:_LONGEST].replace("\\n", "\n").strip()
    code = _CODE.search(text) or _BARE_CODE.search(text)
    allowance = _ALLOWANCE.search(text) or (_OLD_ALLOWANCE.search(text) if "failed to" in text else None)
    labelled = {field: pattern.search(text) for field, pattern in _LABELLED.items()}
    cpu = {field: pattern.search(text) for field, pattern in _CPU.items()}
    found: dict[str, Any] = {field: match[1] for field, match in labelled.items() if match}
    for field, match in cpu.items():
        if match:
            found |= {f"{field}_s": number(match[1]), f"{field}_percent": number(match[2])}
    return Termination(
        namespace=_namespace(text),
        code=f"{int(code[1], 16 if code[1][:2] == '0x' else 10):#x}" if code else None,
        explanation=_explanation(text),
        allowance_s=number(allowance[1]) if allowance else None,
        **found,
    )


def namespace_name(value: object) -> str | None:
    """Return the name of a namespace given as a name, a number or digits."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        return None
    text = str(value)
    if text.isascii() and text.isdecimal() and len(text) < 4:
        return NAMESPACES.get(int(text), text)
    return text


def number(text: str) -> float | None:
    """Return a printed decimal number, or None where it is none."""
    try:
        return float(text)
    except ValueError:
        return None


def _namespace(text: str) -> str | None:
    match = _NAMESPACE.search(text)
    told = next((group for group in match.groups() if group), None) if match else None
    if told is None:
        match = _DOMAIN.search(text)
        told = match[1] if match else None
    return namespace_name(told)


def _explanation(text: str) -> str | None:
    match = _EXPLANATION.search(text)
    said = match[1].strip("| \t\n") if match else None
    if said is None and "Description:" in text:
        said = text.split("Description:", 1)[1].split("|", 1)[0].strip()
    return said if said and not said.startswith("<no explanation") else None
