"""Lines that prove what a finding says beside its own episodes: in which state the app was, and in which call."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from traceview.episodes.tables import EVIDENCE_CAP, EVIDENCE_HEAD
from traceview.episodes.terminations import CALL_SLACK_NS
from traceview.rules.registry import Inputs
from traceview.rules.rows import Line, Row, calls_of, remembered, rows_of, window_of
from traceview.rules.windows import ByTime, Window, union

_CALL_SLACK: Final = timedelta(microseconds=CALL_SLACK_NS // 1000)


def shortened(lines: Iterable[Line]) -> list[Line]:
    """Return the lines once each, by time; of many the first and the last ones, as many as an episode keeps."""
    times: dict[int, datetime] = {}
    for moment, ref in lines:
        times[ref] = min(moment, times.get(ref, moment))
    found = sorted((moment, ref) for ref, moment in times.items())
    if len(found) <= EVIDENCE_CAP:
        return found
    return found[:EVIDENCE_HEAD] + found[EVIDENCE_HEAD - EVIDENCE_CAP :]


def first_line(row: Row, moment: datetime | None = None) -> list[Line]:
    """Return the line that begins an episode (none where it has no evidence), placed at `moment`, else at its start."""
    return [(moment or row["start"], row["evidence"][0])] if row["evidence"] else []


def last_line(row: Row) -> list[Line]:
    """Return the line that ends an episode (none where it has no evidence)."""
    return [(row["end"] or row["start"], row["evidence"][-1])] if row["evidence"] else []


def state_edges(inputs: Inputs, row: Row, states: Iterable[str], windows: Iterable[Window]) -> list[Line]:
    """Return the lines with which the row's app enters and leaves the `states` that it was in during `windows`.

    It leaves a state with the line that begins the next one. Bounded (`shortened`).
    """
    key = ("states by time", row.get("app"), row.get("pid"))
    by_time, following = remembered(inputs, key, lambda: _states(inputs, row))
    wanted, found = frozenset(states), list[Line]()
    for one in (one for span in union(windows) for one in by_time.meeting(*span)):
        if one["state"] not in wanted:
            continue
        found += first_line(one)
        after = following.get(one["end"])
        found += first_line(after) if after is not None else []
    return shortened(found)


def _states(inputs: Inputs, row: Row) -> tuple[ByTime[Row], dict[datetime, Row]]:
    """Return the states of the row's app by time, and the state that begins at each moment."""
    own = rows_of(inputs, "app_states", row)
    placed = ((one, window) for one in own if (window := window_of(inputs, one)) is not None)
    return ByTime.of(placed), {one["start"]: one for one in own}


def state_before(inputs: Inputs, row: Row, moment: datetime) -> list[Line]:
    """Return the line with which the row's app entered the state that it was in just before `moment`."""
    for one in rows_of(inputs, "app_states", row):
        if one["start"] < moment and (one["end"] is None or moment <= one["end"]):
            return first_line(one)
    return []


def calls_around(inputs: Inputs, about: Sequence[Row], slack: timedelta = timedelta(0)) -> list[Row]:
    """Return the calls that the rows marked ``in_call`` touch; `slack`: so long before a row a call may have ended."""
    marked = [row for row in about if row["in_call"] and row["start"] is not None]
    calls = {str(call["id"]): call for row in marked for call in calls_of(inputs, row) if _touches(call, row, slack)}
    return list(calls.values())


def call_of_death(inputs: Inputs, death: Row) -> list[Row]:
    """Return the calls that a process left when it ended: a call may end shortly before the line about the process."""
    return calls_around(inputs, [death], _CALL_SLACK)


def state_at_death(inputs: Inputs, death: Row) -> list[Line]:
    """Return the line with which the process that ended got into its last state; none where its end has no time."""
    return state_before(inputs, death, death["start"]) if death["start"] is not None and death["app_state"] else []


def _touches(call: Row, row: Row, slack: timedelta) -> bool:
    ends = row["end"] or row["start"]
    return bool(call["start"] <= ends and (call["end"] is None or row["start"] <= call["end"] + slack))
