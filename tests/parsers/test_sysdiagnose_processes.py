"""Processes and threads at the capture: taskinfo, ps_thread, jetsam_priority, spindump. All texts are synthetic, in the layouts that the readers name as their source."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceview_parsers.errors import InputError
from traceview_parsers.problems import Problems
from traceview_parsers.sysdiagnose import READER
from traceview_parsers.sysdiagnose.sidecar import integer, size, yes
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions

CAPTURE = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
CAPTURE_NS = int(CAPTURE.timestamp()) * 10**9

TASKINFO = """num tasks: 2

process: "launchd" [1] [unique ID: 1]
architecture: arm64
suspend count: 0
virtual bytes: 389.03 GB; phys_footprint bytes: 12.23 MB; phys_footprint lifetime maximum bytes: 12.36 MB
run time: 216 s
user/system time    (current threads): 0.145469 s / 0.000000 s
user/system time (terminated threads): 2.225133 s / 0.500000 s
requested policy
\treq role: TASK_UNSPECIFIED (PRIO_DARWIN_ROLE_DEFAULT)
effective policy
\teff role: TASK_UNSPECIFIED (PRIO_DARWIN_ROLE_DEFAULT)
\teff darwin BG: NO
ios-application: NO
pid suspended: NO
threads:
\tthread ID: 0x338 / 824
\tthread ID: 0x338 / 824
\tuser/system time: 0.000353 s / 0.000100 s
\tpolicy: POLICY_TIMESHARE
\t\ttimeshare max  priority: 63
\t\ttimeshare base priority: 31
\t\ttimeshare cur  priority: 30
\teffective policy:
\t\teff thread qos: THREAD_QOS_LEGACY
\t\teff darwin BG: NO
\trun state: TH_STATE_WAITING


process: "AcmeVoIP" [951] [unique ID: 4711]
virtual bytes: 389.03 GB; phys_footprint bytes: 80 MB; phys_footprint lifetime maximum bytes: 1.5 GB
run time: 2510 s
effective policy
\teff role: TASK_BACKGROUND_APPLICATION
\teff darwin BG: YES
ios-application: YES
pid suspended: YES
threads:
\tthread ID: 0x400 / 1024
\tuser/system time: 1.000000 s / 0.250000 s
\trun state: TH_STATE_STOPPED
\tthread ID: 0x401 / 1025
\tthread name: com.apple.audio.IOThread.client
\trun state: TH_STATE_STOPPED
"""
PS_THREAD = """USER     PID   TT   %CPU STAT PRI     STIME     UTIME COMMAND
root       1   ??    0.0 S    37T   0:00.10   0:01.00 /sbin/launchd
           1         0.0 S    37T   0:00.00   0:00.00
           1         0.0 S    31T   0:00.00   0:00.00
mobile   951   ??    0.0 S    4T   0:00.10   0:01.00 /var/containers/Bundle/Application/X/AcmeVoIP.app/AcmeVoIP
"""
JETSAM_TEXT = """    #  priority            fds   footprint  footprint_peak  limit  dirty  PE  frozen  coalition  pid  name           flags        sample
    0         0 (Idle)      10       4.2MB             6MB    6MB      N   Y       -        101   88  heard                             0
    1       100 (FG)       210       120MB           1.5GB  1.4GB      -   -       -        812  951  AcmeVoIP       (Foreground) x      0
    2       999 (-)          -         ---             ---    ---      -   -       -          0   -1  kernel                            0
not a row
"""
JETSAM_CSV = """#,priority,priority_name,fds,footprint,footprint_peak,limit,dirty,PE,frozen,coalition,pid,name,flags,sample
0,120,(Audio),33,122880,200000,1433600,-,-,-,812,951,AcmeVoIP,(---),0
1,0,(Idle),5,-,-,6144,N,Y,-,101,88,heard,(---),0
"""
SPINDUMP = """Date/Time:        2026-01-15 10:30:01.250 +0100
End time:         2026-01-15 10:30:03.250 +0100
OS Version:       iPhone OS 26.2 (Build 23C55)
Architecture:     arm64e
Report Version:   65
Data Source:      Stackshots

