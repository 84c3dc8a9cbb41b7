"""What only the other tables tell of an audio session: who activated it, its IO, its settings, its interruptions."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import accumulate
from operator import itemgetter
from typing import Any, Final

import polars as pl

from traceview.episodes import audio_io, call_audio, states
from traceview.episodes.intervals import in_seconds
from traceview.episodes.relate import Relations
from traceview.episodes.tables import Context

_LAST: Final = ("route", "sample_rate_hz", "buffer_s")


def complete(
    sessions: pl.DataFrame,
    context: Context,
    relations: Relations,
    settings: pl.DataFrame,
    interruptions: pl.DataFrame,
) -> pl.DataFrame:
    """Return ``audio_sessions`` with the columns that follow from other tables.

    Args:
        sessions: The table, complete but for these columns.
        context: Events and processes.
        relations: Calls, states and audio IO.
        settings: The table ``audio_settings``.
        interruptions: The table ``interruptions``.
    """
    if sessions.is_empty():
        return sessions
    far = pl.lit(context.span.end)
    start, end = pl.col("start").cast(pl.Int64), pl.col("end").cast(pl.Int64)
    owners = context.processes.filter(pl.col("pid").is_not_null()).select(
        "pid", owner="owner", lived_from="start", lived_to=pl.coalesce("end", far)
    )
    numbered = sessions.with_row_index("row")
    lived = (
        numbered.select("row", "pid", start)
        .join(owners, on="pid")
        .filter(pl.col("start").is_between(pl.col("lived_from"), pl.col("lived_to")))
        .sort("lived_from")
        .unique("row", keep="last")
        .select("row", "owner")
    )
    windows = numbered.select("row", start, end).join(lived, on="row", how="left", maintain_order="left")
    length = in_seconds(pl.max_horizontal("start", pl.coalesce("end", far)) - pl.col("start"))
    activator = (
        pl.when(pl.col("activated_by") == "callkit")
        .then(pl.lit(call_audio.SERVICE))
        .when(pl.col("activated_by") == "app")
        .then(pl.col("process"))
    )
    measured = numbered.with_columns(
        activator.alias("activator"),
        relations.seconds_in(windows, states.SUSPENDED).alias("suspended_s"),
        (windows.select(length.alias("s"))["s"] - pl.col("in_call_s"))
        .clip(lower_bound=0.0)
        .round(9)
        .alias("outside_call_s"),
        *audio_io.measured(sessions, relations.io, context).get_columns(),
    )
    return measured.with_columns(
        *settings_of(sessions, settings, context), interruptions_of(sessions, interruptions)
    ).select(sessions.columns)


_Told = tuple[int, int, Any]
"""A setting: start, end, and the figure or route that it tells."""


class _Touching:
    """Settings of one session, by start."""

    def __init__(self, told: list[_Told]) -> None:
        self._told = told
        self._starts = [start for start, _, _ in told]
        self._ends = sorted(end for _, end, _ in told)
        self._reach = list(accumulate((end for _, end, _ in told), max))

    def count(self, start: int, end: int) -> int:
        """How many touch the window: what ends before it begins starts before it ends."""
        return bisect_right(self._starts, end) - bisect_left(self._ends, start)

    def last(self, start: int, end: int) -> _Told | None:
        """The last begun of those that touch the window."""
        at = bisect_right(self._starts, end) - 1
        while at >= 0 and self._reach[at] >= start:
            if self._told[at][1] >= start:
                return self._told[at]
            at -= 1
        return None


_Key = tuple[int | None, str | None, bool]
"""Process, session (null: the line gives none), and whether it stands for all sessions of the process."""


def _by_session(settings: pl.DataFrame, name: str, far: int) -> dict[_Key, _Touching]:
    """The settings that tell `name`, of each session and of each process."""
    told = settings.filter(pl.col("pid").is_not_null() & pl.col(name).is_not_null()).sort("start", maintain_order=True)
    groups: dict[_Key, list[_Told]] = defaultdict(list)
    ends = pl.col("end").cast(pl.Int64).fill_null(far)
    for pid, session, start, end, value in told.select(
        "pid", "session_id", pl.col("start").cast(pl.Int64), ends, pl.col(name).alias("value")
    ).iter_rows():
        groups[pid, session, False].append((start, end, value))
        groups[pid, None, True].append((start, end, value))
    return {key: _Touching(group) for key, group in groups.items()}


def settings_of(sessions: pl.DataFrame, settings: pl.DataFrame, context: Context) -> list[pl.Series]:
    """For each session how many settings it had, and the last of each that is a figure or a route.

    A line that gives no session id may be about any session of its process.
    """
    far = context.span.end
    windows = sessions.select(
        "pid", "session_id", pl.col("start").cast(pl.Int64), pl.col("end").cast(pl.Int64).fill_null(far)
    ).rows()
    told = _by_session(settings, "start", far)
    counts = [sum(one.count(start, end) for one in _about(told, pid, session)) for pid, session, start, end in windows]
    found = [pl.Series("settings", counts, sessions.schema["settings"])]
    for name in _LAST:
        told = _by_session(settings, name, far)
        values = []
        for pid, session, start, end in windows:
            last = [one for group in _about(told, pid, session) if (one := group.last(start, end)) is not None]
            values.append(max(last, key=itemgetter(0))[2] if last else None)
        found.append(pl.Series(name, values, sessions.schema[name]))
    return found


def _about(told: dict[_Key, _Touching], pid: int | None, session: str | None) -> list[_Touching]:
    """The settings that may be of this session."""
    keys = [(pid, None, True)] if session is None else [(pid, None, False), (pid, session, False)]
    return [told[key] for key in keys if key in told]


def interruptions_of(sessions: pl.DataFrame, interruptions: pl.DataFrame) -> pl.Series:
    """For each session how many interruptions of its process began while it was active."""
    begins: dict[int | None, list[int]] = defaultdict(list)
    for pid, start in interruptions.select("pid", pl.col("start").cast(pl.Int64)).sort("start").iter_rows():
        begins[pid].append(start)
    begins.pop(None, None)
    counts = [
        (len(mine) if end is None else bisect_right(mine, end)) - bisect_left(mine, start) if mine else 0
        for pid, start, end in sessions.select("pid", pl.col("start", "end").cast(pl.Int64)).iter_rows()
        for mine in (begins.get(pid, []),)
    ]
    return pl.Series("interruptions", counts, sessions.schema["interruptions"])
