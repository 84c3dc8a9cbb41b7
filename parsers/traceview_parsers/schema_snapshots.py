"""Columns of the tables that a sysdiagnose's describing files and stackshots fill, part of `schema.SCHEMAS`.

Time base as in `schema`: nanoseconds since 1970-01-01 UTC. Most of these tables describe the moment of the capture.
"""

from typing import Any, Final

import pyarrow as pa

_TIME: Final = pa.timestamp("ns", tz="UTC")
_IDENTITY: Final = (pa.field("ref", pa.uint64(), nullable=False), pa.field("time", _TIME))


def _table(*fields: tuple[str, Any]) -> Any:
    return pa.schema([*_IDENTITY, *(pa.field(name, kind) for name, kind in fields)])


SNAPSHOT_SCHEMAS: Final[dict[str, Any]] = {
    "processes_at_capture": _table(
        ("pid", pa.int64()),
        ("ppid", pa.int64()),
        ("process", pa.string()),
        ("command", pa.string()),
        ("user", pa.string()),
        ("state", pa.string()),
        ("priority", pa.int64()),
        ("cpu_percent", pa.float64()),
        ("memory_percent", pa.float64()),
        ("resident_bytes", pa.int64()),
        ("launch_time", _TIME),  # capture time - run time: some seconds off
        ("run_time_s", pa.float64()),
        ("cpu_time_s", pa.float64()),  # user and system, of living and of ended threads
        ("footprint_bytes", pa.int64()),
        ("footprint_peak_bytes", pa.int64()),
        ("threads", pa.int32()),
        ("role", pa.string()),  # effective scheduling role of the task, as printed
        ("darwin_background", pa.bool_()),  # held in the background band of the scheduler
        ("suspended", pa.bool_()),
        ("is_app", pa.bool_()),
        ("jetsam_priority", pa.int32()),  # as printed: 0 to 21 on older releases, later tenfold
        ("jetsam_band", pa.string()),  # as printed: Audio, FG, BG, Idle …
        ("jetsam_limit_bytes", pa.int64()),
        ("witnesses", pa.list_(pa.string())),  # files that tell of this process
    ),
    "threads_at_capture": _table(
        ("pid", pa.int64()),
        ("process", pa.string()),
        ("tid", pa.uint64()),
        ("name", pa.string()),
        ("queue", pa.string()),  # label of the dispatch queue
        ("state", pa.string()),
        ("policy", pa.string()),
        ("qos", pa.string()),  # effective quality of service
        ("base_priority", pa.int32()),
        ("priority", pa.int32()),
        ("cpu_time_s", pa.float64()),
        ("darwin_background", pa.bool_()),
    ),
    "jetsam_counts": _table(  # kills from `start` to `time`, which no single report tells the moment of
        ("start", _TIME),
        ("incident", pa.string()),
        ("process", pa.string()),
        ("reason", pa.string()),  # as in jetsam events: highwater, per-process-limit, …
        ("count", pa.int64()),
        ("priority", pa.int64()),
        ("suspended", pa.bool_()),
        ("audio", pa.bool_()),  # the process held an audio assertion
        ("assertion", pa.bool_()),
        ("visible", pa.bool_()),
        ("frozen", pa.bool_()),
        ("dirty", pa.bool_()),
    ),
    "stackshot_processes": _table(
        ("incident", pa.string()),
        ("pid", pa.int64()),
        ("process", pa.string()),
        ("resident_bytes", pa.int64()),
        ("times_throttled", pa.int64()),
        ("suspend_count", pa.int64()),
        ("cpu_time_s", pa.float64()),
        ("threads", pa.int32()),
        ("flags", pa.string()),  # joined by blanks
    ),
    "log_volume": _table(
        ("record", pa.string()),  # statistics, or quarantine: logd no longer keeps all that this process logs
        ("reason", pa.string()),  # as printed: File Rotate, Memory Rollover, Quarantine, Super Quarantine
        ("file", pa.string()),
        ("process", pa.string()),
        ("process_path", pa.string()),
        ("bytes", pa.int64()),
        ("total_bytes", pa.int64()),  # of all processes
        ("covered_s", pa.float64()),  # time that the file covers
    ),
    "shutdown_clients": _table(  # `time` is that of the SIGTERM that ended the wait
        ("pid", pa.int64()),
        ("process", pa.string()),
        ("process_path", pa.string()),
        ("waited_s", pa.float64()),  # when it was last seen, after the begin of the shutdown
        ("times_seen", pa.int32()),
    ),
    "listed_reports": _table(  # `time` is that of the file's name, which is the device's local time
        ("time_how", pa.string()),
        ("name", pa.string()),
        ("path", pa.string()),  # on the device
        ("process", pa.string()),
        ("retired", pa.bool_()),  # moved aside by the device
        ("in_capture", pa.bool_()),
    ),
    # Zone of the device from `time` on: PowerLog's history of days, and the capture's own.
    "time_zones": _table(
        ("zone", pa.string()),  # IANA name; null where only the offset is told
        ("utc_offset_s", pa.int32()),
        ("dst", pa.bool_()),
    ),
    "running_board_state": _table(
        ("identity", pa.string()),  # bundle id or label of the first process that the line names
        ("assertion_id", pa.string()),  # first one of the line, as in the log: 31-60-286
        ("text", pa.string()),
    ),
    "call_settings": _table(  # `time` is that of the line, else of the file
        ("time_how", pa.string()),
        ("text", pa.string()),
    ),
}
"""Schema of each table."""
