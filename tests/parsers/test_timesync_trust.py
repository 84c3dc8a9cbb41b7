"""Damaged timesync records move no times unnoticed; clocks that somebody set stay set."""

import tarfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast
from uuid import UUID

import numpy as np
import pytest
from generator.images import stable_uuid
from generator.timesync import Clock as Written
from generator.timesync import timesync
from generator.tracev3 import header
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from traceview_parsers.problems import Problem, Problems
from traceview_parsers.unified_log.anchors import AGREES_NS, BOOT_NS, LEFT_OUT, Boot, Head, Moment, judge
from traceview_parsers.unified_log.archive import Files, file_heads
from traceview_parsers.unified_log.timesync import FROM_HEADER, FROM_TIMESYNC, Boots, read_timesync

SECOND = 1_000_000_000
TICKS = 24_000_000
"""A second of a clock of 24 MHz, as in all recent devices."""
START = 1_768_469_400 * SECOND
DAY = 86_400
BOOT = stable_uuid("trust boot")
Step = tuple[float, float]


def written(*steps: Step, start: int = START) -> Written:
    """Return a synthetic boot; each step is (seconds since boot, seconds by which the clock was moved then)."""
    clock = Written(BOOT, start)
    wall = start
    before = 0
    for at, by in steps:
        ticks = int(at * TICKS)
        wall += (ticks - before) * 125 // 3 + int(by * SECOND)
        before = ticks
        clock.syncs.append((ticks, wall))
    return clock


def wall_at(clock: Written, seconds: float) -> int:
    ticks = int(seconds * TICKS)
    base = max([(0, clock.wall_start_ns), *(sync for sync in clock.syncs if sync[0] <= ticks)])
    return base[1] + (ticks - base[0]) * 125 // 3


def head(clock: Written, seconds: float, wall: int | None = None) -> bytes:
    at = wall_at(clock, seconds) if wall is None else wall
    return header(clock, ticks=int(seconds * TICKS), wall_ns=at, build="23C55", hardware="iPhone17,1", zone="UTC")


class Case:
    """Files of an archive of which the timesync file is changed, and the times that it gives."""

    def __init__(self, folder: Path, heads: list[bytes]) -> None:
        self.file = folder / "0000000000000002.timesync"
        traces = []
        for number, data in enumerate(heads):
            path = folder / f"{number}.tracev3"
            path.write_bytes(data)
            traces.append((f"Persist/{path.name}", path))
        self.files = Files(tuple(traces), (self.file,), ())
        self.header = next(file_heads(self.files))[1]

    def read(self, data: bytes, ticks: Any) -> tuple[Any, list[Problem], str]:
        """Return the times of these ticks, what is told, and how the clock came about."""
        self.file.write_bytes(data)
        problems = Problems()
        boots = Boots("a.logarchive", self.files, problems)
        if boots.find(self.header.boot_uuid) is None:  # `Survey` tells that
            problems.add("a.logarchive/timesync", "no-timesync", "")
        clock = boots.clock(self.header.boot_uuid, self.header.anchor)
        return clock.to_ns(ticks)[0], list(problems), clock.how


def away_from(steps: list[int], last: int) -> Any:
    """Return ticks all over the time, none within a second of a sync record: the moment of a step may move by that."""
    edges = [0, *steps, last]
    inside = [
        np.linspace(start + TICKS + 1, end - TICKS - 1, 7) for start, end in pairwise(edges) if end - start > 3 * TICKS
    ]
    return np.concatenate([np.arange(3), *inside]).astype(np.uint64)


def unnoticed(case: Case, data: bytes, changed: bytes, ticks: Any, first_sync: int) -> str:
    """Return what moved without a word, empty where nothing did."""
    truth, problems, how = case.read(data, ticks)
    assert (problems, how) == ([], FROM_TIMESYNC)
    times, problems, _ = case.read(changed, ticks)
    moved = np.abs(times - truth)
    bound = np.where(ticks < first_sync, BOOT_NS + 10 * SECOND, AGREES_NS)
    return "" if problems or (moved < bound).all() else f"up to {moved.max() / 1e9} s"


# Boot, first syncs and hourly corrections as in real archives; a step of a day, confirmed as real ones are.
DAY_AHEAD = (
    (20.5, -5.1),
    (20.75, 0.0),
    (539, -0.04),
    (3797, 0.01),
    (7424, 0.02),
    (7500, DAY),
    (7503, 0.2),
    (11000, -0.03),
)


