"""Readers of files are imported when there is a file to look at."""

import subprocess
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from generator.archive import Archive
from generator.images import stable_uuid
from generator.timesync import Clock

from traceview_parsers import registry
from traceview_parsers.file_reader import FileReader
from traceview_parsers.powerlog.layout import CLOCK_TABLE, LAYOUTS
from traceview_parsers.problems import Problems
from traceview_parsers.registry import readers
from traceview_parsers.trace import Candidate

UNUSED = [
    f"traceview_parsers.{module}"
    for module in (
        "log_text.reader",
        "device_syslog.reader",
        "ips.reader",
        "metrickit.reader",
        "powerlog.reader",
        "xctrace.reader",
    )
]
STAND_INS = [reader for reader in readers() if isinstance(reader, FileReader)]


@pytest.mark.parametrize("reader", STAND_INS, ids=lambda reader: reader.name)
def test_a_stand_in_tells_what_its_reader_is(reader: FileReader) -> None:
    real = import_module(reader.module).READER
    assert (reader.name, reader.tables) == (real.name, real.tables)
    for head in (b"", b"\0", b"{", b'{"bug_type":"309"}\n{}'):
        file = Candidate("a.ips", None, head)
        assert reader.claims(file) == real.claims(file)
    folder = Candidate("a.ips", Path(), is_dir=True)
    assert reader.claims(folder) == real.claims(folder) == 0


def test_powerlog_names_the_tables_that_its_layouts_fill() -> None:
    (powerlog,) = (reader for reader in STAND_INS if reader.name == "powerlog")
    assert sorted(powerlog.tables) == sorted({*(one.table for one in LAYOUTS), CLOCK_TABLE})


def test_a_sure_claim_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    @dataclass
    class Claims:
        name: str
        sure: int
        tables: tuple[str, ...] = ()

        def claims(self, candidate: Candidate) -> int:
            del candidate
            asked.append(self.name)
            return self.sure

    def best(*claims: int) -> str | None:
        asked.clear()
        found = tuple(Claims(str(place), sure) for place, sure in enumerate(claims))
        monkeypatch.setattr(registry, "readers", lambda: found)
        reader = registry.best_reader(Candidate("a", None), Problems())
        return reader.name if reader else None

    assert best(0, 50, 90, 90) == "2"
    assert best(0, 0) is None
    assert best(90, 100, 100, 50) == "1"
    assert asked == ["0", "1"]


def test_printing_an_archive_needs_no_other_reader(tmp_path: Path) -> None:
    archive = Archive(Clock(stable_uuid("boot"), 1_768_469_400_000_000_000))
    archive.log(archive.process("/usr/libexec/acmed", 50), 1_768_469_401_000_000_000, "hello", ())
    archive.write(tmp_path / "small.logarchive")
    program = (
        "import sys; from traceview.cli import app; app(['log', sys.argv[1], '--style', 'ndjson'], standalone_mode=False); "
        "print([name for name in sys.argv[2:] if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "small.logarchive"), "polars", "sqlite3", *UNUSED]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    *lines, imported = run.stdout.splitlines()
    assert '"eventMessage":"hello"' in lines[-2]
    assert imported == "[]"
