"""MetricKit payloads (``MXMetricPayload``, ``MXDiagnosticPayload`` as JSON) of iOS 13 to 26, as apps upload them."""

from traceview_parsers.metrickit.reader import READER

__all__ = ["READER"]