def every_flip(data: bytes) -> list[tuple[int, bytes]]:
    flips = []
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        flips.append((bit, bytes(changed)))
    return flips


@pytest.mark.parametrize(
    "steps",
    [DAY_AHEAD, DAY_AHEAD[:2], DAY_AHEAD[:7], ((20.5, -5.1),), ((20.5, 56 * 365 * DAY), (20.7, 0)), ()],
    ids=["day ahead", "short", "just set", "one record", "booted long ago", "boot only"],
)
def test_no_flipped_bit_moves_times_unnoticed(tmp_path: Path, steps: tuple[Step, ...]) -> None:
    long_ago = any(by > 365 * DAY for _, by in steps)
    clock = written(*steps, start=5 * SECOND if long_ago else START)
    case = Case(tmp_path, [head(clock, 2.5), head(clock, 21), head(clock, 11_100)])
    syncs = [ticks for ticks, _ in clock.syncs]
    ticks = away_from(syncs, 12_000 * TICKS)
    data = timesync([clock])
    late = min(syncs, default=2**63)
    found = {bit: unnoticed(case, data, changed, ticks, late) for bit, changed in every_flip(data)}
    assert {bit: text for bit, text in found.items() if text} == {}


def contents(archive: Path, suffix: str) -> dict[str, bytes]:
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.name.endswith(suffix):
                found[member.name] = cast("IO[bytes]", tar.extractfile(member)).read()
    return found


def test_no_flipped_bit_of_a_real_file_moves_times_unnoticed(real: Path, tmp_path: Path) -> None:
    archive = real / "logarchive" / "macos12.logarchive.tar.gz"
    case = Case(tmp_path, list(contents(archive, ".tracev3").values()))
    (data,) = contents(archive, ".timesync").values()
    syncs = [1442026097, 1456903364, 3233844123, 3319955942]
    ticks = away_from(syncs, 12_000_000_000)
    found = {bit: unnoticed(case, data, changed, ticks, syncs[0]) for bit, changed in every_flip(data)}
    assert {bit: text for bit, text in found.items() if text} == {}


@pytest.fixture(scope="module")
def ipad(real: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[tuple[Case, Any, int]]]:
    """The timesync file of an iPad with 4,089 records of five boots (iOS 12); each with a head as a log file would have."""
    (data,) = contents(real / "logarchive" / "ios15-nostrings.logarchive.tar.gz", ".timesync").values()
    boots, odd = read_timesync([("a", data)])
    assert not odd
    cases = []
    for uuid, boot in boots.items():
        second = boot.syncs[1]
        clock = Written(UUID(bytes=uuid), 0)
        data_of_head = header(clock, ticks=second.tick, wall_ns=second.wall_ns, build="", hardware="", zone="")
        syncs = [moment.tick for moment in boot.syncs]
        ticks = away_from(syncs, syncs[-1] + 3600 * TICKS)
        cases.append((Case(tmp_path_factory.mktemp("ipad"), [data_of_head]), ticks, syncs[0]))
    return data, cases


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 131_088 * 8 - 1))
def test_flips_in_the_timesync_of_an_ipad(ipad: tuple[bytes, list[tuple[Case, Any, int]]], bit: int) -> None:
    data, cases = ipad
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    assert [unnoticed(case, data, bytes(changed), ticks, first) for case, ticks, first in cases] == [""] * 5


@pytest.mark.parametrize(
    ("clock", "heads"),
    [
        (written(*DAY_AHEAD), (21.0,)),
        (written((20.5, -5), (20.7, 0), (600, DAY), (603, 0.1), (900, -DAY), (903, 0.1)), (21.0,)),  # and back
        (written((20.5, -5), (20.7, 0), (600, DAY), (900, -DAY)), (21.0, 700.0, 950.0)),  # heads of files confirm it
        (written((20.5, -5), (20.7, 0), (600, 3 * 365 * DAY), (603, 0.1)), (21.0,)),
        (written((20.5, -5), (20.7, 0), (600, -11.75), (603, 0)), (2.0, 700.0)),
        (written((20.5, 0), (20.7, 0), (80, 56 * 365 * DAY), (81, 0.3), start=3 * SECOND), (21.0,)),  # booted in 1970
        (written((20.5, 25 * 365 * DAY), (20.7, 0.3), start=978_307_200 * SECOND + 7), (21.0,)),  # in 2001
        (written((20.5, 9 * DAY), (20.7, 0.3)), (2.0, 21.0)),  # some day, which the head of a file confirms
        (written(*((20.5 + 900 * number, 0.9) for number in range(40))), (21.0,)),  # drifts fast
        (written(), (21.0,)),
    ],
)
def test_clocks_that_were_set_are_believed(tmp_path: Path, clock: Written, heads: tuple[float, ...]) -> None:
    case = Case(tmp_path, [head(clock, at) for at in heads])
    seconds = [0.0, 1.0, 20.4, 22.0, 500.0, 601.0, 650.0, 899.0, 904.0, 5000.0, 7502.0, 90_000.0]
    times, problems, how = case.read(timesync([clock]), np.array([int(at * TICKS) for at in seconds], np.uint64))
    assert times.tolist() == [wall_at(clock, at) for at in seconds]
    assert (problems, how) == ([], FROM_TIMESYNC)


