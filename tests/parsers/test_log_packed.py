"""Rows whose shared values are told once: they hold the same, and print the same, as plain ones."""

import tarfile
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from generator.archive import Archive
from generator.images import Images, stable_uuid
from generator.timesync import Clock
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers import log_styles, schema
from traceview_parsers.log_styles import STYLES
from traceview_parsers.packed import PROGRAM, SCHEMA, SITE, Shared, is_packed, unpack
from traceview_parsers.problems import Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.unified_log import READER
from traceview_parsers.unified_log import source as source_module
from traceview_parsers.unified_log.catalog import Processes
from traceview_parsers.unified_log.packing import Packing
from traceview_parsers.unified_log.source import UnifiedLogSource
from traceview_parsers.unified_log.tracev3 import CATALOG, walk_chunks

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000
NUMBERS = [0, 1, 2, 2**32, 2**63, 2**64 - 1]
KINDS = np.uint64, np.int32, np.int32, np.int32


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "WINDOW_BYTES", 16 << 10)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two boots; processes that share call sites and labels; signposts, activities, dumps, losses, states."""
    images = Images()
    for number, name in enumerate(("first", "second")):
        start = START + number * 3_600 * SECOND
        archive = Archive(Clock(stable_uuid(name), start), images=images)
        processes = [archive.process(f"/usr/libexec/{one}d", 50 + place) for place, one in enumerate("abc")]
        for step in range(300):
            process, at = processes[step % 3], start + (step + 1) * SECOND
            archive.log(process, at, "step %d", (step,), level=("debug", "error")[step % 2], tid=step % 5)
            archive.log(process, at, "said %s", ("x",), subsystem=f"s{step % 2}", category=f"c{step % 4}")
            if step % 7 == 0:
                archive.signpost(
                    process, at, f"name {step % 14}", signpost_id=step + 1, kind=("begin", "end")[step % 2]
                )
                archive.activity(process, at, "does %d", step + 1, parent=step, creator=processes[0])
            if step % 11 == 0:
                archive.simpledump(process, at, f"dump {step}", subsystem=("", "s1")[step % 2], level="error")
                archive.simpledump(process, at, f"dump {step}", subsystem=("", "s1")[step % 2], level="fault")
                archive.trace(process, at, "traced %d", ((step, 4),))
            if step % 50 == 0:
                archive.loss(process, at, at, at + SECOND, 63)
                archive.statedump(process, at, "state", b"x", kind=2)
        archive.write(tmp_path, first_file=10 * number + 1)
    return tmp_path


def opened(root: Path) -> UnifiedLogSource:
    context = Context(2, ReadOptions(), Problems(), Device(), CaptureInfo())
    source = READER.open(Candidate(root.name, root, is_dir=True), context)
    assert isinstance(source, UnifiedLogSource)
    return source


def values(batches: list[Any]) -> dict[str, list[Any]]:
    table = pa.Table.from_batches(batches, schema.SCHEMAS["log"])
    at = table.schema.get_field_index("time")
    return table.set_column(at, "time", table["time"].cast(pa.int64())).to_pydict()


def printed(batches: list[Any], style: str) -> bytes:
    return b"".join(bytes(part) for batch in batches for part in log_styles.render(batch, style, UTC))


def assert_packs_all(root: Path) -> None:
    stored = values(list(opened(root).batches("log")))
    packed = list(opened(root).in_order(packed=True))
    assert len(packed) > 3
    assert all(map(is_packed, packed))
    found = values([unpack(batch) for batch in packed])
    rows = sorted((ref, row) for row, ref in enumerate(found["ref"]) if found["event"][row] != "timesync")
    order = np.argsort(stored["ref"]).tolist()
    for name, column in stored.items():
        assert [found[name][row] for _, row in rows] == [column[row] for row in order], name


def test_packed_rows_hold_what_plain_ones_hold(mixed: Path) -> None:
    assert_packs_all(mixed)


def test_processes_that_no_catalog_names_are_of_their_boot(mixed: Path) -> None:
    for path in mixed.rglob("*.tracev3"):
        content = bytearray(path.read_bytes())
        catalogs = [chunk for chunk in walk_chunks(bytes(content), lambda *_: None) if chunk.tag == CATALOG]
        for chunk in catalogs[::2]:
            content[chunk.start + 4 : chunk.start + 6] = bytes(2)  # the number of processes
        path.write_bytes(content)
    assert_packs_all(mixed)
    unknown = [row for row in values(list(opened(mixed).batches("log")))["process"] if row is None]
    assert len(unknown) > 100


@pytest.mark.parametrize("style", STYLES)
def test_packed_rows_print_what_plain_ones_print(mixed: Path, style: str) -> None:
    plain = list(opened(mixed).in_order())
    assert not any(map(is_packed, plain))
    assert printed(list(opened(mixed).in_order(packed=True)), style) == printed(plain, style)


@pytest.mark.real
@pytest.mark.parametrize("name", ["macos12", "ios15-nostrings"])
def test_rows_of_a_real_archive(real: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "WINDOW_BYTES", 1 << 20)
    with tarfile.open(real / "logarchive" / f"{name}.logarchive.tar.gz") as kept:
        kept.extractall(tmp_path, filter="data")
    packed, plain = (list(opened(next(tmp_path.glob("*.logarchive"))).in_order(packed=one)) for one in (True, False))
    assert len(packed) > 3
    for style in STYLES:
        assert printed(packed, style) == printed(plain, style)


def test_rows_of_different_archives_are_told_apart(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    archive = Archive(Clock(stable_uuid("other"), START))
    for step in range(40):
        archive.log(archive.process(f"/bin/z{step % 3}", 9), START + (step + 1) * SECOND, "%d z", (step,), category="c")
    archive.write(other)
    one, two = (list(opened(root).in_order(packed=True)) for root in (mixed, other))
    turns = [batch for pair in zip(one, two * len(one), strict=False) for batch in pair]
    assert printed(turns, "ndjson") == printed([unpack(batch) for batch in turns], "ndjson")


NEARLY: dict[str, dict[str, Any]] = {
    "category": {"categories": ("c", "x")},
    "who speaks first": {"categories": ("d", "c")},
    "level": {"level": "fault"},
    "process id": {"pid": 6},
    "path": {"path": "/bin/q"},
}


def speaking(
    root: Path, path: str = "/bin/p", pid: int = 5, level: str = "error", categories: tuple[str, str] = ("c", "d")
) -> list[Any]:
    archive = Archive(Clock(stable_uuid("same"), START))
    process = archive.process(path, pid)
    for category in sorted(categories):
        process.subsystem_id("s", category)
    for step in range(300):
        category = categories[step % 2]
        archive.log(process, START + step + 1, "%d z", (step,), subsystem="s", category=category, level=level)
    archive.write(root)
    return list(opened(root).in_order(packed=True))


@pytest.mark.parametrize("difference", NEARLY)
def test_archives_that_are_nearly_alike_are_told_apart(tmp_path: Path, difference: str) -> None:
    one, other = speaking(tmp_path / "one"), speaking(tmp_path / "other", **NEARLY[difference])
    turns = [batch for pair in zip(one, other, strict=False) for batch in pair]
    assert printed(turns, "ndjson") == printed([unpack(batch) for batch in turns], "ndjson")


def test_rows_that_are_chosen_are_plain(mixed: Path) -> None:
    chosen = Selection((Clause(words=frozenset({"step 1"})),))
    wanted = values([chosen.filter(batch) for batch in opened(mixed).in_order()])
    for found in (
        list(opened(mixed).in_order(chosen, packed=True)),
        [batch for batch, _ in opened(mixed).share_in_order(0, 1, chosen, packed=True)],
    ):
        assert values(found) == wanted
        assert not any(map(is_packed, found))


def test_typed_arguments_stay_with_their_rows(mixed: Path) -> None:
    typed = Selection(arguments=True)
    stored = pa.Table.from_batches(opened(mixed).batches("log", typed)).sort_by("ref")
    packed = [unpack(batch) for batch in opened(mixed).in_order(typed, packed=True)]
    ordered = pa.Table.from_batches(packed).sort_by("ref")
    assert len(packed) > 3
    marks = pa.compute.equal(ordered["event"].cast(pa.string()), "timesync")
    assert ordered.filter(pa.compute.invert(marks))["arguments"].to_pylist() == stored["arguments"].to_pylist()


NAMES = st.one_of(st.none(), st.sampled_from("abc"))
ROW = st.fixed_dictionaries(
    {"process": NAMES, "process_path": NAMES, "pid": st.one_of(st.none(), st.integers(-1, 2)), "boot_uuid": NAMES}
)


def plain_batch(rows: list[dict[str, Any]]) -> Any:
    columns = {name: [row.get(name) for row in rows] for name in PROGRAM}
    arrays = {
        name: pa.array(column, pa.string()).dictionary_encode()
        if name not in {"pid", "uid"}
        else pa.array(column, pa.int64())
        for name, column in columns.items()
    }
    return schema.log_batch(len(rows), arrays)


@given(st.lists(st.lists(ROW, max_size=8), max_size=5))
def test_combinations_keep_their_numbers(batches: list[list[dict[str, Any]]]) -> None:
    shared = Shared(PROGRAM)
    numbers = [shared.find(plain_batch(rows)) for rows in batches]
    distinct = {tuple(sorted(row.items())) for rows in batches for row in rows}
    assert len({int(number) for column in numbers for number in column}) == len(distinct)
    for rows, column in zip(batches, numbers, strict=True):
        found = shared.column(pa.array(column, pa.int32()))
        told = found.dictionary.take(found.indices).to_pylist()
        assert told == [{name: row.get(name) for name in PROGRAM} for row in rows]


@given(
    st.lists(
        st.tuples(st.sampled_from(NUMBERS), st.integers(0, 3), st.integers(-1, 4), st.integers(-1, 2)),
        min_size=1,
        max_size=30,
    )
)
def test_tracepoints_that_differ_in_anything_have_different_sites(rows: list[tuple[int, int, int, int]]) -> None:
    processes = Processes()
    packing = Packing(processes)
    labels = ["s c", "s d", "s c", "s e", "s d", "none"]  # -1 is none
    met = set()
    for pairs in (3, 5):
        for label in labels[processes.pairs.size : pairs]:
            names = (
                one.number(name)
                for one, name in zip((processes.subsystems, processes.categories), label.split(), strict=True)
            )
            processes.pairs.append(*names, 0)
        known = [(one, two, min(three, pairs - 1), four) for one, two, three, four in rows]
        keys = [repr((one, two, labels[three], four)) for one, two, three, four in known]
        met.update(keys)

        def make(firsts: Any, keys: list[str] = keys) -> dict[str, Any]:
            return {"format": pa.array([keys[row] for row in firsts.tolist()], pa.string()).dictionary_encode()}

        sites = packing.sites(*(np.array([row[at] for row in known], kind) for at, kind in enumerate(KINDS)), make)
        column = packing.shown(packing.batch(len(sites), {"site": sites})).column("site")
        assert column.dictionary.take(column.indices).field("format").to_pylist() == keys
        assert len(column.dictionary) == len(met)


def test_no_column_is_forgotten() -> None:
    rest = {"time_how", *SITE, *PROGRAM}
    assert set(schema.SCHEMAS["log"].names) - rest == set(SCHEMA.names) - {"site", "program"}
    assert not rest & set(SCHEMA.names)
