"""CoreAnalytics reports (bug type 211): how often iOS removed which process from memory, a day's counts.

A JSON object a line. Of the many counts those named ``JetsamAggregationV2`` and ``V3`` are read (seen in a file of iOS 13.2, where
both hold the same kills and V3 adds ``visible``); the newest version that a file holds counts, so that nothing is counted twice.
"""

import json
import re
from typing import Any, Final

from traceview_parsers.ips import fields
from traceview_parsers.ips.values import Row, integer, mapping, text, whole_text

BUG_TYPE: Final = "211"
TABLE: Final = "jetsam_counts"
_NAME: Final = re.compile(r"JetsamAggregationV(\d{1,3})")
_MARK: Final = '"JetsamAggregation'
_FLAGS: Final = ("suspended", "audio", "assertion", "visible", "frozen", "dirty")


def jetsam_counts(body: str) -> list[Row]:
    """Return one row a count (columns of ``jetsam_counts`` without ``ref`` and ``time``)."""
    start = None
    versions: dict[int, list[Row]] = {}
    for line in body.split("\n"):
        if start is None and '"startTimestamp"' in line:
            start = fields.time_ns(text(_object(line).get("startTimestamp")))
        if _MARK not in line:
            continue
        one = _object(line)
        match = _NAME.fullmatch(str(one.get("name")))
        count = integer(mapping(one.get("message")).get("Count"))
        if match and count is not None:
            versions.setdefault(int(match[1]), []).append(_row(one["message"], count))
    newest = versions[max(versions)] if versions else []
    return [{"start": start, **row} for row in newest]


def _row(message: dict[str, Any], count: int) -> Row:
    return {
        "process": text(message.get("name")),
        "reason": text(message.get("reason")),
        "count": count,
        "priority": integer(message.get("priority")),
        **{flag: message[flag] if isinstance(message.get(flag), bool) else None for flag in _FLAGS},
    }


def _object(line: str) -> dict[str, Any]:
    try:
        return mapping(whole_text(json.loads(line)))
    except (ValueError, RecursionError):
        return {}
