"""Any record, printed in any layout, is read back; files cut anywhere keep every whole record."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceview_parsers.device_syslog import READER as DEVICE_SYSLOG
from traceview_parsers.log_text import READER as LOG_TEXT
from traceview_parsers.problems import Problem, Problems
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, Reader, ReadOptions

Row = dict[str, Any]
ZONE = timezone(timedelta(hours=5, minutes=30))
LEVELS = {
    "default": ("Default", "Df", "Notice"),
    "info": ("Info", "I ", "Info"),
    "debug": ("Debug", "Db", "Debug"),
    "error": ("Error", "E ", "Error"),
    "fault": ("Fault", "F ", "Fault"),
}


@dataclass(frozen=True)
class Record:
    time: datetime
    process: str
    pid: int
    tid: int
    sender: str
    subsystem: str
    category: str
    level: str
    message: str

    def stamp(self, digits: int = 6, zone: Any = "+0530") -> str:
        return self.time.strftime("%Y-%m-%d %H:%M:%S.%f")[: 20 + digits] + zone

    @property
    def label(self) -> str:
        return f"({self.sender}) [{self.subsystem}:{self.category}] "


def default(r: Record) -> str:
    return (
        f"{r.stamp()} 0x{r.tid:<8x} {LEVELS[r.level][0]:<11} 0x0                  {r.pid:<6} 14   "
        f"{r.process}: {r.label}{r.message}\n"
    )


def default_2017(r: Record) -> str:
    return f"{r.stamp()} 0x{r.tid:<8x} {LEVELS[r.level][0]:<11} 0x7  {r.pid:<6} {r.process}: {r.label}{r.message}\n"


def syslog(r: Record) -> str:
    return f"{r.stamp()}  localhost {r.process}[{r.pid}]: {r.label}{r.message}\n"


def compact(r: Record) -> str:
    return f"{r.stamp(3, '')} {LEVELS[r.level][1]} {r.process}[{r.pid}:{r.tid:x}] {r.label}{r.message}\n"


def as_object(r: Record) -> Row:
    return {
        "timestamp": r.stamp(),
        "processImagePath": f"/usr/bin/{r.process}",
        "senderImagePath": f"/System/{r.sender}",
        "processID": r.pid,
        "threadID": r.tid,
        "subsystem": r.subsystem,
        "category": r.category,
        "messageType": LEVELS[r.level][0],
        "eventType": "logEvent",
        "eventMessage": r.message,
        "traceID": 2**64 - 1,
        "machTimestamp": 2**63 + 1,
        "backtrace": {"frames": [{"imageOffset": 3, "imageUUID": "}{"}]},
    }


def ndjson(r: Record) -> str:
    return json.dumps(as_object(r), ensure_ascii=False, separators=(",", ":")).replace("/", "\\/") + "\n"


def idevicesyslog(r: Record) -> str:
    when = f"{r.time:%b} {r.time.day:2d} {r.time:%H:%M:%S.%f}"
    return f"{when} {r.process}({r.sender})[{r.pid}] <{LEVELS[r.level][2]}>: {r.message}\n"


def old_relay(r: Record) -> str:
    when = f"{r.time:%b} {r.time.day:2d} {r.time:%H:%M:%S}"
    return f"{when} iPhone {r.process}({r.sender})[{r.pid}] <{LEVELS[r.level][2]}>: {r.message}\n"


def pymobiledevice3(r: Record) -> str:
    when = r.time.replace(tzinfo=None).isoformat(" ")  # omits a fraction of zero
    return f"{when} {r.process}{{{r.sender}+0x1f}}[{r.pid}] <{LEVELS[r.level][2].upper()}>: {r.message} [{r.subsystem}][{r.category}]\n"


def console_tabs(r: Record) -> str:
    return f"{r.level}\t{r.time:%H:%M:%S.%f}+0530\t{r.process}\t{r.sender}\t{r.message}\n"


def console_all_columns(r: Record) -> str:
    columns = (
        r.level,
        f"{r.time:%H:%M:%S.%f}+0530",
        r.process,
        r.pid,
        f"0x{r.tid:x}",
        r.sender,
        r.subsystem,
        r.category,
    )
    return "\t".join(map(str, columns)) + f"\t{r.message}\n"


def xcode(r: Record) -> str:
    return (
        f"{r.message}\nType: {r.level.title()} | Timestamp: {r.stamp(6, '+05:30')} | Process: {r.process} | "
        f"Library: {r.sender} | Subsystem: {r.subsystem} | Category: {r.category} | TID: 0x{r.tid:x}\n"
    )


def nslog(r: Record) -> str:
    return f"{r.stamp()} {r.process}[{r.pid}:{r.tid}] [{r.category}] {r.message}\n"


Layout = Callable[[Record], str]
EVERY = {"process", "pid", "tid", "sender", "subsystem", "category", "level"}
LAYOUTS = {
    default: EVERY,
    default_2017: EVERY,
    syslog: EVERY - {"tid", "level"},
    compact: EVERY,
    ndjson: EVERY,
    idevicesyslog: {"process", "pid", "sender", "level"},
    old_relay: {"process", "pid", "sender", "level"},
    pymobiledevice3: EVERY - {"tid"},
    console_tabs: {"process", "sender", "level"},
    console_all_columns: EVERY,
    xcode: EVERY - {"pid"},
    nslog: {"process", "pid", "tid", "category"},
}
DIGITS = {compact: 3, old_relay: 0}

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,12}", fullmatch=True)
processes = st.from_regex(r"[A-Z][A-Za-z0-9_.-]{0,8}( [A-Z][a-z]{1,5})?", fullmatch=True)
line = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
messages = st.builds(
    lambda first, rest, indent: "\n".join(["m" + first, *(indent + text for text in rest)]).rstrip("\n"),
    line,
    st.lists(line, max_size=2),
    st.sampled_from(["    ", "\t", "}) "]),
)
records = st.builds(
    Record,
    st.just(datetime(2026, 3, 1, tzinfo=ZONE)),
    processes,
    st.integers(0, 99_999),
    st.integers(0, 2**62),
    names,
    st.from_regex(r"[a-z]{2,4}\.[a-z]{2,6}\.[A-Za-z0-9_-]{1,8}", fullmatch=True),
    names,
    st.sampled_from(sorted(LEVELS)),
    messages,
)
logs = st.lists(st.tuples(records, st.integers(0, 3_600_000_000)), min_size=1, max_size=6).map(
    lambda pairs: [
        Record(
            one.time + timedelta(microseconds=sum(step for _, step in pairs[: index + 1])),
            *(getattr(one, name) for name in list(Record.__dataclass_fields__)[1:]),
        )
        for index, (one, _) in enumerate(pairs)
    ]
)


def reader_of(one: Candidate) -> Reader:
    reader = max((DEVICE_SYSLOG, LOG_TEXT), key=lambda reader: reader.claims(one))
    assert reader.claims(one) > 0, one.head
    return reader


def read(path: Path, reader: Reader = None) -> tuple[list[Row], list[Problem]]:
    one = Candidate(path.name, path, path.read_bytes()[:4096])
    reader = reader or reader_of(one)
    problems = Problems()
    where = Context(0, ReadOptions(date(2026, 3, 1), ZONE), problems, Device(), CaptureInfo())
    rows = [row for batch in reader.open(one, where).batches("log") for row in batch.to_pylist()]
    return rows, list(problems)


def expected(record: Record, layout: Layout) -> Row:
    row = {name: getattr(record, name) for name in LAYOUTS[layout]} | {"message": record.message}
    digits = DIGITS.get(layout, 6)
    micro = record.time.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits)
    row["time"] = record.time.replace(microsecond=micro).astimezone(UTC)
    return row


def seen(row: Row, layout: Layout) -> Row:
    return {name: row[name] for name in LAYOUTS[layout]} | {
        "message": row["message"],
        "time": row["time"].to_pydatetime() if hasattr(row["time"], "to_pydatetime") else row["time"],
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(log=logs, ending=st.sampled_from(["\n", "\r\n"]), encoding=st.sampled_from(["utf-8", "utf-8-sig"]))
def test_what_is_printed_is_read(tmp_path: Path, layout: Layout, log: list[Record], ending: str, encoding: str) -> None:
    path = tmp_path / "capture.txt"
    text = "".join(map(layout, log)).replace("\n", ending)
    path.write_bytes(text.encode(encoding))
    rows, problems = read(path)
    assert [seen(row, layout) for row in rows] == [expected(record, layout) for record in log]
    assert problems == []
    assert {row["time_how"] for row in rows} == {"exact"}


SAMPLE = [
    Record(
        datetime(2026, 3, 1, 12, 30, 5 + index, 123456 * index, tzinfo=ZONE),
        "Acme Voice",
        812 + index,
        0x1F2 + index,
        "AVFAudio",
        "com.acme.voip",
        "call",
        "default",
        f"m{index} «é»\n\tx",
    )
    for index in range(3)
]


def _cuts(whole: bytes, begin: int) -> list[int]:
    """Cuts from `begin` on: at and inside every character of more than a byte, at the edges of words, and every tenth."""
    return [
        at
        for at in range(begin, len(whole))
        if at == begin or whole[at] >= 0x80 or chr(whole[at - 1]).isalnum() > chr(whole[at]).isalnum() or at % 10 == 0
    ]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_a_cut_keeps_every_whole_record_before_it(tmp_path: Path, layout: Layout) -> None:
    printed = [layout(record).encode() for record in SAMPLE]
    whole = b"".join(printed)
    path = tmp_path / "capture.txt"
    reader = reader_of(Candidate(path.name, path, whole))
    for cut in _cuts(whole, len(printed[0]) + len(printed[1])):
        path.write_bytes(whole[:cut])
        rows, _ = read(path, reader)
        assert [seen(row, layout) for row in rows[:2]] == [expected(record, layout) for record in SAMPLE[:2]], cut


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_a_cut_in_the_first_record_never_raises(tmp_path: Path, layout: Layout) -> None:
    whole = layout(SAMPLE[0]).encode()
    path = tmp_path / "capture.txt"
    for cut in range(1, len(whole), 11):
        path.write_bytes(whole[:cut])
        one = Candidate(path.name, path, whole[:cut])
        for reader in (LOG_TEXT, DEVICE_SYSLOG):
            where = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
            rows = sum(batch.num_rows for batch in reader.open(one, where).batches("log"))
            assert rows or len(where.problems) or re.match(rb"^[\s{\[]*$", whole[:cut])
