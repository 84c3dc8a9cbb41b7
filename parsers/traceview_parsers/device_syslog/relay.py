"""Lines of the device syslog tools and of the Xcode console: idevicesyslog, pymobiledevice3, NSLog."""

from typing import Final

from traceview_parsers.log_text.layouts import CLOCK, DATE, FRACTION, ZONE, Layout

MONTH_DAY: Final = r"(?P<month_day>[A-Z][a-z]{2} [ 0-9][0-9])"
_ORIGIN: Final = r"(?:\((?P<sender>[^()\n]*)\))?\[(?P<pid>[0-9]+)\] <(?P<level>[A-Za-z]+)>:"

NEW_RELAY: Final = Layout(
    "idevicesyslog",
    (
        rf"^(?P<prefix>{MONTH_DAY} {CLOCK}{FRACTION} (?P<process>[^\[(\n]+){_ORIGIN} )",
        # "novio (R14)(CoreFoundation)[2768]": process names may hold parentheses and brackets.
        rf"^(?P<prefix>{MONTH_DAY} {CLOCK}{FRACTION} (?P<process>[^\n]+?){_ORIGIN}(?: |\n))",
    ),
    shape="... .. ..:..:...",
)
OLD_RELAY: Final = Layout(
    "idevicesyslog (old relay)",
    (
        rf"^(?P<prefix>{MONTH_DAY} {CLOCK} [^ \n]+ (?P<process>[^\[(\n]+){_ORIGIN} )",
        rf"^(?P<prefix>{MONTH_DAY} {CLOCK} [^ \n]+ (?P<process>[^\n]+?){_ORIGIN}(?: |\n))",
    ),
    shape="... .. ..:..:.. ",
)
_IMAGE: Final = (
    r"\{(?P<sender>[^{}+\n]*)(?:\+0x(?P<sender_offset_hex>[0-9a-f]+))?\}\[(?P<pid>[0-9]+)\] ?<(?P<level>[A-Z_]+)>:"
)
PYMOBILEDEVICE: Final = Layout(
    "pymobiledevice3",
    (
        rf"^(?P<prefix>{DATE} {CLOCK}(?:{FRACTION})? (?P<process>[^{{\n]+){_IMAGE} )",
        (
            rf"^(?P<prefix>{DATE} {CLOCK}(?:{FRACTION})? (?P<process>[^\n]+?)\{{(?P<sender>[^}}\n]*)\}}\[(?P<pid>[0-9]+)\] "
            r"?<(?P<level>[A-Z_]+)>:(?: |\n))"
        ),
    ),
    shape="....-..-.. ..:..:..",
    suffix=r"(?P<suffix> \[(?P<subsystem>[^\[\]\s]+)\]\[(?P<category>[^\[\]\n]*)\])$",
    dated=True,
)
# os_log mirrored to the console prints its category in brackets; NSLog does not.
_MIRRORED: Final = r"(?:\[(?P<category>[A-Za-z0-9_.-]+)\] )?"
NSLOG: Final = Layout(
    "Xcode console",
    (
        (
            rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION}{ZONE}? (?P<process>[^\[\n]+)\[(?P<pid>[0-9]+):(?P<tid>[0-9]+)\] "
            rf"{_MIRRORED})"
        ),
        (
            rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION}{ZONE}? (?P<process>[^\n]+?)\[(?P<pid>[0-9]+):(?P<tid_hex>[0-9a-f]+)\]"
            rf"(?: |\n){_MIRRORED})"
        ),
    ),
    shape="....-..-.. ..:..:...",
    dated=True,
)
RELAYS: Final = (NEW_RELAY, OLD_RELAY, PYMOBILEDEVICE)

CONNECTION: Final = r"\[(?:connected|disconnected):[0-9A-Fa-f-]+\]"
"""What idevicesyslog prints when the device comes and goes."""
