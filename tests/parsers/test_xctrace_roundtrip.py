"""Exports written by a small encoder are read back: interning, nesting, empty cells, several nodes, any block size."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from traceview_parsers import open_trace
from traceview_parsers.xctrace.blocks import row_blocks

MAX_UNSIGNED = (1 << 64) - 1


@dataclass
class Encoder:
    """Writes values as ``xctrace`` does: once with an id, afterwards as references."""

    ids: dict[Any, int] = field(default_factory=dict)
    quote: str = '"'

    def element(self, tag: str, shown: str, text: str = "", inside: Iterator[str] | None = None) -> str:
        return self._written(tag, (tag, shown, text), {"fmt": shown}, escape(text), inside)

    def _written(
        self, tag: str, key: Any, attributes: dict[str, str], text: str, inside: Iterator[str] | None = None
    ) -> str:
        if key in self.ids:
            return f"<{tag} ref={self.quote}{self.ids[key]}{self.quote}/>"
        number = self.ids[key] = len(self.ids) + 1
        written = "".join(f" {name}={self._value(value)}" for name, value in attributes.items())
        body = text + "".join(inside or ())
        return f"<{tag} id={self.quote}{number}{self.quote}{written}>{body}</{tag}>"

    def _value(self, value: str) -> str:
        return self.quote + escape(value, {'"': "&quot;", "'": "&apos;"}) + self.quote

    def process(self, name: str, pid: int) -> str:
        inside = (self.element("pid", str(pid), str(pid)), self.element("device-session", "TODO", "TODO"))
        return self._lazy("process", f"{name} ({pid})", lambda: iter(inside))

    def thread(self, name: str, tid: int, process: tuple[str, int]) -> str:
        def inside() -> Iterator[str]:
            yield self.element("tid", hex(tid), str(tid))
            yield self.process(*process)

        return self._lazy("thread", f"{name} ({hex(tid)}) ({process[0]}, pid: {process[1]})", inside)

    def _lazy(self, tag: str, shown: str, inside: Any) -> str:
        """Number the outer element before the inner ones, as the real exporter does."""
        if (tag, shown, "") in self.ids:
            return self.element(tag, shown)
        number = self.ids[tag, shown, ""] = len(self.ids) + 1
        return f"<{tag} id={self.quote}{number}{self.quote} fmt={self._value(shown)}>{''.join(inside())}</{tag}>"

    def message(self, pieces: list[tuple[str, str, str]]) -> str:
        shown = "".join(piece[1] for piece in pieces)
        return self._lazy("os-log-metadata", shown, lambda: (self.element(tag, fmt, text) for tag, fmt, text in pieces))

    def stack(self, frames: tuple[str, ...], *, tagged: bool) -> str:
        def inside() -> Iterator[str]:
            for frame in frames:
                binary = self._written("binary", ("binary", "lib"), {"name": "lib", "path": "/usr/lib/lib"}, "")
                yield self._written("frame", ("frame", frame), {"name": frame, "addr": "0x1"}, "", iter((binary,)))

        def plain() -> Iterator[str]:
            yield self._lazy("backtrace", f"{frames}", inside)

        return self._lazy("tagged-backtrace", f"tagged {frames}", plain) if tagged else next(plain())

    def cell(self, kind: str, value: Any) -> str:
        if value is None:
            return "<sentinel/>"
        if kind == "process":
            return self.process(*value)
        if kind == "thread":
            return self.thread(*value)
        if kind == "os-log-metadata":
            return self.message([("narrative-text", value[0], value[0]), ("uint64", f"{value[1]:,}", str(value[1]))])
        if kind in ("backtrace", "tagged-backtrace"):
            return self.stack(value, tagged=kind == "tagged-backtrace")
        shown = f"shown {value}" if isinstance(value, int) else str(value)
        return self.element(kind, shown, "0 0" if kind == "sockaddr" else str(value))


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=12)
NAMES = st.sampled_from(["App", "SpringBoard", "a b (c)", "Ä"])
PROCESSES = st.tuples(NAMES, st.integers(0, 99))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "start-time": st.integers(0, 10**12),
    "duration": st.integers(0, 10**9),
    "uint64": st.integers(0, MAX_UNSIGNED) | st.just(MAX_UNSIGNED),
    "int64-value": st.integers(-(1 << 63), (1 << 63) - 1),
    "boolean": st.integers(0, 3),
    "string": WORDS,
    "never-heard-of": WORDS,
    "sockaddr": st.sampled_from(["192.0.2.1:5060", "[2001:db8::1]:443"]),
    "fixed-decimal": st.floats(-1e6, 1e6).map(lambda value: round(value, 6)),
    "process": PROCESSES,
    "thread": st.tuples(NAMES, st.integers(1, 99), PROCESSES),
    "os-log-metadata": st.tuples(WORDS, st.integers(0, 10**6)),
    "backtrace": st.lists(WORDS, min_size=1, max_size=4).map(tuple),
    "tagged-backtrace": st.lists(WORDS, min_size=1, max_size=4).map(tuple),
}


def expected(kind: str, value: Any) -> Any:
    """Return the first column that a cell must give."""
    if value is None:
        return None
    if kind in ("process", "thread"):
        return value[0]
    if kind == "os-log-metadata":
        return f"{value[0]}{value[1]}"
    return list(value) if "backtrace" in kind else value


@dataclass
class Table:
    kinds: list[str]
    rows: list[list[Any]]
    schema: bool = True


@st.composite
def tables(draw: st.DrawFn) -> Table:
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=6))
    row = st.tuples(*(st.none() | VALUES[kind] for kind in kinds)).map(list)
    return Table(kinds, draw(st.lists(row, max_size=12)))


def document(nodes: list[Table], quote: str = '"') -> bytes:
    encoder = Encoder(quote=quote)
    out = ['<?xml version="1.0"?>\n<trace-query-result>\n']
    for number, table in enumerate(nodes, 1):
        out.append(f"<node xpath='//trace-toc[1]/run[1]/data[1]/table[{number}]'>")
        if table.schema:
            columns = "".join(
                f"<col><mnemonic>c-{place}</mnemonic><name>C</name><engineering-type>{kind}</engineering-type></col>"
                for place, kind in enumerate(table.kinds)
            )
            out.append(f'<schema name="made-up-{number}">{columns}</schema>')
        for row in table.rows:
            cells = "".join(encoder.cell(kind, value) for kind, value in zip(table.kinds, row, strict=True))
            out.append(f"<row>{cells}</row>\n")
        out.append("</node>")
    out.append("</trace-query-result>\n")
    return "".join(out).encode()


def first_columns(table: Any, kinds: list[str]) -> list[list[Any]]:
    names = [f"c_{place}{'_ns' if kind in ('start-time', 'duration') else ''}" for place, kind in enumerate(kinds)]
    columns = [table.column(name).to_pylist() for name in names]
    return [list(row) for row in zip(*columns, strict=True)]


def check(folder: Path, nodes: list[Table], data: bytes, step: int) -> None:
    (folder / "a.xml").write_bytes(data)
    with (
        patch("traceview_parsers.xctrace.source.row_blocks", partial(row_blocks, step=step)),
        open_trace(folder / "a.xml") as trace,
    ):
        for number, table in enumerate(nodes, 1):
            read = trace.table(f"xctrace_made_up_{number}")
            wanted = [
                [expected(kind, value) for kind, value in zip(table.kinds, row, strict=True)] for row in table.rows
            ]
            assert first_columns(read, table.kinds) == wanted
        assert [problem.kind for problem in trace.problems if problem.kind != "no-start-time"] == []


@given(nodes=st.lists(tables(), min_size=1, max_size=3), step=st.sampled_from([60, 500, 4096]))
def test_what_was_written_is_read_at_any_block_size(
    tmp_path_factory: pytest.TempPathFactory, nodes: list[Table], step: int
) -> None:
    check(tmp_path_factory.mktemp("xctrace"), nodes, document(nodes), step)


@given(nodes=st.lists(tables(), min_size=1, max_size=2), step=st.sampled_from([60, 4096]))
def test_single_quotes_are_read_like_double_ones(
    tmp_path_factory: pytest.TempPathFactory, nodes: list[Table], step: int
) -> None:
    check(tmp_path_factory.mktemp("xctrace"), nodes, document(nodes, "'"), step)


def test_tables_may_be_read_in_any_order_and_again(tmp_path: Path) -> None:
    shared = [["App", None], ["App", 5], ["Äpp & <co>", MAX_UNSIGNED]]
    nodes = [Table(["string", "uint64"], shared), Table(["string", "uint64"], list(reversed(shared)))]
    (tmp_path / "a.xml").write_bytes(document(nodes))
    with open_trace(tmp_path / "a.xml") as trace:
        for number in (2, 1, 2):
            table = trace.table(f"xctrace_made_up_{number}")
            assert first_columns(table, nodes[0].kinds) == nodes[number - 1].rows
        assert len({ref for name in trace.tables for ref in trace.table(name).column("ref").to_pylist()}) == 6


def test_a_node_without_schema_continues_the_table_before(tmp_path: Path) -> None:
    nodes = [Table(["string", "uint64"], [["a", 1]]), Table(["string", "uint64"], [["a", 2], ["b", 1]], schema=False)]
    (tmp_path / "a.xml").write_bytes(document(nodes))
    with open_trace(tmp_path / "a.xml") as trace:
        assert trace.tables == ("xctrace_made_up_1",)
        assert first_columns(trace.table("xctrace_made_up_1"), nodes[0].kinds) == [["a", 1], ["a", 2], ["b", 1]]


def test_a_node_without_schema_whose_cells_do_not_fit_is_reported(tmp_path: Path) -> None:
    nodes = [Table(["string", "uint64"], [["a", 1]]), Table(["string"], [["a"], ["b"]], schema=False)]
    (tmp_path / "a.xml").write_bytes(document(nodes))
    with open_trace(tmp_path / "a.xml") as trace:
        assert trace.table("xctrace_made_up_1").num_rows == 1
        (problem,) = [one for one in trace.problems if one.kind == "cells-do-not-fit"]
        assert problem.count == 2


ROWS = [["a & <b>", 1, ("App", 7)], [None, 2, ("App", 7)], ["a & <b>", None, ("B", 8)]]


def test_a_file_cut_at_any_byte_keeps_the_rows_before_the_cut(tmp_path: Path) -> None:
    nodes = [Table(["string", "uint64", "process"], ROWS)]
    data = document(nodes)
    ends = [at + 6 for at in range(len(data)) if data.startswith(b"</row>", at)]
    rows_begin = data.index(b"<row")
    path = tmp_path / "a.xml"
    for cut in range(data.index(b"<trace-query-result") + 20, len(data)):
        path.write_bytes(data[:cut])
        with open_trace(path) as trace:
            whole = sum(end <= cut for end in ends)
            assert trace.tables == (("xctrace_made_up_1",) if cut >= rows_begin else trace.tables)
            read = trace.table("xctrace_made_up_1") if trace.tables else None
            rows = first_columns(read, nodes[0].kinds) if read is not None else []
            assert rows == [[a, b, c[0]] for a, b, c in ROWS[:whole]], cut
            kinds = {problem.kind for problem in trace.problems} - {"no-start-time"}
            assert kinds == (set() if data[:cut].endswith(b"</trace-query-result>") else {"truncated"}), cut


SOUND = [[number, number * 3] for number in range(30)]
WHOLE = document([Table(["uint64", "uint32"], SOUND)])
BEHIND_SCHEMA = WHOLE.index(b"</schema>") + 9


@given(st.integers(BEHIND_SCHEMA, len(WHOLE) - 40), st.integers(1, 30), st.binary(max_size=6))
@example(539, 9, b"node")
@example(539, 9, b"<node=")
@example(539, 9, b"<node ")
@example(539, 9, b"<node>")
def test_damage_never_costs_undamaged_rows_behind_it(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int, junk: bytes
) -> None:
    rows, whole = SOUND, WHOLE
    broken = whole[:start] + junk + whole[start + length :]
    path = tmp_path_factory.mktemp("xctrace") / "a.xml"
    path.write_bytes(broken)
    with open_trace(path) as trace:
        read = trace.table("xctrace_made_up_1")
        sound = {value for value in read.column("c_0").to_pylist() if value is not None}
    touched = whole[:start].count(b"<row>") - 1, whole[: start + length].count(b"<row>")
    untouched = [row[0] for number, row in enumerate(rows) if not touched[0] <= number < touched[1] + 1]
    lost = [value for value in untouched if value not in sound]
    # A value is defined once: rows that only refer to a damaged definition lose that cell, not themselves.
    assert len(lost) <= 4, lost
