"""``log show`` and ``log stream`` output in every style: ndjson, json, default, syslog, compact."""

from typing import Final

from traceview_parsers.file_reader import FileReader
from traceview_parsers.trace import Reader

READER: Final[Reader] = FileReader("log_text", ("log",), "traceview_parsers.log_text.reader")
