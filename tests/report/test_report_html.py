"""The HTML report as a file: escaping, policy, determinism, evidence in context, limits."""

import base64
import gzip
import re
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.plots.lanes import LANES
from traceview.report.html import write
from traceview.report.payload import pack
from traceview.report.views.calls import calls_view
from traceview.report.views.evidence import EvidenceBook
from traceview.report.views.findings import findings_view, link
from traceview.report.views.gaps import problems_view
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moments
from traceview.report.views.tables import tables_view
from traceview.report.views.verdict import verdict_view
from traceview.rules.registry import Finding, NotEvaluated, Rule, Severity
from traceview_parsers.problems import Problem
from traceview_parsers.trace import Coverage

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(2)><!--\u202e\u2028{{7*7}}</style>\x00"


class _Page(HTMLParser):
    """Collects tags with attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._quiet = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._quiet = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._quiet:
            self._quiet = ""

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(rich: Analysis, tmp_path: Path) -> str:
    out = tmp_path / "report.html"
    write(rich, out)
    return out.read_text(encoding="utf-8")


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def test_the_verdict_comes_first(page: str) -> None:
    text = _squeezed(_Page(page).text)
    assert text.index("iOS killed com.acme.voip 7.6 s after a VoIP push") < text.index("Drawing the timeline")
    for fact in ("iPhone14,2", "iOS 26.4 (23E210)", "1,252,763 from 3 sources", "2026-05-04 14:00:00", "UTC+02:00"):
        assert fact in text


def test_no_resource_is_named(page: str) -> None:
    parsed = _Page(page)
    for tag, attributes in parsed.tags:
        assert "src" not in attributes, tag
        assert tag not in {"link", "iframe", "object", "embed", "base", "img"}
        if tag == "a":
            continue
        assert "http" not in (attributes.get("href") or "")
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page.split("data-timeline", maxsplit=1)[0])


def test_the_policy_allows_the_nonce_only(page: str) -> None:
    parsed = _Page(page)
    (policy,) = [meta["content"] for meta in parsed.of("meta") if meta.get("http-equiv")]
    assert policy
    nonces = set(re.findall(r"'nonce-([0-9a-f]{32})'", policy))
    assert len(nonces) == 1
    for part in ("default-src 'none'", "connect-src 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:"):
        assert part in policy
    assert "unsafe" not in policy
    for attributes in [*parsed.of("script"), *parsed.of("style")]:
        assert attributes.get("nonce") in nonces or attributes.get("type") == "application/gzip;base64"


def test_no_inline_handler_and_no_inline_style(page: str) -> None:
    for tag, attributes in _Page(page).tags:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag


def test_the_same_analysis_gives_the_same_bytes(rich: Analysis, tmp_path: Path) -> None:
    one, two = tmp_path / "1.html", tmp_path / "2.html"
    size = write(rich, one)
    write(rich, two)
    assert one.read_bytes() == two.read_bytes()
    assert size.total == one.stat().st_size
    assert size.library + size.timeline < size.total < 2_300_000
    assert pack("x") == pack("x")


def test_the_figure_can_be_read_back(page: str) -> None:
    packed = re.search(r'id="data-timeline">([^<]*)<', page)
    assert packed
    assert b"com.acme.voip" in gzip.decompress(base64.b64decode(packed[1]))


def test_hostile_text_stays_text(rich: Analysis, tmp_path: Path) -> None:
    """Every field that a capture can fill holds markup, template syntax and control characters."""
    texts = [name for name, kind in rich.lines.schema.items() if kind == pl.String()]
    lines = rich.lines.with_columns(pl.lit(EVIL).alias(name) for name in texts)
    episodes = {
        name: table.with_columns(
            pl.lit(EVIL).alias(column)
            for column, kind in table.schema.items()
            if kind == pl.String() and not column.endswith("_how") and column not in {"id", "call"}
        )
        for name, table in rich.episodes.items()
    }
    finding = replace(rich.findings[0], app=EVIL, title=EVIL, explanation=EVIL, advice=EVIL, rule=EVIL, number=EVIL)
    hostile = replace(
        rich,
        capture=replace(rich.capture, name=EVIL, tz_how=EVIL),
        device=replace(rich.device, model=EVIL, name=EVIL, os_name=EVIL, os_version=EVIL, os_build=EVIL),
        coverage=[Coverage(EVIL, EVIL, 0, 1, 1, EVIL, None, (EVIL,))],
        problems=[Problem(EVIL, EVIL, EVIL, 1, "byte", 1, EVIL)],
        apps=[EVIL],
        episodes=episodes,
        lines=lines,
        findings=[finding],
        not_evaluated=[replace(rich.not_evaluated[0], rule=EVIL, title=EVIL, needs=EVIL)],
    )
    out = tmp_path / "hostile.html"
    write(hostile, out)
    page = out.read_text(encoding="utf-8")
    parsed = _Page(page)
    assert not parsed.of("img")
    assert len(parsed.of("script")) == 6
    assert "{{7*7}}" in parsed.text
    assert not set(page) & {"\x00", "\u202e", "\u2028"}
    assert "⟨U+202E⟩" in parsed.text
    assert "␀" in parsed.text
    for tag, attributes in parsed.tags:
        assert not [name for name in attributes if name.startswith("on")], tag


def test_lone_surrogates_do_not_stop_the_report(rich: Analysis, tmp_path: Path) -> None:
    finding = replace(rich.findings[0], title="bad \udcff text")
    write(replace(rich, findings=[finding]), tmp_path / "x.html")
    assert "⟨U+DCFF⟩" in (tmp_path / "x.html").read_text(encoding="utf-8")


def test_evidence_stands_among_its_neighbours(rich: Analysis) -> None:
    view = EvidenceBook(rich, Moments.of(rich), Limits()).view((8, 9, 10))
    proof = [line for line in view.lines if line.evidence]
    assert [line.signal for line in proof] == ["push-received", "push-delivered", "process-terminated"]
    assert view.shown == 3
    assert view.hidden == 0
    times = [line.time.iso for line in view.lines if line.time]
    assert times == sorted(times)
    assert any("<script>" in line.message and not line.evidence for line in view.lines)
    assert proof[0].origin == "1008"


def test_evidence_that_is_no_kept_line_is_named(rich: Analysis) -> None:
    view = EvidenceBook(rich, Moments.of(rich), Limits()).view((99999,))
    assert view.lines == ()
    assert view.elsewhere == ("source 1, row 99999",)


def test_evidence_falls_back_to_the_event(rich: Analysis) -> None:
    bare = replace(rich, lines=rich.lines.clear())
    view = EvidenceBook(bare, Moments.of(rich), Limits()).view((8,))
    assert [line.signal for line in view.lines if line.evidence] == ["push-received"]


def test_caps_are_told(crowded: Callable[[int, int], Analysis], tmp_path: Path) -> None:
    analysis = crowded(1000, 2000)
    book = EvidenceBook(analysis, Moments.of(analysis), Limits(evidence=7, context=0))
    view = book.view(tuple(range(1, 101)))
    assert (view.shown, view.hidden, len(view.lines)) == (7, 93, 7)
    size = write(analysis, tmp_path / "x.html", budget=2_200_000)
    assert size.total < 2_600_000
    text = _squeezed(_Page((tmp_path / "x.html").read_text(encoding="utf-8")).text)
    for sentence in size.degraded:
        assert sentence in text
    assert any("evidence lines left out" in sentence for sentence in size.degraded)
    assert any("table rows left out" in sentence for sentence in size.degraded)


def test_long_messages_are_cut_openly(rich: Analysis) -> None:
    long = replace(rich, lines=rich.lines.with_columns(message=pl.lit("y" * 1_000_000)))
    view = EvidenceBook(long, Moments.of(rich), Limits()).view((8,))
    assert {len(line.message) for line in view.lines} == {2000}
    assert {line.cut for line in view.lines} == {998_000}


def test_an_empty_analysis_says_what_was_checked(empty: Analysis, tmp_path: Path) -> None:
    rule = Rule(
        "r", ("X01",), "Calls without audio", Severity.high, "why", "fix", "a log", lambda _: True, lambda _: ()
    )
    size = write(empty, tmp_path / "x.html", rules=[rule])
    page = _Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    text = _squeezed(page.text)
    assert "Nothing can be said: none of the 5,120 log rows is one that a rule could judge" in text
    assert "1 rule ran without a match" in text
    assert "Calls without audio" in text
    assert "1 rule could not be evaluated" in text
    assert "no call, push, app state or audio session was recognised" in text
    assert size.library == 0
    assert size.total < 60_000


@pytest.mark.parametrize(
    ("severity", "given", "told"),
    [
        (Severity.critical, None, True),
        (Severity.info, Severity.critical, True),  # lowered in traceview.toml
        (Severity.info, None, False),  # a remark, such as one about processes of iOS
        (Severity.high, Severity.info, False),  # a remark that was raised
    ],
)
def test_a_warning_keeps_its_reason_whatever_the_configuration_rates_it(
    rich: Analysis,
    severity: Severity,
    given: Severity | None,
    told: bool,  # noqa: FBT001
) -> None:
    rule = Rule("r", (), "Title", Severity.critical, "why it matters", "fix", "a log", lambda _: True, lambda _: ())
    finding = replace(rich.findings[0], rule="r", severity=severity, given=given)
    view = findings_view(replace(rich, findings=[finding]), Moments.of(rich), Limits(), {"r": rule})
    assert view.items[0].why == ("why it matters" if told else "")
    assert view.items[0].given == (given.name if given is not None else "")


def test_rules_without_evidence_are_folded_by_what_they_lack(rich: Analysis, tmp_path: Path) -> None:
    silent = [
        NotEvaluated("io-overload", "G03", "Missed audio deadlines", "CoreAudio lines", ("audio",)),
        NotEvaluated("io-restart", "G08", "Audio I/O restarts", "CoreAudio lines", ("audio",)),
        NotEvaluated("wake-churn", "B06", "Woken often", "lines about the app's state", ("app states",)),
        NotEvaluated("r", None, "Mine", "disabled in traceview.toml"),
    ]
    write(replace(rich, not_evaluated=silent), tmp_path / "x.html")
    page = _Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    text = _squeezed(page.text)
    assert "4 rules could not be evaluated. What these lack" in text
    assert "2 need log lines about audio (audiomxd, mediaserverd, AVAudioSession)" in text
    assert "1: disabled in traceview.toml" in text
    folded = [
        attributes for tag, attributes in page.tags if tag == "details" and "lack" in (attributes.get("class") or "")
    ]
    assert len(folded) == 3
    assert not any("open" in attributes for attributes in folded)
    write(replace(rich, not_evaluated=silent, coverage=[]), tmp_path / "y.html")
    alone = _squeezed(_Page((tmp_path / "y.html").read_text(encoding="utf-8")).text)
    assert "3 need the device's log (a sysdiagnose, a .logarchive or log text)" in alone


def test_many_sources_are_folded_and_what_they_have_in_common_is_told_once(rich: Analysis, tmp_path: Path) -> None:
    names = [f"export/table-{index}.xml" for index in range(30)]
    sources = [Coverage(name, "xctrace", clock="unknown") for name in names]
    alike = [Problem(name, "no-start-time", "nothing says when the recording began", count=2) for name in names]
    other = Problem(names[4], "cut", "ends within a row", 43, "byte", 1, "<row>")
    write(replace(rich, coverage=sources, problems=[*alike, other]), tmp_path / "x.html")
    text = _squeezed(_Page((tmp_path / "x.html").read_text(encoding="utf-8")).text)
    assert "30 sources, 0 of them with times" in text
    assert text.count("nothing says when the recording began") == 1
    assert "30 sources: table-0.xml, table-1.xml, table-2.xml and 27 more" in text
    assert "export/table-4.xml" in text.partition("ends within a row")[0]
    views = problems_view(replace(rich, problems=[*alike, other]), Moments.of(rich))
    assert [(view.kind, view.count, view.where) for view in views] == [
        ("no-start-time", "60", ""),
        ("cut", "1", "byte 43"),
    ]


def test_commands_in_advice_are_code() -> None:
    assert link("see `doctor <x>` now") == "see <code>doctor &lt;x&gt;</code> now"


def test_small_findings_are_no_headline(empty: Analysis, tmp_path: Path) -> None:
    remark = Finding("r", None, Severity.low, None, None, None, "A remark", "", "", ())
    write(replace(empty, findings=[remark]), tmp_path / "x.html")
    text = _squeezed(_Page((tmp_path / "x.html").read_text(encoding="utf-8")).text)
    assert "Nothing serious found: 1 remark" in text


def test_what_could_not_be_read_stands_above_the_verdict(empty: Analysis, tmp_path: Path) -> None:
    broken = Problem("a.zip/x<b>.txt", "encrypted", "encrypted members cannot be read")
    write(replace(empty, problems=[broken]), tmp_path / "x.html")
    page = _Page((tmp_path / "x.html").read_text(encoding="utf-8"))
    told = "Not all of this capture could be read: x<b>.txt: encrypted members cannot be read"
    assert told in _squeezed(page.text).replace("\u200b", "")
    assert "count unsure" in [attributes.get("class") for attributes in page.of("span")]


def test_links_of_advice_are_plain_anchors() -> None:
    text = link('See https://developer.apple.com/documentation/pushkit, not <b>"https://x.test/"onclick=1</b>')
    assert '<a href="https://developer.apple.com/documentation/pushkit" rel="noreferrer noopener">' in text
    assert "<b>" not in text
    assert 'x.test/"o' not in text
    assert link("javascript:alert(1)") == "javascript:alert(1)"


def test_call_cards_tell_phases_and_disturbances(page: str) -> None:
    text = _squeezed(_Page(page).text)
    assert "+5.80 s audio activated" in text
    assert "overload, 42 times, peak 38 in 10 s; most likely cause: lack of CPU time (70 % sure" in text
    assert "interrupted by com.apple.Siri for 19.0 s" in text
    assert "route Speaker → BluetoothHFP (NewDeviceAvailable)" in text


def test_times_in_lists_are_on_the_clock_and_empty_lists_have_no_column(rich: Analysis) -> None:
    (calls,) = [one for one in tables_view(rich, Moments.of(rich), Limits()) if one.name == "calls"]
    held = dict(zip(calls.columns, calls.rows[0].cells, strict=True))
    assert (held["hold starts"].text, held["hold ends"].text) == ("14:03:20.000", "14:03:30.000")
    assert "contradicted by" not in calls.columns


def test_every_id_is_used_once_and_every_fragment_exists(page: str) -> None:
    parsed = _Page(page)
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in parsed.of("a"):
        target = (attributes.get("href") or "").removeprefix("#")
        if attributes.get("href", "").startswith("#") and not target.startswith("t="):  # type: ignore[union-attr]
            assert target in ids, target


def test_the_legend_has_a_glyph_for_every_symbol() -> None:
    source = resources.files("traceview.report").joinpath("templates/timeline.html.j2").read_text(encoding="utf-8")
    glyphs = set(re.findall(r'"([a-z-]+)": "', source.splitlines()[0]))
    assert {look.symbol for lane in LANES for look in lane.looks.values()} - {""} <= glyphs


@pytest.mark.parametrize(
    ("clock", "told"),
    [
        ("printed with zone; date assumed: first line on 2026-05-04 (file time)", "; date assumed; see --date"),
        ("zone assumed (UTC)", "; zone assumed; see --tz"),
        ("timesync", "14:10:00 (10 min)"),
    ],
)
def test_the_head_says_what_was_assumed_of_its_times(rich: Analysis, clock: str, told: str) -> None:
    coverage = [replace(rich.coverage[0], clock=clock), *rich.coverage[1:]]
    moments = Moments.of(rich)
    view = verdict_view(replace(rich, coverage=coverage), findings_view(rich, moments, Limits(), {}), moments, {})
    assert dict(view.facts)["Log covers"].endswith(told)


def test_a_call_whose_end_is_only_where_the_capture_stops_telling_has_no_step_for_it(rich: Analysis) -> None:
    open_end = pl.when(pl.col("id") == "call-3").then(pl.lit("capture_edge")).otherwise("end_how")
    calls = rich.episodes["calls"].with_columns(end=pl.coalesce("end", "connected"), end_how=open_end)
    analysis = replace(rich, episodes={**rich.episodes, "calls": calls})
    cards, _ = calls_view(analysis, Moments.of(analysis), Limits())
    assert [[step.name for step in card.steps].count("ended") for card in cards] == [1, 1, 0]
