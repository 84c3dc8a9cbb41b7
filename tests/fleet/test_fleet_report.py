"""The fleet page: what it says, what it must never do, and how it holds up from no capture to ten thousand."""

import os
import re
import time
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from traceview.cli import app
from traceview.fleet.batch import run
from traceview.fleet.dataset import write_shard
from traceview.fleet.jobs import find_jobs
from traceview.fleet.places import link, told_apart
from traceview.fleet.report import FleetSize, write
from traceview.fleet.tables import TABLES, failure
from traceview.fleet.worker import Settings
from traceview.plots.fleet import METRICS, brief, heat_map, percent, ratios
from traceview.rules.builtin import load_rules
from traceview.rules.lacking import MOST_SILENT
from traceview_parsers.errors import InputError, UsageError

Make = Callable[..., Settings]
EVIL = "</script><img src=x onerror=alert(1)>\u202e{{7*7}}\x00"


class Page(HTMLParser):
    """Text and attributes of a page, without scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._raw = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw &= tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._raw:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def links(self) -> list[str]:
        return [attributes["href"] or "" for tag, attributes in self.tags if tag == "a"]

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(file: Path) -> Page:
    return Page(file.read_text(encoding="utf-8"))


def data_set(out: Path, captures: int = 1, findings: int = 0, silent: int = 0, **columns: Any) -> Path:
    """Write captures, of which the first so many have a finding, and the last so many a rule that could not run."""
    keys = [f"c{n}" for n in range(captures)]
    rows = [
        {
            "capture": key,
            "name": f"{key}.ndjson",
            "path": f"/captures/{key}.ndjson",
            "uri": f"file:///captures/{key}.ndjson",
            "content": key,
            "start": datetime(2026, 1, 15, tzinfo=UTC),
            "redaction": "none",
            **columns,
        }
        for key in keys
    ]
    found = [
        {
            "capture": key,
            "rule": "io-overload",
            "number": "G01",
            "severity": "high",
            "title": columns.get("name", "Audio missed 31 deadlines"),
            "app": columns.get("name", "com.acme.voip"),
            "fingerprint": "f",
        }
        for key in keys[:findings]
    ]
    mute = [
        {"capture": key, "rule": "push-unreported", "needs": "lines of callservicesd"}
        for key in keys[captures - silent :]
    ]
    content = {"captures": rows, "findings": found, "rules_not_evaluated": mute}
    tables = {table: pl.DataFrame(content[table], schema=TABLES[table]) for table in content}
    write_shard(out, "one", "c", keys, [tables])
    return out


def test_a_fleet_at_a_glance(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    size = write(synthetic(tmp_path / "fleet", 4000), tmp_path / "fleet.html")
    assert size.captures == 4000
    assert size.total_bytes == (tmp_path / "fleet.html").stat().st_size
    assert size.total_bytes < 4_000_000
    text = read(tmp_path / "fleet.html").text
    assert "of 4,000 captures show critical or high trouble" in text
    assert "What got worse" in text
    assert re.search(
        r"com\.acme\.voip 5\.3b2 → 5\.3: \d+ % \([\d,]+ of [\d,]+\) → .* times as often \(95 % interval", text
    )
    assert re.search(r"OS 26\.0\.1 → 26\.1: ", text)
    assert "80 failed" in text
    assert "2,000 rows of the table of captures left out" in text
    assert size.degraded == ("2,000 rows of the table of captures left out.",)
    for rule in ("push-unreported", "rule-of-another-version"):
        assert f"#r={rule}" in read(tmp_path / "fleet.html").links()


def test_ten_thousand_captures(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    dataset = synthetic(tmp_path / "fleet", 10_000, shards=20)
    begin = time.process_time()
    size = write(dataset, tmp_path / "fleet.html")
    assert time.process_time() - begin < 20
    assert size.total_bytes < 5_000_000
    small = write(dataset, tmp_path / "small.html", budget=2_200_000)
    assert small.total_bytes < size.total_bytes
    assert "9,900 rows of the table of captures left out." in small.degraded
    assert all(sentence in read(tmp_path / "small.html").text for sentence in small.degraded)


def test_the_same_data_gives_the_same_bytes(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    dataset = synthetic(tmp_path / "fleet", 60)
    write(dataset, tmp_path / "a.html")
    write(dataset, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize(
    ("dataset", "headline", "also"),
    [
        ({"captures": 3}, "Nothing found in 3 captures", "Rules that ran and found nothing"),
        ({"captures": 1, "findings": 1}, "The only capture shows critical or high trouble", "1 of 1 capture"),
        (
            {"captures": 2, "silent": 1},
            "Nothing found in 2 captures",
            "not evaluated in needs (most frequent reason) push-unreported VoIP push without a reported call 1 of 2",
        ),
        ({"captures": 2, "silent": 2}, "Nothing found in 2 captures", "1 rule could not be evaluated in all of them"),
        ({"captures": 2, "findings": 1, "os_version": "26.1"}, "1 of 2 captures shows", "No two versions could be"),
    ],
)
def test_small_fleets(tmp_path: Path, dataset: dict[str, Any], headline: str, also: str) -> None:
    write(data_set(tmp_path / "fleet", **dataset), tmp_path / "x.html")
    text = read(tmp_path / "x.html").text
    assert headline in text
    assert also in text


def test_nothing_but_failures(tmp_path: Path) -> None:
    rows = [failure(f"k{n}", Path(f"/captures/{n}.tar.gz"), kind, "torn") for n, kind in enumerate(("died", "timeout"))]
    write_shard(tmp_path / "fleet", "one", "c", ["k0", "k1"], rows)
    size = write(tmp_path / "fleet", tmp_path / "x.html")
    page = read(tmp_path / "x.html")
    assert size.captures == 0
    assert "No capture could be analysed: 2 failures" in page.text
    assert "1 died, 1 timeout" in page.text
    assert "file:///captures/0.tar.gz" in page.links()
    assert "Nothing found" not in page.text
    assert size.total_bytes < 200_000, "no figure, no plotting library"


def test_what_was_not_evaluated_is_no_good_capture(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "fleet", captures=4, findings=1)
    mute = pl.DataFrame(
        [{"capture": f"c{n}", "rule": "io-overload", "needs": "audio"} for n in (1, 2)],
        schema=TABLES["rules_not_evaluated"],
    )
    write_shard(dataset, "two", "c", [], [{"rules_not_evaluated": mute}])
    write(dataset, tmp_path / "x.html")
    text = read(tmp_path / "x.html").text
    assert "G01 1 of 2 captures" in text
    assert "hardly" not in text


def test_captures_that_were_hardly_checked_are_told_first(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "fleet", captures=4, findings=1)
    rules = [rule.id for rule in load_rules()[0]][: MOST_SILENT + 1]
    mute = pl.DataFrame(
        [{"capture": f"c{n}", "rule": rule, "needs": "a log"} for n in (0, 2) for rule in rules],
        schema=TABLES["rules_not_evaluated"],
    )
    write_shard(dataset, "two", "c", [], [{"rules_not_evaluated": mute}])
    size = write(dataset, tmp_path / "x.html")
    text = read(tmp_path / "x.html").text
    assert size.headline.endswith("; 1 of the 3 captures without a finding was hardly checked")
    assert f"was hardly checked: more than {MOST_SILENT} rules lacked their evidence" in text
    assert text.count("hardly checked") == 2, "in the verdict, and in the table of captures"


def test_the_same_bytes_count_once(tmp_path: Path) -> None:
    write(data_set(tmp_path / "fleet", captures=3, content="same"), tmp_path / "x.html")
    text = read(tmp_path / "x.html").text
    assert "Nothing found in 1 capture" in text
    assert "2 captures left out: same bytes as another" in text


def test_captures_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for redaction, shown in (("none", ["v1/call.ndjson", "v2/call.ndjson"]), ("ids", ["call.ndjson", "call.ndjson"])):
        out = tmp_path / redaction
        for version in ("v1", "v2"):
            place = Path(f"/captures/same/{version}/call.ndjson")
            row = {
                "capture": version,
                "name": "call.ndjson",
                "path": str(place),
                "uri": place.as_uri(),
                "content": version,
                "redaction": redaction,
            }
            write_shard(out, version, "c", [version], [{"captures": pl.DataFrame([row], schema=TABLES["captures"])}])
        write(out, tmp_path / "x.html")
        page = read(tmp_path / "x.html")
        assert re.findall(r"(?:v\d/)?call\.ndjson", page.text) == shown
        links = [href for href in page.links() if href.endswith("call.ndjson")]
        assert links == [f"file:///captures/same/{one}" for one in shown if "/" in one]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/x/call.txt", "/a/y/z/call.txt"], ["x/call.txt", "y/z/call.txt"]),
        (["/a/call.txt", "/b/call.txt"], ["/a/call.txt", "/b/call.txt"]),
        (["/a/call.txt", "/a/call.txt"], ["call.txt", "call.txt"]),
        (["/a/call.txt", "/a/x/call.txt"], ["call.txt", "x/call.txt"]),
    ],
)
def test_names_have_what_their_paths_do_not_share(paths: list[str], names: list[str]) -> None:
    rows = [{"capture": f"c{n}", "name": "call.txt", "path": path, "redaction": None} for n, path in enumerate(paths)]
    alone = {"capture": "other", "name": "zzz.txt", "path": "/far/away/zzz.txt", "redaction": None}
    captures = told_apart(pl.DataFrame([*rows, alone], schema_overrides={"redaction": pl.String}))
    assert captures["name"].to_list() == [*names, "zzz.txt"]


def test_captures_without_the_app_asked_for(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "fleet", captures=2)
    exposure = pl.DataFrame(
        [{"capture": f"c{n}", "app": "com.acme.voip", "seen": n == 0} for n in range(2)], schema=TABLES["exposure"]
    )
    write_shard(dataset, "two", "c", [], [{"exposure": exposure}])
    write(dataset, tmp_path / "x.html")
    text = read(tmp_path / "x.html").text
    assert "Nothing found in 1 capture" in text
    assert "1 capture without an app that was asked for" in text


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    dataset = data_set(tmp_path / "fleet", captures=2, findings=2, name=EVIL, os_version=EVIL, model=EVIL, path=EVIL)
    write_shard(dataset, "two", "c", ["f"], [failure("f", Path(f"/{EVIL}".replace("\0", "")), EVIL, EVIL)])
    write(dataset, tmp_path / "x.html")
    page = read(tmp_path / "x.html")
    assert not page.of("img")
    assert len(page.of("script")) == 5, "two blocks of data, three scripts of ours"
    assert "{{7*7}}" in page.text
    assert "⟨U+202E⟩" in page.text
    assert "\u202e" not in (tmp_path / "x.html").read_text()
    policy = next(one["content"] for one in page.of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_nothing_is_loaded_or_sent(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    write(synthetic(tmp_path / "fleet", 50), tmp_path / "x.html")
    page = read(tmp_path / "x.html")
    assert not page.of("link")
    assert not page.of("iframe")
    assert all("src" not in attributes for _, attributes in page.tags)
    outside = [
        href for href in page.links() if not href.startswith(("#", "./", "file:", "https://developer.apple.com/"))
    ]
    assert outside == []


def test_links_to_captures(tmp_path: Path) -> None:
    here = tmp_path / "reports"
    near = tmp_path / "captures" / "a b#c?d%.tar.gz"
    assert link(near.as_uri(), here) == "./../captures/a%20b%23c%3Fd%25.tar.gz"
    assert link(Path("/elsewhere/x.tar.gz").as_uri(), here) == "file:///elsewhere/x.tar.gz"
    strange = tmp_path / os.fsdecode(b"caf\xe9.gz")
    assert link(strange.as_uri(), tmp_path) == "./caf%E9.gz"
    assert link((tmp_path / "javascript:alert(1)").as_uri(), tmp_path) == "./javascript%3Aalert%281%29"
    for refused in ("javascript:alert(1)", "https://example.com/x", "file://host/share/x", "", None, "x"):
        assert link(refused, here) == ""


def test_real_samples(samples: Path, settings: Make, inline: type[Executor], tmp_path: Path) -> None:
    jobs = [job for job in find_jobs(samples) if job.name.startswith(("push", "healthy-incoming"))]
    run(jobs, settings(), inline)
    size = write(settings().out, tmp_path / "x.html")
    page = read(tmp_path / "x.html")
    assert size.captures == len(jobs)
    assert "VoIP push without a reported call" in page.text
    assert any(href.endswith("/push-never-reported.ios26.ndjson") for href in page.links())
    assert "Nothing was removed from their text" in page.text


def test_redaction_is_named(tmp_path: Path) -> None:
    write(data_set(tmp_path / "fleet", redaction="ids"), tmp_path / "x.html")
    assert "made with --redact ids" in read(tmp_path / "x.html").text


@pytest.mark.parametrize(("folder", "linked"), [("jane doe", False), ("page/jane", False), ("page", True)])
def test_folders_are_no_part_of_a_redacted_page(tmp_path: Path, folder: str, linked: bool) -> None:  # noqa: FBT001
    place = tmp_path / folder / "call.txt"
    dataset = data_set(tmp_path / "fleet", redaction="all", path=str(place), uri=place.as_uri(), findings=1)
    rows = failure("f", place.with_name("lost.gz"), "access", f"{place.with_name('lost.gz')}: not for jane@example.org")
    write_shard(dataset, "two", "c", [], [rows])
    out = tmp_path / "page" / "x.html"
    out.parent.mkdir(exist_ok=True)
    write(dataset, out)
    page = read(out)
    assert "jane" not in out.read_text().split("<script")[0].casefold()
    assert "lost.gz: not for email-1" in page.text
    assert any("call.txt" in href for href in page.links()) == linked
    assert str(tmp_path / folder) not in out.read_text()


def test_the_command_line(synthetic: Callable[..., Path], tmp_path: Path) -> None:
    dataset, out = synthetic(tmp_path / "fleet", 50), tmp_path / "x.html"
    result = CliRunner().invoke(app, ["fleet", "report", str(dataset), "-o", str(out)])
    assert result.exit_code == 0, result.exception
    assert re.search(r"wrote .*x\.html \(50 captures, \d\.\d MB\)", result.output)
    assert re.match(r"\d+ of 50 captures show critical or high trouble\n", result.output)
    again = CliRunner().invoke(app, ["fleet", "report", str(dataset), "-o", str(out)])
    assert isinstance(again.exception, UsageError)
    absent = CliRunner().invoke(app, ["fleet", "report", str(tmp_path / "absent"), "-o", str(tmp_path / "y.html")])
    assert isinstance(absent.exception, InputError)


def test_figures_hold_what_the_frames_say() -> None:
    cell = {"severity": "high", "findings": 3, "calls": 40, "background_h": 2.0, "not_evaluated": 1}
    table = pl.DataFrame(
        [
            {"rule": "a", "os_version": "26.0", "captures_hit": 1, "captures": 2, "share": 0.5, **cell},
            {"rule": "a", "os_version": "26.1", "captures_hit": 30, "captures": 60, "share": 0.5, **cell},
            {"rule": "a", "os_version": "26.2", "captures_hit": 0, "captures": 0, "share": None, **cell},
        ]
    ).with_columns(per_1000_calls=pl.lit(75.0), per_background_h=pl.lit(None, pl.Float64))
    figure = heat_map(table, "os_version", {"a": "<b>Title</b>"}, ["26.0", "26.1", "26.2"])
    assert figure.layout.meta["metrics"] == [metric.column for metric in METRICS for _ in range(2)]
    share, dots = figure.data[:2]
    assert list(share.text[0]) == ["1/2", "50%", ""]
    assert share.z[0][0] < share.z[0][1] < 50, "few captures are paler"
    assert share.z[0][2] is None
    assert list(dots.x) == [2]
    assert "could not be evaluated in 1 capture" in dots.hovertext[0]
    assert "30 of 60 captures (50 %), 3 findings" in share.hovertext[0][1]
    assert list(figure.data[2].text[0]) == ["3/40", "3/40", "3/40"]
    many = table.with_columns(
        calls=pl.lit(400, pl.Int64), background_h=pl.Series([0.2, 2.0, 0.0]), per_background_h=pl.lit(15.0)
    )
    rates = heat_map(many, "os_version", {"a": "Title"}, ["26.0", "26.1", "26.2"])
    assert list(rates.data[2].text[0]) == ["75/1k", "75/1k", "75/1k"]
    assert list(rates.data[4].text[0])[:2] == ["3/12m", "15/h"]
    assert list(figure.data[5].x) == [0, 1, 2], "no background hour, no rate"
    assert [one.visible for one in figure.data] == [True, True, False, False, False, False]
    assert "&lt;b&gt;Title" in figure.layout.yaxis.ticktext[0]
    long = "A07 " + "Title of many words that nobody wants to see cut " * 2
    whole = heat_map(table, "os_version", {"a": long}, ["26.0"])
    assert whole.layout.yaxis.ticktext[0].replace("<br>", " ") == whole.layout.meta["labels"][0] == long.strip()
    assert whole.layout.height > figure.layout.height


def test_ratios_without_rows() -> None:
    from traceview.fleet.comparisons import CHANGES  # noqa: PLC0415

    assert len(ratios(pl.DataFrame(schema=CHANGES), []).data) == 0


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.0001, "<0.1 %"), (0.004, "0.4 %"), (0.31, "31 %"), (0.999, ">99 %"), (1, "100 %")],
)
def test_percentages_never_pretend(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.001, "<0.01"), (0.42, "0.42"), (9.4, "9.4"), (37.2, "37"), (12_345, "12k")]
)
def test_cells_are_brief(value: float, text: str) -> None:
    assert brief(value) == text


def test_sizes_are_reported(tmp_path: Path) -> None:
    assert isinstance(write(data_set(tmp_path / "fleet"), tmp_path / "x.html"), FleetSize)
