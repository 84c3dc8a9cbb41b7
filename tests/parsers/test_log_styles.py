"""Rendering of log batches as ``log show`` does."""

import json
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traceview_parsers import log_styles, open_trace, schema
from traceview_parsers.log_styles.pieces import spell_together

CAIRO = timezone(timedelta(hours=2))


def nanoseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def batch(*rows: dict[str, Any]) -> Any:
    columns: dict[str, Any] = {}
    for field in schema.SCHEMAS["log"]:
        values = [row.get(field.name) for row in rows]
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        array = pa.array(values, pa.int64() if field.name == "time" else kind)
        columns[field.name] = array.dictionary_encode() if pa.types.is_dictionary(field.type) else array
    columns["ref"] = pa.array(range(len(rows)), pa.uint64())
    return schema.log_batch(len(rows), columns)


ROW: dict[str, Any] = {
    "time": nanoseconds("2023-07-19 05:22:51.916784+00:00") + 999,
    "mach_time": 356419412323030,
    "boot_uuid": "E312ED28-914E-4C3C-9B9E-4926AFCCD890",
    "process": "remotepairingd",
    "process_path": "/usr/libexec/remotepairingd",
    "process_uuid": "05BA185B-9D21-3EE8-B7D8-5CE21382B5E5",
    "pid": 599,
    "uid": 501,
    "tid": 0x3058,
    "sender": "RemotePairing",
    "sender_path": "/System/Library/RemotePairing",
    "sender_uuid": "EFCEFC07-848B-3EA7-87A0-E967111ABE77",
    "sender_offset": 203948,
    "subsystem": "com.apple.dt.remotepairing",
    "category": "networktunnelmanager",
    "level": "info",
    "event": "log",
    "message": "tunnel-1: Tunnel established",
    "format": "%s: Tunnel established",
    "activity_id": 0,
    "trace_id": 762098997530628,
}
SIGNPOST = ROW | {
    "event": "signpost",
    "level": None,
    "signpost_id": 0x1B0,
    "signpost_name": "OctagonStatus",
    "signpost_type": "begin",
    "signpost_scope": "process",
    "message": "enableTelemetry=YES",
    "activity_id": 55555,
}


def show(style: str, *rows: dict[str, Any], tz: tzinfo = CAIRO) -> str:
    text = log_styles.header(style) + rendered(batch(*rows), style, tz) + log_styles.footer(style, len(rows))
    return text.decode()


def rendered(rows: Any, style: str, tz: tzinfo, *, first: bool = True) -> bytes:
    return b"".join(log_styles.render(rows, style, tz, first=first))


def test_default_lines_look_like_real_ones() -> None:
    lines = show("default", ROW, ROW | {"sender": "remotepairingd", "subsystem": None, "category": None}, SIGNPOST)
    assert lines.splitlines() == [
        "Timestamp                       Thread     Type        Activity             PID    TTL  ",
        (
            "2023-07-19 07:22:51.916784+0200 0x3058     Info        0x0                  599    0    remotepairingd: "
            "(RemotePairing) [com.apple.dt.remotepairing:networktunnelmanager] tunnel-1: Tunnel established"
        ),
        (
            "2023-07-19 07:22:51.916784+0200 0x3058     Info        0x0                  599    0    remotepairingd: "
            "tunnel-1: Tunnel established"
        ),
        (
            "2023-07-19 07:22:51.916784+0200 0x3058     Signpost    0xd903               599    0    "
            "[spid 0x1b0, process, begin] remotepairingd: (RemotePairing) [com.apple.dt.remotepairing:networktunnelmanager] "
            "OctagonStatus: enableTelemetry=YES"
        ),
    ]


def test_compact_lines_look_like_real_ones() -> None:
    rows = [
        ROW | {"level": "default"},
        ROW | {"level": "error", "subsystem": None, "category": None},
        ROW | {"level": "fault", "category": None, "tid": None},
        SIGNPOST | {"message": None},
    ]
    assert show("compact", *rows).splitlines() == [
        "Timestamp               Ty Process[PID:TID]",
        (
            "2023-07-19 07:22:51.916 Df remotepairingd[599:3058] [com.apple.dt.remotepairing:networktunnelmanager] "
            "tunnel-1: Tunnel established"
        ),
        "2023-07-19 07:22:51.916 E  remotepairingd[599:3058] (RemotePairing) tunnel-1: Tunnel established",
        "2023-07-19 07:22:51.916 F  remotepairingd[599:0] [com.apple.dt.remotepairing:] tunnel-1: Tunnel established",
        (
            "2023-07-19 07:22:51.916 Sp remotepairingd[599:3058] [com.apple.dt.remotepairing:networktunnelmanager] "
            "[spid 0x1b0, process, begin] OctagonStatus"
        ),
    ]


