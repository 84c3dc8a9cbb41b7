"""Hostile, damaged and oddly written exports. All rows are made up."""

from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from traceview_parsers import open_trace
from traceview_parsers.errors import InputError
from traceview_parsers.xctrace.blocks import row_blocks
from traceview_parsers.xctrace.digits import decimals
from traceview_parsers.xctrace.document import read_document

COLUMNS = {"small": ("name:string", "count:uint64"), "os-log": ("time:event-time", "message:os-log-metadata")}
LOG_ROW = (
    '<row><event-time id="1" fmt="">1</event-time><os-log-metadata id="2" fmt="a 1,000"><narrative-text id="3" fmt="a ">'
    'a </narrative-text><uint64 id="4" fmt="1,000">1000</uint64></os-log-metadata></row>'
)


def node(schema: str, rows: str, place: int = 1) -> str:
    columns = "".join(
        f"<col><mnemonic>{name}</mnemonic><name>N</name><engineering-type>{kind}</engineering-type></col>"
        for name, kind in (column.split(":") for column in COLUMNS[schema])
    )
    xpath = f"//trace-toc[1]/run[1]/data[1]/table[{place}]"
    return f"<node xpath='{xpath}'><schema name=\"{schema}\">{columns}</schema>{rows}</node>"


def export(*nodes: str) -> bytes:
    return ('<?xml version="1.0"?>\n<trace-query-result>\n' + "\n".join(nodes) + "</trace-query-result>\n").encode()


def one_row(path: Path, table: str) -> dict[str, Any]:
    with open_trace(path) as trace:
        (row,) = trace.table(table).to_pylist()
    return {name: value for name, value in row.items() if value is not None and name != "ref"}


def kinds(path: Path) -> dict[str, int]:
    with open_trace(path) as trace:
        for table in trace.tables:
            trace.table(table)
        return {problem.kind: problem.count for problem in trace.problems if problem.kind != "no-start-time"}


SMALL = '<row><string id="1" fmt="a">a</string><uint64 id="2" fmt="1">1</uint64></row>'


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('<row><string ref="9"/><uint64 id="3" fmt="">3</uint64></row>', "unknown-reference"),
        ('<row><string ref="3"/><uint64 id="3" fmt="">3</uint64></row>', "unknown-reference"),
        ('<row><string ref="2"/><uint64 id="3" fmt="">3</uint64></row>', "reference-to-other-type"),
        ('<row><string ref="x"/><uint64 id="3" fmt="">3</uint64></row>', None),
        ('<row><string id="99999999999" fmt="b">b</string><uint64 id="3" fmt="">3</uint64></row>', "id-out-of-range"),
        ('<row><string id="3" fmt="b">b</string><uint64 id="4" fmt="">no number</uint64></row>', "not-a-number"),
        (
            '<row><string id="3" fmt="b">b</string><uint64 id="4" fmt="">18446744073709551616</uint64></row>',
            "not-a-number",
        ),
        ('<row><string id="3" fmt="b">b</string><uint64 id="4" fmt="">-1</uint64></row>', "not-a-number"),
    ],
)
def test_wrong_cells_are_null_and_counted(tmp_path: Path, row: str, problem: str | None) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(export(node("small", SMALL + row + SMALL.replace('"1"', '"7"').replace('"2"', '"8"'))))
    assert kinds(path) == ({problem: 1} if problem else {})
    with open_trace(path) as trace:
        first, _, last = trace.table("xctrace_small").drop_columns(["ref"]).to_pylist()
        assert (first, last) == ({"name": "a", "count": 1},) * 2


