"""The text styles of ``log show`` and ``log stream``: default, syslog and compact."""

from typing import Final

from traceview_parsers.log_text.inside import SIGNPOST
from traceview_parsers.log_text.layouts import CLOCK, DATE, FRACTION, LABEL, SENDER, ZONE, Layout

_STAMP: Final = f"{DATE} {CLOCK}{FRACTION}"
_DEFAULT: Final = (
    rf"^(?P<prefix>{_STAMP}{ZONE} +0x(?P<tid_hex>[0-9a-fA-F]+) +(?P<level>[A-Za-z]+) +0x(?P<activity_hex>[0-9a-fA-F]+) +"
    r"(?P<pid>[0-9]+) +(?:(?P<ttl>[0-9]+) +)?"
)

DEFAULT: Final = Layout(
    "default",
    (
        rf"{_DEFAULT}(?P<process>[^:=0-9 \[\n][^:\n]*): {SENDER}{LABEL})",
        rf"{_DEFAULT})=== system ",  # boots and clock adjustments have no process
        rf"{_DEFAULT}{SIGNPOST}(?P<process>[^\n]+?):(?: |\n){SENDER}{LABEL})",
        # A process name that starts with a digit or holds a colon; an empty message without its blank.
        rf"{_DEFAULT}(?P<process>[^\n]+?):(?: |\n){SENDER}{LABEL})",
        # Cut before the process name's colon.
        rf"{_DEFAULT})",
    ),
    shape="....-..-.. ..:..:...",
    dated=True,
)
SYSLOG: Final = Layout(
    "syslog",
    (
        rf"^(?P<prefix>{_STAMP}{ZONE} +[^ \n]+ (?P<process>[^\[\n]*)\[(?P<pid>[0-9]+)\]: {SENDER}{LABEL})",
        rf"^(?P<prefix>{_STAMP}{ZONE} +[^ \n]+ (?P<process>[^\n]+?)\[(?P<pid>[0-9]+)\]:(?: |\n){SENDER}{LABEL})",
    ),
    shape="....-..-.. ..:..:...",
    dated=True,
)


def _compact(types: str) -> Layout:
    start = rf"^(?P<prefix>{_STAMP} (?P<level>{types}) "
    return Layout(
        "compact",
        (
            rf"{start}(?P<process>[^\[\n]*)\[(?P<pid>[0-9]+):(?P<tid_hex>[0-9a-f]+)\] {SENDER}{LABEL})",
            rf"{start}(?P<process>[^\n]+?)\[(?P<pid>[0-9]+):(?P<tid_hex>[0-9a-f]+)\](?: |\n){SENDER}{LABEL})",
        ),
        shape="....-..-.. ..:..:..",
        dated=True,
    )


COMPACT: Final = _compact("[A-Z][A-Za-z ]")
STYLES: Final = (DEFAULT, COMPACT, SYSLOG)
SURE_STYLES: Final = (DEFAULT, _compact("Df|Db|I |E |Er|F |Fa|A "), SYSLOG)
"""Among lines of other tools, where the time may be followed by a process name of several words; all type codes that were seen."""

HEADER: Final = r"^Timestamp +(?:Thread +Type|Ty +Process|\(process\)\[PID\])"
"""The line with the column names."""
PREAMBLE: Final = (
    r"^(?:Filtering the log data using |Skipping (?:info|debug|info and debug) messages, pass |"
    r"getpwuid_r did not find a match for uid |Error from getpwuid_r: |"
    r"Timestamp +(?:Thread +Type|Ty +Process|\(process\)\[PID\]))"
)
"""Lines that ``log`` prints around the records."""
