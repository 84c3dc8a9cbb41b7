"""The unified log reader on real archives, compared record by record with an established reader's output."""

import gzip
import json
import re
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from traceview_parsers import schema
from traceview_parsers.problems import Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions, Source
from traceview_parsers.unified_log import READER
from traceview_parsers.unified_log.rows import OFFSET_BITS
from traceview_parsers.unified_log.source import UnifiedLogSource

pytestmark = pytest.mark.real

EVENTS = {
    "logEvent": "log",
    "lossEvent": "loss",
    "activityCreateEvent": "activity",
    "signpostEvent": "signpost",
    "stateEvent": "state",
}
FIRST_UNITS = {
    "Persist/0000000000000001.tracev3": range(88),
    "Signpost/0000000000000001.tracev3": range(88, 93),
    "Special/0000000000000001.tracev3": range(93, 116),
}
"""Numbers of the chunk sets of each file, in the order of the files' names."""

MICROSECOND = 1_000


def open_archive(path: Path) -> tuple[Source, Context]:
    context = Context(3, ReadOptions(), Problems(), Device(), CaptureInfo())
    candidate = Candidate(path.name, path, is_dir=True)
    assert READER.claims(candidate) == 100
    return READER.open(candidate, context), context


def rows_of(batches: list[Any]) -> list[dict[str, Any]]:
    table = pa.Table.from_batches(batches)
    at = table.schema.get_field_index("time")
    rows: list[dict[str, Any]] = table.set_column(at, "time", table["time"].cast(pa.int64())).to_pylist()
    return rows


