"""MetricKit payloads: the simulated one of iOS 13, synthetic ones in other languages and shapes."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import open_trace
from traceview_parsers.errors import InputError, UnknownFormatError
from traceview_parsers.metrickit import READER
from traceview_parsers.metrickit.amounts import amount, number
from traceview_parsers.trace import Candidate, Trace

SIMULATED = "metrickit/nshipster-simulated-mxmetricpayload-ios13.json"
WINDOW = {"timeStampBegin": "2026-01-14 23:00:00 +0000", "timeStampEnd": "2026-01-15 23:00:00 +0000"}
METRICS = {
    **WINDOW,
    "appVersion": "4.2",
    "metaData": {
        "appBuildVersion": "812",
        "osVersion": "iPhone OS 26.0 (23A341)",
        "deviceType": "iPhone17,1",
        "regionFormat": "CN",
        "lowPowerModeEnabled": 1,
        "bundleIdentifier": "com.acme.voip",
    },
    "applicationTimeMetrics": {"cumulativeBackgroundAudioTime": "1,456秒", "cumulativeForegroundTime": "700 sec"},
    "networkTransferMetrics": {"cumulativeWifiUpload": "987,042千字节"},
    "applicationExitMetrics": {
        "backgroundExitData": {"cumulativeBackgroundTaskAssertionTimeoutExitCount": 3},
        "foregroundExitData": {"cumulativeAppWatchdogExitCount": 0},
    },
    "animationMetrics": {"scrollHitchTimeRatio": "12 ms per s"},
    "memoryMetrics": {
        "averageSuspendedMemory": {"averageValue": "100,000 kB", "standardDeviation": 5, "sampleCount": 500}
    },
}
DIAGNOSTICS = {
    **WINDOW,
    "crashDiagnostics": [
        {
            "version": "1.0.0",
            "callStackTree": {
                "callStackPerThread": True,
                "callStacks": [{"threadAttributed": True, "callStackRootFrames": [{"binaryName": "Acme"}]}],
            },
            "diagnosticMetaData": {
                "appVersion": "4.2",
                "appBuildVersion": "812",
                "osVersion": "iPhone OS 26.0 (23A341)",
                "deviceType": "iPhone17,1",
                "bundleIdentifier": "com.acme.voip",
                "pid": 812,
                "signal": 9,
                "exceptionType": 10,
                "terminationReason": "<RBSTerminateContext| domain:10 code:0x8BADF00D explanation:scene-update watchdog "
                "transgression: app exhausted real (wall clock) time allowance of 10.00 seconds "
                "ProcessVisibility: Background ProcessState: Running>",
            },
        },
        {
            "diagnosticMetaData": {
                "signal": 11,
                "exceptionType": 1,
                "terminationReason": "Namespace SIGNAL, Code 11 Segmentation fault: 11",
            }
        },
        {"diagnosticMetaData": {"objectiveCexceptionReason": {"composedMessage": "never posted an incoming call"}}},
    ],
    "hangDiagnostics": [{"diagnosticMetaData": {"hangDuration": "4.5 sec"}}],
    "cpuExceptionDiagnostics": [{"diagnosticMetaData": {"totalCPUTime": "90 sec", "totalSampledTime": "3 min"}}],
    "diskWriteExceptionDiagnostics": [{"diagnosticMetaData": {"writesCaused": "1,073.74 MB"}}],
    "appLaunchDiagnostics": [{"diagnosticMetaData": {"launchDuration": "21,5 Sek."}}],
}


def frame(trace: Trace, table: str) -> pl.DataFrame:
    found = pl.from_arrow(trace.table(table))
    assert isinstance(found, pl.DataFrame)
    return found


def written(tmp_path: Path, text: str | bytes, name: str = "payload.json") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_simulated_payload_in_full(real: Path) -> None:
    with open_trace(real / SIMULATED) as trace:
        rows = frame(trace, "metrics")
        assert rows.height == 41
        assert not list(trace.problems)
        assert rows["start"].unique().to_list() == [datetime(2019, 10, 21, 7, 0, tzinfo=UTC)]
        assert rows["end"].unique().to_list() == [datetime(2019, 10, 22, 6, 59, tzinfo=UTC)]
        assert rows.select("app_version", "os_version", "os_build", "device").unique().rows() == [
            ("1.0.0", "13.1.3", "17A878", "iPhone9,2")
        ]
        audio = rows.filter(pl.col("name") == "cumulativeBackgroundAudioTime")
        assert audio.select("group", "value", "unit").rows() == [("applicationTimeMetrics", 30.0, "s")]
        launches = rows.filter(pl.col("name") == "histogrammedTimeToFirstDrawKey")
        assert launches.select("bucket_start", "bucket_end", "count").rows() == [
            (1.0, 1.01, 50),
            (2.0, 2.01, 60),
            (3.0, 3.01, 30),
        ]
        assert trace.device.model == "iPhone9,2"


def test_units_of_another_language_and_exit_counters(tmp_path: Path) -> None:
    with open_trace(written(tmp_path, json.dumps(METRICS))) as trace:
        rows = {row["name"]: row for row in frame(trace, "metrics").iter_rows(named=True)}
        assert not list(trace.problems)
    assert (rows["cumulativeBackgroundAudioTime"]["value"], rows["cumulativeBackgroundAudioTime"]["unit"]) == (
        1456.0,
        "s",
    )
    assert rows["cumulativeWifiUpload"]["value"] == 987_042_000
    exits = rows["backgroundExitData.cumulativeBackgroundTaskAssertionTimeoutExitCount"]
    assert (exits["value"], exits["unit"], exits["group"]) == (3.0, "count", "applicationExitMetrics")
    assert rows["foregroundExitData.cumulativeAppWatchdogExitCount"]["value"] == 0
    assert (rows["scrollHitchTimeRatio"]["value"], rows["scrollHitchTimeRatio"]["unit"]) == (
        pytest.approx(0.012),
        "ratio",
    )
    assert (rows["averageSuspendedMemory"]["value"], rows["averageSuspendedMemory"]["count"]) == (1e8, 500)
    assert rows["averageSuspendedMemory.standardDeviation"]["value"] == 5000
    assert rows["lowPowerModeEnabled"]["value"] == 1
    assert {row["bundle"] for row in rows.values()} == {"com.acme.voip"}


def test_diagnostics_become_reports(tmp_path: Path) -> None:
    with open_trace(written(tmp_path, json.dumps(DIAGNOSTICS))) as trace:
        reports = frame(trace, "reports")
    first = reports.row(0, named=True)
    assert reports["kind"].to_list() == ["crash"] * 3 + ["hang", "cpu", "disk_writes", "launch"]
    assert (first["namespace"], first["code"], first["signal"], first["exception"]) == (
        "FRONTBOARD",
        "0x8badf00d",
        "SIGKILL",
        "EXC_CRASH",
    )
    assert (first["visibility"], first["allowance_s"], first["pid"]) == ("Background", 10.0, 812)
    assert first["explanation"].startswith("scene-update watchdog transgression")
    assert (reports["namespace"][1], reports["code"][1], reports["signal"][1]) == ("SIGNAL", "0xb", "SIGSEGV")
    assert reports["explanation"][2] == "never posted an incoming call"
    assert reports["duration_s"].drop_nulls().to_list() == [4.5, 21.5]
    assert reports.filter(pl.col("kind") == "cpu").select("used", "window_s").rows() == [(90.0, 180.0)]
    assert reports.filter(pl.col("kind") == "disk_writes")["used"].to_list() == [pytest.approx(1_073_740_000)]
    assert reports["process"].null_count() == reports.height


@pytest.mark.parametrize("layout", ["array", "lines", "pretty"])
def test_several_payloads_in_one_file(tmp_path: Path, layout: str) -> None:
    both = [METRICS, DIAGNOSTICS]
    text = {
        "array": json.dumps(both),
        "lines": "\n".join(json.dumps(one) for one in both) + "\n",
        "pretty": "\ufeff" + json.dumps(both, indent=2),
    }[layout]
    with open_trace(written(tmp_path, text)) as trace:
        assert set(trace.tables) == {"metrics", "reports"}
        assert frame(trace, "reports").height == 7
        refs = pl.concat([frame(trace, table)["ref"] for table in trace.tables])
        assert refs.n_unique() == len(refs)


def test_damage_costs_only_the_damaged_payload(tmp_path: Path) -> None:
    line = json.dumps(METRICS)
    with open_trace(written(tmp_path, f"{line}\n{line[:500]}\n{line}\n")) as trace:
        assert frame(trace, "metrics").height == 2 * 9
        assert {problem.kind for problem in trace.problems} == {"damaged-json"}
    with open_trace(written(tmp_path, f"[{line}, {line[:500]}")) as trace:
        assert frame(trace, "metrics").height == 9
        assert {problem.kind for problem in trace.problems} == {"damaged-json"}


def test_hostile_values_are_counted(tmp_path: Path) -> None:
    deep: Any = {"x": 1}
    for _ in range(40):
        deep = {"x": deep}
    odd = {
        "timeStampBegin": "yesterday",
        "timeStampEnd": "2026-01-15 23:00:00",
        "metaData": [],
        "cpuMetrics": {
            "cumulativeCPUTime": "soon",
            "a": float("nan"),
            "b": 1e308,
            "c": True,
            "d": None,
            "e": ["x"],
            "deep": deep,
        },
        "displayMetrics": {"h": {"histogramValue": {"0": {"bucketCount": 10**30, "bucketStart": "1 bars"}, "x": 7}}},
        "signpostMetrics": [3, {"signpostName": "<script>", "totalSignpostCount": 2}],
    }
    with open_trace(written(tmp_path, json.dumps(odd))) as trace:
        rows = frame(trace, "metrics")
        kinds = {problem.kind: problem.count for problem in trace.problems}
    assert rows["name"].to_list() == ["c", "h", "/<script>.totalSignpostCount"]
    assert rows["count"].to_list() == [None, None, None]
    assert rows["start"].null_count() == 3
    assert rows["end"].unique().to_list() == [datetime(2026, 1, 15, 23, tzinfo=UTC)]
    assert kinds == {"unreadable-time": 1, "zone-assumed": 1, "unreadable-metric": 6}


def test_shapes_that_are_not_known_are_said(tmp_path: Path) -> None:
    report = {"timeStampBegin": "x", "timeStampEnd": "y", "metricReport": {"cpu": 1}}
    with pytest.raises(InputError, match="no MetricKit payload"):
        open_trace(written(tmp_path, json.dumps(report)))
    with open_trace(written(tmp_path, json.dumps([report, METRICS]))) as trace:
        assert [(problem.kind, problem.sample) for problem in trace.problems] == [
            ("unknown-payload", "timeStampBegin, timeStampEnd, metricReport")
        ]
    with pytest.raises(UnknownFormatError):
        open_trace(written(tmp_path, '{"hello": [1, 2, 3]}'))


def test_claims(real: Path) -> None:
    def claim(head: bytes) -> int:
        return READER.claims(Candidate("x.json", None, head))

    assert claim((real / SIMULATED).read_bytes()[:4096]) == 90
    assert claim(json.dumps(DIAGNOSTICS).encode()[:4096]) == 90
    assert claim(b'{"timestamp":"2026-01-15","eventMessage":"cpuMetrics"}') == 0
    assert claim(b'prose with "timeStampBegin" and "timeStampEnd"') == 0
    call_stack = (real / "metrickit/sentry-callstack-tree-real.json").read_bytes()[:4096]
    assert claim(call_stack) == 90


def test_call_stacks_without_their_payload_keep_the_stack(real: Path) -> None:
    with open_trace(real / "metrickit") as trace:
        assert len(trace.sources) == 6
        reports = trace.table("reports").to_pylist()
        assert list(trace.problems) == []
        assert trace.table("metrics").num_rows == 41
        bare = [one for one in trace.coverage() if one.notes]
    assert len(bare) == 5
    assert sorted(name for row in reports for name in row["sources"]) == sorted(one.source for one in bare)
    assert len(reports) == 4  # two of the files hold the same stack
    assert {(row["kind"], row["time"], row["process"]) for row in reports} == {("other", None, None)}
    assert all("without the payload" in one.notes[0] and one.start_ns is None for one in bare)
    (of_device,) = (row["frames"] for row in reports if "tree-real" in row["sources"][0])
    assert (len(of_device), of_device[0], of_device[-1]) == (27, "Sentry +414732", "dyld +88416")
    (sampled,) = (row["frames"] for row in reports if "not-per-thread" in row["sources"][0])
    assert sampled[:2] == ["Sentry +414732", "iOS-Swift +46380"]


@pytest.mark.parametrize(
    ("stacks", "frames"),
    [
        ([{"callStackRootFrames": [{"address": 255}]}], ["0xff"]),
        ([{"callStackRootFrames": [{"binaryName": "A"}, {"binaryName": "B", "sampleCount": 9}]}], ["B"]),
        ([{"callStackRootFrames": []}, {"threadAttributed": True, "callStackRootFrames": [{}]}], ["?"]),
        ([{"callStackRootFrames": [{"binaryName": "\ud83d", "subFrames": {"a": 1}}]}], ["\ufffd"]),
    ],
)
def test_odd_call_stacks(tmp_path: Path, stacks: list[Any], frames: list[str]) -> None:
    path = tmp_path / "stack.json"
    path.write_text(json.dumps({"callStackPerThread": True, "callStacks": stacks}))
    with open_trace(path) as trace:
        assert trace.table("reports").column("frames").to_pylist() == [frames]


def test_a_call_stack_without_a_frame_is_counted(tmp_path: Path) -> None:
    tree = {"callStackPerThread": True, "callStacks": [{"callStackRootFrames": [None]}]}
    path = tmp_path / "stack.json"
    path.write_text(json.dumps([tree, {**DIAGNOSTICS}]))
    with open_trace(path) as trace:
        assert [problem.kind for problem in trace.problems if problem.kind == "empty-call-stack"]


@pytest.mark.parametrize(
    ("text", "field", "value", "unit"),
    [
        ("700 sec", "cumulativeForegroundTime", 700, "s"),
        ("200,000 kB", "peakMemoryUsage", 2e8, "bytes"),
        ("1,456秒", "cumulativeForegroundTime", 1456, "s"),
        ("987,042千字节", "cumulativeWifiUpload", 987_042_000, "bytes"),
        ("1.456 Sek.", "cumulativeForegroundTime", 1456, "s"),
        ("1\u00a0456 s", "cumulativeForegroundTime", 1456, "s"),
        ("1\u202f456,5 ms", "histogrammedResumeTime", 1.4565, "s"),
        ("1'456 kB", "peakMemoryUsage", 1_456_000, "bytes"),
        ("12,34,567 kB", "peakMemoryUsage", 1_234_567_000, "bytes"),
        ("4.5 sec", "hangDuration", 4.5, "s"),
        ("4,5 сек", "hangDuration", 4.5, "s"),
        ("0.125 sec", "hangDuration", 0.125, "s"),
        ("1,073.74 MB", "writesCaused", 1_073_740_000, "bytes"),
        ("1.073,74 MB", "writesCaused", 1_073_740_000, "bytes"),
        ("\u0661\u066c\u0664\u0665\u0666\u066b\u0665 \u062b", "cumulativeForegroundTime", 1456.5, "s"),
        ("5 wortlos", "cumulativeForegroundTime", 5, "s"),
        ("5 wortlos", "peakMemoryUsage", 5000, "bytes"),
        ("5 furlongs", "distance", 5, "furlongs"),
        ("-3 sec", "hangDuration", -3, "s"),
        ("42", "somethingElse", 42, "count"),
    ],
)
def test_amounts(text: str, field: str, value: float, unit: str) -> None:
    found = amount(text, field)
    assert found is not None
    assert (found.value, found.unit) == (pytest.approx(value), unit)


def test_a_unit_that_does_not_fit_its_field_is_doubted() -> None:
    found = amount("5 kB", "cumulativeForegroundTime")
    assert found is not None
    assert (found.value, found.unit, found.sure) == (5000, "bytes", False)
    assert amount("no number", "cumulativeForegroundTime") is None


GROUPS = st.sampled_from([",", ".", " ", "\u00a0", "\u202f", "\u2009", "'", "\u2019", "\u066c"])


@given(st.integers(0, 10**12), st.integers(0, 99), GROUPS, st.sampled_from([".", ",", "\u066b"]))
def test_grouped_decimals_read_as_they_were_written(whole: int, hundredths: int, group: str, point: str) -> None:
    if group == point:
        return
    text = f"{whole:,}".replace(",", group)
    assert number(f"{text}{point}{hundredths:02d}") == pytest.approx(whole + hundredths / 100)
    assert number(text) == whole


@given(st.text(max_size=40), st.sampled_from(["cumulativeForegroundTime", "peakMemoryUsage", "x"]))
def test_any_text_is_an_amount_or_none(text: str, field: str) -> None:
    found = amount(text, field)
    assert found is None or found.value == found.value
