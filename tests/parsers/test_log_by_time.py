"""The log in the order of time: one archive window by window, shares of it, several sources together."""

import io
import tarfile
from collections.abc import Iterator
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
from shares import by_turns

from traceview_parsers import open_trace, schema
from traceview_parsers.errors import InputError
from traceview_parsers.problems import Problems
from traceview_parsers.selection import EVERYTHING, Clause, Selection
from traceview_parsers.time_order import boots_of, by_time, joined
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Coverage, Device, ReadOptions
from traceview_parsers.unified_log import READER, held
from traceview_parsers.unified_log import source as source_module
from traceview_parsers.unified_log.source import UnifiedLogSource
from traceview_parsers.unified_log.windows import Share, Windows, turn_of

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000
SMALL = 128 << 10
"""Bytes of a batch and a window: small archives then have many of them."""


def open_source(root: Path) -> UnifiedLogSource:
    context = Context(2, ReadOptions(), Problems(), Device(), CaptureInfo())
    source = READER.open(Candidate(root.name, root, is_dir=True), context)
    assert isinstance(source, UnifiedLogSource)
    return source


def table_of(batches: Iterator[Any]) -> Any:
    return pa.Table.from_batches(batches, schema.SCHEMAS["log"])


def refs_of(batches: Iterator[Any]) -> list[int]:
    refs: list[int] = table_of(batches)["ref"].to_pylist()
    return refs


def is_mark(table: Any) -> Any:
    return pa.compute.equal(table["event"].cast(pa.string()), "timesync")


def assert_same(one: Any, other: Any) -> None:
    """Compare the rows of two tables; how dictionaries number their values does not matter."""
    for name in schema.SCHEMAS["log"].names:
        assert plain(one[name]).equals(plain(other[name])), name


def plain(column: Any) -> Any:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "WINDOW_BYTES", SMALL)


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MOST_BYTES", 0)


@pytest.fixture
def synthetic(tmp_path: Path) -> Path:
    """Two boots, the later one in the file that comes first; two processes whose chunks overlap."""
    images = Images()
    for number, (name, start) in enumerate((("second", START + 3_600 * SECOND), ("first", START))):
        archive = Archive(Clock(stable_uuid(name), start), images=images)
        busy, quiet = archive.process("/usr/libexec/busyd", 50), archive.process("/usr/libexec/quietd", 51)
        for step in range(400):
            level = "debug" if step % 3 else "default"
            archive.log(busy, start + (step + 1) * SECOND, "busy %d", (step,), level=level)
            if step % 40 == 0:
                archive.log(quiet, start + (step + 1) * SECOND, "quiet %d", (step,), subsystem="s", category="c")
        archive.write(tmp_path, first_file=10 * number + 1)
    return tmp_path


