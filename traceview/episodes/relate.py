"""How episodes lie to each other in time: which call covers a window, which state an app was in."""

from dataclasses import dataclass

import polars as pl

from traceview.episodes.intervals import overlap_s, window_at

ANY_APP = ""
"""Key of rows whose app is unknown: every call counts for them. A call of unknown app counts for no app: it may be another's."""


@dataclass(frozen=True, slots=True)
class Relations:
    """Calls and app states that other builders refer to.

    Attributes:
        states: ``owner``, ``start``, ``end`` (open ends null), ``state``.
        calls: ``app``, ``start``, ``end`` (open ends null).
        far: Where open windows end for measures: the end of the capture, UTC nanoseconds.
    """

    states: pl.DataFrame
    calls: pl.DataFrame
    far: int

    def state_at(self, points: pl.DataFrame) -> pl.Series:
        """Return the state of the process ``owner`` at ``t``, null where nothing tells."""
        keyed = points.select(pl.col("owner").cast(pl.Int64).alias("key"), "t")
        known = self._closed(self.states.select(pl.col("owner").alias("key"), "start", "end", "state"))
        return window_at(keyed, known)["state"]

    def seconds_in(self, rows: pl.DataFrame, *names: str) -> pl.Series:
        """Return for each row (``owner``, ``start``, ``end``) the seconds that its process was in these states."""
        known = self._closed(self.states.filter(pl.col("state").is_in(names)).select("start", "end", key="owner"))
        return overlap_s(self._closed(rows.select(pl.col("owner").cast(pl.Int64).alias("key"), "start", "end")), known)

    def call_seconds(self, rows: pl.DataFrame) -> pl.Series:
        """Return for each row (``app``, ``start``, ``end``) the seconds that a call of its app covers."""
        return overlap_s(self._by_app(rows), self._calls_of(rows))

    def in_call(self, rows: pl.DataFrame, slack: int = 0) -> pl.Series:
        """Tell for each row (``app``, ``start``, ``end``) whether a call of its app touches it.

        Args:
            rows: The windows.
            slack: Nanoseconds after the end of a call that still count (what ended the call may be told later).
        """
        windows, calls = self._by_app(rows), self._calls_of(rows)
        if windows.is_empty():
            return pl.Series("in_call", [], dtype=pl.Boolean)
        at_start = window_at(windows.select("key", t="start"), calls, slack)["end"].is_not_null()
        return ((overlap_s(windows, calls) > 0) | at_start).alias("in_call")

    def calling_app(self, rows: pl.DataFrame) -> pl.Series:
        """Return for each row (``start``) the app whose call covers it; null where none or several do."""
        points = rows.select("start").with_row_index("row")
        calls = self._closed(self.calls.filter(pl.col("app").is_not_null()))
        covering = points.join_where(
            calls.select("app", begun="start", over="end"),
            pl.col("start") >= pl.col("begun"),
            pl.col("start") <= pl.col("over"),
        )
        only = covering.group_by("row").agg(pl.col("app").unique()).filter(pl.col("app").list.len() == 1)
        found = points.join(only.select("row", pl.col("app").list.first()), on="row", how="left", maintain_order="left")
        return found["app"]

    def _by_app(self, rows: pl.DataFrame) -> pl.DataFrame:
        return self._closed(rows.select(pl.col("app").fill_null(ANY_APP).alias("key"), "start", "end"))

    def _calls_of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Calls once for each app of ``rows``, and all calls for rows without app."""
        apps = rows.select(pl.col("app").fill_null(ANY_APP).alias("key")).unique()
        pairs = apps.join(self.calls.select("app", "start", "end"), how="cross")
        mine = (pl.col("key") == pl.col("app")).fill_null(value=False) | (pl.col("key") == ANY_APP)
        return self._closed(pairs.filter(mine).select("key", "start", "end"))

    def _closed(self, rows: pl.DataFrame) -> pl.DataFrame:
        end = pl.max_horizontal(pl.col("end").fill_null(self.far), "start")
        return rows.with_columns(end.alias("end"))
