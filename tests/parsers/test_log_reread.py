"""Chunks cut out of sets that are read again."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceview_parsers.selection import EVERYTHING
from traceview_parsers.unified_log import reread
from traceview_parsers.unified_log.catalog import Catalog, Processes
from traceview_parsers.unified_log.chunksets import index_sets
from traceview_parsers.unified_log.decoder import Decoder
from traceview_parsers.unified_log.passes import Pass, SetPlace
from traceview_parsers.unified_log.prefilter import Prefilter
from traceview_parsers.unified_log.reread import SetData
from traceview_parsers.unified_log.strings import StringFiles
from traceview_parsers.unified_log.timesync import Clock
from traceview_parsers.unified_log.windows import Due, Windows

CHUNK = st.tuples(st.integers(0x6001, 0x6004), st.binary(min_size=1, max_size=40))
SETS = st.lists(st.tuples(st.lists(CHUNK, min_size=1, max_size=6), st.booleans()), min_size=1, max_size=5)
NOTHING = np.zeros(0, np.uint64)
NOTHING_LATER = Windows(
    np.zeros((2, 2), np.uint64), NOTHING, NOTHING.reshape(2, 0), np.zeros((3, 0), np.int32), NOTHING
)


def new_run() -> Pass:
    decoder = Decoder(0, Processes(), StringFiles([], lambda *_: None))
    return Pass(decoder, Prefilter(EVERYTHING, decoder.known))


def plain(chunks: list[tuple[int, bytes]], *, padded: bool) -> bytes:
    """Return a decompressed set."""
    parts = []
    for tag, payload in chunks:
        parts.append(struct.pack("<IIQ", tag, 0, len(payload)) + payload)
        parts.append(bytes(-len(parts[-1]) % 8 if padded else 0))
    return b"".join(parts)


def stored(path: Path, contents: list[bytes]) -> list[SetPlace]:
    """Write sets to a file as stored blocks, and return their places."""
    places, at = [], 0
    with path.open("wb") as file:
        for unit, content in enumerate(contents):
            packed = struct.pack("<4sI", b"bv4-", len(content)) + content + b"bv4$"
            file.write(packed)
            clock = Clock("", 1, 1, [(0, 0)])
            places.append(SetPlace(path, "f", at, at + len(packed), unit, Catalog.nothing(), None, clock, "B"))
            at += len(packed)
    return places


@pytest.mark.parametrize("kept_bytes", [0, 100, 1 << 20])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sets=SETS, wanted=st.integers(0, 2**30 - 1))
def test_chunks_cut_out_are_those_of_their_sets(
    tmp_path: Path, kept_bytes: int, sets: list[tuple[list[tuple[int, bytes]], bool]], wanted: int
) -> None:
    contents = [plain(chunks, padded=padded) for chunks, padded in sets]
    whole = index_sets(contents)
    start = whole.starts.take(whole.set_of)
    found = SetData(new_run(), kept_bytes)
    found.places = stored(tmp_path / "f.tracev3", contents)
    found.moved = set(whole.moved)
    odd = np.array([bool(wanted >> place & 1) for place in range(whole.tag.size)])
    ticks = np.array([np.where(odd, 0, 9)] * 2, np.uint64)
    table = np.array([whole.set_of, whole.at - start, whole.end - start], np.int32)
    windows = Windows(np.zeros((2, len(sets)), np.uint64), np.array([5], np.uint64), ticks, table, whole.tag)
    for window, rows in enumerate((np.flatnonzero(odd), np.flatnonzero(~odd))):
        if not rows.size:
            continue
        places = (whole.set_of, whole.at - start, whole.end - start, whole.tag)
        due = Due(
            window, np.full(rows.size, window), *(column[rows].astype(np.int32) for column in (*places, whole.tag))
        )
        batch, where, at, begins = found.cut_out(due, windows)
        assert set(begins.tolist()) == {window}
        units = [place.unit for place in where]
        assert [units[part] for part in batch.set_of] == whole.set_of[rows].tolist()
        begins = np.array(at)[batch.set_of] + batch.at - batch.starts[batch.set_of]
        assert begins.tolist() == (whole.at - start)[rows].tolist()
        assert bytes_of(batch, np.arange(rows.size)) == bytes_of(whole, rows)


def bytes_of(batch: Any, chunks: Any) -> list[bytes]:
    return [batch.data[batch.at[chunk] : batch.end[chunk]].tobytes() for chunk in chunks.tolist()]


def test_chunks_that_are_no_longer_there_are_left_out(tmp_path: Path) -> None:
    chunks = [(0x6001, b"x" * 16), (0x6004, b"y" * 8)]
    content = plain(chunks, padded=True)
    run = new_run()
    found = SetData(run)
    found.places = stored(tmp_path / "f.tracev3", [content, content])
    file = tmp_path / "f.tracev3"
    both = np.array([0, 1], np.int32)
    due = Due(
        0,
        np.zeros(2, np.int64),
        both,
        np.full(2, 32, np.int32),
        np.full(2, 56, np.int32),
        np.full(2, 0x6004, np.uint16),
        both,
    )
    assert found.cut_out(due, NOTHING_LATER)[0].tag.tolist() == [0x6004, 0x6004]
    found.release()  # nothing is due any more
    data = file.read_bytes()
    file.write_bytes(data.replace(struct.pack("<II", 0x6004, 0), struct.pack("<II", 0x6001, 0), 1))
    batch, where, _, _ = found.cut_out(due, NOTHING_LATER)
    assert [where[part].unit for part in batch.set_of] == [1]
    found.release()
    file.unlink()
    assert found.cut_out(due, NOTHING_LATER)[0].tag.size == 0
    assert set(run.problems) == {("f", "unreadable-file")}


def test_what_was_used_does_not_add_up(tmp_path: Path) -> None:
    rounds, kept = 1000, 3
    contents = [plain([(0x6001, bytes([number]) * 16)] * rounds, padded=True) for number in range(kept + 1)]
    found = SetData(new_run(), kept * len(contents[0]))
    found.places = stored(tmp_path / "f.tracev3", contents)
    sets = np.repeat(np.arange(kept + 1, dtype=np.int32), rounds)
    at = np.tile(np.arange(rounds, dtype=np.int32) * 32, kept + 1)
    window = np.tile(np.arange(rounds, dtype=np.uint64), kept + 1)
    windows = Windows(
        np.zeros((2, kept + 1), np.uint64),
        np.arange(1, rounds, dtype=np.uint64),
        np.array([window, window]),
        np.array([sets, at, at + 32]),
        np.full(sets.size, 0x6001, np.uint16),
    )
    for number in range(rounds):
        cut, _, _, _ = found.cut_out(windows.due(number), windows)
        assert bytes_of(cut, np.arange(kept + 1)) == [content[:32] for content in contents]
        assert len(found._kept) <= kept
        assert len(found._latest) <= 2 * kept + reread._SPARE + 1
