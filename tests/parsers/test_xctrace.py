"""Real exports: every row accounted for, values checked by hand against the files."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from traceview_parsers import open_trace

DETAILS = {"Allocations__Allocations-List.xml": 6, "Leaks__Leaks.xml": 7, "VM-Tracker__Regions-Map.xml": 3}
"""Rows with attributes instead of cells; the last has attributes named ``resident-%``."""


def exports(real: Path) -> list[Path]:
    folder = real / "xctrace"
    return [
        path for part in ("probe-cli-xcode26.3", "sforteln-xcode27") for path in sorted((folder / part).glob("*.xml"))
    ]


def rows(real: Path, name: str, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table without what is null; times in nanoseconds."""
    with open_trace(real / "xctrace" / name) as trace:
        read = trace.table(table)
    plain = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in read.columns]
    listed = pa.table(plain, names=read.column_names).to_pylist()
    return [{key: value for key, value in row.items() if value is not None and key != "ref"} for row in listed]


def test_every_row_of_every_real_file_is_read_or_counted(real: Path) -> None:
    files = exports(real)
    assert len(files) == 51
    for path in files:
        written = len(re.findall(rb"<row[ >]", path.read_bytes()))
        with open_trace(path) as trace:
            read = sum(trace.table(table).num_rows for table in trace.tables)
            problems = {problem.kind: problem.count for problem in trace.problems if problem.kind != "no-start-time"}
        if path.name in DETAILS:
            assert (read, problems) == (0, {"track-details": DETAILS[path.name]})
        else:
            assert (read, problems) == (written, {}), path.name


def test_no_cell_of_a_real_file_is_lost(real: Path) -> None:
    for path in exports(real):
        if path.name in DETAILS:
            continue
        cells = [cell.tag for row in ET.parse(path).iter("row") for cell in row]  # noqa: S314  (known files)
        with open_trace(path) as trace:
            for table in trace.tables:
                if table.startswith("xctrace_"):
                    read = trace.table(table)
                    own = [name for name in read.column_names if name not in ("ref", "time")]
                    own = [name for name in own if not name.endswith(("_tid", "_pid", "_process"))]
                    empty = cells.count("sentinel")
                    # Some threads have no name, only a number.
                    nameless = read.num_rows if "thread" in own else 0
                    nulls = sum(read.column(name).null_count for name in own)
                    assert empty <= nulls <= empty + nameless, (path.name, nulls, empty)


def test_gpu_intervals(real: Path) -> None:
    first, second = rows(
        real, "probe-cli-xcode26.3/metal-system-trace.metal-gpu-intervals.xml", "xctrace_metal_gpu_intervals"
    )
    assert first["start_ns"] == 358223833
    assert (first["process"], first["process_pid"]) == ("WindowServer", 181)
    assert first["event_label"] == "GPU Execution      ( WindowServer (181) )  0x47e7a1bb"
    assert "frame_number" not in first
    assert (second["cmdbuffer_id"], second["gpu_submission_id"]) == (175719352, 1206362566)


def test_cpu_states_resolve_processes_inside_threads(real: Path) -> None:
    states = rows(real, "probe-cli-xcode26.3/system-trace.cpu-state.no-target.xml", "xctrace_cpu_state")
    assert [state["thread_process"] for state in states][-1] == "launchd_sim"
    assert states[0] | {"time": 0} == {
        "time": 0, "start_ns": 4191750, "cpu": 4, "state": "Running", "duration_ns": 17125,
        "process": "kernel.release.t8103", "process_pid": 0, "thread": "VM_pageout_scan", "thread_tid": 101,
        "thread_process": "kernel.release.t8103", "thread_pid": 0, "priority": 91,
    }  # fmt: skip