@pytest.mark.parametrize("style", ["default", "syslog", "compact"])
def test_a_line_break_at_the_end_prints_no_empty_line(style: str) -> None:
    assert (
        len(show(style, ROW | {"message": "mcache: 8 CPU(s)\n"}, ROW | {"message": "two\nlines\n"}).splitlines()) == 4
    )
    record = json.loads(show("ndjson", ROW | {"message": "kept\n"}).splitlines()[0])
    assert record["eventMessage"] == "kept\n"


def test_syslog_lines_look_like_real_ones() -> None:
    assert show("syslog", ROW).splitlines() == [
        "Timestamp                       (process)[PID]    ",
        (
            "2023-07-19 07:22:51.916784+0200  localhost remotepairingd[599]: (RemotePairing) "
            "[com.apple.dt.remotepairing:networktunnelmanager] tunnel-1: Tunnel established"
        ),
    ]


def test_ndjson_uses_apples_keys() -> None:
    lines = show("ndjson", ROW, SIGNPOST, {"event": "loss", "loss_count": 63}).splitlines()
    assert json.loads(lines[0]) == {
        "timezoneName": "",
        "messageType": "Info",
        "eventType": "logEvent",
        "source": None,
        "formatString": "%s: Tunnel established",
        "userID": 501,
        "activityIdentifier": 0,
        "subsystem": "com.apple.dt.remotepairing",
        "category": "networktunnelmanager",
        "threadID": 0x3058,
        "senderImageUUID": "EFCEFC07-848B-3EA7-87A0-E967111ABE77",
        "backtrace": {"frames": [{"imageOffset": 203948, "imageUUID": "EFCEFC07-848B-3EA7-87A0-E967111ABE77"}]},
        "bootUUID": "E312ED28-914E-4C3C-9B9E-4926AFCCD890",
        "processImagePath": "/usr/libexec/remotepairingd",
        "senderImagePath": "/System/Library/RemotePairing",
        "timestamp": "2023-07-19 07:22:51.916784+0200",
        "machTimestamp": 356419412323030,
        "eventMessage": "tunnel-1: Tunnel established",
        "processImageUUID": "05BA185B-9D21-3EE8-B7D8-5CE21382B5E5",
        "traceID": 762098997530628,
        "processID": 599,
        "senderProgramCounter": 203948,
        "parentActivityIdentifier": 0,
    }
    assert '"processImagePath":"\\/usr\\/libexec\\/remotepairingd"' in lines[0]
    signpost = json.loads(lines[1])
    assert signpost["eventType"] == "signpostEvent"
    assert "messageType" not in signpost
    assert {key: signpost[key] for key in signpost if key.startswith("signpost")} == {
        "signpostID": 0x1B0,
        "signpostName": "OctagonStatus",
        "signpostType": "begin",
        "signpostScope": "process",
    }
    assert json.loads(lines[2]) == {
        "timezoneName": "",
        "eventType": "lossEvent",
        "source": None,
        "activityIdentifier": 0,
        "subsystem": "",
        "category": "",
        "backtrace": None,
        "eventMessage": "",
        "parentActivityIdentifier": 0,
        "lossCount": 63,
    }
    assert lines[3] == '{"count":3,"finished":1}'


def test_a_bare_name_stands_for_an_unknown_path() -> None:
    record = json.loads(show("ndjson", {"process": "SpringBoard", "message": "x"}).splitlines()[0])
    assert record["processImagePath"] == "SpringBoard"
    assert "senderImagePath" not in record


def test_json_batches_make_one_array() -> None:
    text = log_styles.header("json")
    text += rendered(batch(ROW, SIGNPOST), "json", CAIRO)
    text += rendered(batch(), "json", CAIRO, first=False)
    text += rendered(batch(ROW | {"message": "last"}), "json", CAIRO, first=False)
    text += log_styles.footer("json", 3)
    assert text.startswith(b'[{\n  "timezoneName" : "",\n  "messageType" : "Info",\n')
    assert [record["eventMessage"] for record in json.loads(text)][2] == "last"
    assert json.loads(log_styles.header("json") + log_styles.footer("json", 0)) == []


@pytest.mark.parametrize("style", log_styles.STYLES)
def test_an_empty_batch_prints_nothing(style: str) -> None:
    assert rendered(batch(), style, UTC) == b""


def test_unknown_styles_are_told() -> None:
    with pytest.raises(ValueError, match="use one of ndjson, json"):
        rendered(batch(), "xml", UTC)


def test_daylight_saving_time_changes_inside_a_batch() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    rows = [
        {"time": nanoseconds("2023-10-29 00:59:59.999999+00:00")},
        {"time": nanoseconds("2023-10-29 01:00:00+00:00")},
    ]
    rows += [{"time": nanoseconds("2023-03-26 00:59:59+00:00")}, {"time": nanoseconds("2023-03-26 01:00:00+00:00")}]
    stamps = [json.loads(line)["timestamp"] for line in show("ndjson", *rows, tz=berlin).splitlines()[:-1]]
    assert stamps == [
        "2023-10-29 02:59:59.999999+0200",
        "2023-10-29 02:00:00.000000+0100",
        "2023-03-26 01:59:59.000000+0100",
        "2023-03-26 03:00:00.000000+0200",
    ]