@pytest.fixture(scope="module", params=["macos12", "ios15-nostrings"])
def archive(request: pytest.FixtureRequest, real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    with tarfile.open(real / "logarchive" / f"{request.param}.logarchive.tar.gz") as packed:
        packed.extractall(folder, filter="data")
    return next(folder.glob("*.logarchive"))


@pytest.fixture(scope="module")
def in_order(archive: Path) -> list[Any]:
    """All rows of a real archive by time, from small windows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "WINDOW_BYTES", SMALL)
        return list(open_source(archive).in_order())


def test_boots_come_one_after_the_other_each_by_time(synthetic: Path) -> None:
    source = open_source(synthetic)
    table = table_of(source.in_order())
    times = table["time"].cast(pa.int64()).to_pylist()
    assert times == sorted(times)
    messages = table["message"].to_pylist()
    assert messages[0].startswith("=== system boot: ")
    assert messages[1:4] == ["busy 0", "quiet 0", "busy 1"]
    assert len(messages) == 2 * (400 + 10 + 1)
    assert source.boots() == list(dict.fromkeys(table["boot_uuid"].to_pylist()))


@pytest.mark.usefixtures("small_windows")
def test_rows_by_time_are_all_rows_whatever_the_windows(synthetic: Path) -> None:
    table = table_of(open_source(synthetic).in_order())
    stored = table_of(open_source(synthetic).batches("log"))
    assert_same(table.filter(pa.compute.invert(is_mark(table))).sort_by("ref"), stored.sort_by("ref"))


@pytest.mark.real
@pytest.mark.usefixtures("small_windows", "no_memory")
def test_a_real_archive_by_time(archive: Path) -> None:
    source = open_source(archive)
    table = table_of(source.in_order())
    boots = {boot: number for number, boot in enumerate(source.boots())}
    keys = zip(
        (boots[boot] for boot in table["boot_uuid"].to_pylist()),
        table["mach_time"].to_pylist(),
        table["ref"].to_pylist(),
        strict=True,
    )
    found = list(keys)
    assert found == sorted(found)
    stored = table_of(open_source(archive).batches("log"))
    assert_same(table.filter(pa.compute.invert(is_mark(table))).sort_by("ref"), stored.sort_by("ref"))
    kinds = {problem.kind for problem in source.problems}
    assert "time-outside-catalog" not in kinds


@pytest.mark.real
@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("count", [2, 3, 7])
def test_shares_taken_in_turn_are_the_whole(archive: Path, in_order: list[Any], count: int) -> None:
    shares = [open_source(archive).share_in_order(number, count) for number in range(count)]
    assert refs_of(iter(by_turns(shares))) == refs_of(iter(in_order))


SELECTIONS = {
    "process": Selection((Clause(processes=frozenset({"kernel", "quietd"})),)),
    "words": Selection((Clause(words=frozenset({"quiet 1", "busy 3", "power"})),)),
    "no debug": Selection((Clause(levels=frozenset({"default", "info", "error", "fault", None})),)),
    "no signposts": Selection((Clause(events=frozenset({*schema.EVENTS, None}) - {"signpost"}),)),
    "time": Selection((), START + 100 * SECOND, START + 3_700 * SECOND),
}


@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_a_selection_by_time_is_the_whole_filtered(synthetic: Path, selection: Selection) -> None:
    whole = [selection.filter(batch) for batch in open_source(synthetic).in_order()]
    assert refs_of(open_source(synthetic).in_order(selection)) == refs_of(iter(whole))


@pytest.mark.real
@pytest.mark.usefixtures("small_windows")
@pytest.mark.parametrize("name", ["words", "no signposts"])
def test_a_selection_of_a_real_archive_is_the_whole_filtered(archive: Path, in_order: list[Any], name: str) -> None:
    selection = SELECTIONS[name]
    whole = [selection.filter(batch) for batch in in_order]
    assert refs_of(open_source(archive).in_order(selection)) == refs_of(iter(whole))


def test_one_boot_can_be_chosen(synthetic: Path) -> None:
    first, second = open_source(synthetic).boots()
    for boot in (first, second):
        selection = Selection(boots=frozenset({boot}))
        assert not selection.everything
        table = table_of(open_source(synthetic).in_order(selection))
        assert set(table["boot_uuid"].to_pylist()) == {boot}
        assert table.num_rows == 411
        assert table_of(open_source(synthetic).batches("log", selection)).num_rows == 410
    assert table_of(open_source(synthetic).in_order(Selection(boots=frozenset({"none"})))).num_rows == 0


class Lines:
    """A source of rows with these times, as they are."""

    reader = "lines"
    tables: tuple[str, ...] = ("log",)

    def __init__(self, index: int, times: list[int | None], size: int) -> None:
        self.name = f"lines {index}"
        self._index, self._times, self._size = index, times, size

    def batches(self, table: str, selection: Selection = EVERYTHING) -> Iterator[Any]:
        assert table == "log"
        for at in range(0, len(self._times), self._size):
            part = self._times[at : at + self._size]
            refs = [schema.make_ref(self._index, at + place) for place in range(len(part))]
            columns = {
                "ref": pa.array(refs, pa.uint64()),
                "time": pa.array(part, pa.int64()),
                "process": f"p{self._index}",
                "boot_uuid": f"B{self._index}",
            }
            yield selection.filter(schema.log_batch(len(part), columns))

    def coverage(self) -> Coverage:
        return Coverage(self.name, self.reader)


TIMES = st.lists(st.one_of(st.none(), st.integers(0, 50)), max_size=25)


@given(sources=st.lists(st.tuples(TIMES, st.integers(1, 7)), min_size=1, max_size=4))
def test_several_sources_come_by_time_each_in_its_own_order(sources: list[tuple[list[int | None], int]]) -> None:
    table = table_of(by_time([Lines(index, times, size) for index, (times, size) in enumerate(sources)]))
    expected = []
    for index, (times, _) in enumerate(sources):
        latest = -1
        for place, time in enumerate(times):
            latest = max(latest, -1 if time is None else time)
            expected.append((latest, index, place))
    found = [schema.split_ref(ref) for ref in table["ref"].to_pylist()]
    assert found == [(index, place) for _, index, place in sorted(expected)]
    assert table["process"].to_pylist() == [f"p{index}" for index, _ in found]


def test_boots_of_sources_that_must_be_read() -> None:
    assert boots_of([Lines(0, [1, 2], 1), Lines(1, [], 1), Lines(2, [3], 1)]) == ["B0", "B2"]


NAMES = st.lists(st.one_of(st.none(), st.sampled_from("abcdef")), max_size=8)


@given(parts=st.lists(NAMES, min_size=1, max_size=5))
def test_joined_batches_keep_their_names(parts: list[list[str | None]]) -> None:
    batches = [
        schema.log_batch(
            len(part),
            {
                "ref": pa.array(range(len(part)), pa.uint64()),
                "process": pa.array(part, pa.string()).dictionary_encode(),
                "message": pa.array(part, pa.large_string()),
            },
        )
        for part in parts
    ]
    names = [name for part in parts for name in part]
    backwards = list(range(len(names)))[::-1]
    for order in (None, pa.array(backwards, pa.int64())):
        batch = joined(batches, order)
        expected = names if order is None else names[::-1]
        assert batch.column("process").to_pylist() == expected
        assert batch.column("message").to_pylist() == expected


CHUNKS = st.lists(st.lists(st.integers(1, 100), min_size=1, max_size=8), min_size=1, max_size=3)


def windows_of(sets: list[list[list[int]]], cuts: set[int], stated: int) -> tuple[Windows, Any]:
    """Return windows of sets of chunks of ticks, and the number of each chunk by its set and place."""
    chunks = [
        (number, place, min(ticks), max(ticks)) for number, one in enumerate(sets) for place, ticks in enumerate(one)
    ]
    # Catalogs may be wrong about the end.
    spans = np.array([[min(map(min, one)) for one in sets], [stated] * len(sets)], np.uint64)
    owner, place, begin, end = (np.array(column) for column in zip(*chunks, strict=True))
    ticks = np.array([begin, end], np.uint64)
    ticks[1, ::3] = 2**64 - 1  # not known of all
    places = np.array([owner, place * 8, place * 8 + 8], np.int32)
    tags = np.full(len(chunks), 0x6001, np.uint16)
    return Windows(spans, np.array(sorted(cuts), np.uint64), ticks, places, tags), chunks


@given(
    sets=st.lists(CHUNKS, min_size=1, max_size=8),
    cuts=st.sets(st.integers(1, 99), max_size=6),
    stated=st.integers(0, 120),
    count=st.integers(1, 3),
)
def test_each_record_falls_into_one_window(
    sets: list[list[list[int]]], cuts: set[int], stated: int, count: int
) -> None:
    found: list[tuple[int, int, int]] = []
    for number in range(count):
        windows, chunks = windows_of(sets, cuts, stated)
        met = 0
        for window in (one for turn in range(number, windows.turns, count) for one in windows.of_turn(turn)):
            every = windows.due(window)
            met += every.sets.size
            due = every if count == 1 else every.of_share(number, count)
            places = list(zip(due.sets.tolist(), (due.at >> 3).tolist(), strict=True))
            assert places == sorted(places)
            begins = [windows.range(one)[0] for one in due.begins.tolist()]
            assert all(begin <= min(sets[one][place]) for (one, place), begin in zip(places, begins, strict=True))
            share = Share(due.begins, windows.cuts, number, count)
            owner = np.repeat(np.arange(len(places)), [len(sets[one][place]) for one, place in places])
            ticks = np.array([tick for one, place in places for tick in sets[one][place]], np.uint64)
            rows = share.choose(owner, ticks)
            rows = np.arange(ticks.size) if rows is None else rows
            assert not rows.size or ticks[rows].min() >= windows.range(window)[0]
            found += [(*places[owner[row]], int(ticks[row])) for row in rows]
        assert count > 1 or met == len(chunks)
    expected = [
        (one, place, tick) for one, all_of in enumerate(sets) for place, some in enumerate(all_of) for tick in some
    ]
    assert sorted(found) == sorted(expected)


@given(cuts=st.sets(st.integers(1, 99), max_size=9))
def test_turns_hold_each_window_once_and_in_order(cuts: set[int]) -> None:
    windows, _ = windows_of([[[1]]], cuts, 120)
    found = [(window, turn) for turn in range(windows.turns) for window in windows.of_turn(turn)]
    assert [window for window, _ in found] == list(range(len(windows)))
    assert [turn_of(window) for window, _ in found] == [turn for _, turn in found]
    assert len(windows.of_turn(0)) == 1  # so that nobody waits at the beginning


@given(sets=st.lists(CHUNKS, min_size=1, max_size=8), cuts=st.sets(st.integers(1, 99), max_size=6))
def test_it_is_known_which_sets_will_be_needed(sets: list[list[list[int]]], cuts: set[int]) -> None:
    windows, _ = windows_of(sets, cuts, 120)
    met: set[int] = set()
    borders = np.array(sorted(cuts), np.uint64)
    uses = [{int(np.searchsorted(borders, min(ticks), "right")) for ticks in chunks} for chunks in sets]
    for window in range(len(windows)):
        met |= set(windows.due(window).sets.tolist())
        later = windows.next_use(np.arange(len(sets)), window).tolist()
        assert later == [min((use for use in some if use > window), default=-1) for some in uses]
        for some in ([1], [50], [100, 1], [100, 50, 100]):
            covering = {one for one, chunks in enumerate(sets) if min(map(min, chunks)) <= max(some)} - met
            assert set(windows.unmet_covering(np.array(some, np.uint64)).tolist()) == covering


TICKS = st.lists(st.integers(0, 60), max_size=12)


@pytest.mark.parametrize("most_bytes", [0, 1 << 20])
@pytest.mark.parametrize("group", [1, 16, 1 << 17])
@given(loads=st.lists(TICKS, min_size=1, max_size=6), cuts=st.sets(st.integers(1, 59), max_size=5))
def test_rows_held_back_come_in_their_window(
    most_bytes: int, group: int, loads: list[list[int]], cuts: set[int]
) -> None:
    borders = np.array(sorted(cuts), np.uint64)
    found, refs = [], iter(range(1000))
    with pytest.MonkeyPatch.context() as patch, held.Held(borders) as rows:
        patch.setattr(held, "MOST_BYTES", most_bytes)
        patch.setattr(held, "_GROUP", group)
        for window in range(len(cuts) + 1):
            parts = []
            for ticks in loads[window :: len(cuts) + 1]:
                values = {
                    "ref": pa.array([next(refs) for _ in ticks], pa.uint64()),
                    "mach_time": pa.array(ticks, pa.uint64()),
                    "site": pa.array([tick % 7 for tick in ticks], pa.int32()),
                    "message": pa.array([str(tick) for tick in ticks], pa.large_string()),
                    "loss_count": pa.nulls(len(ticks), pa.int64()),
                }
                parts.append((pa.RecordBatch.from_pydict(values), np.array(ticks, np.int64) % 2 == 1))
            for (batch, unsure), chosen in rows.sort_out(iter(parts), window):
                whole = list(zip(batch.to_pylist(), unsure.tolist(), strict=True))
                for row, odd in whole if chosen is None else (whole[place] for place in chosen):
                    tick = row["mach_time"]
                    due = int(np.searchsorted(borders, tick, "right"))
                    assert due <= window
                    assert (row["site"], row["message"], odd) == (tick % 7, str(tick), tick % 2 == 1)
                    assert row["loss_count"] is None
                    found.append(row["ref"])
    assert sorted(found) == list(range(next(refs)))


class Nearly(io.FileIO):
    """A file on a disk that is nearly full, where others make room again: the first write of each piece is a part."""

    short = True

    def write(self, data: Any) -> int:
        self.short = not self.short
        return super().write(data if self.short else memoryview(data)[: len(data) // 2])


@pytest.mark.usefixtures("small_windows", "no_memory")
def test_rows_are_written_whole_where_the_disk_takes_parts(
    synthetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = table_of(open_source(synthetic).in_order())
    made: list[Nearly] = []

    def nearly(**_: Any) -> Nearly:
        made.append(Nearly(tmp_path / str(len(made)), "w+"))
        return made[-1]

    monkeypatch.setattr(source_module, "WINDOW_BYTES", 2_000)
    monkeypatch.setattr(held.tempfile, "TemporaryFile", nearly)
    assert_same(table_of(open_source(synthetic).in_order()), whole)
    assert made
    assert all(file.closed for file in made)


@pytest.mark.usefixtures("no_memory")
def test_a_folder_that_takes_no_file_is_told(synthetic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(source_module, "WINDOW_BYTES", 2_000)
    monkeypatch.setattr(held.tempfile, "TemporaryFile", refused)
    with pytest.raises(InputError, match="cannot be written: Permission denied; TMPDIR chooses another folder"):
        list(open_source(synthetic).in_order())


def test_a_boot_comes_before_what_it_logs_at_once(tmp_path: Path) -> None:
    archive = Archive(Clock(stable_uuid("boot"), START))
    archive.log(archive.process("/kernel", 0), START, "at once", ())
    archive.write(tmp_path)
    table = table_of(open_source(tmp_path).in_order())
    assert table["mach_time"].to_pylist() == [0, 0]
    assert table["event"].to_pylist() == ["timesync", "log"]


def test_several_captures_are_merged(samples: Path) -> None:
    texts = [samples / "push-never-reported.ios26.ndjson", samples / "healthy-incoming-call.ios26.ndjson"]
    with open_trace(texts) as trace:
        whole = table_of(by_time(trace.sources_of("log")))
        times = whole["time"].cast(pa.int64()).to_pylist()
        assert times == sorted(times)
        assert whole.num_rows == trace.table("log").num_rows
