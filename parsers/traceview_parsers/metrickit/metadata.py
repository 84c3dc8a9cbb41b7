"""What both kinds of payload say about themselves: window, app, system, device."""

import re
from typing import Any, Final

from traceview_parsers.ips import fields, values
from traceview_parsers.problems import Problems

Row = dict[str, Any]
_ZONELESS: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?")


def instant(value: Any, name: str, problems: Problems) -> int | None:
    """Return UTC nanoseconds of ``2019-10-21 07:00:00 +0000``; without a zone UTC is assumed, which is counted."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    found = fields.time_ns(text)
    if found is None and _ZONELESS.fullmatch(text):
        found = fields.time_ns(text.removesuffix("Z") + " +0000")
        if found is not None and not text.endswith("Z"):
            problems.add(name, "zone-assumed", "times without a zone were read as UTC", sample=text)
    if found is None:
        problems.add(name, "unreadable-time", "times in an unknown form were left out", sample=text)
    return found


def identity(metadata: Any, payload: Row) -> Row:
    """Return the columns that name app and system."""
    told = values.mapping(metadata)
    system = values.text(told.get("osVersion"))
    version, build = fields.os_version(system)
    return {
        "app_version": values.text(told.get("appVersion")) or values.text(payload.get("appVersion")),
        "build_version": values.text(told.get("appBuildVersion")),
        "os_version": version or system,
        "os_build": build,
        "bundle": values.text(told.get("bundleIdentifier")),
    }


def device(metadata: Any) -> str | None:
    """Return the device type, such as ``iPhone9,2``."""
    return values.text(values.mapping(metadata).get("deviceType"))