def test_records_without_a_time_stay_visible() -> None:
    text = show("default", ROW | {"time": None}, ROW)
    assert text.splitlines()[1].startswith("????-??-?? ??:??:??.??????+???? 0x3058 ")
    assert "timestamp" not in json.loads(show("ndjson", ROW | {"time": None}).splitlines()[0])


@given(
    times=st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62)), min_size=1, max_size=20),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"]),
)
def test_all_times_print_as_datetime_prints_them(times: list[int | None], zone: str) -> None:
    tz = ZoneInfo(zone)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    lines = show("ndjson", *({"time": time} for time in times), tz=tz).splitlines()[:-1]
    for time, line in zip(times, lines, strict=True):
        if time is None:
            assert "timestamp" not in json.loads(line)
        elif time >= 63_072_000 * 10**9:  # zones had odd offsets before 1972
            local = (epoch + timedelta(microseconds=time // 1000)).astimezone(tz)
            assert json.loads(line)["timestamp"] == f"{local:%Y-%m-%d %H:%M:%S.%f%z}"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(st.lists(st.tuples(TEXT, TEXT, st.one_of(st.none(), TEXT)), max_size=30), st.integers(0, 5))
def test_every_ndjson_line_parses_back(rows: list[tuple[str, str, str | None]], skip: int) -> None:
    whole = batch(*({"message": message, "subsystem": name, "format": form} for message, name, form in rows))
    part = whole.slice(min(skip, len(rows)))
    lines = rendered(part, "ndjson", UTC).decode().split("\n")
    assert lines.pop() == ""
    for (message, name, form), line in zip(rows[skip:], lines, strict=True):
        record = json.loads(line)
        assert (record["eventMessage"], record["subsystem"]) == (message, name)
        assert record.get("formatString") == form
        assert min(line) >= " "


@given(st.lists(TEXT, min_size=1, max_size=20))
def test_pretty_json_parses_back(messages: list[str]) -> None:
    records = json.loads(show("json", *({"message": message} for message in messages)))
    assert [record["eventMessage"] for record in records] == messages


def test_many_distinct_names_do_not_mix_up() -> None:
    columns = [
        pa.array([f"{letter}{i * factor % 3001}" for i in range(3001)]).dictionary_encode()
        for letter, factor in zip("abcdef", (1, 2, 3, 5, 7, 11), strict=True)
    ]
    spelled = spell_together(columns, lambda *names: " ".join(names))
    spelled = [spelled.texts[row] for row in spelled.rows.tolist()]
    assert spelled == [" ".join(names) for names in zip(*(column.to_pylist() for column in columns), strict=True)]


WORDS = st.text("abcXYZ 019:[]()%=\"'/\\<>äß", min_size=1, max_size=30).map(lambda text: f"x{text}x")
NAMES = st.sampled_from(["SpringBoard", "mediaserverd", "com.acme voip", "kernel"])
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "time": st.integers(1_600_000_000_000_000, 1_800_000_000_000_000).map(lambda time: time * 1000),
            "process": NAMES,
            "sender": st.one_of(st.none(), st.sampled_from(["CoreMedia", "libxpc.dylib"])),
            "pid": st.integers(0, 99999),
            "tid": st.integers(0, 2**40),
            "subsystem": st.sampled_from(["com.apple.coremedia", "com.acme.voip"]),
            "category": st.sampled_from(["audio", "default"]),
            "level": st.sampled_from(schema.LEVELS),
            "event": st.just("log"),
            "message": st.lists(WORDS, min_size=1, max_size=3).map("\n".join),
        }
    ),
    min_size=1,
    max_size=8,
)
READ_BACK = {
    "ndjson": ("time", "process", "sender", "pid", "tid", "subsystem", "category", "level", "message"),
    "json": ("time", "process", "sender", "pid", "tid", "subsystem", "category", "level", "message"),
    "default": ("time", "process", "sender", "pid", "tid", "subsystem", "category", "level", "message"),
    "syslog": ("time", "process", "sender", "pid", "subsystem", "category", "message"),
    "compact": ("process", "pid", "tid", "subsystem", "category", "level", "message"),
}


@pytest.mark.parametrize("style", log_styles.STYLES)
@settings(max_examples=12)  # each example opens a file
@given(records=RECORDS)
def test_the_text_reader_reads_it_back(style: str, records: list[dict[str, Any]], tmp_path_factory: Any) -> None:
    path: Path = tmp_path_factory.mktemp("styles") / "log.txt"
    path.write_bytes(show(style, *records).encode())
    with open_trace(path) as trace:
        read = pa.Table.from_batches(trace.batches("log"), schema.SCHEMAS["log"])
    for name in READ_BACK[style]:
        column = read[name].cast(pa.int64()) if name == "time" else read[name]
        assert column.to_pylist() == [record[name] for record in records], name
