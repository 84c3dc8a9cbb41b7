"""JSON styles of ``log``: shapes, damage and numbers of 64 bits."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traceview_parsers.log_text import READER, blocks
from traceview_parsers.log_text.json_objects import spread
from traceview_parsers.problems import Problem, Problems
from traceview_parsers.selection import Clause, Selection
from traceview_parsers.trace import Candidate, CaptureInfo, Context, Device, ReadOptions

Row = dict[str, Any]
BASE = {
    "timestamp": "2026-02-03 04:05:06.000007-0330",
    "machTimestamp": 2**64 - 1,
    "processImagePath": "/Applications/Acme.app/Acme",
    "eventType": "logEvent",
    "messageType": "Default",
}


def record(**keys: Any) -> Row:
    return BASE | keys


def read(path: Path) -> tuple[list[Row], dict[str, Problem]]:
    problems = Problems()
    one = Candidate(path.name, path, path.read_bytes()[:4096])
    assert READER.claims(one) == 100
    source = READER.open(one, Context(0, ReadOptions(), problems, Device(), CaptureInfo()))
    return [row for batch in source.batches("log") for row in batch.to_pylist()], {p.kind: p for p in problems}


def write(tmp_path: Path, text: str | bytes, name: str = "log.json") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def small_blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(blocks.read_blocks, "__defaults__", (size,))


ALL_KEYS = record(
    timezoneName="",
    source={"symbol": "f", "line": 3, "image": "Acme", "file": "a.m"},
    formatString="%{public}s",
    userID=501,
    activityIdentifier=2**63 + 5,
    parentActivityIdentifier=2**54 + 1,
    creatorActivityID=7,
    subsystem="com.acme",
    category="call",
    threadID=2**40,
    processID=99,
    processUniqueID=4,
    processImageUUID="05ba185b-9d21-3ee8-b7d8-5ce21382b5e5",
    senderImagePath="/System/Library/X.framework/X",
    senderImageUUID="EFCEFC07-848B-3EA7-87A0-E967111ABE77",
    senderProgramCounter=104220,
    backtrace={"frames": [{"imageOffset": 1, "imageUUID": "A"}]},
    bootUUID="4044A0BF-330C-4FB9-8D90-D5BF55C7B63C",
    traceID=2**53 + 1,
    eventMessage="hello",
)
EXPECTED = {
    "activity_id": 2**63 + 5,
    "parent_activity_id": 2**54 + 1,
    "creator_activity_id": 7,
    "uid": 501,
    "tid": 2**40,
    "pid": 99,
    "mach_time": 2**64 - 1,
    "trace_id": 2**53 + 1,
    "process": "Acme",
    "process_path": "/Applications/Acme.app/Acme",
    "process_uuid": "05BA185B-9D21-3EE8-B7D8-5CE21382B5E5",
    "sender": "X",
    "sender_offset": 104220,
    "boot_uuid": "4044A0BF-330C-4FB9-8D90-D5BF55C7B63C",
    "subsystem": "com.acme",
    "category": "call",
    "format": "%{public}s",
    "level": "default",
    "event": "log",
    "message": "hello",
    "time_how": "exact",
}


@pytest.mark.parametrize("shape", ["ndjson", "array", "minified", "concatenated", "indented", "reversed"])
def test_every_key_in_every_shape(tmp_path: Path, shape: str) -> None:
    both = [ALL_KEYS, record(eventMessage="second")]
    pretty = [json.dumps(one, indent=2, separators=(",", " : ")).replace("/", "\\/") for one in both]
    text = {
        "ndjson": "".join(json.dumps(one) + "\n" for one in both),
        "array": "[" + ",".join(pretty) + "]\n",
        "minified": json.dumps(both),
        "concatenated": "\n".join(pretty),
        "indented": json.dumps(both, indent=2),
        "reversed": "".join(json.dumps(dict(reversed(one.items()))) + "\n" for one in both),
    }[shape]
    rows, problems = read(write(tmp_path, text))
    assert problems == {}
    assert {key: rows[0][key] for key in EXPECTED} == EXPECTED
    assert rows[0]["time"].isoformat().startswith("2026-02-03T07:35:06.000007")
    assert rows[1]["message"] == "second"
    assert rows[1]["trace_id"] is None
    assert [row["ref"] for row in rows] == {
        "ndjson": [1, 2],
        "reversed": [1, 2],
        "minified": [1, 1],
        "array": [1, pretty[0].count("\n") + 1],
        "concatenated": [1, pretty[0].count("\n") + 2],
        "indented": [2, json.dumps(ALL_KEYS, indent=2).count("\n") + 3],
    }[shape]


def test_keys_without_a_value_are_null(tmp_path: Path) -> None:
    keys = {"subsystem": "", "category": "", "formatString": "", "bootUUID": "", "userID": 0xAAAAAAAA, "signpostID": 0}
    rows, _ = read(write(tmp_path, json.dumps(record(activityIdentifier=0, **keys)) + "\n"))
    for column in ("subsystem", "category", "format", "boot_uuid", "uid", "signpost_id", "activity_id", "message"):
        assert rows[0][column] is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("signpostEvent", "signpost"),
        ("activityCreateEvent", "activity"),
        ("activityTransitionEvent", "activity_transition"),
        ("lossEvent", "loss"),
        ("stateEvent", "state"),
        ("userActionEvent", "user_action"),
        ("timesyncEvent", "timesync"),
        ("traceEvent", "trace"),
        ("somethingNew", "log"),
    ],
)
def test_event_types(tmp_path: Path, event: str, expected: Any) -> None:
    rows, _ = read(write(tmp_path, json.dumps(record(eventType=event, lossCount=12)) + "\n"))
    assert rows[0]["event"] == expected
    assert rows[0]["loss_count"] == 12
    assert (rows[0]["level"] is None) == (
        expected in {"signpost", "activity", "activity_transition", "loss", "state", "timesync"}
    )


def test_preamble_closing_line_and_its_count(tmp_path: Path) -> None:
    lines = [
        'Filtering the log data using "x"',
        "Skipping debug messages, pass --debug to include.",
        json.dumps(record()),
    ]
    rows, problems = read(write(tmp_path, "\n".join([*lines, '{"count":1,"finished":1}', ""])))
    assert (len(rows), rows[0]["ref"], problems) == (1, 3, {})
    rows, problems = read(write(tmp_path, "\n".join([*lines, '{"count":4,"finished":1}', ""])))
    assert len(rows) == 1
    assert (problems["count-mismatch"].position, list(problems)) == (4, ["count-mismatch"])
    assert "counts 4 records, but 1 were read" in problems["count-mismatch"].message


@pytest.mark.parametrize(
    ("damaged", "sample"),
    [
        (b'{"timestamp":', '{"timestamp":'),
        (b"\xff\xfe garbage", "\ufffd\ufffd garbage"),
        (b'{"a":1}}', '{"a":1}}'),
        (b"[1,2]", "[1,2]"),
        (b"{" * 2000, "{" * 200),
    ],
)
def test_damaged_lines_cost_themselves_only(tmp_path: Path, damaged: bytes, sample: str) -> None:
    good = json.dumps(record(eventMessage="kept")).encode()
    rows, problems = read(write(tmp_path, b"\n".join([good, damaged, good, b""])))
    assert [(row["ref"], row["message"]) for row in rows] == [(1, "kept"), (3, "kept")]
    assert (problems["unrecognised-line"].position, problems["unrecognised-line"].count) == (2, 1)
    assert problems["unrecognised-line"].sample == sample


def test_objects_that_are_no_log_records_are_left_out_and_counted(tmp_path: Path) -> None:
    for indent in (None, 1):
        text = "\n".join(json.dumps(one, indent=indent) for one in (record(), {"a": 1}, {}, record())) + "\n"
        rows, problems = read(write(tmp_path, text))
        assert len(rows) == 2
        assert (list(problems), problems["not-a-record"].count) == (["not-a-record"], 2)


def test_values_of_the_wrong_type_are_null_or_converted(tmp_path: Path) -> None:
    odd = record(processID="77", threadID=-1, machTimestamp=2**70, eventMessage={"a": 1}, userID=1.5, subsystem=True)
    rows, problems = read(write(tmp_path, json.dumps(odd) + "\n"))
    assert problems == {}
    assert rows[0]["pid"] == 77
    for column in ("tid", "mach_time", "message", "uid", "subsystem"):
        assert rows[0][column] is None


def test_escapes(tmp_path: Path) -> None:
    text = json.dumps(record(eventMessage='tab\t "quoted" \\ \u202e \U0001f600'))
    lone = json.dumps(record()).replace('"Default"', '"Default","eventMessage":"lone \\ud800 surrogate"')
    rows, problems = read(write(tmp_path, f"{text}\n{lone}\n"))
    assert rows[0]["message"] == 'tab\t "quoted" \\ \u202e \U0001f600'
    assert rows[1]["message"] == "lone ? surrogate"
    assert problems == {}


@pytest.mark.parametrize("size", [64, 257, 1000, 4096])
def test_objects_may_cross_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    small_blocks(monkeypatch, size)
    many = [record(eventMessage=f'{{message}} [{i}] \\" }}') for i in range(30)]
    for name, text in (("a", json.dumps(many, indent=2)), ("b", "".join(json.dumps(one) + "\n" for one in many))):
        rows, problems = read(write(tmp_path, text, name))
        assert [row["message"] for row in rows] == [one["eventMessage"] for one in many]
        assert problems == {}


@pytest.mark.parametrize("cut", [0.33, 0.52, 0.78, 0.95])
def test_a_stream_that_was_interrupted(tmp_path: Path, cut: float) -> None:
    many = [record(eventMessage=f"m{i}") for i in range(10)]
    text = "[" + ",".join(json.dumps(one, indent=2) for one in many)
    whole = text[: int(len(text) * cut)]
    rows, problems = read(write(tmp_path, whole))
    assert [row["message"] for row in rows] == [f"m{i}" for i in range(whole.count("\n}"))]
    assert list(problems) == ["truncated"]


def test_damage_inside_a_pretty_printed_log_costs_one_record(tmp_path: Path) -> None:
    many = [json.dumps(record(eventMessage=f"m{i}"), indent=2) for i in range(5)]
    many[2] = many[2].replace('"logEvent"', '"logEv{{{"ent"')
    rows, problems = read(write(tmp_path, "[" + ",".join(many) + "]\n"))
    assert [row["message"] for row in rows] == ["m0", "m1", "m3", "m4"]
    assert problems["unrecognised-line"].count == 1


WORDS = ["ab", 'q"u', "/p/a", "é", "\\", "\n", "x y", "lossEvent"]
names = st.none() | st.frozensets(st.sampled_from(WORDS), min_size=1, max_size=2)
clauses = st.builds(
    Clause,
    words=names,
    processes=names,
    subsystems=names,
    events=st.none() | st.frozensets(st.sampled_from(["loss", "log", "signpost"]), min_size=1),
)
texts = st.lists(st.sampled_from([*WORDS, " ", "z"]), max_size=4).map("".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(texts, texts, st.sampled_from(["ab", "x y", "é"]), st.sampled_from(["logEvent", "lossEvent"]))),
    st.lists(clauses, max_size=2).map(tuple),
    st.sampled_from([None, 2]),
    st.sampled_from(["ascii", "utf-8"]),
)
def test_a_selection_leaves_out_nothing_that_it_asks_for(
    tmp_path: Path, keys: list[tuple[str, ...]], wanted: tuple[Clause, ...], indent: int | None, charset: str
) -> None:  # fmt: skip
    some = [record(eventMessage=m, subsystem=s, processImagePath=f"/p/{p}", eventType=e) for m, s, p, e in keys]
    text = "".join(json.dumps(one, indent=indent, ensure_ascii=charset == "ascii") + "\n" for one in [record(), *some])
    path = write(tmp_path, text)
    one = Candidate(path.name, path, path.read_bytes()[:4096])
    where = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    selection = Selection(clauses=wanted)
    batches = READER.open(one, where).batches("log")
    everything = [row for batch in batches for row in selection.filter(batch).to_pylist()]
    source = READER.open(one, where)
    assert [row for batch in source.batches("log", selection) for row in batch.to_pylist()] == everything
    assert source.coverage().rows == len(some) + 1
    assert not len(where.problems)


def test_what_is_not_parsed_is_counted_all_the_same(tmp_path: Path) -> None:
    lines = [json.dumps(record(eventMessage=f"m{i}")) for i in range(10)]
    path = write(tmp_path, "\n".join([*lines, '{"broken":', '{"count":11,"finished":1}', ""]))
    where = Context(0, ReadOptions(), Problems(), Device(), CaptureInfo())
    source = READER.open(Candidate(path.name, path, path.read_bytes()[:4096]), where)
    selection = Selection(clauses=(Clause(words=frozenset({"m5"})),))
    (batch,) = source.batches("log", selection)
    assert batch.column("message").to_pylist() == ["m5"]
    assert source.coverage().rows == 10
    assert [problem.kind for problem in where.problems] == ["unrecognised-line"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), values, max_size=4), min_size=1), st.sampled_from([None, 0, 2]))
def test_objects_are_found_whatever_they_hold(objects: list[dict[str, Any]], indent: int | None) -> None:
    text = json.dumps(objects, indent=indent, ensure_ascii=False).encode() + b"\n"
    if indent == 0:
        text = b"\n".join(json.dumps(one).encode() for one in objects) + b"\n"
    found, _, _, others = spread(blocks.Lines.of(text))
    assert [json.loads(found.text(row)) for row in range(len(found))] == objects
    assert not len(others)


def test_a_block_of_braces_is_quick_and_counted(tmp_path: Path) -> None:
    good = json.dumps(record()).encode() + b"\n"
    rows, problems = read(write(tmp_path, good + b"}{" * 200_000 + b"\n" + good))
    assert len(rows) == 2
    assert problems["unrecognised-line"].count == 1