------------------------------------------------------------

Process:          AcmeVoIP [951]
UUID:             BDBDD550-2B15-382C-BB61-1798AFD60460
Path:             /private/var/containers/Bundle/Application/X/AcmeVoIP.app/AcmeVoIP
Parent:           launchd [1]
Footprint:        3792 KB
Time Since Fork:  2511s
Num samples:      8 (1-8)

  Thread 0x8b6    DispatchQueue "com.apple.main-thread"(1)    8 samples (1-8)    priority 31 (base 31)
  8  ??? (dyld + 99536) [0x102c504d0]

  Thread 0x8477d    Thread name "AURemoteIO::IOThread"    1 sample (295)    priority 80 (base 63)    cpu time 0.005s (4.2M cycles)
  8  ??? [0xfffffff0071a86d4]

  Binary Images:
           0x1027f4000 -                ???  AcmeVoIP             <BDBDD550-2B15-382C-BB61-1798AFD60460>  /x

Spindump binary format
Process:          Binary [1]
"""


def opened(folder: Path, name: str, data: str | bytes, problems: Problems | None = None) -> Any:
    path = folder / name
    content = data.encode() if isinstance(data, str) else data
    path.write_bytes(content)
    capture = CaptureInfo(time_ns=CAPTURE_NS, tz="+01:00")
    context = Context(3, ReadOptions(), problems if problems is not None else Problems(), Device(), capture)
    return READER.open(Candidate(name, path, content[:4096]), context)


def rows_of(source: Any, table: str) -> list[dict[str, Any]]:
    return [row for batch in source.batches(table) for row in batch.to_pylist()]


def test_taskinfo_tells_launches_and_threads(tmp_path: Path) -> None:
    problems = Problems()
    source = opened(tmp_path, "taskinfo.txt", TASKINFO, problems)
    launchd, app = rows_of(source, "processes_at_capture")
    assert launchd["launch_time"] == CAPTURE - timedelta(seconds=216)
    assert launchd["cpu_time_s"] == pytest.approx(2.870602)
    assert (launchd["threads"], launchd["suspended"], launchd["is_app"]) == (1, False, False)
    assert (app["pid"], app["process"], app["run_time_s"], app["threads"]) == (951, "AcmeVoIP", 2510, 2)
    assert (app["role"], app["darwin_background"], app["suspended"]) == ("TASK_BACKGROUND_APPLICATION", True, True)
    assert (app["footprint_bytes"], app["footprint_peak_bytes"]) == (80 << 20, 3 << 29)
    threads = rows_of(source, "threads_at_capture")
    assert [(row["pid"], row["tid"], row["state"], row["name"]) for row in threads] == [
        (1, 0x338, "TH_STATE_WAITING", None),
        (951, 0x400, "TH_STATE_STOPPED", None),
        (951, 0x401, "TH_STATE_STOPPED", "com.apple.audio.IOThread.client"),
    ]
    assert (threads[0]["base_priority"], threads[0]["priority"], threads[0]["qos"]) == (31, 30, "THREAD_QOS_LEGACY")
    assert threads[1]["cpu_time_s"] == 1.25
    assert source.coverage().certainty_ns == 2 * 10**9
    assert not list(problems)


def test_threads_are_counted_by_process(tmp_path: Path) -> None:
    rows = rows_of(opened(tmp_path, "ps_thread.txt", PS_THREAD), "processes_at_capture")
    assert [(row["pid"], row["process"], row["threads"]) for row in rows] == [(1, "launchd", 3), (951, "AcmeVoIP", 1)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("jetsam_priority.txt", JETSAM_TEXT, (951, 100, "FG", 120 << 20, round(1.4 * (1 << 30)))),
        ("jetsam_priority.csv", JETSAM_CSV, (951, 120, "Audio", 122_880 << 10, 1_433_600 << 10)),
    ],
)
def test_jetsam_priorities_follow_the_header(
    tmp_path: Path, name: str, text: str, expected: tuple[object, ...]
) -> None:
    problems = Problems()
    rows = {row["process"]: row for row in rows_of(opened(tmp_path, name, text, problems), "processes_at_capture")}
    columns = ("pid", "jetsam_priority", "jetsam_band", "footprint_bytes", "jetsam_limit_bytes")
    assert tuple(rows["AcmeVoIP"][column] for column in columns) == expected
    assert (rows["heard"]["jetsam_band"], rows["heard"]["jetsam_limit_bytes"]) == ("Idle", 6 << 20)
    assert set(rows) == {"AcmeVoIP", "heard"}
    assert [problem.kind for problem in problems] == (["unreadable-line"] if name.endswith("txt") else [])


def test_an_unknown_jetsam_layout_is_no_guess(tmp_path: Path) -> None:
    problems = Problems()
    source = opened(tmp_path, "jetsam_priority.txt", "pid band pages\n1 2 3\n", problems)
    assert rows_of(source, "processes_at_capture") == []
    assert [(problem.kind, problem.sample) for problem in problems] == [("unknown-layout", "pid band pages")]


def test_spindump(tmp_path: Path) -> None:
    source = opened(tmp_path, "spindump-nosymbols.txt", SPINDUMP)
    (app,) = rows_of(source, "processes_at_capture")
    begun = datetime(2026, 1, 15, 9, 30, 1, 250_000, tzinfo=UTC)
    assert (app["time"], app["launch_time"]) == (begun, begun - timedelta(seconds=2511))
    assert (app["ppid"], app["footprint_bytes"], app["threads"]) == (1, 3792 << 10, 2)
    main, audio = rows_of(source, "threads_at_capture")
    assert (main["queue"], main["tid"], main["priority"]) == ("com.apple.main-thread", 0x8B6, 31)
    assert (audio["name"], audio["priority"], audio["base_priority"]) == ("AURemoteIO::IOThread", 80, 63)
    assert (audio["cpu_time_s"], main["cpu_time_s"]) == (0.005, None)


def test_a_spindump_without_samples_says_so(tmp_path: Path) -> None:
    text = SPINDUMP.partition("-----")[0] + "No samples\n"
    source = opened(tmp_path, "spindump-nosymbols.txt", text)
    assert rows_of(source, "threads_at_capture") == []
    assert source.coverage().notes == ("no samples were taken",)


FILES = {
    "taskinfo.txt": TASKINFO,
    "ps_thread.txt": PS_THREAD,
    "jetsam_priority.txt": JETSAM_TEXT,
    "jetsam_priority.csv": JETSAM_CSV,
    "spindump-nosymbols.txt": SPINDUMP,
}


def everything(source: Any) -> Iterator[dict[str, Any]]:
    for table in source.tables:
        yield from rows_of(source, table)
    source.coverage()


@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_cut_files_keep_what_is_whole(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    text = FILES[name]
    cut = text[: data.draw(st.integers(0, len(text)))]
    folder = tmp_path_factory.mktemp("cut")
    try:
        rows = list(everything(opened(folder, name, cut)))
    except InputError:
        return
    whole = list(everything(opened(folder, name, text)))
    assert len(rows) <= len(whole) + 1


@given(
    name=st.sampled_from(sorted(FILES)),
    data=st.data(),
    junk=st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(r"[0-9]{1,40}", fullmatch=True),
)
def test_junk_anywhere_is_no_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject, junk: str
) -> None:
    text = FILES[name]
    at = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(at, min(at + 30, len(text))))
    source = None
    try:
        source = opened(tmp_path_factory.mktemp("junk"), name, text[:at] + junk + text[end:])
    except InputError:
        return
    list(everything(source))


def test_small_texts() -> None:
    assert [size(text) for text in ("1.5KB", "4096", "12.23 MB", "---", "1" * 30)] == [
        1536,
        4096,
        12_824_084,
        None,
        None,
    ]
    assert [integer(text) for text in ("-1", "12", "", "1" * 30, "²")] == [-1, 12, None, None, None]
    assert [yes(text) for text in ("YES (boosted)", "N", "-")] == [True, False, None]
