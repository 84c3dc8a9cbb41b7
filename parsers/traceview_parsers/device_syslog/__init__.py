"""Logs of a device as people save and paste them: idevicesyslog, pymobiledevice3, Console.app and Xcode copies."""

from typing import Final

from traceview_parsers.file_reader import FileReader
from traceview_parsers.trace import Reader

READER: Final[Reader] = FileReader("device_syslog", ("log",), "traceview_parsers.device_syslog.reader")
