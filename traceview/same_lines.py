"""One log line in several sources: an archive beside the text that was exported of it, two texts that overlap, a relay beside both.

It is one line where process, pid and text agree, and the times as well, by the clocks as they were compared: a text that was
read in the wrong zone tells nothing new.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl
from msgspec import Struct

from traceview_parsers.problems import Problems
from traceview_parsers.schema import REF_POSITION_BITS

_RANKS: Final = ("unified_log", "log_text", "device_syslog", "xctrace", "powerlog", "ips", "metrickit", "sysdiagnose")
"""Which source is the reference: the device's own log first, then what prints its zone."""
_RESOLUTIONS: Final = (1_000_000_000, 1_000_000, 1_000)
"""Nanoseconds: how finely tools print times."""
_SPREAD: Final = 1_000_000_000
"""Nanoseconds. Heuristic: tools that relay lines stamp them at most a second apart from each other."""
_TEXT: Final = ("process", "message", "kind")


class Lines(Struct, frozen=True):
    """The recognised lines of one source.

    Attributes:
        index: Of the source.
        frame: ``row`` in the events, ``process``, ``pid``, ``message``, ``kind``, ``time`` (nanoseconds), by time.
        resolution: The unit, in nanoseconds, of which all its times are multiples.
    """

    index: int
    frame: pl.DataFrame
    resolution: int

    @property
    def span(self) -> tuple[int, int]:
        """First and last time, nanoseconds."""
        return self.frame["time"][0], self.frame["time"][-1]


