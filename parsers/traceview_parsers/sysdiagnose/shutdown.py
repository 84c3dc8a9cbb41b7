"""``shutdown*.log``: which processes were still running while the device shut down.

Layout (facts of EC-DIGIT-CSIRC/sysdiagnose): ``After 2.1s, these clients are still here:``, lines ``remaining client pid:
PID (PATH)``, the same again until ``SIGTERM: [UNIX SECONDS] …`` ends the shutdown. The file keeps many shutdowns; the
last one may lack its end, and then has no time.
"""

import re
from typing import Final

from traceview_parsers.clock import storable
from traceview_parsers.sysdiagnose.sidecar import SECOND, Place, Reading, Row, last_component

_WAIT: Final = re.compile(r"After ([\d.]{1,12})s, these clients are still here")
_CLIENT: Final = re.compile(r"remaining client pid:\s*(\d{1,10}) \((.*)\)")
_END: Final = re.compile(r"SIGTERM:\s*\[(\d{1,10})\]")
_HEAD: Final = ("these clients are still here", "remaining client pid:", "SIGTERM: [")


def is_shutdown_log(head: str) -> bool:
    """Whether these first characters tell of a shutdown."""
    return any(words in head for words in _HEAD)


def read_shutdown_log(text: str, place: Place) -> Reading:
    """Read the file into ``shutdown_clients``: one row a process and shutdown."""
    done: list[Row] = []
    waiting: dict[tuple[int, str], Row] = {}
    waited: float | None = None
    shutdowns = 0
    misfits = []
    for number, line in enumerate(text.splitlines(), 1):
        if begun := _WAIT.search(line):
            waited = _seconds(begun[1])
        elif found := _CLIENT.search(line):
            key = (int(found[1]), found[2])
            row = waiting.setdefault(key, {"ref": place.ref(number), "times_seen": 0, **_client(*key)})
            row["times_seen"] += 1
            row["waited_s"] = waited
        elif ended := _END.search(line):
            done += [{**row, "time": storable(int(ended[1]) * SECOND)} for row in waiting.values()]
            waiting, waited, shutdowns = {}, None, shutdowns + 1
        elif "remaining client" in line or "SIGTERM: [" in line:
            misfits.append(number)
    place.misfits(misfits)
    done += waiting.values()
    notes = ["1 shutdown" if shutdowns == 1 else f"{shutdowns} shutdowns"]
    if waiting:
        notes.append("the last shutdown has no end, so that its clients have no time")
    return Reading({"shutdown_clients": done}, tuple(notes), clock="seconds since 1970", certainty_ns=SECOND)


def _client(pid: int, path: str) -> Row:
    return {"pid": pid, "process": last_component(path) or None, "process_path": path}


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