def damaged(change: Callable[[list[tuple[int, int]]], None], *steps: Step) -> bytes:
    clock = written(*steps)
    change(clock.syncs)
    return timesync([clock])


def far(syncs: list[tuple[int, int]]) -> None:
    syncs[3] = syncs[3][0], syncs[3][1] + 12_345_678 * SECOND


def both_ends(syncs: list[tuple[int, int]]) -> None:
    far(syncs)
    syncs[4] = syncs[4][0] + 2**40, syncs[4][1] - 2**50


@pytest.mark.parametrize(("change", "count"), [(far, 1), (both_ends, 2)])
def test_records_away_from_all_others_are_not_used(
    tmp_path: Path, change: Callable[[list[tuple[int, int]]], None], count: int
) -> None:
    clock = written(*DAY_AHEAD)
    case = Case(tmp_path, [head(clock, 21)])
    ticks = np.array([30 * TICKS, 4000 * TICKS, 7450 * TICKS, 9000 * TICKS], np.uint64)
    times, problems, _ = case.read(damaged(change, *DAY_AHEAD), ticks)
    assert np.abs(times - [wall_at(clock, at) for at in (30, 4000, 7450, 9000)]).max() < SECOND // 20
    (problem,) = problems
    assert (problem.kind, problem.count, problem.position) == ("damaged-timesync", count, 48 + 3 * 32)
    assert problem.source == "a.logarchive/timesync/0000000000000002.timesync"
    assert problem.message.startswith("the sync record that puts tick 91128000000 at 2026-06-07T07:54:29Z is 12")
    assert problem.message.endswith(" s off what the records before and after it lead to: it is not used")


def test_a_last_record_that_nothing_confirms_is_used_and_told(tmp_path: Path) -> None:
    clock = written(*DAY_AHEAD[:5], (7500, 4321))
    case = Case(tmp_path, [head(clock, 21)])
    times, (problem,), _ = case.read(timesync([clock]), np.array([8000 * TICKS], np.uint64))
    assert times.tolist() == [wall_at(clock, 8000)]
    assert problem.kind == "doubtful-timesync"
    assert problem.message.endswith(
        "4321.000 s off what the records around it lead to, and nothing confirms it; it is used"
    )


@pytest.mark.parametrize("by", [1.1, 2.2, -4.3, 5.6, 8.6, -11.2, 14.0])
def test_a_clock_that_every_record_sets_anew_is_believed(tmp_path: Path, by: float) -> None:
    seconds = [20.5 + 900 * number for number in range(8)]
    clock = written((20.2, 0), *((at, by * (1 + number / 7)) for number, at in enumerate(seconds)))
    case = Case(tmp_path, [head(clock, 1)])
    ticks = np.array([int((at + 100) * TICKS) for at in seconds], np.uint64)
    times, problems, _ = case.read(timesync([clock]), ticks)
    assert times.tolist() == [wall_at(clock, at + 100) for at in seconds]
    assert {problem.kind for problem in problems} == {"doubtful-timesync"}


def test_the_timebase_is_that_which_fits(tmp_path: Path) -> None:
    clock = written(*DAY_AHEAD)
    wrong = replace(clock, timebase=(125, 4))
    case = Case(tmp_path, [head(clock, 21)])
    ticks = np.array([9000 * TICKS], np.uint64)
    times, (problem,), _ = case.read(timesync([wrong]), ticks)
    assert times.tolist() == [wall_at(clock, 9000)]
    assert "gives a tick as 125/4 ns, the heads of log files as 125/3" in problem.message
    flipped = Case(tmp_path, [head(wrong, 21, wall_at(clock, 21))])
    assert flipped.read(timesync([clock]), ticks)[:2] == (np.array(wall_at(clock, 9000)), [])


