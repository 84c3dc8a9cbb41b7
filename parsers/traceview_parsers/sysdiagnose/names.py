"""What the name of a sysdiagnose tells.

Form (seen on iOS 12 to 26): ``sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55``, local time with the
numeric offset, system, device class, build. iOS 12 wrote ``iPhone_OS``.
"""

import re
from datetime import datetime

from traceview_parsers.clock import SECOND, colon_offset, storable
from traceview_parsers.trace import CaptureInfo, Device

_NAME = re.compile(
    r"sysdiagnose_(?P<stamp>\d{4}\.\d{2}\.\d{2}_\d{2}-\d{2}-\d{2})(?P<offset>[+-]\d{4})"
    r"(?:_(?P<system>[A-Za-z]+[-_ ]OS|[^_]+)_(?P<device>[^_.]+)_(?P<build>\d{2}[A-Z]\d+[a-z]?))?"
)
_IOS_BY_BUILD = {14: 10, 15: 11, 16: 12, 17: 13, 18: 14, 19: 15, 20: 16, 21: 17, 22: 18, 23: 26, 24: 27}
"""Leading number of an iOS build to its major version."""


def parse_stamp(stamp: str, offset: str) -> int:
    """Return UTC nanoseconds of ``2026.01.15_10-30-00`` at ``+0100``. Raises ValueError for impossible dates."""
    time_ns = storable(int(datetime.strptime(stamp + offset, "%Y.%m.%d_%H-%M-%S%z").timestamp()) * SECOND)
    if time_ns is None:
        raise ValueError(stamp)
    return time_ns


def major_of_build(build: str) -> int | None:
    """Return the iOS major version of a build such as ``23C55``, or None where the number is unknown."""
    return _IOS_BY_BUILD.get(int(build[:2])) if build[:2].isdigit() else None


def capture_from_name(name: str, capture: CaptureInfo, device: Device) -> None:
    """Fill time, zone and build from a file or folder name; facts that are already known stay."""
    match = _NAME.search(name)
    if match is None:
        return
    try:
        time_ns = parse_stamp(match["stamp"], match["offset"])
    except ValueError:
        return
    capture.time_ns = capture.time_ns or time_ns
    if capture.tz is None:
        capture.tz, capture.tz_how = colon_offset(match["offset"]), "archive name"
    if match["build"]:
        device.os_build = device.os_build or match["build"]
        if "iphone" in match["system"].lower():
            device.os_name = device.os_name or "iOS"
