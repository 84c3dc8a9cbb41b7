"""MetricKit payloads (``MXMetricPayload``, ``MXDiagnosticPayload`` as JSON) of iOS 13 to 26, as apps upload them."""

from typing import Final

from traceview_parsers.file_reader import FileReader
from traceview_parsers.trace import Reader

READER: Final[Reader] = FileReader("metrickit", ("metrics", "reports"), "traceview_parsers.metrickit.reader")
