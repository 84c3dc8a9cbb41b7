"""Real files: every file is a source or counted, every row is read or counted; alone, as folders, packed, and together."""

import gzip
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from traceview_parsers import open_trace
from traceview_parsers.trace import Trace

# Files of each folder, those that a reader takes, and problems that say why rows of them were not read.
KINDS = {
    "xctrace": (72, 51, {"track-details": 16, "no-start-time": 40}),
    "metrickit": (6, 6, {}),
    "ips": (20, 19, {"no-time": 2, "truncated": 1, "unread-report-211": 1}),
    "powerlog": (2, 1, {"tables-not-read": 27_751}),
    "log_text": (14, 14, {"many-logs": 1}),
}
READERS = {
    "xctrace": {"xctrace"},
    "metrickit": {"metrickit"},
    "ips": {"ips"},
    "powerlog": {"powerlog"},
    "log_text": {"log_text", "device_syslog"},
}


def rows(trace: Trace) -> dict[str, int]:
    return {table: trace.table(table).num_rows for table in trace.tables}


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def told(trace: Trace) -> Counter[str]:
    counts: Counter[str] = Counter()
    trace.coverage()
    for problem in trace.problems:
        counts[problem.kind] += problem.count
    return counts


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_a_source_or_counted(real: Path, tmp_path: Path, kind: str, packed: bool) -> None:  # noqa: FBT001
    folder = real / kind
    files, taken, problems = KINDS[kind]
    assert len(files_in(folder)) == files
    path = Path(shutil.make_archive(str(tmp_path / kind), "gztar", real, kind)) if packed else folder
    with open_trace(path) as trace:
        whole = rows(trace)
        found = told(trace)
        assert {source.reader for source in trace.sources} == READERS[kind]
        assert len(trace.sources) == taken
    assert found.pop("unclaimed-file", 0) == files - taken
    assert found == problems
    assert sum(whole.values()) > 0


def test_every_row_of_a_folder_of_exports_is_read_or_counted(real: Path) -> None:
    exports = [path for path in files_in(real / "xctrace") if path.suffix == ".xml"]
    written = sum(len(re.findall(rb"<row[ >]", path.read_bytes())) for path in exports if path.stat().st_size)
    with open_trace(real / "xctrace") as trace:
        read = sum(rows(trace).values())
        lost = told(trace)["track-details"]
    assert (read + lost, lost) == (written, 16)


def test_files_together_give_what_each_gives_alone(real: Path) -> None:
    paths = [
        real / "xctrace" / "probe-cli-xcode26.3" / "system-trace.thread-state.no-target.xml",
        real / "xctrace" / "sforteln-xcode27" / "runloop-intervals.xml",
        real / "metrickit",
        real / "ips" / "crash309" / "macsymbolicator-ios-crash.ips",
        real / "powerlog",
        real / "log_text" / "log_show_default.txt",
    ]
    alone: Counter[str] = Counter()
    problems: Counter[str] = Counter()
    for path in paths:
        with open_trace(path) as trace:
            alone.update(rows(trace))
            problems.update(told(trace))
    with open_trace(paths) as trace:
        assert len(trace.inputs) == len(paths)
        assert Counter(rows(trace)) == alone
        found = told(trace)
    del found["other-device"]  # these captures are of several devices, which is said
    del found["other-build"]
    assert found == problems


def test_a_cut_export_keeps_the_rows_before_the_cut(real: Path, tmp_path: Path) -> None:
    whole = (real / "xctrace" / "sforteln-xcode27" / "core-data-fetch.xml").read_bytes()
    path = tmp_path / "cut.xml.gz"
    path.write_bytes(gzip.compress(whole[: len(whole) // 2]))
    with open_trace(path) as trace:
        read = sum(rows(trace).values())
        assert told(trace)["truncated"] == 1
    before = whole[: len(whole) // 2].count(b"</row>")
    assert read == before > 100
