"""Lines copied from Console.app, and the projections of them that people paste into threads."""

from collections.abc import Sequence
from typing import Final

from traceview_parsers.device_syslog.relay import MONTH_DAY
from traceview_parsers.log_text.layouts import CLOCK, DATE, FRACTION, LABEL, ZONE, Layout

_WHEN: Final = rf"(?:{DATE} )?{CLOCK}{FRACTION}"
# In 2017 and 2018 a blank stood before the zone.
_ZONED: Final = rf"{_WHEN} ?{ZONE}"
_LEVEL: Final = r"(?P<level>[^\s0-9:\[\]({<.,][^\s:\[\]({<]*)"
_WORD: Final = r"[A-Za-z0-9_.+-]+"

_ANY_LEVEL: Final = r"(?P<level>[^\t\n0-9][^\t\n]*)\t"
_KNOWN_LEVEL: Final = r"(?P<level>default|info|debug|error|fault|activity|signpost|loss|state|Standard|默认)\t"


def _tabbed(level: str, when: str) -> str:
    return (
        rf"(?:(?P<pid>[0-9]+)\t)?{level}{when}\t(?P<process>[^\t\n]*)\t"
        r"(?:(?P<pid_after>[0-9]+)\t)?(?:0x(?P<tid_hex>[0-9a-f]+)\t)?(?:0x(?P<activity_hex>[0-9a-f]+)\t)?"
    )


_TABBED: Final = _tabbed(f"(?:{_ANY_LEVEL})?", f"{_WHEN}(?: ?{ZONE})?")
TABS: Final = Layout("Console copy", (rf"^(?P<prefix>{_TABBED})",), holds=b"\t")
SURE_TABS: Final = Layout(
    "Console copy",
    (rf"^(?P<prefix>{_tabbed(_ANY_LEVEL, _ZONED)})", rf"^(?P<prefix>{_tabbed(_KNOWN_LEVEL, _WHEN)})"),
    holds=b"\t",
)
"""Such a line among those of other layouts: with a level, and a zone where the level is none of the known ones, since messages
hold tables with times too."""
TABS_WITH_LIBRARY: Final = Layout(
    "Console copy with library",
    (rf"^(?P<prefix>{_TABBED}(?P<sender>{_WORD})\t(?:(?P<subsystem>{_WORD})?\t(?P<category>[^\t\n]*)\t)?)",),
    holds=b"\t",
)
"""A copy has the column in every line or in none; one line alone does not tell it from a message with a tab."""
BLANKS: Final = Layout(
    "Console copy (blanks)",
    (rf"^(?P<prefix>{_LEVEL}[ \t]+{_ZONED}[ \t]+(?P<process>[\p{{L}}\p{{N}}][^\s:]*)[ \t])",),
)
LEVEL_AFTER: Final = Layout(
    "Console copy (level behind the time)",
    (
        (
            rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION} ?{ZONE} (?P<level>default|info|debug|error|fault) "
            r"(?P<process>[^\n]+?) <private>: )"
        ),
        rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION} ?{ZONE} (?P<level>default|info|debug|error|fault) (?P<process>[^\s]+) )",
    ),
    shape="....-..-.. ..:..:...",
    dated=True,
)
SHORTENED: Final = Layout(
    "date, process and message",
    (
        rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION} ?{ZONE} (?P<process>[A-Za-z0-9_.-]+): {LABEL})",
        rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION} ?{ZONE} (?P<pid>[0-9]+) +(?P<process>[^:\n]+): )",
        rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION} ?{ZONE} +\[(?P<category>[A-Za-z0-9_-]+)\] )",
        (
            rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION} ?{ZONE} · (?:(?P<process>{_WORD}) · )?"
            r"(?P<subsystem>[a-z]+\.[A-Za-z0-9_.-]+) · )"
        ),
        rf"^(?P<prefix>{DATE} {CLOCK}{FRACTION} ?{ZONE} +)",
    ),
    shape="....-..-.. ..:..:...",
    dated=True,
)
COPIES: Final = (TABS_WITH_LIBRARY, TABS, BLANKS, LEVEL_AFTER, SHORTENED)

_SUBSYSTEM: Final = r"(?:(?P<subsystem>[a-z]+(?:\.[A-Za-z0-9_-]+){2,}) )?"
_PROCESS: Final = r"(?:(?P<process>[A-Za-z][A-Za-z0-9_-]*)(?:\((?P<sender>[^()\n]*)\))?(?:\[(?P<pid>[0-9]+)\])?:? )?"
PLAIN: Final = Layout(
    "time first",
    (
        # CoreAudio's own prefix on standard error, iOS 8 to 10.
        rf"^(?P<prefix>{CLOCK}{FRACTION} (?P<level>ERROR): +\[(?:0x(?P<tid_hex>[0-9a-f]+)|[^\]\n]*)\] )",
        rf"^(?P<prefix>{CLOCK}{FRACTION}(?: ?{ZONE})? +[+-] *[0-9.]+ ms {_PROCESS}{_SUBSYSTEM})",
        rf"^(?P<prefix>(?:{MONTH_DAY} )?{CLOCK}{FRACTION}(?: ?{ZONE})? - )",
        rf"^(?P<prefix>(?:{MONTH_DAY} )?{CLOCK}{FRACTION}(?: ?{ZONE})? +{_PROCESS}{_SUBSYSTEM})",
        rf"^(?P<prefix>{CLOCK} +)",
    ),
)

_COLUMNS: Final = {
    "type": r"(?P<level>[^\t\n]*)",
    "time": rf"{_WHEN}(?: ?{ZONE})?",
    "process": r"(?P<process>[^\t\n]*)",
    "pid": r"(?P<pid>[0-9]*)",
    "process id": r"(?P<pid>[0-9]*)",
    "tid": r"(?:0x)?(?P<tid_hex>[0-9a-f]*)",
    "thread id": r"(?:0x)?(?P<tid_hex>[0-9a-f]*)",
    "activity id": r"(?:0x)?(?P<activity_hex>[0-9a-f]*)",
    "library": r"(?P<sender>[^\t\n]*)",
    "subsystem": r"(?P<subsystem>[^\t\n]*)",
    "category": r"(?P<category>[^\t\n]*)",
}

TITLE: Final = r"^(?:[A-Z][A-Za-z ]*\t)*Time\t(?:[A-Z][A-Za-z ]*\t)*Message\n?$"
"""A line of English column names, time and message among them."""


def headed(header: str) -> Layout | None:
    """Return the layout that a line of English column names describes (the message is last), or None."""
    names = [name.strip().lower() for name in header.split("\t")]
    if len(names) < 2 or names[-1] != "message" or "time" not in names or len(set(names)) != len(names):
        return None
    if any(name not in _COLUMNS for name in names[:-1]):
        return None
    return Layout("Console copy with column names", (f"^(?P<prefix>{_fields(names[:-1])}\\t)",))


def _fields(names: Sequence[str]) -> str:
    return r"\t".join(_COLUMNS[name] for name in names)
