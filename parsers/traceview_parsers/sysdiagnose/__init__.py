"""The sysdiagnose itself: who made it, when, in which zone, and what ran at that moment.

Its other contents (logarchive, crash reports, PowerLog) belong to their own readers. Files are recognised by name
and content wherever they lie, so a renamed root or a re-zipped folder does not matter.
"""

from traceview_parsers.sysdiagnose.reader import SysdiagnoseReader

READER = SysdiagnoseReader()
