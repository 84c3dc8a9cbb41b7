"""From raw rows to the published episode tables: one place for order, ids, units and the cap on evidence."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final, Self

import polars as pl
from msgspec import Struct

from traceview.episodes.schema import EPISODES, TIME, empty_table

EVIDENCE_CAP: Final = 20
"""Most references kept per episode, earliest first: the first 12 and the last 8 where there are more. About ten daemons
repeat each state change and overloads come by the hundred: both edges stay proved, ``count`` columns carry the number."""
EVIDENCE_HEAD: Final = 12
"""How many of them are the first ones."""

_EVIDENCE: Final = pl.List(pl.UInt64())
_RAW: Final[dict[pl.DataType, pl.DataType]] = {TIME: pl.Int64(), pl.List(TIME): pl.List(pl.Int64())}
"""Times before they are published: nanoseconds."""

_ID_PREFIX: Final = {
    "processes": "process",
    "app_states": "state",
    "suspensions": "suspension",
    "background_runs": "background-run",
    "background_tasks": "background-task",
    "assertions": "assertion",
    "pushes": "push",
    "calls": "call",
    "push_to_talk": "push-to-talk",
    "audio_sessions": "audio-session",
    "audio_settings": "audio-setting",
    "interruptions": "interruption",
    "route_changes": "route-change",
    "glitches": "glitch",
    "resource_events": "resource",
    "conditions": "condition",
    "network": "network",
    "terminations": "termination",
}


class Span(Struct, frozen=True):
    """What the sources of a capture cover.

    Attributes:
        start: First covered moment, UTC nanoseconds.
        end: Last covered moment, UTC nanoseconds.
        sources: What each source covers: first and last ``ref`` that its rows can have, first and last moment; one that
            falls silent for long stands here once for each of its stretches. Sources that tell of moments (reports) are
            left out, and events of sources that are not named here count as they are.
    """

    start: int
    end: int
    sources: tuple[tuple[int, int, int, int], ...] = ()

    @classmethod
    def between(cls, start: datetime, end: datetime) -> Self:
        """Return the span between two aware datetimes."""
        times = pl.Series([start, end]).dt.cast_time_unit("ns").cast(pl.Int64)
        return cls(int(times[0]), int(times[1]))

    @classmethod
    def of(cls, events: pl.DataFrame) -> Self:
        """Return the span from the first to the last event (0 to 0 where there are none)."""
        times = events["time"].drop_nulls().cast(pl.Int64)
        return cls(_bound(times.min()), _bound(times.max()))


def _bound(value: Any) -> int:
    return int(value) if value is not None else 0


class Context(Struct, frozen=True, dict=True):
    """What every builder sees.

    Attributes:
        events: `EVENT_SCHEMA` in time order, each row once, plus ``t`` (Int64 nanoseconds) and whom it is about:
            ``owner`` (row of ``processes``), ``app``, ``name``, ``owner_pid``.
        processes: One row per process instance: ``owner``, ``boot_uuid``, ``pid``, ``app``, ``process``, ``host_app``,
            ``is_app``, ``start``, ``end`` (Int64 nanoseconds; an open end is null), ``start_how``, ``end_how``,
            ``launch_reason``, ``exit_code``, ``evidence``.
        span: What the capture covers.
    """

    events: pl.DataFrame
    processes: pl.DataFrame
    span: Span

    def of_kind(self, *kinds: str) -> pl.DataFrame:
        """Return the events of these kinds, in time order; ``call.`` stands for all kinds that begin so."""
        told = self._told(kinds)
        return self.events.filter(pl.col("kind").is_in(told)) if told else self.events.clear()

    def tells(self, *kinds: str) -> bool:
        """Tell whether there is any event of these kinds (as `of_kind` takes them).

        What has no events has no windows: builders ask first, since joins of empty tables take their time as well.
        """
        return bool(self._told(kinds))

    def _told(self, kinds: tuple[str, ...]) -> list[str]:
        families = tuple(kind for kind in kinds if kind.endswith("."))
        return [kind for kind in self._kinds if kind in kinds or kind.startswith(families)]

    @cached_property
    def _kinds(self) -> frozenset[str]:
        """The kinds that occur: a builder asks for a dozen, a capture has few."""
        return frozenset(self.events["kind"].unique().to_list())


def capped(evidence: pl.Expr, most: int = EVIDENCE_CAP, head: int = EVIDENCE_HEAD) -> pl.Expr:
    """Expression: lists of references; of more than `most` the first `head` and the last ones, as many as that leaves."""
    shortened = pl.concat_list(evidence.list.head(head), evidence.list.tail(most - head))
    return pl.when(evidence.list.len() > most).then(shortened).otherwise(evidence)


Row = dict[str, Any]
"""An episode under construction: columns of its table, times as nanoseconds, missing columns are null."""


def table(name: str, rows: pl.DataFrame | Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the published table: exact schema, by start, with ids and capped evidence.

    Args:
        name: Table of `EPISODES`.
        rows: Columns of that table (others are dropped, missing ones become null); times as Int64 nanoseconds.
    """
    if len(rows) == 0:
        return empty_table(name)
    schema = EPISODES[name]
    wanted = [column for column in schema if column != "id"]
    if isinstance(rows, pl.DataFrame):
        frame = rows
    else:
        raw = {column: _RAW.get(dtype, dtype) for column, dtype in schema.items() if column != "id"}
        frame = pl.DataFrame([{column: row.get(column) for column in wanted} for row in rows], schema=raw)
    given = frame.schema
    frame = frame.select(_published(column, schema[column], given.get(column)) for column in wanted)
    long = pl.any_horizontal(pl.col(column).list.len() > EVIDENCE_CAP for column in _lists(schema))
    if frame.select(long.any()).item():
        frame = frame.with_columns(capped(pl.col(column)) for column in _lists(schema))
    if frame.height > 1:
        order = ["start", "end", "app", "process", "pid", pl.col("evidence").list.first()]
        frame = frame.sort(order, nulls_last=True, maintain_order=True)
    ids = [f"{_ID_PREFIX[name]}-{ordinal}" for ordinal in range(1, frame.height + 1)]
    return frame.insert_column(0, pl.Series("id", ids))


def _published(column: str, kind: pl.DataType, given: pl.DataType | None) -> pl.Expr:
    """Expression: the column as its table has it, null (evidence: empty) where it was not given."""
    several = isinstance(kind, pl.List)
    if given is None:
        return pl.lit([] if several else None, kind).alias(column)
    value = pl.col(column) if given == kind else pl.col(column).cast(kind)
    if kind == _EVIDENCE:
        value = value.list.drop_nulls().list.unique(maintain_order=True)
    return value.fill_null([]) if several else value


def _lists(schema: Mapping[str, pl.DataType]) -> list[str]:
    """Columns of references."""
    return [column for column, kind in schema.items() if kind == _EVIDENCE]
