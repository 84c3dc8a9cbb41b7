"""Tables beside the log that an analysis reads, each bounded to its newest rows."""

from collections import deque
from typing import Final

import polars as pl

from traceview.scan import as_frame
from traceview_parsers import Trace, schema

MOST_ROWS: Final = 200_000
"""Heuristic: most rows of one table that an analysis reads. The largest table known has 109,000 (tasks
of iOS 26, iLEAPP's validation images)."""
KEPT: Final = (
    *("reports", "jetsam_processes", "stackshot_processes", "processes_at_capture", "threads_at_capture"),
    *("log_volume", "shutdown_clients", "listed_reports", "time_zones", "metrics", "jetsam_counts"),
)
"""Tables that an analysis keeps; those of PowerLog become events and windows, and stay in their file."""


def newest_rows(trace: Trace, table: str) -> pl.DataFrame:
    """Return a table of the schema; of more than about `MOST_ROWS` the last ones, which is a problem ``too-many-rows``."""
    frames = deque([as_frame(schema.SCHEMAS[table].empty_table())])
    rows = left_out = 0
    for batch in trace.batches(table):
        frames.append(as_frame(batch))
        rows += batch.num_rows
        while rows - frames[0].height >= MOST_ROWS:
            dropped = frames.popleft().height
            rows -= dropped
            left_out += dropped
    if left_out:
        trace.problems.add(
            table,
            "too-many-rows",
            f"the last {rows:,} rows were analysed; query and export give all of them",
            count=left_out,
            unit="row",
        )
    return pl.concat(frames)