def test_thread_states_take_their_start_from_the_contents_beside_them(real: Path) -> None:
    states = rows(real, "probe-cli-xcode26.3/system-trace.thread-state.no-target.xml", "intervals")
    contents = (real / "xctrace/probe-cli-xcode26.3/fixture-system-trace.toc.xml").read_text()
    assert "<start-date>2026-04-09T23:31:29.094-03:00</start-date>" in contents
    assert states[0] == {
        "start": 1775788289094000000, "end": 1775788289094000000 + 4254041,
        "relative_ns": 0, "duration_ns": 4254041, "kind": "thread_state", "state": "Running",
        "process": "kernel.release.t8103", "pid": 0, "thread": "VM_compressor", "tid": 1631,
        "priority": 91, "narrative": "Running at priority 91", "source_schema": "thread-state",
    }  # fmt: skip
    ended = states[2]
    assert (ended["pid"], ended["tid"], ended["state"]) == (46259, 27936396, "Unknown")
    assert "process" not in ended
    assert "thread" not in ended


def test_kernel_samples_give_addresses_leaf_first(real: Path) -> None:
    samples = rows(real, "probe-cli-xcode26.3/time-profiler.time-sample.xml", "samples")
    assert [sample["tid"] for sample in samples] == [27932915, 27932965, 27932967, 27933818, 27933818]
    assert samples[2]["frames"] == ["0x1010fe68c", "0x1010fe68c"]
    assert samples[3]["frames"] == samples[4]["frames"] == samples[2]["frames"]
    assert samples[0]["frames"][:2] == [hex(4312779632), hex(4312812560)]
    assert len(samples[0]["frames"]) == 1 + 14
    assert {sample["relative_ns"] for sample in samples} == {359163375}


def test_samples_of_xcode_27_know_their_core(real: Path) -> None:
    samples = rows(real, "sforteln-xcode27/time-sample.xml", "samples")
    assert [sample.get("core") for sample in samples][-1] == 1
    assert (samples[-1]["process"], samples[-1]["thread"]) == ("OtherApp", "WorkerThread")
    assert samples[0]["frames"] == ["0x192f81c20", *(hex(one) for one in (6760737324, 6760701868, 6761773004))]


def test_file_system_calls_with_symbols(real: Path) -> None:
    call = rows(real, "sforteln-xcode27/fs-syscall.xml", "xctrace_fs_syscall")[0]
    assert (call["syscall"], call["signature"], call["errno"]) == ("stat64", "stat64()", 2)
    assert call["vnode"] == 18446744073709551615
    assert call["backtrace"][0] == "stat"
    assert call["path"] == "/usr/share/icu/icudt78l/brkitr/word.brk"
    assert call["arg1"] == 6162977661


def test_signpost_intervals(real: Path) -> None:
    first, second = rows(real, "sforteln-xcode27/OSSignpostIntervals.xml", "signposts")
    assert first == {
        "relative_ns": 4100000000, "duration_ns": 820000000, "type": "interval", "name": "PreFlight",
        "subsystem": "com.promptmanager.ai", "category": "PointsOfInterest", "process": "PromptManager", "pid": 2033,
        "tid": 6659, "signpost_id": 1, "message": "PreFlight begin\nPreFlight end", "source_schema": "OSSignpostIntervals",
    }  # fmt: skip
    assert (second["name"], second["duration_ns"], second["signpost_id"]) == ("MCPFindProject", 140000000, 2)


def test_points_of_interest(real: Path) -> None:
    first, second = rows(real, "sforteln-xcode27/PointsOfInterestEvents.xml", "signposts")
    assert (first["relative_ns"], first["message"], first["type"]) == (10**9, "POITest 1/5", "event")
    assert (second["process"], second["pid"], second["tid"]) == ("PromptManager", 2033, 6659)


