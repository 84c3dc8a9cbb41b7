"""What a payload may look like. A new shape (iOS 27 replaces these classes) is one more entry in `SHAPES`."""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from traceview_parsers.metrickit.diagnostics import KINDS, report_rows, stack_rows
from traceview_parsers.metrickit.metrics import metric_rows
from traceview_parsers.metrickit.stacks import is_tree
from traceview_parsers.problems import Problems

Payload = dict[str, Any]
Row = dict[str, Any]


class Shape(Struct, frozen=True):
    """One kind of payload.

    Attributes:
        table: Where its rows go.
        fits: Whether a JSON object has this shape.
        read: Gives the rows (without ``ref``); counts what it does not understand.
    """

    table: str
    fits: Callable[[Payload], bool]
    read: Callable[[Payload, str, Problems], list[Row]]


def _is_diagnostic(payload: Payload) -> bool:
    return any(isinstance(payload.get(key), list) for key in KINDS)


def _is_metric(payload: Payload) -> bool:
    return any(key.endswith("Metrics") and isinstance(value, dict | list) for key, value in payload.items())


SHAPES: Final = (
    Shape("reports", _is_diagnostic, report_rows),
    Shape("metrics", _is_metric, metric_rows),
    Shape("reports", is_tree, stack_rows),
)
"""All shapes; a payload may have several."""
