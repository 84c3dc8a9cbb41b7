"""One row a fact over several files, and several captures given together."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import merging, open_trace
from traceview_parsers.merging import distinct
from traceview_parsers.problems import Problems
from traceview_parsers.schema import SCHEMAS, make_ref
from traceview_parsers.together import combine
from traceview_parsers.trace import Device, Input

STAMP = "2026-01-15 10:11:12.00 +0100"
INCIDENT = "6FC5B4D0-0000-0000-0000-000000000001"


def crash(incident: str | None = INCIDENT, **more: object) -> str:
    head = {"bug_type": "309", "timestamp": STAMP, "name": "AcmeVoIP", "os_version": "iPhone OS 26.2 (23C55)"}
    body = {"synthetic": True, "procName": "AcmeVoIP", "pid": 913, "captureTime": STAMP, "modelCode": "iPhone18,1"}
    if incident:
        head["incident_id"] = incident
    return json.dumps(head) + "\n" + json.dumps(body | more)


def reports(folder: Path, files: dict[str, str]) -> list[dict[str, Any]]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with open_trace(folder) as trace:
        rows: list[dict[str, Any]] = trace.table("reports").to_pylist()
    return rows


def test_copies_of_a_report_are_one_row(tmp_path: Path) -> None:
    whole = crash(procRole="Background")
    header_only = crash().split("\n", maxsplit=1)[0]
    (row,) = reports(
        tmp_path,
        {
            "A-2026-01-15-101112.ips": header_only,
            "Retired/A-2026-01-15-101112.ips.synced": whole,
            "notes/x.crash": whole,
        },
    )
    assert (row["pid"], row["role"]) == (913, "Background")
    assert len(row["sources"]) == 3
    assert row["sources"][0] in {"Retired/A-2026-01-15-101112.ips.synced", "notes/x.crash"}


def test_without_an_incident_process_kind_and_second_decide(tmp_path: Path) -> None:
    rows = reports(
        tmp_path,
        {
            "a.ips": crash(incident=None),
            "b.ips": crash(),
            "c.ips": crash(incident=None, captureTime="2026-01-15 10:11:14.00 +0100"),
        },
    )
    assert sorted(tuple(row["sources"]) for row in rows) == [("b.ips", "a.ips"), ("c.ips",)]


def test_without_incident_and_time_only_copies_are_one(tmp_path: Path) -> None:
    text = (
        "OS Version: iPhone OS 15.3 (19D50)\nCommand: Acme\nPID: 771\nEvent: cpu usage\nAction taken: Process killed\n"
        "CPU: 9 seconds cpu time over 38 seconds (24% cpu average), exceeding limit of 15% cpu over 60 seconds\n"
    )
    rows = reports(tmp_path, {"a.txt": text, "b.txt": text, "c.txt": text.replace("771", "772")})
    assert sorted((row["pid"], row["sources"]) for row in rows) == [(771, ["a.txt", "b.txt"]), (772, ["c.txt"])]


def test_victims_of_one_event_stay_apart(tmp_path: Path) -> None:
    victims = [{"name": "WebContent", "pid": pid, "rpages": 1, "reason": "highwater"} for pid in (1, 2)]
    body = {"processes": victims, "memoryStatus": {"pageSize": 16_384}, "incident": INCIDENT, "date": STAMP}
    text = json.dumps({"bug_type": "298", "timestamp": STAMP, "incident_id": INCIDENT}) + "\n" + json.dumps(body)
    folder = tmp_path / "reports"
    rows = reports(folder, {"a.ips": text, "a.ips.synced": text})
    assert [(row["pid"], row["sources"]) for row in rows] == [(pid, ["a.ips", "a.ips.synced"]) for pid in (1, 2)]
    with open_trace(folder) as trace:
        assert trace.table("jetsam_processes")["pid"].to_pylist() == [1, 2]


def test_a_process_is_one_row_of_all_its_witnesses(tmp_path: Path) -> None:
    (tmp_path / "sysdiagnose.log").write_text(
        "IN_PROGRESS_sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55\n"
    )
    (tmp_path / "ps.txt").write_text(
        "USER PID PPID STAT COMMAND\nmobile 951 1 T /x/AcmeVoIP\nmobile 952 1 S /x/Other\n"
    )
    (tmp_path / "taskinfo.txt").write_text(
        'num tasks: 1\n\nprocess: "AcmeVoIP" [951]\nrun time: 10 s\n\nprocess: "Later" [952]\nrun time: 1 s\n'
    )
    with open_trace(tmp_path) as trace:
        rows = trace.table("processes_at_capture").to_pylist()
    assert [(row["pid"], row["process"], row["run_time_s"], row["witnesses"]) for row in rows] == [
        (951, "AcmeVoIP", 10, ["ps.txt", "taskinfo.txt"]),
        (952, "Other", None, ["ps.txt"]),
        (952, "Later", 1, ["taskinfo.txt"]),
    ]
    assert rows[0]["state"] == "T"
    assert rows[0]["launch_time"] is not None


def test_listed_reports_know_what_is_in_the_capture(tmp_path: Path) -> None:
    folder = "/private/var/mobile/Library/Logs/CrashReporter"
    (tmp_path / "crashes_and_spins.log").write_text(
        f"{folder}/AcmeVoIP-2026-01-15-101112.ips, 1\n{folder}/Retired/AcmeVoIP-2026-01-14-101112.ips, 1\n"
    )
    (tmp_path / "AcmeVoIP-2026-01-15-101112.ips.synced").write_text(crash())
    with open_trace(tmp_path) as trace:
        assert trace.table("listed_reports")["in_capture"].to_pylist() == [True, False]


def device(**facts: str) -> Device:
    return Device(**facts)


@pytest.mark.parametrize(
    ("devices", "kinds", "model"),
    [
        ([device(model="iPhone18,1"), device(model="iPhone18,1")], [], "iPhone18,1"),
        ([device(model="iPhone18,1"), device(model="iPhone14,2", name="other")], ["other-device"], "iPhone18,1"),
        ([device(model="iPhone18,1"), device(model="iPhone 17 Pro")], [], "iPhone18,1"),
        ([device(), device(model="iPhone14,2")], [], "iPhone14,2"),
        ([device(udid="00008150-0000"), device(udid="000081500000")], [], None),
        ([device(serial="A"), device(serial="B")], ["other-device"], None),
        ([device(os_build="23C55"), device(os_build="23D1")], ["other-build"], None),
        (
            [device(model="iPhone1,1"), device(model="iPhone2,1"), device(model="iPhone1,1")],
            ["other-device"],
            "iPhone1,1",
        ),
    ],
)
def test_inputs_of_another_device(devices: Sequence[Device], kinds: list[str], model: str | None) -> None:
    problems = Problems()
    found = combine([Input(f"input {number}", one) for number, one in enumerate(devices)], problems)
    assert [problem.kind for problem in problems] == kinds
    assert (found.model, found.name) == (model, None)
    assert not any(secret in problem.message for problem in problems for secret in ("00008150", " A", " B"))


def test_the_device_of_a_report_beside_a_capture(tmp_path: Path, samples: Path) -> None:
    other = tmp_path / "other.ips"
    other.write_text(crash(modelCode="iPhone14,2"))
    sample = next(samples.glob("sysdiagnose_*.tar.gz"))
    with open_trace([sample, other]) as trace:
        assert trace.device.model == "iPhone18,1"
        told = [(problem.source, problem.kind) for problem in trace.problems if problem.kind != "unclaimed-file"]
        assert told == [("other.ips", "other-device")]
        assert [given.name for given in trace.inputs] == [sample.name, "other.ips"]
        assert sorted(index for given in trace.inputs for index in given.sources) == list(range(len(trace.sources)))


MAYBE = st.none() | st.sampled_from(["A", "B", "AB"])


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), MAYBE, MAYBE, st.none() | st.integers(0, 2), st.none() | st.integers(0, 3_000_000_000)
        ),
        max_size=12,
    )
)
def test_merging_loses_and_invents_nothing(cases: list[tuple[Any, ...]]) -> None:
    names = [f"{number}.ips" for number in range(4)]
    empty = dict.fromkeys(SCHEMAS["reports"].names)
    rows = [
        empty
        | {
            "ref": make_ref(source, at),
            "incident": incident,
            "process": process,
            "pid": pid,
            "time": time,
            "kind": "crash",
        }
        for at, (source, incident, process, pid, time) in enumerate(cases)
    ]
    found = merging.reports([dict(row) for row in rows], names)
    assert {row["ref"] for row in found} <= {row["ref"] for row in rows}
    assert {name for row in found for name in row["sources"]} == {names[case[0]] for case in cases}
    assert {row["incident"] for row in found if row["incident"]} == {row["incident"] for row in rows if row["incident"]}


@given(st.lists(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([1, None])), max_size=8), max_size=4))
def test_of_equal_rows_as_many_count_as_the_source_has_that_has_most(
    sources: list[list[tuple[str, int | None]]],
) -> None:
    batches = [
        pa.RecordBatch.from_pydict(
            {
                "ref": pa.array([make_ref(number, 2 * row + half) for row in range(len(rows[half::2]))], pa.uint64()),
                "name": pa.array([name for name, _ in rows[half::2]], pa.string()),
                "value": pa.array([value for _, value in rows[half::2]], pa.int64()),
            }
        )
        for number, rows in enumerate(sources)
        for half in (0, 1)
    ]
    kept = [row for batch in distinct(iter(batches)) for row in batch.to_pylist()]
    most: Counter[tuple[str, int | None]] = Counter()
    for rows in sources:
        most |= Counter(rows)
    assert Counter((row["name"], row["value"]) for row in kept) == most
    first = Counter((row["name"], row["value"]) for row in kept if row["ref"] >> 40 == 0)
    assert first == Counter(sources[0] if sources else [])
