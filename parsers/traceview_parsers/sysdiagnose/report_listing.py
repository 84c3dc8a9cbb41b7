"""``summaries/crashes_and_spins.log``: every report that lay on the device, copied into the archive or not.

Its lines begin with a path on the device, followed by a comma and more (facts of EC-DIGIT-CSIRC/sysdiagnose); reports in
a folder ``Retired`` were already moved aside. Only a file's name tells when a report was made, in local time; the zone
is taken to be the one at the capture, which is wrong for reports from before a journey: the rows say so.
"""

import re
from datetime import datetime
from typing import Final

from traceview_parsers.clock import storable, zone
from traceview_parsers.errors import UsageError
from traceview_parsers.sysdiagnose.sidecar import SECOND, Place, Reading, Row

_STAMP: Final = re.compile(r"^(.*?)-(\d{4}-\d{2}-\d{2})-(\d{2})-?(\d{2})-?(\d{2})")
_REPORT: Final = re.compile(r"^/[^,\n]*?/([^/,\n]+?\.(?:ips|crash|panic|spin|hang|plist|log|synced|beta))(?=[,\s]|$)")
_PREFIXES: Final = ("ExcUserFault_", "UIKit-runloop-")


def is_report_listing(head: str) -> bool:
    """Whether these first characters list reports."""
    return any(_REPORT.match(line) for line in head.splitlines()[:40])


def read_report_listing(text: str, place: Place) -> Reading:
    """Read the file into ``listed_reports``; whether a report is in the capture is found out by `Trace`."""
    rows: dict[str, Row] = {}
    unreadable = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("/"):
            continue
        match = _REPORT.match(line)
        if match is None:
            unreadable.append(number)
            continue
        path = match[0]
        rows.setdefault(path, {"ref": place.ref(number), "path": path, **_told(match[1], place.tz)})
        rows[path]["retired"] = "/Retired/" in path
    place.misfits(unreadable, message="paths that name no report")
    return Reading(
        {"listed_reports": list(rows.values())},
        ("reports that lay on the device",),
        clock=f"file names, zone {place.tz or 'UTC'} assumed",
    )


def process_of(name: str) -> str | None:
    """``AcmeVoIP.cpu_resource-2026-01-15-095139.ips`` → ``AcmeVoIP``; None where the name holds no process."""
    match = _STAMP.match(name)
    stem = match[1] if match else name.split(".", 1)[0]
    for prefix in _PREFIXES:
        stem = stem.removeprefix(prefix)
    return re.sub(r"\.(?:cpu|wakeups|diskwrites)_resource(?:_fatal)?$", "", stem) or None


def _told(name: str, tz: str | None) -> Row:
    row: Row = {"name": name, "process": process_of(name), "time": None, "time_how": "unknown"}
    match = _STAMP.match(name)
    if match is None:
        return row
    try:
        local = datetime.fromisoformat(f"{match[2]}T{match[3]}:{match[4]}:{match[5]}")
        moment = local.replace(tzinfo=zone(tz or "UTC"))
    except (ValueError, UsageError):
        return row
    time_ns = storable(int(moment.timestamp()) * SECOND)
    return row if time_ns is None else row | {"time": time_ns, "time_how": "zone_assumed"}
