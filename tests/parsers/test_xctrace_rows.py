"""Rows of exports: messages, signposts, intervals and call stacks. The rows are made up."""

from pathlib import Path

import pyarrow as pa
import pytest
from xctrace_export import LOG_ROW, MESSAGE, START_NS, THREAD, contents, export, node, one_row

from traceview_parsers import open_trace
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.time_order import Ordered


def test_arguments_are_typed(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(export(node("os-log", LOG_ROW)))
    arguments = one_row(tmp_path / "a.xml", "log", Selection(arguments=True))["arguments"]
    assert [one["integer"] for one in arguments] == [31925, 255, None]
    assert arguments[2] == {"integer": None, "real": None, "text": None, "privacy": "private"}


def test_a_message_that_comes_again_is_read_from_its_first_definition(tmp_path: Path) -> None:
    again = (
        '<row><event-time ref="1"/><thread ref="2"/><sentinel/><event-type ref="6"/><format-string ref="7"/><sentinel/>'
        '<sentinel/><sentinel/><os-log-metadata ref="10"/><sentinel/></row>\n'
    )
    filler = "".join(
        f'<row><event-time id="{number}" fmt="">{number}</event-time>' + "<sentinel/>" * 9 + "</row>\n"
        for number in range(100, 60_000)
    )
    (tmp_path / "a.xml").write_bytes(export(node("os-log", LOG_ROW + filler + again)))
    wanted = Selection((Clause(words=frozenset({"private"})),), arguments=True)
    with open_trace(tmp_path / "a.xml") as trace:
        first, last = trace.table("log", wanted).drop_columns(["ref", "subsystem", "category", "time"]).to_pylist()
        assert first == last
        assert first["process"] == "App"
        assert first["message"] == MESSAGE


def test_line_breaks_in_messages_survive(tmp_path: Path) -> None:
    row = LOG_ROW.replace(" of </", "\n\tof&#10;&#x1F4DE;</").replace("31.925", "31 925")
    (tmp_path / "a.xml").write_bytes(export(node("os-log", row)))
    assert one_row(tmp_path / "a.xml", "log")["message"] == "sent 31925\n\tof\n📞0xff to <private>"


def test_signposts(tmp_path: Path) -> None:
    row = (
        f'<row><event-time id="1" fmt="">5</event-time>{THREAD}<event-type id="6" fmt="Begin">Begin</event-type>'
        '<string id="7" fmt="Process">Process</string><os-signpost-identifier id="8" fmt="17,216,892,719,917,625,070">'
        '17216892719917625070</os-signpost-identifier><signpost-name id="9" fmt="call">call</signpost-name>'
        + "<sentinel/>" * 6
        + "</row>"
    )
    (tmp_path / "a.xml").write_bytes(export(node("os-signpost", row)))
    assert one_row(tmp_path / "a.xml", "signposts") == {
        "relative_ns": 5, "type": "begin", "name": "call", "process": "App", "pid": 77, "tid": 31,
        "signpost_id": 17216892719917625070, "scope": "process", "source_schema": "os-signpost",
    }  # fmt: skip
    assert one_row(tmp_path / "a.xml", "log") == {
        "time_how": "unknown", "event": "signpost", "process": "App", "pid": 77, "tid": 31, "signpost_name": "call",
        "signpost_type": "begin", "signpost_scope": "process", "signpost_id": 17216892719917625070,
    }  # fmt: skip
    with open_trace(tmp_path / "a.xml") as trace:
        assert trace.table("log").column("ref") == trace.table("signposts").column("ref")
        assert trace.coverage()[0].rows == 1
        clause = Clause(events=frozenset({"log"}))
        assert trace.table("log", Selection((clause,))).num_rows == 0


def test_messages_and_signposts_come_by_time(tmp_path: Path) -> None:
    def logged(at: int, number: int) -> str:
        return f'<row><event-time id="{number}" fmt="">{at}</event-time>' + "<sentinel/>" * 9 + "</row>\n"

    def signpost(at: int, number: int) -> str:
        return f'<row><event-time id="{number}" fmt="">{at}</event-time>' + "<sentinel/>" * 12 + "</row>\n"

    (tmp_path / "toc.xml").write_bytes(contents("os-log", "os-signpost"))
    first = LOG_ROW + "".join(logged(2 * 10**9 + at, 100 + at) for at in range(0, 9_000, 2))
    second = "".join(signpost(2 * 10**9 + at, 10_000 + at) for at in range(1, 9_000, 2)) + signpost(5, 20_000)
    (tmp_path / "log.xml").write_bytes(export(node("os-log", first), node("os-signpost", second, 2)))
    with open_trace(tmp_path) as trace:
        (source,) = trace.sources
        assert isinstance(source, Ordered)
        ordered = pa.Table.from_batches(source.in_order())
        assert sorted(ordered.column("ref").to_pylist()) == sorted(trace.table("log").column("ref").to_pylist())
        assert ordered.column("event").to_pylist()[:4] == ["log", "log", "signpost", "log"]
        assert ordered.column("event").to_pylist()[-2:] == [
            "signpost",
            "signpost",
        ]  # the last is out of its table's order
        assert ordered.column("process")[0].as_py() == "App"
        only = Selection((Clause(events=frozenset({"signpost"})),))
        assert sum(batch.num_rows for batch in source.in_order(only)) == 4_501
        assert sum(batch.num_rows for batch in source.in_order(Selection((Clause(pids=frozenset({1})),)))) == 0
        assert trace.coverage()[0].rows == 9_002


SPAN = '<start-time id="1" fmt="">100</start-time><duration id="20" fmt="">50</duration>'
INTERVAL_ROWS = {
    "potential-hangs": (
        f'<row>{SPAN}<hang-type id="30" fmt="Hang">Hang</hang-type>{THREAD}</row>',
        {"kind": "hang", "label": "Hang", "process": "App", "pid": 77, "thread": "Main Thread", "tid": 31},
    ),
    "life-cycle-period": (
        (
            '<row><start-time id="1" fmt="">100</start-time><string id="30" fmt="g">g</string><layout-id id="31" fmt="0">0'
            '</layout-id><duration id="20" fmt="">50</duration><process id="4" fmt="App (77)"><pid id="5" fmt="77">77</pid>'
            '</process><app-period id="32" fmt="Foreground - Active">Foreground - Active</app-period>'
            '<narrative id="33" fmt="It ran"/></row>'
        ),
        {"kind": "life_cycle", "label": "Foreground - Active", "process": "App", "pid": 77, "narrative": "It ran",
         "attributes": ["group=g", "lane=0"]},
    ),
    "device-thermal-state-intervals": (
        (
            f'<row>{SPAN}<start-time id="21" fmt="">150</start-time><thermal-state id="30" fmt="Serious">Serious'
            '</thermal-state><string id="31" fmt="Current">Current</string><boolean id="32" fmt="No">0</boolean>'
            "<sentinel/></row>"
        ),
        {
            "kind": "thermal", "label": "Serious", "state": "Serious",
            "attributes": ["track-label=Current", "is-induced=No"],
        },
    ),
    "audio-hal-io-cycle": (
        (
            f'<row>{SPAN}<process id="40" fmt="audiomxd (9)"><pid id="41" fmt="9">9</pid></process><sentinel/>'
            '<uint32 id="42" fmt="256">256</uint32><event-concept id="43" fmt="Overload">Red</event-concept></row>'
        ),
        {
            "kind": "audio_io_cycle", "state": "Overload", "process": "audiomxd", "pid": 9,
            "attributes": ["frames=256"],
        },
    ),
    "thread-state": (
        (
            '<row><start-time id="1" fmt="">100</start-time><thread id="2" fmt="AURemoteIO::IOThread (0x1f) (App, pid: 77)">'
            '<tid id="3" fmt="0x1f">31</tid><process id="4" fmt="App (77)"><pid id="5" fmt="77">77</pid></process></thread>'
            '<thread-state id="60" fmt="Preempted">Preempted</thread-state><duration id="20" fmt="">50</duration>'
            '<process ref="4"/><core id="61" fmt="CPU 3 (E Core)">3</core><duration-on-core id="62" fmt="1 ms">1000000'
            '</duration-on-core><duration-waiting id="63" fmt="2 ms">2000000</duration-waiting>'
            '<sched-priority id="64" fmt="97">97</sched-priority><sentinel/><narrative id="65" fmt="Preempted"/><sentinel/>'
            '<thread id="66" fmt="Worker (0x20) (Other, pid: 8)"><tid id="67" fmt="0x20">32</tid></thread><sentinel/>'
            '<sentinel/><boolean id="68" fmt="Yes">1</boolean></row>'
        ),
        {
            "kind": "thread_state", "state": "Preempted", "process": "App", "pid": 77, "tid": 31, "core": 3,
            "thread": "AURemoteIO::IOThread", "cpu_ns": 10**6, "wait_ns": 2 * 10**6, "priority": 97,
            "narrative": "Preempted",
            "attributes": ["preempted-by-thread=Worker (0x20) (Other, pid: 8)", "thermal-throttled=Yes"],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("schema", sorted(INTERVAL_ROWS))
def test_intervals(tmp_path: Path, schema: str) -> None:
    row, expected = INTERVAL_ROWS[schema]
    (tmp_path / "toc.xml").write_bytes(contents(schema))
    (tmp_path / "a.xml").write_bytes(export(node(schema, row)))
    assert one_row(tmp_path, "intervals") == {
        "start": START_NS + 100, "end": START_NS + 150, "relative_ns": 100, "duration_ns": 50,
        "source_schema": schema, **expected,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("Main Thread (0x1f) (App, pid: 77)", "Main Thread"),
        ("Main Thread  0x1f (App, pid: 77)", "Main Thread"),  # Xcode 14
        ("0x1f (&lt;Unknown&gt;, pid: 77)", None),
        ("Main Thread", "Main Thread"),
        ("", None),
    ],
)
def test_names_of_threads(tmp_path: Path, shown: str, name: str | None) -> None:
    thread = THREAD.replace("Main Thread (0x1f) (App, pid: 77)", shown)
    row = f'<row>{SPAN}<hang-type id="30" fmt="Hang">Hang</hang-type>{thread}</row>'
    (tmp_path / "a.xml").write_bytes(export(node("potential-hangs", row)))
    assert one_row(tmp_path / "a.xml", "intervals").get("thread") == name


FRAMES = '<frame id="50" name="leaf&lt;T&gt;" addr="0x1"/><frame id="51" name="main" addr="0x2"/>'
SAMPLE = (
    f'<row><sample-time id="1" fmt="">7</sample-time>{THREAD}<core id="40" fmt="CPU 1">1</core>'
    '<thread-state id="41" fmt="Running">Running</thread-state>'
)


def test_call_stacks_of_old_and_new_xcode(tmp_path: Path) -> None:
    old = f'{SAMPLE}<cycle-weight id="42" fmt="9">900</cycle-weight><backtrace id="43">{FRAMES}</backtrace></row>'
    new = (
        f'{SAMPLE}<weight id="42" fmt="1 ms">1000000</weight><tagged-backtrace id="43" fmt="leaf (1 other frame)">'
        f'<backtrace id="44">{FRAMES}</backtrace></tagged-backtrace></row>'
    )
    shared = {
        "relative_ns": 7, "process": "App", "pid": 77, "thread": "Main Thread", "tid": 31, "state": "Running",
        "core": 1, "frames": ["leaf<T>", "main"],
    }  # fmt: skip
    (tmp_path / "old.xml").write_bytes(export(node("cpu-profile", old)))
    (tmp_path / "new.xml").write_bytes(export(node("time-profile", new)))
    assert one_row(tmp_path / "old.xml", "samples") == shared | {"weight_cycles": 900, "source_schema": "cpu-profile"}
    assert one_row(tmp_path / "new.xml", "samples") == shared | {"weight_ns": 10**6, "source_schema": "time-profile"}


def test_stacks_that_earlier_blocks_defined(tmp_path: Path) -> None:
    def sample(number: int, stack: str) -> str:
        cells = "<sentinel/>" * 5
        return f'<row><sample-time id="{number}" fmt="">{number}</sample-time>{cells}{stack}</row>\n'

    first = f'<tagged-backtrace id="90" fmt="leaf"><backtrace id="91">{FRAMES}</backtrace></tagged-backtrace>'
    second = '<tagged-backtrace id="92" fmt="again"><backtrace ref="91"/></tagged-backtrace>'
    third = f'<tagged-backtrace id="93" fmt=""><backtrace id="94"><frame ref="51"/>{"<frame/>"}</backtrace></tagged-backtrace>'
    filler = [sample(number, "<sentinel/>") for number in range(100, 30_000)]
    later = [sample(40_000 + number, f'<tagged-backtrace ref="{number}"/>') for number in (90, 92, 93)]
    rows = "".join([sample(1, first), sample(2, second), sample(3, third), *filler, *later])
    (tmp_path / "a.xml").write_bytes(export(node("time-profile", rows)))
    with open_trace(tmp_path / "a.xml") as trace:
        frames = trace.table("samples").column("frames").to_pylist()
    stacks = [["leaf<T>", "main"], ["leaf<T>", "main"], ["main", None]]
    assert frames[:3] == stacks
    assert frames[-3:] == stacks
    assert set(map(str, frames[3:-3])) == {"None"}
