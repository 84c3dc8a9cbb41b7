"""``logs/AVConference/…-CallSettings.calldump.gz``: settings of FaceTime calls, as text.

Lines may begin with ``HHMMSS.ffffff`` and a blank. The file's name holds date and time; EC-DIGIT-CSIRC/sysdiagnose takes
them for UTC, which nobody has verified, so times are marked as assumed. What the lines mean is not documented: they are
kept as they are. Apps with their own media stack (WebRTC, SIP libraries) do not write this file.
"""

import re
from datetime import UTC, datetime
from typing import Final

from traceview_parsers.clock import storable
from traceview_parsers.sysdiagnose.sidecar import SECOND, Place, Reading, Row

_NAME: Final = re.compile(r"(\d{8}-\d{6})-CallSettings", re.IGNORECASE)
_PREFIX: Final = re.compile(r"^(\d{2})(\d{2})(\d{2})\.(\d{6}) ")
_DAY: Final = 86_400 * SECOND


def read_call_settings(text: str, place: Place) -> Reading:
    """Read the file into ``call_settings``: one row a line."""
    begin = _begin(place.name)
    rows: list[Row] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _PREFIX.match(line)
        time = begin if match is None else _of_day(match, begin)
        rows.append(
            {
                "ref": place.ref(number),
                "time": time,
                "time_how": "unknown" if time is None else "zone_assumed",
                "text": (line[match.end() :] if match else line).strip(),
            }
        )
    return Reading(
        {"call_settings": rows},
        ("settings of a FaceTime call",),
        clock="file name, zone assumed (UTC)" if begin is not None else "no times",
    )


def _begin(name: str) -> int | None:
    match = _NAME.search(name)
    if match is None:
        return None
    try:
        return storable(int(datetime.strptime(match[1], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()) * SECOND)
    except ValueError:
        return None


def _of_day(match: re.Match[str], begin: int | None) -> int | None:
    """Return the moment of a line: the first one at or after the file's own (within a day of it)."""
    if begin is None:
        return None
    hours, minutes, seconds, micros = map(int, match.groups())
    of_day = (hours * 3600 + minutes * 60 + seconds) * SECOND + micros * 1000
    midnight = begin - begin % _DAY
    return storable(midnight + of_day + (_DAY if of_day < begin % _DAY - SECOND * 3600 else 0))
