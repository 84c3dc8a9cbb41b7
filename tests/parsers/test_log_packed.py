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


def test_rows_that_are_chosen_are_plain(mixed: Path) -> None:
    chosen = Selection((Clause(words=frozenset({"step 1"})),))
    found = list(opened(mixed).in_order(chosen, packed=True))
    assert values(found) == values([chosen.filter(batch) for batch in opened(mixed).in_order()])
    assert not any(map(is_packed, found))


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
        found = shared.column(column)
        told = found.dictionary.take(found.indices).to_pylist()
        assert told == [{name: row.get(name) for name in PROGRAM} for row in rows]


@given(
    st.lists(
        st.tuples(st.sampled_from(NUMBERS), st.integers(0, 3), st.integers(-1, 2), st.integers(-1, 2)),
        min_size=1,
        max_size=30,
    )
)
def test_tracepoints_that_differ_in_anything_have_different_sites(rows: list[tuple[int, int, int, int]]) -> None:
    processes = Processes()
    for owner, (subsystem, category) in enumerate((("s", "c"), ("s", "d"), ("s", "c"))):
        processes.pairs.append(processes.subsystems.number(subsystem), processes.categories.number(category), owner)
    packing = Packing(processes)
    labels = [0, 1, 0, -1]  # the first and the last pair have the same names; -1 is none
    for half in (rows[: len(rows) // 2 + 1], rows):
        head, site, pair, name = (np.array([row[at] for row in half], kind) for at, kind in enumerate(KINDS))
        keys = [(one, two, labels[three], four) for one, two, three, four in half]

        def make(firsts: Any, keys: list[Any] = keys) -> dict[str, Any]:
            shown = pa.array([repr(keys[row]) for row in firsts.tolist()], pa.string())
            return {"format": shown.dictionary_encode()}

        column = packing.sites(head, site, pair, name, make)
        found = column.dictionary.take(column.indices).field("format").to_pylist()
        assert found == list(map(repr, keys))


def test_no_column_is_forgotten() -> None:
    rest = {"time_how", *SITE, *PROGRAM}
    assert set(schema.SCHEMAS["log"].names) - rest == set(SCHEMA.names) - {"site", "program"}
    assert not rest & set(SCHEMA.names)
