"""Columns of every Arrow table that readers produce: the only place where they are defined.

Time base of all ``time`` columns: nanoseconds since 1970-01-01 UTC. ``ref`` identifies a row within one trace: the
index of its source in the upper 24 bits, the row's position in that source in the lower 40 bits (`make_ref`).
"""

from typing import Any, Final

import pyarrow as pa

from traceview_parsers.schema_powerlog import POWER_SCHEMAS
from traceview_parsers.schema_snapshots import SNAPSHOT_SCHEMAS

TIME: Final = pa.timestamp("ns", tz="UTC")
NAME: Final = pa.dictionary(pa.int32(), pa.string())
"""Few distinct values, repeated often: processes, images, subsystems, categories, levels, formats."""

REF_POSITION_BITS: Final = 40

TIME_HOW: Final = ("exact", "zone_assumed", "date_assumed", "date_and_zone_assumed", "unknown")
"""How a row's time was reached: read as it is, or with a zone or a date that had to be assumed."""

EVENTS: Final = (
    "log",
    "trace",
    "activity",
    "signpost",
    "loss",
    "state",
    "user_action",
    "timesync",
    "activity_transition",
)
LEVELS: Final = ("default", "info", "debug", "error", "fault")

ARGUMENT: Final = pa.struct(
    [
        pa.field("integer", pa.int64()),
        pa.field("real", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("privacy", pa.string()),
    ]
)
"""One typed argument of a log message, as ``unified_log`` and ``xctrace`` give it; texts of a log have none.

A column of lists, in the order of the format's placeholders, without widths and precisions:
- ``integer``: a whole number; unsigned 64-bit ones keep their bits. ``text`` beside it: its name, where it has one
  (``%{bool}d``, ``%{darwin.errno}d``); an export of Instruments may hold nothing but the name.
- ``real``: a floating-point number.
- ``text``: a string or object as logged, data as printed; null for a null pointer (printed ``(null)``).
- ``privacy``: ``private``, ``sensitive`` (then nothing else is there, unless a hash of it as ``text``) or null."""

_LOG_FIELDS: Final = [
    pa.field("ref", pa.uint64(), nullable=False),
    pa.field("time", TIME),
    pa.field("time_how", NAME),
    pa.field("mach_time", pa.uint64()),  # ticks of the continuous clock since boot
    pa.field("boot_uuid", NAME),  # dashed, upper case
    pa.field("process", NAME),  # last path component
    pa.field("process_path", NAME),
    pa.field("process_uuid", NAME),  # dashed, upper case
    pa.field("pid", pa.int64()),
    pa.field("uid", pa.int64()),
    pa.field("tid", pa.uint64()),
    pa.field("sender", NAME),  # the library that logged; last path component
    pa.field("sender_path", NAME),
    pa.field("sender_uuid", NAME),
    pa.field("sender_offset", pa.uint64()),
    pa.field("subsystem", NAME),
    pa.field("category", NAME),
    pa.field("level", NAME),  # one of LEVELS; null on activities, signposts and losses
    pa.field("event", NAME),  # one of EVENTS
    pa.field("message", pa.large_string()),
    pa.field("format", NAME),  # os_log format string, where the source knows it
    pa.field("activity_id", pa.uint64()),
    pa.field("parent_activity_id", pa.uint64()),
    pa.field("creator_activity_id", pa.uint64()),
    pa.field("trace_id", pa.uint64()),
    pa.field("signpost_id", pa.uint64()),
    pa.field("signpost_name", NAME),
    pa.field("signpost_type", NAME),  # begin, end, event
    pa.field("signpost_scope", NAME),  # thread, process, system
    pa.field("loss_count", pa.int64()),
    pa.field("ttl", pa.int64()),  # days; 0 = not set
]

SCHEMAS: Final[dict[str, Any]] = {
    "log": pa.schema(_LOG_FIELDS),
    "reports": pa.schema(
        [
            pa.field("ref", pa.uint64(), nullable=False),
            pa.field("time", TIME),  # when it happened: capture time of a crash, end of a resource report's window
            pa.field("start", TIME),  # begin of a resource report's window
            pa.field("launch_time", TIME),
            pa.field(
                "kind", pa.string()
            ),  # crash, jetsam, cpu, cpu_fatal, wakeups, disk_writes, hang, launch, stackshot, other
            pa.field("bug_type", pa.string()),
            pa.field("incident", pa.string()),
            pa.field("process", pa.string()),
            pa.field("pid", pa.int64()),
            pa.field("bundle", pa.string()),
            pa.field("app_version", pa.string()),
            pa.field("build_version", pa.string()),
            pa.field("os_version", pa.string()),
            pa.field("os_build", pa.string()),
            pa.field("model", pa.string()),
            pa.field("role", pa.string()),  # Foreground, Background, Non UI, … as printed
            pa.field("visibility", pa.string()),  # ProcessVisibility of a termination by FrontBoard
            pa.field("exception", pa.string()),
            pa.field("signal", pa.string()),
            pa.field("namespace", pa.string()),
            pa.field("code", pa.string()),  # lower-case hexadecimal
            pa.field("termination_flags", pa.int64()),
            pa.field("terminated_by", pa.string()),  # the process that ended it
            pa.field("terminated_by_pid", pa.int64()),
            pa.field("report_type", pa.string()),  # reportType of RBSTerminateContext: CrashLog, None
            pa.field("resistance", pa.string()),  # maxTerminationResistance of RBSTerminateContext: Interactive …
            pa.field("explanation", pa.string()),
            pa.field("watchdog_event", pa.string()),
            pa.field("allowance_s", pa.float64()),
            pa.field("action", pa.string()),  # of a resource report: none, Process killed
            pa.field("used", pa.float64()),  # CPU seconds, wakeups or bytes within the window
            pa.field("window_s", pa.float64()),
            pa.field("limit", pa.float64()),  # as the report tells: % of a core, wakeups/s, bytes/s, bytes of memory
            pa.field("limit_window_s", pa.float64()),
            pa.field("victim_bytes", pa.int64()),  # memory of the process that jetsam killed
            pa.field("primary_state", pa.string()),  # of a resource report: most samples were taken in this state
            pa.field("process_state", pa.string()),  # ProcessState of a termination by FrontBoard: Running, Suspended
            pa.field("watchdog_visibility", pa.string()),
            pa.field("cpu_total_s", pa.float64()),  # CPU of the whole device while a watchdog waited
            pa.field("cpu_total_percent", pa.float64()),
            pa.field("cpu_app_s", pa.float64()),  # CPU of the app while a watchdog waited
            pa.field("cpu_app_percent", pa.float64()),
            pa.field("thermal_state", pa.string()),
            pa.field("duration_s", pa.float64()),  # of a hang: how long the main run loop did not answer
            pa.field("frames", pa.list_(pa.string())),  # MetricKit: stack of the attributed thread, innermost first
            pa.field("utc_offset_s", pa.int32()),  # of the zone in which the report prints its times
            pa.field("installed", pa.bool_()),  # the program lies where iOS installs apps; null: no path is printed
            pa.field("sources", pa.list_(pa.string())),  # files that hold this report; the row is the first one's
        ]
    ),
    "jetsam_processes": pa.schema(
        [
            pa.field("ref", pa.uint64(), nullable=False),
            pa.field("time", TIME),
            pa.field("incident", pa.string()),
            pa.field("pid", pa.int64()),
            pa.field("process", pa.string()),
            pa.field("states", pa.string()),  # joined by blanks: active frontmost suspended idle audio …
            pa.field("priority", pa.int64()),
            pa.field("resident_bytes", pa.int64()),
            pa.field("lifetime_max_bytes", pa.int64()),
            pa.field("cpu_time_s", pa.float64()),
            pa.field("reason", pa.string()),  # only victims have one
            pa.field("coalition", pa.int64()),
        ]
    ),
    **SNAPSHOT_SCHEMAS,
    # MetricKit in long form: a value, or a bucket of a histogram with its count. Units: s, bytes, count, ratio, bars, …
    "metrics": pa.schema(
        [
            pa.field("ref", pa.uint64(), nullable=False),
            pa.field("start", TIME),
            pa.field("end", TIME),
            pa.field("app_version", pa.string()),
            pa.field("build_version", pa.string()),
            pa.field("os_version", pa.string()),
            pa.field("os_build", pa.string()),
            pa.field("device", pa.string()),  # iPhone9,2
            pa.field("bundle", pa.string()),  # iOS 17 and later
            pa.field("group", pa.string()),  # applicationTimeMetrics, …
            pa.field("name", pa.string()),  # foregroundExitData.cumulativeAbnormalExitCount
            pa.field("value", pa.float64()),
            pa.field("unit", pa.string()),
            pa.field("bucket_start", pa.float64()),
            pa.field("bucket_end", pa.float64()),
            pa.field("count", pa.int64()),  # events in the bucket, samples of an average
        ]
    ),
    **POWER_SCHEMAS,
    "signposts": pa.schema(
        [
            pa.field("ref", pa.uint64(), nullable=False),
            pa.field("time", TIME),  # of the signpost; begin of an interval
            pa.field("relative_ns", pa.int64()),  # the same since the start of the recording
            pa.field("end", TIME),  # only intervals that the source has already paired
            pa.field("duration_ns", pa.int64()),  # by a clock that is never set, as the wall clock is
            pa.field("type", NAME),  # begin, end, event, interval
            pa.field("name", NAME),
            pa.field("subsystem", NAME),
            pa.field("category", NAME),
            pa.field("process", NAME),
            pa.field("pid", pa.int64()),
            pa.field("tid", pa.uint64()),
            pa.field("signpost_id", pa.uint64()),
            pa.field("scope", NAME),  # thread, process, system
            pa.field("message", pa.large_string()),
            pa.field("format", NAME),
            pa.field("source_schema", NAME),  # name of the table that the source gives it
        ]
    ),
    "intervals": pa.schema(
        [
            pa.field("ref", pa.uint64(), nullable=False),
            pa.field("start", TIME),
            pa.field("end", TIME),
            pa.field("relative_ns", pa.int64()),  # start, since the start of the recording
            pa.field("duration_ns", pa.int64()),
            pa.field("kind", NAME),  # hang, runloop, life_cycle, thermal, thread_state, audio_io_cycle
            pa.field("label", NAME),  # type of hang or of run loop interval, period of the life cycle, …
            pa.field("state", NAME),  # of the thread, run loop mode, thermal state, Normal or what else a cycle was
            pa.field("process", NAME),
            pa.field("pid", pa.int64()),
            pa.field("thread", NAME),
            pa.field("tid", pa.uint64()),
            pa.field("nesting", pa.int64()),  # run loop intervals nest: durations of different levels do not add up
            pa.field("narrative", pa.large_string()),
            pa.field("core", pa.int64()),  # of a thread state
            pa.field("cpu_ns", pa.int64()),  # of a thread state: Instruments' column "Running Time"
            pa.field("wait_ns", pa.int64()),  # "Wait Time"
            pa.field("priority", pa.int64()),  # of the scheduler; XNU sched.h: real time from 97, foreground 47
            pa.field("attributes", pa.list_(pa.string())),  # every other cell that is not empty: ``mnemonic=value``
            pa.field("source_schema", NAME),
        ]
    ),
    "samples": pa.schema(
        [
            pa.field("ref", pa.uint64(), nullable=False),
            pa.field("time", TIME),
            pa.field("relative_ns", pa.int64()),  # the same since the start of the recording
            pa.field("process", NAME),
            pa.field("pid", pa.int64()),
            pa.field("thread", NAME),
            pa.field("tid", pa.uint64()),
            pa.field("state", NAME),
            pa.field("core", pa.int64()),
            pa.field("weight_ns", pa.int64()),
            pa.field("weight_cycles", pa.uint64()),
            pa.field("frames", pa.list_(pa.string())),  # leaf first; addresses where there are no symbols
            pa.field("source_schema", NAME),
        ]
    ),
}
"""Schema of each fixed table. Readers whose columns come from the file itself (Instruments) add tables of their own."""

ARGUMENTS_FIELD: Final = pa.field("arguments", pa.list_(ARGUMENT))
"""Extra last column of ``log`` when a selection asks for arguments."""


def make_ref(source_index: int, position: int) -> int:
    """Return the row identity for `position` (line number, record ordinal, …) in source number `source_index`."""
    return (source_index << REF_POSITION_BITS) | position


def split_ref(ref: int) -> tuple[int, int]:
    """Return (source index, position) of a row identity."""
    return ref >> REF_POSITION_BITS, ref & ((1 << REF_POSITION_BITS) - 1)


def log_batch(rows: int, columns: dict[str, Any]) -> Any:
    """Build one ``log`` record batch: see `table_batch`."""
    return table_batch("log", rows, columns)


def table_batch(table: str, rows: int, columns: dict[str, Any]) -> Any:
    """Build one record batch of a fixed table: see `batch_of`."""
    return batch_of(SCHEMAS[table], rows, columns)


def batch_of(schema: Any, rows: int, columns: dict[str, Any]) -> Any:
    """Build one record batch of an Arrow schema with `rows` rows; columns that are not given are null.

    Values may be Arrow arrays (cast where their type differs) or a single Python value for all rows.
    """
    arrays = []
    for field in schema:
        value = columns.get(field.name)
        if value is None:
            arrays.append(pa.nulls(rows, field.type))
        elif isinstance(value, pa.Array):
            arrays.append(value if value.type == field.type else value.cast(field.type))
        elif pa.types.is_dictionary(field.type):
            indices = pa.repeat(pa.scalar(0, pa.int32()), rows)
            arrays.append(pa.DictionaryArray.from_arrays(indices, pa.array([value], pa.string())))
        else:
            arrays.append(pa.repeat(pa.scalar(value, field.type), rows))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
