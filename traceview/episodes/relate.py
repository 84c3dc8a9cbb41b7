"""How episodes lie to each other in time: which call covers a window, which state an app was in."""

from functools import cached_property

import polars as pl
from msgspec import Struct

from traceview.episodes.intervals import overlap_s, touched, window_at

ANY_APP = ""
"""Key of rows whose app is unknown: every call counts for them. A call of unknown app counts for no app: it may be another's."""


class Relations(Struct, frozen=True, dict=True):
    """Calls, app states and audio IO that other builders refer to.

    Attributes:
        states: ``owner``, ``start``, ``end`` (open ends null), ``state``.
        calls: ``app``, ``start``, ``end`` (open ends null).
        io: When the audio IO of a process ran (`audio_io.windows`).
        far: Where open windows end for measures: the end of the capture, UTC nanoseconds.
    """

    states: pl.DataFrame
    calls: pl.DataFrame
    io: pl.DataFrame
    far: int

    def state_at(self, points: pl.DataFrame) -> pl.Series:
        """Return the state of the process ``owner`` at ``t``, null where nothing tells."""
        return window_at(points.select(pl.col("owner").cast(pl.Int64).alias("key"), "t"), self._states)["state"]

    def seconds_in(self, rows: pl.DataFrame, *names: str) -> pl.Series:
        """Return for each row (``owner``, ``start``, ``end``) the seconds that its process was in these states."""
        windows = rows.select(pl.col("owner").cast(pl.Int64).alias("key"), "start", self._end())
        return overlap_s(windows, self._states.filter(pl.col("state").is_in(names)))

    def call_seconds(self, rows: pl.DataFrame) -> pl.Series:
        """Return for each row (``app``, ``start``, ``end``) the seconds that a call of its app covers."""
        return overlap_s(self._by_app(rows), self._calls)

    def in_call(self, rows: pl.DataFrame, slack: int = 0) -> pl.Series:
        """Tell for each row (``app``, ``start``, ``end``) whether a call of its app touches it.

        Args:
            rows: The windows.
            slack: Nanoseconds after the end of a call that still count (what ended the call may be told later).
        """
        if rows.is_empty() or self.calls.is_empty():
            return pl.repeat(value=False, n=rows.height, eager=True, dtype=pl.Boolean).alias("in_call")
        return touched(self._by_app(rows), self._calls, slack).alias("in_call")

    def calling_app(self, rows: pl.DataFrame) -> pl.Series:
        """Return for each row (``start``) the app whose call covers it; null where none or several do."""
        points = rows.select("start").with_row_index("row")
        covering = points.join_where(
            self.calls.filter(pl.col("app").is_not_null()).select("app", begun="start", over=self._end()),
            pl.col("start") >= pl.col("begun"),
            pl.col("start") <= pl.col("over"),
        )
        only = covering.group_by("row").agg(pl.col("app").unique()).filter(pl.col("app").list.len() == 1)
        found = points.join(only.select("row", pl.col("app").list.first()), on="row", how="left", maintain_order="left")
        return found["app"]

    @cached_property
    def _states(self) -> pl.DataFrame:
        """States by process, closed: ``key``, ``start``, ``end``, ``state``."""
        return self.states.select(pl.col("owner").alias("key"), "start", self._end(), "state")

    @cached_property
    def _calls(self) -> pl.DataFrame:
        """Calls by app, closed, and all of them for rows without app: ``key``, ``start``, ``end``."""
        calls = self._by_app(self.calls)
        of_apps = calls.filter(pl.col("key") != ANY_APP)
        return pl.concat([of_apps, calls.with_columns(pl.lit(ANY_APP).alias("key"))])

    def _by_app(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select(pl.col("app").fill_null(ANY_APP).alias("key"), "start", self._end())

    def _end(self) -> pl.Expr:
        return pl.max_horizontal(pl.col("end").fill_null(self.far), "start").alias("end")
