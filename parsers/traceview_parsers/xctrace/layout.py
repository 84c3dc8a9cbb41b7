"""Which table a schema becomes."""

import re
from collections.abc import Container
from typing import Final

from traceview_parsers.xctrace.document import Node

SIGNPOSTS: Final = frozenset(
    {"os-signpost", "os-signpost-interval", "OSSignpostIntervals", "PointsOfInterestEvents", "region-of-interest"}
)
LOGGED: Final = frozenset({"os-log", "os-signpost"})
"""Schemas whose rows stand in ``log``. Signposts stand there too, as in every source, but only those of the table that
has each once: intervals and points of interest are made from it."""
SAMPLES: Final = frozenset({"time-profile", "cpu-profile", "time-sample"})
INTERVALS: Final = {
    "potential-hangs": "hang",
    "runloop-intervals": "runloop",
    "life-cycle-period": "life_cycle",
    "device-thermal-state-intervals": "thermal",
    "thread-state": "thread_state",
    "audio-hal-client-io-cycle-ioproc": "audio_io_cycle",
    "audio-hal-client-io-cycle": "audio_io_cycle",
    "audio-hal-io-cycle": "audio_io_cycle",
}
"""Kind of interval by schema. Names of the audio schemas: public programs that read the Audio System Trace."""

_STRANGE: Final = re.compile(r"\W+", re.ASCII)


def plain(name: str) -> str:
    """Return a name of letters, digits and underscores."""
    return _STRANGE.sub("_", name).strip("_") or "unnamed"


def free_name(name: str, taken: Container[str]) -> str:
    """Return a column's name of letters, digits and underscores, with the first number that makes it unique."""
    wanted = free = "".join(one if one.isascii() and one.isalnum() else "_" for one in name)
    number = 2
    while free in taken:
        free, number = f"{wanted}_{number}", number + 1
    return free


def is_logged(node: Node) -> bool:
    """Whether the rows of a node stand in ``log``, alone or beside another table."""
    return table_of(node) is not None and node.schema in LOGGED


def table_of(node: Node) -> str | None:
    """Return the table of the rows of a node; None where they cannot be read."""
    if node.details or not node.schema or not node.columns:
        return None
    if node.schema == "os-log":
        return "log"
    if node.schema in SIGNPOSTS:
        return "signposts"
    if node.schema in SAMPLES:
        return "samples"
    return "intervals" if node.schema in INTERVALS else f"xctrace_{plain(node.schema)}"
