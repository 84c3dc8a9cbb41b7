"""``RunningBoard/RunningBoard_state.log``: what runningboardd says of its processes and assertions at the capture, as text.

runningboardd writes the descriptions of its own objects (iOS 26.1, sysdiagnose_helper). Their layout is not documented and no
real file is public, so lines are kept as they are. Two things in them have the same form as in its log lines (seen on real
ones of iOS 15 and later): identities such as ``app<com.acme.voip(…)>`` and the ids of assertions, ``31-60-286``, which the
log and PowerLog name too.
"""

import re
from typing import Final

from traceview_parsers.sysdiagnose.sidecar import Place, Reading, Row

_IDENTITY: Final = re.compile(r"\b(?:app|application|xpcservice|extension|daemon|osservice)<([^<>(\[\s]{1,200})")
_ASSERTION: Final = re.compile(r"(?<![\d-])(\d{1,10}-\d{1,10}-\d{1,10})(?![\d-])")
_LONGEST: Final = 100_000
"""Characters of a line that are kept; descriptions of a process with many assertions have some thousand."""


def read_running_board(text: str, place: Place) -> Reading:
    """Read the file into ``running_board_state``: one row a line."""
    rows: list[Row] = []
    cut = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if len(line) > _LONGEST:
            cut.append(number)
        kept = line[:_LONGEST]
        identity, assertion = _IDENTITY.search(kept), _ASSERTION.search(kept)
        rows.append(
            {
                "ref": place.ref(number),
                "time": place.time_ns,
                "identity": identity[1] if identity else None,
                "assertion_id": assertion[1] if assertion else None,
                "text": kept,
            }
        )
    place.misfits(cut, message=f"lines longer than {_LONGEST:,} characters, cut there")
    notes = ("what runningboardd knew at the capture, kept as text: its layout is not documented",)
    return Reading({"running_board_state": rows}, notes)
