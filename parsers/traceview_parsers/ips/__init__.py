"""Crash, jetsam and resource reports (``.ips``, ``.crash``, and their text forms), iOS 8 to 27."""

from typing import Final

from traceview_parsers.file_reader import FileReader
from traceview_parsers.trace import Reader

READER: Final[Reader] = FileReader(
    "ips", ("reports", "jetsam_processes", "jetsam_counts", "stackshot_processes"), "traceview_parsers.ips.reader"
)
