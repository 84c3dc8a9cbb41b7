"""Accepted findings are left out of a fleet, and told: they never look like none."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview.cli import app
from traceview.fleet.accepted import Accepted
from traceview.fleet.dataset import read_table, write_shard
from traceview.fleet.report import write
from traceview.fleet.tables import ACCEPTED, TABLES

UNREPORTED = "push-never-reported.ios26.ndjson"
RULE = "push-unreported"


class _Words(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._raw = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  (of the base class)
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw &= tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.words.append(data)


def _text(page: Path) -> str:
    return " ".join(" ".join(_Words(page.read_text(encoding="utf-8")).words).split())


def _data_set(out: Path, findings: dict[str, list[str]], accepted: list[tuple[str, str, int]], silent: int = 0) -> Path:
    """Write three captures; capture → rules with a finding; (capture, rule, findings) that are accepted."""
    keys = ["c0", "c1", "c2"]
    rows = {
        "captures": [{"capture": key, "name": key, "path": f"/{key}", "uri": f"file:///{key}"} for key in keys],
        "findings": [
            {"capture": key, "rule": rule, "severity": "high", "title": "a title", "fingerprint": rule}
            for key, rules in findings.items()
            for rule in rules
        ],
        "findings_accepted": [
            dict(zip(("capture", "rule", "findings"), row, strict=True)) for row in accepted
        ],
        "rules_not_evaluated": [{"capture": "c0", "rule": f"rule-{n}", "needs": "lines"} for n in range(silent)],
    }  # fmt: skip
    write_shard(out, "one", "c", keys, [{table: pl.DataFrame(rows[table], schema=TABLES[table]) for table in rows}])
    return out


@pytest.fixture
def fleet(samples: Path, tmp_path: Path) -> Callable[..., Path]:
    """Run a batch over two captures of the same trouble and one of another, with the trouble of the first accepted."""

    def make(*names: str) -> Path:
        run, folder = CliRunner(), tmp_path / "captures"
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes((samples / UNREPORTED).read_bytes() + b"\n" * len(list(folder.iterdir())))
        baseline, config = tmp_path / "baseline.json", tmp_path / "traceview.toml"
        assert not run.invoke(app, ["analyze", str(samples / UNREPORTED), "--write-baseline", str(baseline)]).exception
        config.write_text('baseline = "baseline.json"\n')
        told = run.invoke(
            app, ["batch", str(folder), "-o", str(tmp_path / "ds"), "--config", str(config), "--jobs", "1"]
        )
        assert not told.exception, told.output
        return tmp_path / "ds"

    return make


def test_a_batch_stores_what_it_accepts_and_the_page_tells(fleet: Callable[..., Path], tmp_path: Path) -> None:
    dataset = fleet("a.ndjson", "b.ndjson")
    stored = read_table(dataset, "findings_accepted")
    assert dict(stored.schema) == ACCEPTED
    assert set(stored["rule"]) == {RULE}
    assert stored["capture"].n_unique() == 2
    count = stored["findings"].sum()
    assert RULE not in set(read_table(dataset, "findings")["rule"])
    out = tmp_path / "fleet.html"
    told = CliRunner().invoke(app, ["fleet", "report", str(dataset), "-o", str(out)])
    assert f"No other findings in 2 captures than {count} that the configuration accepts" in told.stderr
    assert "Nothing found" not in told.stderr
    text = _text(out)
    assert f"No other findings in 2 captures than {count} that the configuration accepts" in text
    assert f"{count} findings that the configuration accepts are left out, in 2 captures" in text
    assert f"{RULE} , {count} findings in 2 captures, left out" in text
    assert "2 without another finding" in text
    assert f"{RULE} , in 2 captures" not in text


def test_beside_other_findings_what_is_accepted_is_told_too(tmp_path: Path) -> None:
    found = {"c0": ["io-overload"], "c1": [RULE]}
    size = write(_data_set(tmp_path / "ds", found, [("c1", RULE, 2), ("c2", RULE, 1)]), tmp_path / "fleet.html")
    assert size.headline.startswith("2 of 3 captures show critical or high trouble; ")
    assert "; 3 findings that the configuration accepts are left out, in 2 captures" in size.headline
    text = _text(tmp_path / "fleet.html")
    assert "3 findings that the configuration accepts are left out, in 2 captures: which rules they are of" in text
    assert text.count("3 findings in 2 captures, left out") == 2  # with the rule, and among what is not shown


def test_one_accepted_finding_in_captures_that_were_hardly_checked(tmp_path: Path) -> None:
    dataset = _data_set(tmp_path / "ds", {}, [("c2", "rule-of-a-plugin", 1)], silent=70)
    headline = write(dataset, tmp_path / "fleet.html").headline
    assert headline == (
        "No other findings in 3 captures than 1 that the configuration accepts; "
        "1 of the 3 captures without another finding was hardly checked"
    )
    text = _text(tmp_path / "fleet.html")
    assert "1 finding that the configuration accepts is left out, in 1 capture" in text
    assert "rule-of-a-plugin , 1 finding in 1 capture, left out" in text


def test_data_sets_from_before_the_table_are_read(tmp_path: Path) -> None:
    dataset = _data_set(tmp_path / "ds", {}, [])
    assert not (dataset / "findings_accepted").exists()
    assert write(dataset, tmp_path / "fleet.html").headline == "Nothing found in 3 captures"
    assert "that the configuration accepts" not in _text(tmp_path / "fleet.html")


def test_the_same_bytes_twice_are_accepted_once(tmp_path: Path) -> None:
    keys = ["c0", "c1"]
    rows = {
        "captures": [{"capture": key, "name": key, "path": key, "uri": "", "content": "same"} for key in keys],
        "findings_accepted": [{"capture": key, "rule": RULE, "findings": 4} for key in keys],
    }
    tables = {table: pl.DataFrame(rows[table], schema=TABLES[table]) for table in rows}
    write_shard(tmp_path / "ds", "one", "c", keys, [tables])
    assert "than 4 that the configuration accepts" in write(tmp_path / "ds", tmp_path / "fleet.html").headline


def test_rules_with_most_captures_stand_first() -> None:
    rows = [("a", "few", 9), ("a", "many", 1), ("b", "many", 1)]
    accepted = Accepted.of(pl.DataFrame(rows, schema=ACCEPTED, orient="row"))
    assert list(accepted.rules.items()) == [("many", (2, 2)), ("few", (9, 1))]
    assert (accepted.findings, accepted.captures) == (11, 2)
    assert accepted.of_rule("other") == ""
    assert Accepted.of(pl.DataFrame(schema=ACCEPTED)).told == ""
