"""Folders, clocks, messages and bundles. The columns are those of real exports; the rows are made up."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from traceview_parsers import open_trace
from traceview_parsers.errors import UnknownFormatError
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.time_order import Ordered

START = "2026-04-09T23:31:11.270-03:00"
START_NS = 1775788271_270_000_000
COLUMNS = {
    "os-log": "time:event-time thread:thread process:process message-type:event-type format-string:format-string "
    "backtrace:text-backtrace subsystem:subsystem category:category message:os-log-metadata "
    "emit-location:return-location",
    "os-signpost": "time:event-time thread:thread process:process event-type:event-type scope:string "
    "identifier:os-signpost-identifier name:signpost-name format-string:format-string backtrace:text-backtrace "
    "subsystem:subsystem category:category message:os-log-metadata emit-location:return-location",
    "time-info": "update-time:sample-time mabs-epoch:mach-absolute-time mct-epoch:mach-continuous-time "
    "timebase-info:mach-timebase-info trace-start-time:time-since-epoch",
    "thread-state": "start:start-time thread:thread state:thread-state duration:duration process:process core:core "
    "cputime:duration-on-core waittime:duration-waiting priority:sched-priority note:narrative summary:narrative "
    "made-runnable-by-thread:thread preempted-by-thread:thread yielded-to-thread:thread rebalanced-from-cpu:core "
    "thermal-throttled:boolean",
    "potential-hangs": "start:start-time duration:duration hang-type:hang-type thread:thread process:process",
    "life-cycle-period": "start:start-time group:string lane:layout-id duration:duration process:process "
    "period:app-period narrative:narrative",
    "device-thermal-state-intervals": "start:start-time duration:duration end:start-time thermal-state:thermal-state "
    "track-label:string is-induced:boolean narrative:narrative",
    "audio-hal-io-cycle": "start:start-time duration:duration process:process thread:thread frames:uint32 "
    "concept:event-concept",
    "time-profile": "time:sample-time thread:thread process:process core:core thread-state:thread-state weight:weight "
    "stack:tagged-backtrace",
    "cpu-profile": "time:sample-time thread:thread process:process core:core thread-state:thread-state "
    "weight:cycle-weight stack:backtrace",
    "small": "name:string count:uint64",
}
THREAD = (
    '<thread id="2" fmt="Main Thread (0x1f) (App, pid: 77)"><tid id="3" fmt="0x1f">31</tid>'
    '<process id="4" fmt="App (77)"><pid id="5" fmt="77">77</pid></process></thread><process ref="4"/>'
)
LOG_ROW = (
    f'<row><event-time id="1" fmt="00:01.000.000">1000000000</event-time>{THREAD}'
    '<event-type id="6" fmt="Error">Error</event-type><format-string id="7" fmt="x">sent %d of %llx to %@</format-string>'
    '<sentinel/><subsystem id="8" fmt="a.b">a.b</subsystem><category id="9" fmt="c">c</category>'
    '<os-log-metadata id="10" fmt="sent 31.925 of 0xff to &lt;private&gt;"><narrative-text id="11" fmt="sent ">sent '
    '</narrative-text><uint64 id="12" fmt="31.925">31925</uint64><narrative-text id="13" fmt=" of "> of '
    '</narrative-text><uint64 id="14" fmt="0xff">255</uint64><narrative-text id="15" fmt=" to "> to </narrative-text>'
    '<string id="16" fmt="&lt;private&gt;">&lt;private&gt;</string></os-log-metadata><sentinel/></row>\n'
)
MESSAGE = "sent 31925 of 0xff to <private>"


def node(schema: str, rows: str, place: int = 1) -> str:
    columns = "".join(
        f"<col><mnemonic>{name}</mnemonic><name>N</name><engineering-type>{kind}</engineering-type></col>"
        for name, kind in (column.split(":") for column in COLUMNS[schema].split())
    )
    xpath = f"//trace-toc[1]/run[1]/data[1]/table[{place}]"
    return f"<node xpath='{xpath}'><schema name=\"{schema}\">{columns}</schema>{rows}</node>"


def export(*nodes: str) -> bytes:
    return ('<?xml version="1.0"?>\n<trace-query-result>\n' + "\n".join(nodes) + "</trace-query-result>\n").encode()


def contents(*schemas: str, start: str = START, mode: str = "Deferred") -> bytes:
    tables = "".join(f"<table {schema}/>" if "=" in schema else f'<table schema="{schema}"/>' for schema in schemas)
    return (
        '<?xml version="1.0"?>\n\n<trace-toc><run number="1"><info><target><device uuid="U" model="iPhone17,1" '
        'name="Test phone" os-version="26.3.1 (23D8133)" platform="iOS"/></target><summary>'
        f"<start-date>{start}</start-date><end-date/><recording-mode>{mode}</recording-mode></summary></info>"
        '<processes><process name="App" pid="77" path="/var/containers/App.app/App"/></processes>'
        f"<data>{tables}</data><tracks/></run></trace-toc>"
    ).encode()


def one_row(path: Path, table: str, selection: Selection | None = None) -> dict[str, Any]:
    with open_trace(path) as trace:
        read = trace.table(table, selection or Selection())
    assert read.num_rows == 1
    plain = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in read.columns]
    (row,) = pa.table(plain, names=read.column_names).to_pylist()
    return {name: value for name, value in row.items() if value is not None and name != "ref"}


def test_a_folder_of_contents_and_tables_is_one_trace(tmp_path: Path) -> None:
    (tmp_path / "toc.xml").write_bytes(
        contents("os-log", "small", "kdebug", "kdebug", "time-info", mode="Windowed (5 seconds)")
    )
    (tmp_path / "log.xml").write_bytes(export(node("os-log", LOG_ROW)))
    (tmp_path / "small.xml").write_bytes(export(node("small", '<row><string id="1">a</string><sentinel/></row>', 2)))
    assert one_row(tmp_path, "log") == {
        "time": START_NS + 10**9, "time_how": "exact", "process": "App", "pid": 77, "tid": 31, "level": "error",
        "process_path": "/var/containers/App.app/App", "subsystem": "a.b", "category": "c", "event": "log",
        "message": MESSAGE, "format": "sent %d of %llx to %@",
    }  # fmt: skip
    with open_trace(tmp_path) as trace:
        assert len(trace.sources) == 1
        assert trace.tables == ("log", "xctrace_small")
        refs = [trace.table(table).column("ref")[0].as_py() for table in trace.tables]
        assert len(set(refs)) == 2
        (coverage,) = trace.coverage()
        assert (coverage.start_ns, coverage.end_ns, coverage.rows) == (START_NS + 10**9, START_NS + 10**9, 1)
        assert coverage.clock == "start date of the table of contents"
        assert coverage.certainty_ns == 1_000_000
        assert "Windowed (5 seconds)" in coverage.notes[0]
        assert coverage.notes[1:] == ("recorded, but not exported: time-info, kdebug",)
        assert (trace.device.model, trace.device.os_build) == ("iPhone17,1", "23D8133")
        assert trace.capture.tz == "-03:00"


def test_a_zip_of_an_export_is_one_trace(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "toc.xml").write_bytes(contents("os-log"))
    (tmp_path / "export" / "log.xml").write_bytes(export(node("os-log", LOG_ROW)))
    archive = shutil.make_archive(str(tmp_path / "call"), "zip", tmp_path, "export")
    assert one_row(Path(archive), "log")["time"] == START_NS + 10**9


def test_a_slice_of_the_log_is_noted(tmp_path: Path) -> None:
    (tmp_path / "toc.xml").write_bytes(contents('schema="os-log" category="PointsOfInterest"'))
    (tmp_path / "log.xml").write_bytes(export(node("os-log", LOG_ROW)))
    with open_trace(tmp_path) as trace:
        assert "category PointsOfInterest" in trace.coverage()[0].notes[0]


def test_other_captures_in_the_folder_are_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "toc.xml").write_bytes(contents("os-log"))
    (tmp_path / "tables.xml").write_bytes(export(node("os-log", LOG_ROW)))
    (tmp_path / "crash.ips").write_text('{"bug_type":"309","timestamp":"2026-01-01 00:00:00.00 +0000"}\n{}')
    with open_trace(tmp_path) as trace:
        assert [source.reader for source in trace.sources].count("ips") == 1
        assert trace.table("log").column("time")[0].value == START_NS + 10**9


def test_contents_of_another_trace_beside_a_file_are_not_believed(tmp_path: Path) -> None:
    (tmp_path / "toc.xml").write_bytes(contents("small", "os-log"))
    (tmp_path / "tables.xml").write_bytes(export(node("os-log", LOG_ROW)))
    assert "time" not in one_row(tmp_path / "tables.xml", "log")


def test_without_any_clock_rows_have_no_time(tmp_path: Path) -> None:
    (tmp_path / "tables.xml").write_bytes(export(node("os-log", LOG_ROW)))
    row = one_row(tmp_path / "tables.xml", "log")
    assert "time" not in row
    assert row["time_how"] == "unknown"
    with open_trace(tmp_path / "tables.xml") as trace:
        (problem,) = trace.problems
        assert problem.kind == "no-start-time"
        assert "xctrace export --input X.trace --toc" in problem.message


TIME_INFO = (
    '<row><sample-time id="90" fmt="0">0</sample-time><mach-absolute-time id="91" fmt="1">1</mach-absolute-time>'
    '<mach-continuous-time id="92" fmt="1">1</mach-continuous-time><mach-timebase-info id="93" fmt="125/3">'
    '<mach-timebase-info-field id="94">125</mach-timebase-info-field></mach-timebase-info>'
    '<time-since-epoch id="95" fmt="10/4/26">{}</time-since-epoch></row>'
)


@pytest.mark.parametrize("written", ["1775788271.270123", "797481071.270123", "1775788271270123000"])
def test_time_info_is_finer_than_the_start_date(tmp_path: Path, written: str) -> None:
    (tmp_path / "toc.xml").write_bytes(contents("os-log", "time-info"))
    (tmp_path / "tables.xml").write_bytes(
        export(node("os-log", LOG_ROW), node("time-info", TIME_INFO.format(written), 2))
    )
    assert one_row(tmp_path, "log")["time"] == START_NS + 123_000 + 10**9
    assert one_row(tmp_path / "tables.xml", "log")["time"] == START_NS + 123_000 + 10**9
    with open_trace(tmp_path) as trace:
        assert trace.coverage()[0].clock == "time-info"
        assert trace.coverage()[0].certainty_ns == 1000
        assert trace.table("xctrace_time_info").column("trace_start_time_ns").to_pylist() == [START_NS + 123_000]


def test_a_start_time_keeps_its_last_digit(tmp_path: Path) -> None:
    rows = TIME_INFO.format("1775788271270123457") + TIME_INFO.format("soon").replace(' id="', ' id="1')
    (tmp_path / "tables.xml").write_bytes(export(node("time-info", rows + "<row>" + "<sentinel/>" * 5 + "</row>")))
    with open_trace(tmp_path / "tables.xml") as trace:
        moments = trace.table("xctrace_time_info").column("trace_start_time_ns").to_pylist()
        assert moments == [1775788271270123457, None, None]
        assert [one.count for one in trace.problems if one.kind == "not-a-number"] == [1]


@pytest.mark.parametrize("written", ["1775788271", "5", "nonsense", "", "9" * 30, "1990000000.5"])
def test_a_useless_time_info_leaves_the_start_date(tmp_path: Path, written: str) -> None:
    (tmp_path / "toc.xml").write_bytes(contents("os-log", "time-info"))
    (tmp_path / "tables.xml").write_bytes(
        export(node("os-log", LOG_ROW), node("time-info", TIME_INFO.format(written), 2))
    )
    assert one_row(tmp_path, "log")["time"] == START_NS + 10**9


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


def test_other_xml_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text('<?xml version="1.0"?><plist><dict/></plist>')
    with pytest.raises(UnknownFormatError):
        open_trace(tmp_path / "a.xml")
