"""What belongs to one app: gathered once for all rules and rows, and found along time."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from operator import itemgetter

from traceview.rules.registry import Inputs
from traceview.rules.rows import Row, calls_of, name_of, remembered, rows_of, windows_of
from traceview.rules.windows import Window, union


def by_name(found: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows by the name of their app, in their order."""
    named: dict[str, list[Row]] = {}
    for row in found:
        named.setdefault(name_of(row), []).append(row)
    return named


def state_windows(inputs: Inputs, row: Row, window: Window, *states: str) -> list[Window]:
    """Return when the row's app was in one of `states`: the parts that meet `window`, not cut to it."""

    def found() -> list[Row]:
        return [one for one in rows_of(inputs, "app_states", row) if one["state"] in states]

    return _meeting(inputs, row, ("states", *states), found, window)


def calls(inputs: Inputs, row: Row) -> list[Row]:
    """Return the calls that may be of the row's app (`calls_of`). They are shared."""
    return remembered(inputs, ("calls", row.get("app"), row.get("pid")), lambda: calls_of(inputs, row))


def call_windows(inputs: Inputs, row: Row, window: Window) -> list[Window]:
    """Return when `calls` ran: the parts that meet `window`."""
    return _meeting(inputs, row, ("calls",), lambda: calls(inputs, row), window)


def session_windows(inputs: Inputs, row: Row, window: Window) -> list[Window]:
    """Return when the row's app had an active audio session: the parts that meet `window`."""

    def found() -> list[Row]:
        return [one for one in rows_of(inputs, "audio_sessions", row) if one["refused_error"] is None]

    return _meeting(inputs, row, ("sessions",), found, window)


def held_windows(inputs: Inputs, row: Row, window: Window, originators: frozenset[str]) -> list[Window]:
    """Return when one of the daemons held an assertion on the row's app: the parts that meet `window`."""

    def found() -> list[Row]:
        own = rows_of(inputs, "assertions", row)
        return [one for one in own if (one["originator"] or "").rpartition(".")[2] in originators]

    return _meeting(inputs, row, ("held", originators), found, window)


def first_suspension(inputs: Inputs, row: Row, window: Window) -> datetime | None:
    """Return when the row's app was first suspended within `window`."""

    def found() -> list[datetime]:
        return sorted(one["start"] for one in rows_of(inputs, "app_states", row) if one["state"] == "suspended")

    starts = remembered(inputs, ("suspensions", row.get("app"), row.get("pid")), found)
    at = bisect_left(starts, window[0])
    return starts[at] if at < len(starts) and starts[at] < window[1] else None


def _meeting(
    inputs: Inputs, row: Row, what: tuple[object, ...], found: Callable[[], list[Row]], window: Window
) -> list[Window]:
    key = ("windows", *what, row.get("app"), row.get("pid"))
    spans = remembered(inputs, key, lambda: union(windows_of(inputs, found())))
    first = bisect_right(spans, window[0], key=itemgetter(1))
    return spans[first : bisect_left(spans, window[1], key=itemgetter(0))]