@pytest.fixture(scope="module")
def macos12(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("macos12")
    with tarfile.open(real / "logarchive" / "macos12.logarchive.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("*.logarchive"))


@pytest.fixture(scope="module")
def ios15(real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ios15")
    with tarfile.open(real / "logarchive" / "ios15-nostrings.logarchive.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("*.logarchive"))


@pytest.fixture(scope="module")
def batches(macos12: Path) -> list[Any]:
    source, _ = open_archive(macos12)
    return list(source.batches("log"))


@pytest.fixture(scope="module")
def pairs(real: Path, batches: list[Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each reference record with ours: same file, time in ticks, event and thread; several such in storage order."""
    by_unit = {unit: name for name, units in FIRST_UNITS.items() for unit in units}
    waiting: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    rows = sorted(rows_of(batches), key=lambda row: row["ref"])
    for row in rows:
        _, position = schema.split_ref(row["ref"])
        file = by_unit[position >> OFFSET_BITS]
        waiting[file, row["mach_time"], row["event"], row["tid"]].append(row)
    found = []
    for reference in _reference(real):
        key = reference["file"], reference["mach_ct"], EVENTS[reference["event"]], reference["tid"]
        assert waiting[key], f"not read: {reference}"
        found.append((reference, waiting[key].pop(0)))
    assert not any(waiting.values()), "records that the reference does not have"
    assert len(found) == len(rows) == 54_625
    return found


def test_boots_and_clock_adjustments_are_rows_by_time(real: Path, macos12: Path) -> None:
    source, _ = open_archive(macos12)
    assert isinstance(source, UnifiedLogSource)
    found = rows_of(list(source.in_order(Selection((Clause(events=frozenset({"timesync"})),)))))
    with gzip.open(real / "logarchive" / "macos12.reference.jsonl.gz", "rt", encoding="utf-8") as lines:
        told = [one for one in map(json.loads, lines) if one["event"] == "timesyncEvent"]
    assert len(told) == 15  # the reference repeats them for each file
    assert {(row["mach_time"], row["time"], row["message"]) for row in found} == {
        (one["mach_ct"], one["time_ns"], one["message"]) for one in told
    }
    assert len(found) == 5
    assert all(row["level"] is None and row["process"] is None for row in found)


def _reference(real: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(real / "logarchive" / "macos12.reference.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["event"] != "timesyncEvent":  # synthetic records of the other reader
                yield record


def _differences(reference: dict[str, Any], row: dict[str, Any]) -> Iterator[str]:
    if abs(row["time"] - reference["time_ns"]) > MICROSECOND:
        yield "time"
    for theirs, ours in (
        ("process", "process_path"),
        ("library", "sender_path"),
        ("subsystem", "subsystem"),
        ("category", "category"),
        ("message", "message"),
        ("format", "format"),
    ):
        if (reference[theirs] or "").rstrip() != (row[ours] or "").rstrip():
            yield theirs
    if reference["pid"] is not None and reference["pid"] != row["pid"]:
        yield "pid"
    if (reference["activity"] or 0) != (row["activity_id"] or 0):
        yield "activity"
    if row["event"] == "signpost":
        name, number, scope = reference["signpost"]
        theirs = (name or None, number, scope, reference["level"])
        if theirs != (row["signpost_name"], row["signpost_id"], row["signpost_scope"], row["signpost_type"]):
            yield "signpost"
    elif row["event"] == "log" and reference["level"].lower() != row["level"]:
        yield "level"


def test_every_record_that_two_readers_agree_on_reads_the_same(
    pairs: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    agreed = [(reference, row) for reference, row in pairs if reference["agreed"]]
    assert len(agreed) == 39_571
    assert [(list(_differences(*pair)), pair) for pair in agreed if any(_differences(*pair))] == []


MESSAGE_REASONS = (
    ("decoder that the reference lacks", lambda r, _: "<decode: unsupported decoder: " in r["message"]),
    (
        "state dump that the reference leaves out, or whose custom object it prints with other keys",
        lambda _, row: row["event"] == "state",
    ),
    (
        "invalid shared-cache offset: Apple's text for it in place of nothing",
        lambda r, row: row["event"] == "activity" and not r["message"],
    ),
    (
        "float with a width: the reference takes it for the number of digits",
        lambda _, row: re.search(r"%\d+\.\d+l?f", row["format"] or ""),
    ),
    (
        "IPv6 address in its short form, as inet_ntop prints it",
        lambda _, row: "network:in6_addr" in (row["format"] or ""),
    ),
    (
        "escaped text or custom object of Core Location: line breaks are escaped too, keys differ",
        lambda _, row: re.search(r"location:(escape_only|_CL)", row["format"] or ""),
    ),
)
"""Why messages differ where the two readers that were asked do not agree either."""


def _reason(field: str, reference: dict[str, Any], row: dict[str, Any]) -> str:
    if field == "library" and not reference["library"] and row["format"] is None and row["event"] in {"log", "state"}:
        return "image of a simple or state dump: its UUID is in the record and its path in the string files"
    if field == "process" and row["event"] == "loss":
        return "process of a loss: the chunk names it like that of any other record"
    if field == "message":
        return next((reason for reason, holds in MESSAGE_REASONS if holds(reference, row)), "unexplained message")
    return f"unexplained {field}"


def test_every_other_difference_has_a_reason(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    reasons = Counter(
        _reason(field, reference, row)
        for reference, row in pairs
        if not reference["agreed"]
        for field in _differences(reference, row)
    )
    unexplained = [
        (field, reference, row)
        for reference, row in pairs
        if not reference["agreed"]
        for field in _differences(reference, row)
        if _reason(field, reference, row).startswith("unexplained")
    ]
    assert unexplained == []
    assert (
        reasons["image of a simple or state dump: its UUID is in the record and its path in the string files"] == 5_412
    )
    assert sum(reasons.values()) < 5_700


def test_schema_refs_and_facts(macos12: Path, batches: list[Any]) -> None:
    source, context = open_archive(macos12)
    assert source.coverage().rows is None
    assert (context.device.model, context.device.os_build, context.capture.tz) == ("Macmini9,1", "21G320", "US/Pacific")
    again = list(source.batches("log"))
    assert all(batch.schema == schema.SCHEMAS["log"] for batch in again)
    refs = pa.concat_arrays([batch.column("ref") for batch in again])
    assert len(refs) == len(refs.unique()) == 54_625
    assert {schema.split_ref(ref.as_py())[0] for ref in (refs[0], refs[-1])} == {3}
    assert refs.equals(pa.concat_arrays([batch.column("ref") for batch in batches]))
    covered = source.coverage()
    assert (covered.rows, covered.clock) == (54_625, "timesync")
    assert covered.notes[0] == "the device lost at least 92 messages"
    times = pa.concat_arrays([batch.column("time") for batch in again]).cast(pa.int64()).to_pylist()
    assert (covered.start_ns, covered.end_ns) == (min(times), max(times))
    assert list(context.problems) == []


def test_reading_twice_reports_problems_once(ios15: Path) -> None:
    source, context = open_archive(ios15)
    for _ in range(2):
        list(source.batches("log"))
    assert {problem.kind: problem.count for problem in context.problems} == {
        "missing-strings": 99,
        "missing-oversize": 1,
        "no-timesync": 2,
    }


def test_missing_strings_and_timesync_lose_no_record(ios15: Path) -> None:
    source, context = open_archive(ios15)
    rows = rows_of(list(source.batches("log")))
    assert len(rows) == 8_659
    assert Counter(row["event"] for row in rows) == {"log": 8_163, "state": 496}
    assert context.device.model is None
    assert (context.device.board, context.device.hardware) == ("J96AP", "J96AP (board)")
    assert source.coverage().clock == "header wall clock + continuous time, no timesync for this boot"
    persist = [row for row in rows if row["boot_uuid"] == "A6EBC8E3-0A1C-40E8-93B9-DA3A7F671D19"]
    # Dates in the texts of the records lie in these three days of April 2022, too.
    assert min(row["time"] for row in persist) == 1_649_677_044_407_812_625
    assert max(row["time"] for row in persist) == 1_649_855_944_386_298_666
    nameless = [row for row in rows if row["format"] is None and row["event"] == "log"]
    assert nameless
    assert {row["message"].split("]")[0] for row in nameless} <= {
        "<compose failure [UUID",
        "<compose failure [shared UUID",
        "<compose failure [missing precomposed log",
    }
    assert all(row["sender_uuid"] or row["sender_path"] is None for row in nameless)
    assert all(row["process_uuid"] for row in rows)
    assert any("com.apple" in row["message"] for row in nameless), "arguments stay readable without their format"


SELECTIONS = {
    "process": Selection((Clause(processes=frozenset({"runningboardd"})),)),
    "paths": Selection((Clause(process_paths=frozenset({"/usr/libexec/", ".app/"}), words=frozenset({"start"})),)),
    "pids": Selection((Clause(pids=frozenset({1, 50})),)),
    "words": Selection((Clause(words=frozenset({"error", "failed"})),)),
    "words across values": Selection((Clause(words=frozenset({"= 0", "pid: 1", "0x", ", 1"})),)),
    "words of errors": Selection((Clause(words=frozenset({"compose failure", "<private>", "lost >"})),)),
    "clauses": Selection(
        (
            Clause(processes=frozenset({"kernel"}), levels=frozenset({"error"})),
            Clause(subsystems=frozenset({"com.apple.network"}), words=frozenset({"flags"})),
        )
    ),
    "subsystem of simple dumps": Selection((Clause(subsystems=frozenset({"com.apple.Libsystem.malloc"})),)),
    "category": Selection((Clause(categories=frozenset({"default"}), words=frozenset({"Q165"})),)),
    "senders": Selection((Clause(senders=frozenset({"CoreLocation", "IOHIDFamily", "launchd"})),)),
    "kernel, no drivers": Selection((Clause(processes=frozenset({"kernel"}), senders=frozenset({"kernel", None})),)),
    "levels": Selection((Clause(levels=frozenset({"fault", "debug"})),)),
    "events": Selection((Clause(events=frozenset({"signpost", "state", "loss"})),)),
    "activities": Selection((Clause(events=frozenset({"activity"}), processes=frozenset({"opendirectoryd"})),)),
    "oversize": Selection((Clause(words=frozenset({"SUCoreDevice", "auxiliary kext"})),)),
    "time": Selection((), 1_673_487_400_000_000_000, 1_673_487_410_000_000_000),
    "start": Selection((), 1_673_487_430_000_000_000),
    "end": Selection((), None, 1_673_487_388_000_000_000),
    "windows": Selection(
        (Clause(processes=frozenset({"launchd", "kernel"})),),
        ranges=((1_673_487_390_000_000_000, 1_673_487_391_000_000_000), (1_673_487_440_000_000_000, 1_673_487_450_000_000_000)),
    ),
    "nothing": Selection((Clause(processes=frozenset({"no such process"})),)),
    "impossible": Selection((Clause(processes=frozenset()),)),
}  # fmt: skip


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_a_selection_yields_exactly_its_rows(macos12: Path, batches: list[Any], selection: Selection) -> None:
    source, _ = open_archive(macos12)
    found = pa.Table.from_batches(list(source.batches("log", selection)), schema.SCHEMAS["log"])
    wanted = pa.Table.from_batches([selection.filter(batch) for batch in batches])
    assert found.num_rows == wanted.num_rows
    assert _comparable(found) == _comparable(wanted)


def _comparable(table: Any) -> Any:
    plain = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(plain, names=table.column_names).sort_by("ref").combine_chunks()
