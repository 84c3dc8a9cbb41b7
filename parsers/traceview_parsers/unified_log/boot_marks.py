"""Rows that no file holds but ``log show`` prints: the boot, and each time the clock was adjusted.

They are the records of the timesync files. Texts: the words of ``log show`` (quoted lines of macOS 12 to 15). The further
marks that it prints, where a class of log data begins (``=== log class: persist begins``), are left out: which moment they
stand for is not documented.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa

from traceview_parsers.schema import EVENTS, REF_POSITION_BITS, TIME, log_batch
from traceview_parsers.unified_log import columns
from traceview_parsers.unified_log.anchors import Boot
from traceview_parsers.unified_log.rows import OFFSET_BITS

_LAST_UNIT: Final = (1 << (REF_POSITION_BITS - OFFSET_BITS)) - 1
"""Marks have the numbers of chunk sets that no archive has: the last ones, one a boot."""
_MOST: Final = 1 << OFFSET_BITS


def boot_marks(boot_uuid: str, boot: Boot, source_index: int, number: int) -> Any:
    """Return the rows (``log``, by ``mach_time``) of boot number `number` of an archive."""
    adjusted = "=== system wallclock time adjusted"
    marks = [(tick, wall, adjusted if tick else f"=== system boot: {boot_uuid}") for tick, wall in boot.moments[:_MOST]]
    base = (source_index << REF_POSITION_BITS) | ((_LAST_UNIT - number) << OFFSET_BITS)
    return log_batch(
        len(marks),
        {
            "ref": pa.array([base + place for place in range(len(marks))], pa.uint64()),
            "time": pa.array([wall for _, wall, _ in marks], pa.int64()).cast(TIME),
            "time_how": "exact",
            "mach_time": pa.array([tick for tick, _, _ in marks], pa.uint64()),
            "boot_uuid": boot_uuid,
            "event": columns.named(np.full(len(marks), EVENTS.index("timesync")), columns.EVENT_NAMES),
            "message": pa.array([text for _, _, text in marks], pa.large_string()),
        },
    )