def test_run_loop_intervals_keep_their_nesting(real: Path) -> None:
    found = rows(real, "sforteln-xcode27/runloop-intervals.xml", "intervals")
    assert found[0] == {
        "relative_ns": 1996500791, "duration_ns": 9640834, "kind": "runloop", "label": "Runloop Run",
        "state": "kCFRunLoopDefaultMode", "process": "Finder", "pid": 873, "thread": "Main Thread", "tid": 7046,
        "nesting": 1, "source_schema": "runloop-intervals",
        "attributes": [
            "interval-identifier=r1", "containment-level=3", "is-main=Yes", "runloop-pointer=0x106076ee0",
            "timeout=4768471730841330159", "run-result=Handled Source", "return-after-source-handled=Yes",
            "label=Run: kCFRunLoopDefaultMode", "color=Info",
        ],
    }  # fmt: skip
    assert (found[-1]["relative_ns"], found[-1]["label"]) == (2006231208, "Busy")


def test_network_connections_show_addresses(real: Path) -> None:
    stats = rows(real, "sforteln-xcode27/NetworkConnectionStats.xml", "xctrace_NetworkConnectionStats")
    assert (stats[0]["remote_address"], stats[0]["bytes_in"]) == ("198.51.100.1:443", 1558)
    assert stats[0]["avg_round_trip_ns"] == 34406250
    assert (stats[4]["local_address"], stats[4]["bytes_in"]) == ("::.3722", 4)
    assert "min_round_trip_ns" not in stats[4]


def test_unsigned_integers_keep_all_bits(real: Path) -> None:
    name = "com_apple_cfnetwork_task_intervals"
    good, bad = rows(real, "sforteln-xcode27/com-apple-cfnetwork-task-intervals.xml", f"xctrace_{name}")
    assert good["error_code"] == 2**64 - 1
    assert bad["error_code"] == 2**64 - 1009
    assert (good["task_uuid"], good["successful"]) == ("E06CF775-97B0-4E99-8616-E7DEAD90B9F6", 1)


def test_hitches(real: Path) -> None:
    found = rows(real, "sforteln-xcode27/hitches.xml", "xctrace_hitches")
    assert len(found) == 11
    assert (found[0]["start_ns"], found[0]["duration_ns"], found[0]["swap_id"]) == (4961155833, 216666666, 769456)
    assert found[-1]["narrative_description"] == "Potentially expensive app update(s)"


def test_call_stacks_share_frames_over_969_rows(real: Path) -> None:
    found = rows(real, "sforteln-xcode27/core-data-fetch.xml", "xctrace_core_data_fetch")
    assert len(found) == 969
    assert found[0]["backtrace"][:3] == [
        "__kdebug_trace64",
        "0x19b02c737",
        "-[NSPersistentStoreCoordinator executeRequest:withContext:error:]",
    ]
    assert found[2]["backtrace"] == found[1]["backtrace"]
    assert found[3]["backtrace"] == found[0]["backtrace"]
    assert {row["thread_tid"] for row in found} == {2568891}


@pytest.mark.parametrize("name", ["logging", "metal-system-trace", "swift-concurrency", "time-profiler"])
def test_a_table_of_contents_alone_tells_the_device(real: Path, name: str) -> None:
    with open_trace(real / "xctrace" / "probe-cli-xcode26.3" / f"fixture-{name}.toc.xml") as trace:
        assert trace.tables == ()
        assert trace.device.os_version is not None
        assert trace.device.udid is not None
        assert trace.capture.tz == "-03:00"
        assert len(trace.problems) == 0


def test_device_and_time_of_the_logging_recording(real: Path) -> None:
    with open_trace(real / "xctrace/probe-cli-xcode26.3/fixture-logging.toc.xml") as trace:
        device = trace.device
        assert (device.model, device.os_name) == ("Simulated iPhone 17 Pro", "iOS Simulator")
        assert (device.os_version, device.os_build) == ("26.3.1", "23D8133")
        assert trace.capture.time_ns == 1775788276854000000  # 2026-04-09T23:31:16.854-03:00


def test_a_failed_recording_has_no_time(real: Path) -> None:
    with open_trace(real / "xctrace/probe-cli-xcode26.3/fixture-network.toc.xml") as trace:
        assert trace.capture.time_ns is None
        assert trace.device.os_name == "macOS"
