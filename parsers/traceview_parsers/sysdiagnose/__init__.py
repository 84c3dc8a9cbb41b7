"""The sysdiagnose itself: who made it, when, in which zone, and what ran at that moment.

Its other contents (logarchive, crash reports, PowerLog) belong to their own readers. Files are recognised by name
and content wherever they lie, so a renamed root or a re-zipped folder does not matter.
"""

from typing import Final

from traceview_parsers.file_reader import FileReader
from traceview_parsers.trace import Reader

TABLES: Final = (
    "processes_at_capture",
    "threads_at_capture",
    "log_volume",
    "shutdown_clients",
    "listed_reports",
    "call_settings",
    "running_board_state",
    "time_zones",
)
READER: Final[Reader] = FileReader("sysdiagnose", TABLES, "traceview_parsers.sysdiagnose.reader")
