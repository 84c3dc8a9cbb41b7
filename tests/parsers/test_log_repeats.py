"""Repeated records: what was refused in one batch says nothing of a record that differs in anything decisive."""

import random
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from generator.archive import Archive
from generator.images import stable_uuid
from generator.packing import Packing
from generator.timesync import Clock

from traceview_parsers.problems import Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.time_order import by_time
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions, Source
from traceview_parsers.unified_log import READER, chunksets, decoder, items, oversize, refusals
from traceview_parsers.unified_log import source as unified_log_source

START = 1_768_469_400_000_000_000
NOBODY = tuple(Clause(processes=frozenset({"nobody"}), words=frozenset({f"q{at}"})) for at in range(64))
KERNEL = Clause(processes=frozenset({"kernel"}), words=frozenset({"zzz"}))
MEDIAD = Clause(processes=frozenset({"mediad"}), words=frozenset({"killing"}))


@pytest.fixture(autouse=True)
def set_by_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each set be a batch of its own."""
    monkeypatch.setattr(unified_log_source, "BATCH_BYTES", 1)
    monkeypatch.setattr(unified_log_source, "_SIFTED_BYTES", 1)


def opened(path: Path) -> Source:
    return READER.open(
        Candidate("a.logarchive", path, is_dir=True), Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    )


def told(batches: Any) -> list[tuple[int, str]]:
    return [
        pair
        for batch in batches
        for pair in zip(batch.column("ref").to_pylist(), batch.column("message").to_pylist(), strict=True)
    ]


def check(path: Path, selection: Selection) -> int:
    """Compare what is read with what is filtered from all; return how many rows that are."""
    wanted = sorted(told(map(selection.filter, opened(path).batches("log"))))
    assert sorted(told(opened(path).batches("log", selection))) == wanted
    assert told(by_time([opened(path)], selection)) == told(map(selection.filter, by_time([opened(path)])))
    return len(wanted)


@pytest.mark.parametrize("before", [(), NOBODY, NOBODY[:63]], ids=["one group", "second group", "both groups"])
def test_what_one_clause_refuses_another_may_want(tmp_path: Path, before: tuple[Clause, ...]) -> None:
    made = Archive(Clock(stable_uuid("clauses"), START))
    processes = made.process("/kernel", 1), made.process("/usr/libexec/mediad", 2)
    for number in range(12):
        made.log(processes[number % 2], START + number * 10**9, "%{public}s", ("killing",))
    made.write(tmp_path, packing=Packing(set_bytes=1, page_seconds=0.02))
    assert check(tmp_path, Selection((*before, KERNEL, MEDIAD))) == 6


def mixed(path: Path) -> None:
    """Write records that share bytes, but not what these mean: formats, processes, private values, oversize data."""
    made = Archive(Clock(stable_uuid("mixed"), START))
    processes = made.process("/kernel", 1), made.process("/usr/libexec/mediad", 2)
    luck = random.Random(3)  # noqa: S311 - a fixed sequence is wanted
    formats = {"%{public}s": 1, "%d": 0, "%x": 0, "%s": 1, "%{public}s kil": 1, "ng %{private}s": 1, "%.3s": 1}
    for number in range(300):
        text, is_text = luck.choice(list(formats.items()))
        value = luck.choice(("killing", "nothing", "10", "")) if is_text else luck.choice((10, 16, 255))
        made.log(
            processes[luck.randrange(2)],
            START + number * 10**7,
            text,
            (value,),
            oversize=luck.random() < 0.1,
            keep_private=luck.random() < 0.6,
        )
    made.write(path, packing=Packing(set_bytes=700, page_seconds=0.02))


@pytest.mark.parametrize("late", [False, True], ids=["whole", "without oversize data"])
@pytest.mark.parametrize("word", ["killing", "10", "ff", "ki", "private", "zzz"])
def test_equal_bytes_are_not_equal_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, *, late: bool
) -> None:
    mixed(tmp_path)
    if late:
        monkeypatch.setattr(oversize.Oversize, "find", lambda _self, _key: None)
    kernel = Clause(processes=frozenset({"kernel"}), words=frozenset({"16", "g k"}))
    check(tmp_path, Selection((Clause(words=frozenset({word})), kernel)))


@pytest.mark.parametrize("word", ["killing", "10", "ff", "private", "zzz"])
def test_equal_records_of_one_batch_are_looked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(unified_log_source, "_SIFTED_BYTES", 1 << 20)
    mixed(tmp_path)
    clauses = Clause(words=frozenset({word})), Clause(processes=frozenset({"kernel"}), words=frozenset({"16", "g k"}))
    for arguments in (False, True):
        selection = Selection(clauses, arguments=arguments)
        everything = opened(tmp_path).batches("log", Selection(arguments=arguments))
        wanted = pa.Table.from_batches([selection.filter(batch) for batch in everything])
        found = pa.Table.from_batches(list(opened(tmp_path).batches("log", selection)))
        assert found.sort_by("ref").to_pylist() == wanted.sort_by("ref").to_pylist()


def test_each_of_equal_damaged_records_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unified_log_source, "_SIFTED_BYTES", 1 << 20)
    made = Archive(Clock(stable_uuid("damaged"), START))
    process = made.process("/usr/libexec/mediad", 1)
    for number in range(9):
        made.log(process, START + number * 10**7, "%{public}s", ("some text",))
    path = made.write(tmp_path, packing=Packing(stored=(True,)))[0]
    one, nine = bytes((0x22, 1, 0x22, 4)), bytes((0x22, 9, 0x22, 4))  # of items, and the first of them
    data = path.read_bytes()
    assert data.count(one) == 9
    path.write_bytes(data.replace(one, nine, 5))
    for selection in (Selection(), Selection((MEDIAD,)), Selection((Clause(words=frozenset({"text"})),))):
        problems = Problems()
        context = Context(0, ReadOptions(), problems, Device(), CaptureInfo())
        for _ in READER.open(Candidate("a.logarchive", tmp_path, is_dir=True), context).batches("log", selection):
            pass
        assert [(one.kind, one.count) for one in problems] == [("damaged-record", 5)]


def test_a_log_that_does_not_repeat_itself_is_soon_looked_at_without_fingerprints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusals, "_TRIAL", 100)
    refused = refusals.Refusals()
    fresh = np.arange(1, 121, dtype=np.uint64).reshape(2, 60) << np.uint64(48) | np.uint64(1)
    assert not refused.contain(fresh).any()
    refused.add(fresh)
    assert refused.pay
    assert refused.contain(fresh).sum() > 30
    assert refused.pay, "a half was known"
    for _ in range(3):
        refused.contain(fresh ^ np.uint64(2))
    assert not refused.pay


def test_dense_chunks_are_decoded_in_parts() -> None:
    chunks, size = np.arange(6), np.array([4, 4, 4, 30, 1, 1])
    assert [part.tolist() for part in decoder._together(chunks, size, 10)] == [[0, 1], [2], [3, 4, 5]]
    assert decoder._together(chunks[:0], size[:0], 10) == []


def test_tags_are_found_in_every_block() -> None:
    words = np.zeros(3 * chunksets._BLOCK + 5, np.uint64)
    places = [0, 7, chunksets._BLOCK - 1, chunksets._BLOCK, 2 * chunksets._BLOCK + 3, words.size - 1]
    words[places] = [0x6001, 0x6004, 0x6002, 0x6003, 0x6001, 0x6004]
    words[5], words[6] = 0x6005, 0x1_0000_6001
    assert chunksets._find_tags(words).tolist() == places
    assert chunksets._find_tags(words[:0]).tolist() == []


def test_parts_of_a_batch_give_what_the_whole_gives(tmp_path: Path) -> None:
    mixed(tmp_path)
    with mock.patch.object(unified_log_source, "BATCH_BYTES", 1 << 20):
        whole = told(opened(tmp_path).batches("log"))
        with mock.patch.object(decoder, "_TOGETHER", 500):
            assert sorted(told(opened(tmp_path).batches("log"))) == sorted(whole)
            assert told(by_time([opened(tmp_path)])) == told(by_time([opened(tmp_path)], Selection()))


@pytest.mark.parametrize(("size", "ranges"), [(4, (7, 9)), (3, (7, 9)), (2, (7, 0)), (1, (7, 0)), (0, (0, 0))])
def test_what_lies_behind_a_short_item_is_not_its_own(size: int, ranges: tuple[int, int]) -> None:
    data = np.zeros(chunksets.GUARD, np.uint8)
    data[:7] = [1, 0x22, size, 7, 0, 9, 0]
    data[3 + size : 40] = 0xFF
    place = np.zeros(1, np.int64)
    found = items.walk_items(data, items.Places(place, place + 3 + size, place, place))
    assert [int(part[0]) for part in found.ranges(np.zeros(1, np.int64))] == list(ranges)