@pytest.mark.parametrize(
    "row",
    [
        '<row><string id="3" fmt="b">b</string></row>',
        '<row><string id="3" fmt="b">b</string><uint64 id="4" fmt="">1</uint64><sentinel/></row>',
        '<row><string id="3" fmt="b">b<uint64 id="4" fmt="">1</uint64></row>',
        '<row><string id="3" fmt="b>b</string><uint64 id="4" fmt="">1</uint64></row>',
        "<row><string id=",
        '<row><string id="3" fmt="b">b</string></uint64></uint64></row>',
        "<row/>",
        "<row><![CDATA[<row>]]><sentinel/></row>",
        "<row>" + "<string>" * 500 + "</string>" * 500 + "<sentinel/></row>",
    ],
)
def test_ill_formed_rows_do_not_cost_their_neighbours(tmp_path: Path, row: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(export(node("small", SMALL + row + SMALL.replace('"1"', '"7"').replace('"2"', '"8"'))))
    found = kinds(path)
    assert found
    assert set(found) <= {"damaged-row", "cells-do-not-fit"}
    with open_trace(path) as trace:
        assert trace.table("xctrace_small").drop_columns(["ref"]).to_pylist() == [{"name": "a", "count": 1}] * 2


@pytest.mark.parametrize(
    "row",
    [
        "<row><string id='1' fmt='a'>a</string><uint64 id='2' fmt='1'>1</uint64></row>",
        '<row ><string  id = "1"\n fmt="a" >a</string ><uint64 fmt="1" id="2">1</uint64></row>',
        '<row><string id="1" fmt="x>y">a</string><uint64 id="2" resident-%="100.00" fmt="1">1</uint64></row>',
        '<row><!-- <row> --><string id="1" fmt="a">a</string><?pi <x>?><uint64 id="2" fmt="1">1</uint64></row>',
        '<row>\n  <string fmt="a">a</string>\n  <uint64>1</uint64>\n</row>',
    ],
)
def test_other_ways_to_write_the_same(tmp_path: Path, row: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(export(node("small", row)))
    assert one_row(path, "xctrace_small") == {"name": "a", "count": 1}
    assert kinds(path) == {}


def test_a_raw_angle_bracket_in_a_value_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(export(node("small", """<row><string id="1" fmt='say "a>b"'></string><sentinel/></row>""")))
    assert one_row(path, "xctrace_small") == {"name": 'say "a>b"'}


def test_text_that_is_not_utf_8_is_kept_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(export(node("small", SMALL)).replace(b">a<", b">\xc3(a\x00<"))
    assert one_row(path, "xctrace_small")["name"] == "\ufffd(a\x00"


def test_a_row_without_end_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    huge = '<row><string id="3" fmt="">' + "x" * 5000 + "</string><sentinel/></row>"
    path.write_bytes(export(node("small", SMALL + huge + SMALL.replace('"1"', '"7"').replace('"2"', '"8"'))))
    with (
        patch("traceview_parsers.xctrace.source.row_blocks", partial(row_blocks, step=200)),
        patch("traceview_parsers.xctrace.blocks.MAX_ROW_BYTES", 1000),
    ):
        assert set(kinds(path)) == {"damaged-row"}
        with open_trace(path) as trace:
            assert trace.table("xctrace_small").column("name").to_pylist() == ["a", "a"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"<trace-query-result>", "truncated"),
        (b"<trace-query-result/>", "no-tables"),
        (b"<trace-query-result>\n</trace-query-result>\n", "no-tables"),
        (b"<trace-query-result><node xpath='x'", "truncated"),
        (b"<trace-toc", "truncated"),
    ],
)
def test_a_file_without_tables_says_why(tmp_path: Path, text: bytes, problem: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(b'<?xml version="1.0"?>\n' + text)
    assert kinds(path) == {problem: 1}


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    path.write_bytes(bomb + export(node("small", SMALL)).removeprefix(b'<?xml version="1.0"?>'))
    with pytest.raises(InputError, match="document type"):
        open_trace(path)
    path.write_bytes(export(node("small", SMALL.replace(">a<", ">&b;&lol;<"))))
    assert one_row(path, "xctrace_small")["name"] == "&b;&lol;"


def test_ids_that_begin_anew_in_each_node(tmp_path: Path) -> None:
    other = SMALL.replace(">a<", ">b<") + '<row><string ref="1"/><uint64 ref="2"/></row>'
    path = tmp_path / "a.xml"
    path.write_bytes(export(node("small", SMALL + '<row><string ref="1"/><sentinel/></row>'), node("small", other, 2)))
    with open_trace(path) as trace:
        for _ in range(2):
            assert trace.table("xctrace_small").column("name").to_pylist() == ["a", "a", "b", "b"]


@given(st.data())
def test_any_bytes_after_the_head_are_survived(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [b"<row>", b"</row>", b"<node", b"</node>", b">", b"<", b'"', b"'", b"<schema", b'<string id="1"', b"/>", b" ref=",
         b'"2"', b"<!--", b"<![CDATA[", b"&", b"\xff", b"\xfe", b"\0", b"<os-log-metadata", b"</", b"-", b"1"]
    ) | st.binary(max_size=4)  # fmt: skip
    noise = b"".join(data.draw(st.lists(pieces, max_size=60)))
    whole = export(node("small", SMALL * 2), node("os-log", LOG_ROW, 2), node("small", "", 3))
    at = data.draw(st.integers(50, len(whole)))
    path = tmp_path_factory.mktemp("xctrace") / "a.xml"
    path.write_bytes(whole[:at] + noise + whole[at:])
    kinds(path)


@given(
    st.lists(
        st.integers(0, 1 << 66).map(str) | st.from_regex(r"[0-9]{0,22}[a-z:/ -]?[0-9]{0,22}", fullmatch=True),
        max_size=40,
    )
)
@example(["0" * 20, "0" * 19 + "7", "18446744073709551615", "18446744073709551616", "19999999999999999999"])
def test_decimal_numbers_are_read_like_python_reads_them(texts: list[str]) -> None:
    data = b"9" * 32 + "".join(texts).encode() + b"9" * 32
    lengths = np.array([len(text) for text in texts], np.int64)
    words: Any = np.ndarray((len(data) - 7,), "<u8", buffer=data, strides=(1,))
    values, good = decimals(words, 32 + np.cumsum(lengths), lengths)
    for text, value, there in zip(texts, values.tolist(), good.tolist(), strict=True):
        number = text.isdecimal() and len(text) <= 20 and int(text) < 1 << 64
        assert there == number, text
        assert value == (int(text) if number else 0), text


def test_a_table_whose_own_tag_is_damaged_keeps_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    second = node("small", SMALL.replace('"1"', '"7"').replace('"2"', '"8"'), 2).replace("<node xpath=", "<node<xpath")
    path.write_bytes(export(node("os-log", LOG_ROW), second))
    assert kinds(path) == {"damaged-tag": 1}
    with open_trace(path) as trace:
        assert (trace.table("log").num_rows, trace.table("xctrace_small").num_rows) == (1, 1)


def test_damage_that_looks_like_a_table_stays_in_its_recording(tmp_path: Path) -> None:
    """Else its rows would get the times of another recording."""
    more = SMALL.replace('"1"', '"7"').replace('"2"', '"8"')
    path = tmp_path / "a.xml"
    path.write_bytes(export(node("small", f"{SMALL}<node=6{more}")).replace(b"run[1]", b"run[2]"))
    (one, other) = read_document("a.xml", path, 0).nodes
    assert (one.run, other.run, other.schema) == (2, 2, "small")
    assert kinds(path)["damaged-tag"] == 1
