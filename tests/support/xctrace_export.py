"""Small texts in the layout of ``xctrace export``. The columns are those of real exports; the rows are made up."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from traceview_parsers import open_trace
from traceview_parsers.selection import Selection

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
    """Return the rows of one table of the recording, the one at that place of its contents."""
    columns = "".join(
        f"<col><mnemonic>{name}</mnemonic><name>N</name><engineering-type>{kind}</engineering-type></col>"
        for name, kind in (column.split(":") for column in COLUMNS[schema].split())
    )
    xpath = f"//trace-toc[1]/run[1]/data[1]/table[{place}]"
    return f"<node xpath='{xpath}'><schema name=\"{schema}\">{columns}</schema>{rows}</node>"


def export(*nodes: str) -> bytes:
    """Return an export of these tables."""
    return ('<?xml version="1.0"?>\n<trace-query-result>\n' + "\n".join(nodes) + "</trace-query-result>\n").encode()


def contents(*schemas: str, start: str = START, mode: str = "Deferred") -> bytes:
    """Return a table of contents; a schema may carry further attributes."""
    tables = "".join(f"<table {schema}/>" if "=" in schema else f'<table schema="{schema}"/>' for schema in schemas)
    return (
        '<?xml version="1.0"?>\n\n<trace-toc><run number="1"><info><target><device uuid="U" model="iPhone17,1" '
        'name="Test phone" os-version="26.3.1 (23D8133)" platform="iOS"/></target><summary>'
        f"<start-date>{start}</start-date><end-date/><recording-mode>{mode}</recording-mode></summary></info>"
        '<processes><process name="App" pid="77" path="/var/containers/App.app/App"/></processes>'
        f"<data>{tables}</data><tracks/></run></trace-toc>"
    ).encode()


def one_row(path: Path, table: str, selection: Selection | None = None) -> dict[str, Any]:
    """Return what the only row of a table holds, times as nanoseconds, without its reference."""
    with open_trace(path) as trace:
        read = trace.table(table, selection or Selection())
    assert read.num_rows == 1
    plain = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in read.columns]
    (row,) = pa.table(plain, names=read.column_names).to_pylist()
    return {name: value for name, value in row.items() if value is not None and name != "ref"}