def test_many_lengths_of_a_tick_cost_little() -> None:
    clock = written(*((20.5 + number, 0.0) for number in range(2000)))
    moments = [Moment(ticks, wall) for ticks, wall in clock.syncs]
    heads = [Head(126 + number, 3, moment) for number, moment in enumerate(moments)]
    boot = Boot(125, 3, Moment(0, clock.wall_start_ns), moments)
    judged, _ = judge(boot, [*heads, Head(125, 3, moments[0])])
    assert (judged.numerator, judged.denominator, judged.syncs) == (125, 3, moments)


def test_heads_of_files_are_the_clock_of_boots_without_timesync(tmp_path: Path) -> None:
    clock = written((20.5, -5.0), (5000, 60))
    heads = [head(clock, at) for at in (21, 22, 23, 6000, 6001)]
    other = timesync([replace(clock, boot_uuid=stable_uuid("another boot"))])
    ticks = np.array([int(at * TICKS) for at in (1, 21, 4000, 6000, 9000)], np.uint64)
    expected = [wall_at(clock, at) for at in (21, 21, 4000, 6000, 9000)]
    expected[0] -= 20 * SECOND
    times, (told,), how = Case(tmp_path, heads).read(other, ticks)
    assert (times.tolist(), told.kind, how) == (expected, "no-timesync", FROM_HEADER)
    heads[1] = head(clock, 22, wall_at(clock, 22) ^ 1 << 55)
    times, (_, problem), how = Case(tmp_path, heads).read(other, ticks)
    assert (times.tolist(), how) == (expected, FROM_HEADER)
    assert (problem.source, problem.kind) == ("a.logarchive/Persist/1.tracev3", "damaged-timesync")
    assert problem.message.startswith("the file head that puts tick 528000000 at")


def test_what_follows_a_lost_boot_record_is_not_of_the_boot_before(tmp_path: Path) -> None:
    first, second = written((20.5, -5), (20.7, 0)), written((400, 7), (401, 0), start=START + DAY * SECOND)
    second.boot_uuid = stable_uuid("another boot")
    data = bytearray(timesync([first, second]))
    case = Case(tmp_path, [head(first, 21)])
    at = 48 + 2 * 32
    data[at] ^= 1
    times, (problem,), _ = case.read(bytes(data), np.array([3000 * TICKS], np.uint64))
    assert times.tolist() == [wall_at(first, 3000)]
    assert (problem.kind, problem.position, problem.count) == ("damaged-timesync", at, 3)
    # Garbage of any length in the middle costs what it covers.
    junk = data[:48] + b"\x07" * 50 + data[48 + 32 : at]
    times, (problem,), _ = case.read(bytes(junk), np.array([3000 * TICKS], np.uint64))
    assert problem.count >= 1


def test_a_folder_in_place_of_a_timesync_file_is_told(tmp_path: Path) -> None:
    clock = written()
    case = Case(tmp_path, [head(clock, 21)])
    case.file.mkdir()
    problems = Problems()
    assert Boots("a", case.files, problems).find(BOOT.bytes) is None
    assert [problem.kind for problem in problems] == ["unreadable-file"]


@given(st.binary(max_size=400), st.binary(max_size=100))
@settings(max_examples=100)
def test_any_bytes_are_read(junk: bytes, more: bytes) -> None:
    data = timesync([written((20.5, -5), (20.7, 0))])
    boots, odd = read_timesync([("a", junk), ("b", data[:60] + more + data[60:]), ("c", data)])
    assert BOOT.bytes in boots
    assert odd or not (any(junk) or more) or len(junk) < 4


MOMENTS = st.builds(Moment, st.integers(0, 2**63 - 1), st.integers(1, 2**62 - 1))
RATES = st.integers(0, 2**32 - 1)


@given(
    RATES, RATES, MOMENTS, st.lists(MOMENTS, max_size=8), st.lists(st.builds(Head, RATES, RATES, MOMENTS), max_size=3)
)
@settings(max_examples=200)
def test_any_clock_is_judged(
    numerator: int, denominator: int, start: Moment, syncs: list[Moment], heads: list[Head]
) -> None:
    boot = Boot(numerator, denominator, structs.replace(start, tick=0), syncs)
    judged, doubts = judge(boot, heads)
    assert set(judged.syncs) <= set(syncs)
    assert min(judged.numerator, judged.denominator) > 0
    left_out = {doubt.moment for doubt in doubts if doubt.kind == LEFT_OUT}
    assert set(syncs) - set(judged.syncs) <= left_out
