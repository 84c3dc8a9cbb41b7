"""``traceview log --jobs``: each process looks into its part of the chunk sets, and all learn what each found."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from generator.archive import Archive
from generator.images import Images, stable_uuid
from generator.packing import Packing
from generator.timesync import Clock

from traceview_parsers.unified_log.chunksets import unpack
from traceview_parsers.unified_log.tracev3 import CHUNK_SET, walk_chunks

START = 1_768_469_400_000_000_000
SECOND = 1_000_000_000
_BEFORE = """
import os, sys
from traceview.cli import log_jobs, main
from traceview_parsers.errors import InputError
from traceview_parsers.unified_log import source, timeline
source._SURVEYED_BYTES, source.WINDOW_BYTES = {block}, 4_000
{change}
main()
"""


_OF_UNKNOWN_TYPE = {1: b"\x20", 4: b"\x79"}
"""Types of the first record of some sets, by their numbers."""


def program(change: str = "", block: int = 300) -> list[str]:
    """Return traceview with small parts and windows, and something that goes wrong in it."""
    return [sys.executable, "-c", _BEFORE.format(block=block, change=change)]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two boots of small sets: every fifth is damaged, every seventh holds an unknown chunk, two an unknown record each.

    A chunk of an unknown kind stands between the sets, too.
    """
    root, images = tmp_path / "two.logarchive", Images()
    for number in range(2):
        made = Archive(Clock(stable_uuid(f"boot {number}"), START + number * 3_600 * SECOND), images=images)
        processes = [made.process(f"/usr/libexec/p{each}", 100 + each) for each in range(3)]
        for row in range(200):
            text = "x" * 40
            when = START + number * 3_600 * SECOND + row * SECOND
            made.log(processes[row % 3], when, "line %d %{public}s", (row, text), subsystem="s")
        made.write(root, packing=Packing(set_bytes=2_000, sets_per_catalog=4), first_file=10 * number + 1)
    for file in (root / "Persist").iterdir():
        file.write_bytes(b"".join(_damaged(file.read_bytes())))
    return root


def _damaged(data: bytes) -> list[bytes]:
    parts, sets = [], 0
    for chunk in walk_chunks(data, lambda *_: None):
        body = data[chunk.start : chunk.end]
        if chunk.tag == CHUNK_SET:
            content = unpack(memoryview(body)).data
            if sets in _OF_UNKNOWN_TYPE:
                first = content.index(b"\x01\x60\0\0") + 48
                content = content[:first] + _OF_UNKNOWN_TYPE[sets] + content[first + 1 :]
            if sets % 7 == 3:
                content += struct.pack("<IIQ", 0x7777, 0, 8) + bytes(8)
            body = b"bv4-" + struct.pack("<I", len(content)) + content + (b"" if sets % 5 == 2 else b"bv4$")
            sets += 1
        parts.append(struct.pack("<IIQ", chunk.tag, 0x11, len(body)) + body + bytes(-len(body) % 8))
    parts.insert(len(parts) // 2, struct.pack("<IIQ", 0x6666, 0, 8) + bytes(8))
    return parts


def run(command: list[str], archive: Path, jobs: int, style: str = "ndjson") -> subprocess.CompletedProcess[str]:
    arguments = ["log", str(archive), "--style", style, "--jobs", str(jobs)]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("block", [1, 3_000, 1 << 20])
def test_rows_and_problems_are_those_of_one_process(archive: Path, block: int) -> None:
    alone = run(program(block=block), archive, 1)
    assert alone.returncode == 0
    assert "a chunk set is damaged" in alone.stderr
    assert "chunk tag 0x7777 inside a chunk set is unknown" in alone.stderr
    assert "chunk tag 0x6666 is unknown" in alone.stderr
    assert "records of unknown types (0x20, 0x79) were left out (4 in all)" in alone.stderr
    for jobs in (2, 3, 5):
        together = run(program(block=block), archive, jobs)
        assert together.stdout == alone.stdout
        assert sorted(together.stderr.splitlines()) == sorted(alone.stderr.splitlines())


FAILURES = {
    "a process that ends while it looks": (
        "log_jobs._ask = lambda line, own: os._exit(3)",
        "a process that read a part of the log ended unexpectedly",
    ),
    "a process that finds an error": (
        "log_jobs._ask = lambda line, own: (_ for _ in ()).throw(InputError('no such log'))",
        "no such log",
    ),
    "the first process": (
        "log_jobs._exchange = lambda workers, own: (_ for _ in ()).throw(InputError('no such log'))",
        "no such log",
    ),
    "sets that are no longer there": (
        """ask, cut = log_jobs._ask, lambda own: [type(own[0])(one.sets - 1, one.blocks, one.moved) for one in own]
log_jobs._ask = lambda line, own: ask(line, cut(own))""",
        "the archive changed while it was read",
    ),
    "a boot that is no longer there": (
        "ask = log_jobs._ask\nlog_jobs._ask = lambda line, own: ask(line, own[1:])",
        "the archive changed while it was read",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="what goes wrong is only known to processes that are forked")
@pytest.mark.parametrize(("change", "told"), FAILURES.values(), ids=FAILURES)
def test_what_fails_in_one_process_ends_all(archive: Path, change: str, told: str) -> None:
    for jobs in (2, 4):
        ended = run(program(change), archive, jobs)
        assert ended.returncode == 2
        assert ended.stderr.splitlines() == [f"traceview: {told}"]


@pytest.mark.skipif(sys.platform != "linux", reason="what goes wrong is only known to processes that are forked")
def test_an_internal_error_of_any_process_is_one_line(archive: Path) -> None:
    change = "log_jobs._ask = lambda line, own: int('no number')"
    for jobs in (2, 4):
        ended = run(program(change), archive, jobs)
        assert ended.returncode == 1
        (line,) = ended.stderr.splitlines()
        assert line.startswith("traceview: internal error (ValueError: invalid literal for int()")


@pytest.mark.skipif(sys.platform != "linux", reason="what goes wrong is only known to processes that are forked")
def test_an_error_that_cannot_be_sent_is_told_by_its_text(archive: Path) -> None:
    change = "Odd = type('Odd', (Exception,), {'__reduce__': None})\nlog_jobs._ask = lambda *_: (_ for _ in ()).throw(Odd('lost'))"
    ended = run(program(change), archive, 2)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "traceview: internal error (RuntimeError: Odd: lost); please report it with --debug output"
    ]
