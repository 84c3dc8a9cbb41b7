"""``traceview query``: several inputs, forms of output, and what a person can read in 80 columns. Captures are synthetic."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import traceview as tv
from traceview import cli
from traceview.capture import Capture
from traceview.cli.grid import MOST_ROWS, render
from traceview.scan import scan
from traceview.sql_errors import outside
from traceview_parsers import open_trace
from traceview_parsers.errors import TraceviewError, UsageError

LOG = "push-never-reported.ios26.ndjson"
OTHER = "healthy-incoming-call.ios26.ndjson"
Run = Callable[..., Any]


@pytest.fixture
def run(samples: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(samples)
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(cli.app, ["query", *arguments])


def test_several_inputs_and_the_sql_last(run: Run) -> None:
    query = "SELECT count(*) AS n FROM log"
    counts = [int(run(*inputs, query, "--format", "csv").stdout.split()[1]) for inputs in ((LOG,), (OTHER,), (LOG, OTHER))]  # fmt: skip
    assert counts[2] == counts[0] + counts[1] > counts[0] > 0


def test_all_tables_are_listed_those_of_the_sources_too(run: Run) -> None:
    names = run(LOG, "show tables;").stdout.split()
    assert {"log", "calls", "findings", "clocks"} <= set(names)


def test_the_sql_first_is_told(run: Run) -> None:
    told = run("SELECT 1 FROM log", LOG)
    assert told.exit_code != 0
    assert "the SQL is the last argument" in str(told.exception)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('{}')",
        "SELECT * FROM calls, \"READ_json\" /* ' */ ('{}')",
        "SELECT * FROM log WHERE message IN (SELECT a FROM read_parquet('{}'))",
        "SELECT * -- it's\nFROM read_ipc('{}')",
    ],
)
def test_sql_reads_nothing_but_the_capture(run: Run, tmp_path: Path, query: str) -> None:
    (tmp_path / "other.csv").write_text("secret\n1\n")
    result = run(LOG, query.format(tmp_path / "other.csv"))
    assert isinstance(result.exception, UsageError)
    assert "reads other files than the capture" in str(result.exception)
    assert "secret" not in result.output


@pytest.mark.parametrize(
    "query", ["DELETE FROM log", " truncate log", "/* SELECT */ DROP TABLE log", "log", "EXPLAIN DELETE FROM log"]
)
def test_a_query_that_asks_for_nothing_is_refused(run: Run, query: str) -> None:
    told = run(LOG, query)
    assert isinstance(told.exception, UsageError)
    assert "a query begins with SELECT, WITH or SHOW TABLES, not with" in str(told.exception)


@pytest.mark.parametrize(
    "query",
    [
        "WITH a AS (SELECT * FROM log) DELETE FROM log",
        "WITH a (x) AS (SELECT ')' AS x), b AS (SELECT 1) delete FROM a",
        "(WITH a AS (SELECT (1)) /* SELECT */ DELETE FROM log)",
        "EXPLAIN WITH a AS (SELECT 1) DELETE FROM log",
    ],
)
def test_a_with_that_changes_something_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setattr(Capture, "analysis", property(lambda _: pytest.fail("it is refused before anything is read")))
    told = run(LOG, query)
    assert isinstance(told.exception, UsageError)
    assert str(told.exception) == "query: a query changes nothing: behind WITH … stands SELECT, not DELETE"


@pytest.mark.parametrize("verb", ["INSERT INTO log SELECT 1", "UPDATE log SET pid = 1", "MERGE INTO log USING a"])
def test_so_are_other_verbs_behind_a_with(verb: str) -> None:
    assert (outside(f"WITH a AS (SELECT 1) {verb}") or "").endswith(f"stands SELECT, not {verb.partition(' ')[0]}")


@pytest.mark.parametrize("query", ["DESCRIBE calls", "desc calls", "SHOW COLUMNS FROM calls", "SHOW TABLES FROM calls"])
def test_how_tables_and_columns_are_listed_is_told(run: Run, query: str) -> None:
    told = run(LOG, query)
    assert isinstance(told.exception, UsageError)
    assert str(told.exception).startswith(
        f"query: {query}: there is no such query; `SHOW TABLES` alone lists the tables"
    )
    assert str(told.exception).endswith("`SELECT * FROM … LIMIT 0` tells the columns of a table")


@pytest.mark.parametrize(("query", "way"), [("SELECT * FROM cals", "SHOW TABLES"), ("SELECT ap FROM calls", "SELECT * FROM … LIMIT 0")])  # fmt: skip
def test_the_way_that_an_error_names_works(run: Run, query: str, way: str) -> None:
    assert f"; `{way}` " in str(run(LOG, query).exception)
    answer = run(LOG, way.replace("…", "calls"))
    assert {"log", "calls"} <= set(answer.stdout.split()) or "columns: id, app, " in answer.stderr


@given(st.text(alphabet="-/* \n(w", max_size=60))
def test_the_verb_is_found_in_no_time(text: str) -> None:
    outside("-- " * 200 + text)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "/* DELETE */ SELECT 1",
        "-- DROP\n(SELECT 1)",
        "WITH a AS (SELECT 1)",
        "WITH a AS (SELECT 1) SELECT max(x) FROM a ORDER BY 1",
        "WITH a AS (SELECT 1) (SELECT * FROM a) ORDER BY 1",
        "WITH a (x) AS MATERIALIZED (SELECT 1), b AS (SELECT (2)) FROM a",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN",
        " show tables ; ",
        "",
    ],
)
def test_a_query_that_asks_is_none_to_refuse(query: str) -> None:
    assert outside(query) is None


@pytest.mark.parametrize("form", ["text", "table", "json", "ndjson"])
def test_of_no_rows_the_columns_are_told(run: Run, form: str) -> None:
    told = run(LOG, "SELECT id, app FROM calls WHERE 1 = 2", "--format", form)
    assert told.exit_code == 0
    assert told.stderr == "traceview: no rows; columns: id, app\n"
    assert told.stdout.strip() == ("[]" if form == "json" else "")


def test_csv_of_no_rows_is_its_header(run: Run) -> None:
    assert run(LOG, "SELECT id, app FROM calls WHERE 1 = 2", "--format", "csv").output == "id,app\n"


def test_no_other_function_of_sql_reads_files(tmp_path: Path) -> None:
    path = tmp_path / "other"
    names = {
        f"{verb}_{name.partition('_')[2]}" for name in dir(pl) if name.startswith("read_") for verb in ("read", "scan")
    }
    for name in sorted(names):
        for query in ("SELECT * FROM {0}_{1}('{2}')", "SELECT * FROM U&\"{0}\\005f{1}\"('{2}')"):
            sql = query.format(name[:4], name[5:], path)
            if outside(sql) is None:
                with pytest.raises(pl.exceptions.PolarsError, match=r"not a supported table function|parse"):
                    pl.SQLContext().execute(sql, eager=True)


def test_narrow_tables_stay_tables_and_wide_ones_become_blocks(run: Run) -> None:
    table = run(LOG, "SELECT app, kind, code FROM terminations").stdout.splitlines()
    assert [line.split() for line in table] == [
        ["app", "kind", "code"],
        ["-------------", "---------------", "----------"],
        ["com.acme.voip", "push_unreported", "0xbaadca11"],
    ]
    blocks = run(LOG, "SELECT * FROM terminations").stdout.splitlines()
    assert blocks[0].startswith("--- row 1 --")
    assert max(map(len, blocks)) <= 80
    assert ["code", "0xbaadca11"] in [line.split() for line in blocks]


def test_long_cells_are_cut_and_that_is_said(run: Run) -> None:
    query = "SELECT time, process, message FROM log LIMIT 9"
    told = run(LOG, query)
    assert max(map(len, told.stdout.splitlines())) <= 80
    assert "…" in told.stdout
    assert "long cells are cut" in told.stderr
    whole = run(LOG, query, "--format", "table")
    assert "…" not in whole.stdout
    assert whole.stderr == ""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("time > TIMESTAMP '2026-01-15 08:13:00'", "write a plain text in their place"),
        ("TIMESTAMP '2026-01-15 08:13:00' <= time", "write a plain text in their place"),
        ("time BETWEEN TIMESTAMP '2026-01-15 08:13:00' AND '2026-01-16'", "write a plain text in their place"),
        ("time > CAST('2026-01-15 08:13:00' AS TIMESTAMP)", "write a plain text in their place"),
        ("time - TIMESTAMP '2026-01-15 08:13:00' > '1s'", "write a plain text in their place"),
        ("time > '08:13:00'", "a text that has date and time"),
    ],
)
def test_how_to_compare_times_is_told_and_works(run: Run, wrong: str, told: str) -> None:
    answer = str(run(LOG, f"SELECT time FROM log WHERE {wrong}").exception)  # noqa: S608  (fixed text)
    assert told in answer
    assert "dtype" not in answer
    named = re.findall(r"'(2026-[^']*)'", answer)
    assert len(named) == 2
    count = "SELECT count(*) AS n FROM log WHERE time < '{}'"
    counts = [run(LOG, count.format(one), "--format", "csv").stdout for one in named]
    assert counts[0] == counts[1] == "n\n68\n"
    help_text = " ".join(run("--help").stdout.split())
    assert all(f"'{one}'" in help_text for one in named)


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_forms_for_programs(run: Run, form: str) -> None:
    text = run(LOG, "SELECT app, start FROM terminations", "--format", form).stdout
    (row,) = json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]
    assert row["app"] == "com.acme.voip"
    assert row["start"].startswith("2026-01-15T")


def test_source_tables_are_asked_without_an_analysis(samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Capture, "analysis", property(lambda _: pytest.fail("no episode table was asked for")))
    with tv.open(samples / LOG) as capture:
        assert (
            capture.sql("SELECT process FROM log WHERE process = 'apsd' LIMIT 2")["process"].to_list() == ["apsd"] * 2
        )
        with pytest.raises(TraceviewError, match=r"no column nothing; columns: ref, .* more; "):
            capture.sql("SELECT nothing FROM log")


def test_a_lazy_table_is_the_table(samples: Path) -> None:
    with open_trace(samples / LOG) as trace:
        lazy = scan(trace, "log")
        whole = lazy.collect()
        assert whole.height == trace.table("log").num_rows
        some = lazy.filter(pl.col("process") == "apsd").select("message")
        assert some.collect().equals(whole.filter(pl.col("process") == "apsd").select("message"))
        assert lazy.head(7).collect().equals(whole.head(7))
        with pytest.raises(KeyError):
            scan(trace, "no such table")


def test_numbers_are_never_cut() -> None:
    frame = pl.DataFrame({"text": ["0" * 16], "number": [2**40 - 1], "ratio": [-1.340780791e154]})
    lines, remarks = render(frame, 49)
    assert max(map(len, lines)) <= 49
    assert any(line.endswith("-1.340780791e+154") for line in lines)
    assert remarks == []


@given(
    rows=st.lists(st.tuples(st.text(max_size=60), st.integers() | st.none(), st.floats(allow_nan=True)), max_size=5),
    width=st.integers(20, 200),
    table=st.booleans(),
)
def test_every_cell_is_shown_on_lines_of_its_own(
    rows: list[tuple[str, int | None, float]], width: int, *, table: bool
) -> None:
    numbers = [None if number is None else number % 2**40 for _, number, _ in rows]
    frame = pl.DataFrame(
        {"text": [text for text, _, _ in rows], "number": numbers, "ratio": [ratio for _, _, ratio in rows]},
        schema={"text": pl.String, "number": pl.Int64, "ratio": pl.Float64},
    )
    lines, remarks = render(frame, width, table=table)
    assert all(line.isprintable() for line in lines)
    assert len(lines) >= len(rows)
    assert table or max(map(len, lines), default=0) <= max(width, 40)
    assert (
        remarks == ["no rows; columns: text, number, ratio"]
        if not rows
        else not remarks or any("…" in line for line in lines)
    )


def test_times_lists_and_many_rows() -> None:
    when = datetime(2026, 1, 15, 9, 5, 3, 500_000, tzinfo=UTC)
    frame = pl.DataFrame({"time": [when], "refs": [[1, 2]]})
    assert render(frame, 80)[0][2].split() == ["2026-01-15T09:05:03.500Z", "1", "2"]
    lines, remarks = render(pl.DataFrame({"n": range(MOST_ROWS + 1)}), 80)
    assert len(lines) == MOST_ROWS + 2
    assert remarks == [f"the first {MOST_ROWS} of {MOST_ROWS + 1} rows; --format csv prints all"]
