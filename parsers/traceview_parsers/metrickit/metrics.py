"""``MXMetricPayload``: a day of one app in numbers, in long form.

Nested names are joined by dots. A histogram gives a row a bucket (``bucket_start``, ``bucket_end``, ``count``), an
average a row with its number of samples, a counter a row of unit ``count``.
"""

from collections.abc import Iterator
from typing import Any, Final

from traceview_parsers.ips import values
from traceview_parsers.metrickit.amounts import COUNT, Amount, amount
from traceview_parsers.metrickit.metadata import device, identity, instant
from traceview_parsers.problems import Problems

Row = dict[str, Any]
_METADATA_FIGURES: Final = ("lowPowerModeEnabled", "isTestFlightApp")
_DEEPEST: Final = 8
"""Real payloads nest four deep."""


def metric_rows(payload: Row, name: str, problems: Problems) -> list[Row]:
    """Return the rows of table ``metrics`` of one payload (without ``ref``)."""
    metadata = payload.get("metaData")
    shared = {
        "start": instant(payload.get("timeStampBegin"), name, problems),
        "end": instant(payload.get("timeStampEnd"), name, problems),
        "device": device(metadata),
        **identity(metadata, payload),
    }
    walk = _Walk(name, problems)
    rows = [{"group": group, **row} for group, value in payload.items() for row in walk.group(group, value)]
    return [{**shared, **row} for row in rows]


class _Walk:
    """Turns nested values into rows and counts what it cannot read."""

    def __init__(self, name: str, problems: Problems) -> None:
        self._name = name
        self._problems = problems

    def group(self, group: str, value: Any) -> Iterator[Row]:
        """Yield the rows of one top-level key."""
        if group == "metaData" and isinstance(value, dict):
            figures = {key: value[key] for key in _METADATA_FIGURES if key in value}
            yield from self._members("", figures, 0)
        elif group == "signpostMetrics" and isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    label = f"{one.get('signpostCategory', '')}/{one.get('signpostName', '')}"
                    rest = {key: part for key, part in one.items() if key not in ("signpostCategory", "signpostName")}
                    yield from self._members(label, rest, 0)
        elif isinstance(value, dict):
            yield from self._members("", value, 0)

    def _members(self, prefix: str, members: Row, depth: int) -> Iterator[Row]:
        for key, value in members.items():
            yield from self._value(f"{prefix}.{key}" if prefix else key, value, depth)

    def _value(self, path: str, value: Any, depth: int) -> Iterator[Row]:
        if isinstance(value, dict):
            if depth == _DEEPEST:
                self._unread(path, "nested deeper than any payload")
            elif "histogramValue" in value:
                yield from self._histogram(path, value["histogramValue"])
            elif "averageValue" in value:
                yield from self._average(path, value)
            else:
                yield from self._members(path, value, depth + 1)
        elif (figure := self._figure(path, value)) is not None:
            yield {"name": path, "value": figure.value, "unit": figure.unit}

    def _histogram(self, path: str, buckets: Any) -> Iterator[Row]:
        """Buckets are an object with decimal keys; a list is taken as well."""
        pairs = (
            enumerate(buckets) if isinstance(buckets, list) else buckets.items() if isinstance(buckets, dict) else ()
        )
        for _, bucket in sorted(pairs, key=lambda pair: int(pair[0]) if str(pair[0]).isdecimal() else -1):
            if not isinstance(bucket, dict):
                self._unread(path, str(bucket))
                continue
            start = self._figure(path, bucket.get("bucketStart"))
            end = self._figure(path, bucket.get("bucketEnd"))
            yield {
                "name": path,
                "unit": next((edge.unit for edge in (start, end) if edge), None),
                "bucket_start": start.value if start else None,
                "bucket_end": end.value if end else None,
                "count": values.integer(bucket.get("bucketCount")),
            }

    def _average(self, path: str, value: Row) -> Iterator[Row]:
        """Yield the mean and, in the same unit, the deviation: a bare number that counts as the mean was printed."""
        mean = self._figure(path, value["averageValue"])
        if mean is None:
            return
        yield {"name": path, "value": mean.value, "unit": mean.unit, "count": values.integer(value.get("sampleCount"))}
        deviation = self._figure(path, value.get("standardDeviation"))
        if deviation is not None:
            scale = mean.factor if deviation.unit == COUNT else 1.0
            yield {"name": f"{path}.standardDeviation", "value": deviation.value * scale, "unit": mean.unit}

    def _figure(self, path: str, value: Any) -> Amount | None:
        """Return a number, or what a text with a unit says."""
        if value is None:
            return None
        found = amount(value, path.rpartition("/")[2]) if isinstance(value, str) else None
        plain = float(value) if isinstance(value, bool) else values.real(value)
        if found is None and plain is not None:
            found = Amount(plain, COUNT)
        if found is None:
            self._unread(path, str(value)[:80])
        elif not found.sure:
            self._problems.add(
                self._name,
                "unit-mismatch",
                "units that do not fit their field were taken as printed",
                sample=f"{path}: {value}",
            )
        return found

    def _unread(self, path: str, value: str) -> None:
        self._problems.add(
            self._name, "unreadable-metric", "metrics in an unknown form were left out", sample=f"{path}: {value}"
        )
