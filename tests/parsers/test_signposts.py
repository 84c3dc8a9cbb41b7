"""The ``signposts`` table: who pairs with whom, and how long intervals last where the wall clock is set."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from generator.archive import Archive
from generator.images import Images, stable_uuid
from generator.timesync import Clock

from traceview_parsers import schema
from traceview_parsers.problems import Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions
from traceview_parsers.unified_log import READER, signposts

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000


class Marks:
    """An archive of signposts whose places are given in nanoseconds of the continuous clock."""

    def __init__(self, name: str, corrections: dict[float, float] | None = None, images: Images | None = None) -> None:
        """`corrections`: seconds since the boot, and by how many seconds the wall clock is off its first line from then on."""
        clock = Clock(stable_uuid(name), START)
        for at, by in (corrections or {}).items():
            clock.syncs.append((self.ticks(at), START + int((at + by) * SECOND)))
        self.archive = Archive(clock, images=images)
        self.process = self.archive.process("/Applications/VoIP.app/VoIP", 812)

    @staticmethod
    def ticks(at: float) -> int:
        return round(at * SECOND) * 3 // 125

    def mark(self, kind: str, at: float, name: str = "call") -> None:
        text = f"{kind} {name}"
        record = self.archive.signpost(self.process, START, name, text, kind=kind, signpost_id=1)
        record.ticks = self.ticks(at)


def table_of(root: Path) -> list[dict[str, Any]]:
    problems = Problems()
    context = Context(0, ReadOptions(), problems, Device(), CaptureInfo())
    batches = list(READER.open(Candidate(root.name, root, is_dir=True), context).batches("signposts"))
    table = pa.Table.from_batches(batches, schema.SCHEMAS["signposts"])
    table.validate(full=True)
    assert list(problems) == []
    for name in ("time", "end"):
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(pa.int64()))
    return table.sort_by("ref").to_pylist()


@pytest.mark.parametrize("by", [0, 7, -1, -5, -3_600])
def test_a_clock_that_is_set_changes_no_length(tmp_path: Path, by: float) -> None:
    marks = Marks("set", {600 * number: by * (number > 3) for number in range(1, 9)})
    marks.mark("begin", 2_399)
    marks.mark("event", 2_400.25)
    marks.mark("end", 2_401.5)
    marks.mark("begin", 2_402)
    marks.mark("end", 2_403)
    marks.archive.write(tmp_path)
    rows = table_of(tmp_path)
    assert [(row["type"], row["duration_ns"], row["message"]) for row in rows] == [
        ("interval", 2.5 * SECOND, "begin call\nend call"),
        ("event", None, "event call"),
        ("interval", SECOND, "begin call\nend call"),
    ]
    assert rows[0]["time"] == START + 2_399 * SECOND
    assert rows[0]["end"] == START + int((2_401.5 + by) * SECOND)


def test_a_drift_taken_back_tears_nothing_apart(tmp_path: Path) -> None:
    marks = Marks("drift", {600 * number: -0.0003 * number for number in range(1, 5)})
    marks.mark("begin", 1_199.9999)
    marks.mark("end", 1_200.0001)
    marks.archive.write(tmp_path)
    (row,) = table_of(tmp_path)
    assert row["type"] == "interval"
    assert row["duration_ns"] == pytest.approx(200_000, abs=42)


def test_of_nested_intervals_the_inner_ones_pair(tmp_path: Path) -> None:
    marks = Marks("nested")
    for second, kind in enumerate(("begin", "begin", "end", "end"), 1_300):
        marks.mark(kind, second)
    marks.archive.write(tmp_path)
    assert [row["type"] for row in table_of(tmp_path)] == ["begin", "interval", "end"]


def test_nothing_pairs_across_a_boot(tmp_path: Path) -> None:
    images = Images()
    first, second = (Marks(name, images=images) for name in ("first", "second"))
    first.mark("begin", 10)
    second.mark("end", 20)
    first.archive.write(tmp_path)
    second.archive.write(tmp_path, first_file=10)
    assert [(row["type"], row["duration_ns"]) for row in table_of(tmp_path)] == [("begin", None), ("end", None)]


def test_many_intervals_come_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signposts, "_TOGETHER", 3)
    marks = Marks("many")
    for number in range(10):
        marks.mark("begin", 2 * number + 1, f"n{number}")
        if number % 4:
            marks.mark("end", 2 * number + 2.5, f"n{number}")
    marks.archive.write(tmp_path)
    assert [(row["name"], row["type"], row["duration_ns"], row["message"]) for row in table_of(tmp_path)] == [
        (f"n{number}", "interval", 1.5 * SECOND, f"begin n{number}\nend n{number}")
        if number % 4
        else (f"n{number}", "begin", None, f"begin n{number}")
        for number in range(10)
    ]