def lines_of(events: pl.DataFrame, readers: Sequence[str]) -> list[Lines]:
    """Return the lines with a time of each source, that first which tells them best and most finely; none of a lone source."""
    index = (pl.col("ref") // (1 << REF_POSITION_BITS)).cast(pl.Int64).alias("index")
    is_line = ~pl.col("signal").str.starts_with("report.") & pl.all_horizontal(
        pl.col("time", "process", "message").is_not_null()
    )
    places = events.select(index, is_line.alias("is_line")).with_row_index("row").filter("is_line").drop("is_line")
    if places["index"].n_unique() < 2:
        return []
    texts = events.select(*_TEXT, "pid", pl.col("time").dt.epoch("ns"))[places["row"]]
    lines = pl.concat([places, texts], how="horizontal").sort("time", maintain_order=True)
    found = [
        Lines(int(str(of)), frame.drop("index"), _resolution(frame["time"]))
        for (of,), frame in lines.group_by("index", maintain_order=True)
    ]
    return sorted(found, key=lambda one: (rank(readers[one.index]), one.resolution, one.index))


def rank(reader: str) -> int:
    """Return how well sources of a reader tell times: 0 is the best."""
    return _RANKS.index(reader) if reader in _RANKS else len(_RANKS)


def _resolution(times: pl.Series) -> int:
    return next((unit for unit in _RESOLUTIONS if (times % unit == 0).all()), 1)


def same(later: Lines, first: Lines, offsets: Sequence[tuple[int, int]] = ((0, 0),)) -> pl.DataFrame:
    """Return the lines of `later` that `first` holds too: ``row``, ``time`` and ``time_of_reference`` (nanoseconds).

    None where most are in one of them alone, of the time and the processes of which both tell: logs of two devices share some.

    Args:
        later: Lines of one source.
        first: Lines of a source that tells them better.
        offsets: Clock of `later` minus clock of `first`, nanoseconds, and by how much that varies (times that are printed
            more coarsely count beside it); several where a clock was set. The times returned are by the clock of `first`.
    """
    parts = [part for offset, spread in offsets if (part := _same_by(later, first, offset, spread)) is not None]
    if not parts:
        return pl.DataFrame(schema={"row": pl.UInt32, "time": pl.Int64, "time_of_reference": pl.Int64})
    near = pl.concat([rows for rows, _, _ in parts]).n_unique()
    told = pl.concat([rows for _, rows, _ in parts]).n_unique()
    found = pl.concat([lines for _, _, lines in parts]).unique("row", keep="first", maintain_order=True)
    return found if found.height * 2 >= min(near, told) else found.clear()


def _same_by(later: Lines, first: Lines, offset: int, spread: int) -> tuple[pl.Series, pl.Series, pl.DataFrame] | None:
    """Return the rows of both that tell of the same time and processes, and the lines in both; None where they tell of no time."""
    tolerance = max(later.resolution, first.resolution, min(spread, _SPREAD))
    since, until = max(later.span[0] - offset, first.span[0]), min(later.span[1] - offset, first.span[1])
    if since - tolerance > until + tolerance:
        return None
    both = pl.col("time").is_between(since - tolerance, until + tolerance)
    near = later.frame.with_columns(pl.col("time") - offset).filter(both)
    told = first.frame.filter(both)
    near = near.join(told.select("process").unique(), on="process", how="semi", maintain_order="left")
    told = told.join(near.select("process").unique(), on="process", how="semi", maintain_order="left")
    by = [*_TEXT, "pid"] if _tells_pids(later) and _tells_pids(first) else [*_TEXT]
    named = told.select(*by, "time", pl.col("time").alias("time_of_reference"))
    joined = near.join_asof(
        named, on="time", by=by, strategy="nearest", tolerance=tolerance, check_sortedness=False
    )  # both are sorted by time, which is not looked at where there are groups
    matched = joined.filter(pl.col("time_of_reference").is_not_null())
    found = _as_often(matched, told, by, tolerance).select("row", "time", "time_of_reference")
    return near["row"], told["row"], found


def _as_often(matched: pl.DataFrame, told: pl.DataFrame, by: Sequence[str], tolerance: int) -> pl.DataFrame:
    """Return of lines that repeat as many as are told: the better source may have lost some.

    Where repetitions are nearer to each other than the tolerance, nothing tells which of them is which; they are counted.
    """
    new = (pl.col("time").diff() > tolerance).fill_null(value=False)
    lines = pl.concat([told.select(*by, "time"), matched], how="diagonal").sort("time", maintain_order=True)
    lines = lines.with_columns(new.cum_sum().over(by).alias("stretch"))
    is_matched = pl.col("time_of_reference").is_not_null()
    as_often = is_matched & (is_matched.cum_sum() <= (~is_matched).sum()).over(*by, "stretch")
    return lines.filter(as_often)


def _tells_pids(lines: Lines) -> bool:
    return bool(lines.frame["pid"].is_not_null().any())


def counted_once(
    events: pl.DataFrame, sources: Sequence[tuple[str, str]], clocks: pl.DataFrame, problems: Problems
) -> pl.DataFrame:
    """Return the events without those of lines that a better source holds too; each source with such lines is told.

    Args:
        events: Recognised lines and reports of all sources (`EVENT_SCHEMA`).
        sources: Name and reader of each source, by index.
        clocks: How their clocks differ (`clocks.CLOCK_SCHEMA`).
        problems: Gets ``repeated-lines``.
    """
    lines = lines_of(events, [reader for _, reader in sources]) if len(sources) > 1 else []
    repeated: set[int] = set()
    for later, first, offsets in _pairs(lines, [name for name, _ in sources], clocks):
        new = set(same(later, first, offsets)["row"].to_list()) - repeated
        repeated |= new
        if new:
            name, reference = sources[later.index][0], sources[first.index][0]
            text = "recognised lines that another source holds too: they were counted once"
            problems.add(name, "repeated-lines", text, count=len(new), sample=f"{name} = {reference}")
    if not repeated:
        return events
    return events.with_row_index("row").filter(~pl.col("row").is_in(list(repeated))).drop("row")


def _pairs(
    lines: Sequence[Lines], names: Sequence[str], clocks: pl.DataFrame
) -> Iterator[tuple[Lines, Lines, list[tuple[int, int]]]]:
    """Yield sources with each better one, and the offset of their clocks with its spread; two where a clock was set in between."""
    measured: dict[tuple[str, str], list[tuple[int, int]]] = {}
    nanoseconds = ((pl.col(name) * 1e9).round().cast(pl.Int64) for name in ("offset_s", "spread_s"))
    for source, reference, offset, spread in clocks.select("source", "reference", *nanoseconds).rows():
        measured.setdefault((source, reference), []).append((offset, spread))
    for at, later in enumerate(lines):
        for first in lines[:at]:
            yield later, first, measured.get((names[later.index], names[first.index]), [(0, 0)])
