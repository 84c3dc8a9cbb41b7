"""The ``signposts`` table: begins and ends of the same interval become one row.

Apple, "Recording Performance Data": a begin and an end belong together when they have the same log handle (subsystem and
category), name and signpost id, within the scope: one thread, one process, or the whole system. They are put in order and
measured by the continuous clock of their boot: the wall clock may be set while an interval lasts.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.compute as pc

from traceview_parsers.schema import SCHEMAS
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.unified_log import columns
from traceview_parsers.unified_log.timesync import Clock

SELECTION: Final = Selection((Clause(events=frozenset({"signpost"})),))
"""The rows of ``log`` that the table is made of."""

_COPIED: Final = ("ref", "time", "process", "pid", "tid", "subsystem", "category", "signpost_id", "message", "format")
_RENAMED: Final = {"name": "signpost_name", "type": "signpost_type", "scope": "signpost_scope"}
_EDGES: Final = pa.array(["begin", "end"])
_OWNER: Final = ("boot_uuid", "scope", "subsystem", "category", "name", "signpost_id", "owner_pid", "owner_tid")
_TOGETHER: Final = 1 << 13
"""Most rows of a batch of begins, ends and intervals."""


def pair_signposts(batches: Iterator[Any], clocks: Mapping[str, Clock]) -> Iterator[Any]:
    """Yield the ``signposts`` table of the signposts among these ``log`` batches.

    First come the events, in the order of the batches; then, by time, intervals and what has no other half (cut off, or
    lost) and stays as ``begin`` or ``end``. An interval has ``time`` and ``ref`` of its begin, and the messages of both.
    Only begins and ends are kept in memory.

    Args:
        batches: In any order.
        clocks: The clock of each boot, once the batches are read.
    """
    edges = []
    for batch in batches:
        kind = batch.column("signpost_type")
        is_edge = pc.fill_null(pc.is_in(kind.dictionary, _EDGES).take(kind.indices), fill_value=False)
        events = _rows(batch.filter(pc.invert(is_edge)))
        if events.num_rows:
            yield events
        if events.num_rows < batch.num_rows:
            some = batch.filter(is_edge)
            found = pl.DataFrame(pl.from_arrow(_rows(some)))
            clock = pl.DataFrame(pl.from_arrow(some.select(["boot_uuid", "mach_time"])))
            edges.append(found.drop("end", "duration_ns").hstack(clock))
        del batch, events  # not both these and the next ones in memory
    if edges:
        yield from _paired(pl.concat(edges), clocks)


def _rows(batch: Any) -> Any:
    """Return rows of ``log`` as they are in ``signposts``."""
    values = {name: batch.column(name) for name in _COPIED}
    values |= {name: batch.column(column) for name, column in _RENAMED.items()}
    return columns.batch(SCHEMAS["signposts"], batch.num_rows, values)


def _paired(edges: pl.DataFrame, clocks: Mapping[str, Clock]) -> Iterator[Any]:
    """Yield begins and ends as record batches, begins joined with the ends that follow them."""
    scope = pl.col("scope").cast(pl.String)
    order = edges.select(
        "ref",
        "time",
        "mach_time",
        pl.row_index("row"),
        pl.col("type").cast(pl.String) == "begin",
        pl.col("boot_uuid", "scope", "subsystem", "category", "name").to_physical(),
        "signpost_id",
        owner_pid=pl.when(scope != "system").then("pid"),
        owner_tid=pl.when(scope == "thread").then("tid"),
    ).sort(*_OWNER, "mach_time", "ref")
    alike = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(-1)) for name in _OWNER)
    opens = pl.col("type") & ~pl.col("type").shift(-1) & alike
    found = (
        order.select(
            "ref",
            "time",
            "row",
            opens=opens.fill_null(value=False),
            closing=pl.col("row").shift(-1),
            ticks=pl.col("mach_time").shift(-1) - pl.col("mach_time"),
        )
        .filter(~pl.col("opens").shift(1, fill_value=False))
        .sort("time", "ref")
    )
    for some in found.iter_slices(_TOGETHER):
        yield from _joined(edges, some, clocks)


def _joined(edges: pl.DataFrame, found: pl.DataFrame, clocks: Mapping[str, Clock]) -> Iterator[Any]:
    """Yield record batches of the rows that `found` names.

    Args:
        edges: Begins and ends.
        found: `row`: the first row of each; where it `opens` an interval, also `closing`, the row of its end, and its length
            in `ticks`.
        clocks: The clock of each boot.
    """
    opens = found["opens"]
    ends = edges.select("time", "message")[found.select(pl.when("opens").then("closing")).to_series()]
    rows = edges[found["row"]].with_columns(opens, found["ticks"], end=ends["time"], closing=ends["message"])
    both = pl.concat_str("message", "closing", separator="\n", ignore_nulls=True).str.strip_chars("\n")
    rows = rows.with_columns(
        type=pl.when("opens").then(pl.lit("interval")).otherwise(pl.col("type").cast(pl.String)),
        message=pl.when("opens").then(both).otherwise("message"),
        duration_ns=_durations(rows, clocks),
    )
    table = rows.with_columns(cs.categorical().cast(pl.String)).to_arrow()
    schema = SCHEMAS["signposts"]
    found_columns = [table.column(field.name).cast(field.type) for field in schema]
    yield from pa.Table.from_arrays(found_columns, schema=schema).combine_chunks().to_batches()


def _durations(rows: pl.DataFrame, clocks: Mapping[str, Clock]) -> pl.Series:
    """Return how long the rows that open an interval last, in nanoseconds; null where the clock of the boot is not known."""
    lengths = pl.Series("duration_ns", [None], pl.Int64).extend_constant(None, rows.height - 1)
    boots = rows["boot_uuid"].cast(pl.String)
    for boot in boots.unique():
        places = (rows["opens"] & (boots == boot)).arg_true()
        lasted, sane = clocks[boot].elapsed_ns(rows["ticks"].gather(places).to_numpy())
        lengths.scatter(places.to_numpy()[sane], lasted[sane])
    return lengths
