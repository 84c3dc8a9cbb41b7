"""Logs of a device as people save and paste them: idevicesyslog, pymobiledevice3, Console.app and Xcode copies."""

from traceview_parsers.device_syslog.lines import split_lines
from traceview_parsers.device_syslog.reader import READER

__all__ = ["READER", "split_lines"]
