"""``log show`` and ``log stream`` output in every style: ndjson, json, default, syslog, compact."""

from traceview_parsers.log_text.reader import READER

__all__ = ["READER"]
