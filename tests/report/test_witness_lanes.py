"""Lanes and the section of other witnesses: drawn from synthetic windows, from a synthetic PowerLog and from the real one."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace

from traceview.analysis import Analysis
from traceview.capture import open_capture
from traceview.episodes.schema import empty_episodes
from traceview.plots import timeline
from traceview.plots.shapes import resource_events
from traceview.plots.view import opening, within
from traceview.plots.witness_lanes import ALL_LANES, lane_key
from traceview.report.html import write
from traceview.report.redact import redact
from traceview.report.views.limits import Limits
from traceview.report.views.moments import Moments
from traceview.report.views.witnesses import during, witnesses_view
from traceview.rules.registry import Finding, Severity
from traceview.witness.schema import WITNESS_SCHEMA
from traceview_parsers.trace import CaptureInfo, Coverage, Device

APP = "com.acme.voip"
T0 = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
REAL = "powerlog/powerlog_2021-12-16_05-54_84E2141B.PLSQL.gz"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def rows(*given: Mapping[str, Any]) -> pl.DataFrame:
    filled = [
        {"end_known": True, "source": "logs/power.PLSQL", "clock": "offsets, ± 0.5 s", "ref": index, **row}
        for index, row in enumerate(given)
    ]
    return pl.DataFrame(filled, schema=WITNESS_SCHEMA)


TOLD = rows(
    {"lane": "app_state", "kind": "suspended", "app": APP, "pid": 512, "start": at(-500), "end": at(59)},
    {"lane": "app_state", "kind": "foreground", "app": APP, "pid": 512, "start": at(59), "end": at(900), "end_known": False},
    {"lane": "differs", "kind": "differs", "app": APP, "start": at(10), "end": at(39), "text": "the log says background, PowerLog says suspended"},
    {"lane": "cpu", "kind": "over", "app": APP, "start": at(0), "end": at(300), "value": 120.0, "text": "360 s of CPU in 300 s"},
    {"lane": "cpu", "kind": "low", "process": "all other apps and daemons", "start": at(0), "end": at(300), "value": 6.0},
    {"lane": "route", "kind": "Receiver", "route": "Receiver", "start": at(0), "end": at(80)},
    {"lane": "route", "kind": "other", "route": "Jane's Car", "start": at(80), "end": at(400), "text": "category PhoneCall"},
    {"lane": "thermal", "kind": "moderate", "start": at(100), "end": at(200)},
    {"lane": "hang", "kind": "Severe Hang", "process": "Acme", "start": at(120), "end": at(123), "value": 3000.0, "explanation": "/Users/janedoe/x <b>&"},
    {"lane": "report", "kind": "crash", "app": APP, "start": at(200), "end": at(200), "text": "FRONTBOARD 0x8badf00d"},
    {"lane": "exit", "kind": "exit", "app": "com.far.away", "start": at(99_999), "end": at(99_999)},
)  # fmt: skip


@pytest.fixture
def seen(rich: Analysis) -> Analysis:
    return replace(rich, tables={**rich.tables, "witnesses": TOLD})


def _titles(figure: Any) -> list[str]:
    return [row["title"] for row in figure.layout.meta["rows"]]


def test_each_lane_stands_below_the_one_of_the_log_that_it_bears_on(seen: Analysis) -> None:
    titles = _titles(timeline(seen))
    states = titles.index(f"State by PowerLog: {APP}")
    assert titles[states - 2].startswith("App state: ")
    assert titles[states + 1] == "Log and PowerLog differ"
    assert titles.index("Audio route, by PowerLog") == titles.index("Interruptions, routes") + 1
    assert f"CPU, by PowerLog: {APP}" in titles
    assert "CPU, by PowerLog: other apps" in titles
    assert not any(title.startswith(("Battery", "Network", "Exits")) for title in titles)


def test_hover_tells_source_clock_and_what_was_cut(seen: Analysis) -> None:
    figure = timeline(seen)
    hovers = [text for trace in figure.data for text in trace.hovertext or () if "logs/power.PLSQL" in text]
    assert len(hovers) >= TOLD.height - 1
    assert all("its clock: offsets, ± 0.5 s" in text for text in hovers)
    assert not [text for text in hovers if "<" in text.replace("<br>", "")]
    (cut,) = [text for text in hovers if "State by PowerLog: suspended" in text]
    assert "13:51:40.000 to 14:00:59.000" in cut
    (silent,) = [text for text in hovers if "State by PowerLog: foreground" in text]
    assert "the source falls silent" in silent


def test_bars_of_cpu_are_as_high_as_their_value(seen: Analysis) -> None:
    figure = timeline(seen)
    heights = {trace.name: list(trace.width) for trace in figure.data if trace.legendgroup == "witness_cpu"}
    (over,), (low,) = heights["a core and more"], heights["below 20 % of a core"]
    assert over == pytest.approx(26)
    assert low == pytest.approx(2.0)


def test_one_app_hides_what_others_did_but_not_the_device(seen: Analysis) -> None:
    titles = _titles(timeline(seen, "com.tunes.player"))
    assert "Thermal state" in titles
    assert not any(APP in title for title in titles)


def test_windows_outside_the_log_are_not_drawn() -> None:
    inside = within(TOLD, (at(0), at(600)))
    assert inside["lane"].to_list().count("exit") == 0
    assert inside["start"].min() == at(0)
    assert inside["whole_begin"].min() == at(-500)


def test_many_windows_are_binned_and_said(seen: Analysis) -> None:
    many = rows(*({"lane": "device", "kind": "asleep", "start": at(i * 0.1), "end": at(i * 0.1 + 0.05)} for i in range(6000)))  # fmt: skip
    figure = timeline(replace(seen, tables={"witnesses": many}))
    assert [text for text in figure.layout.meta["binned"] if text.startswith("Device: 6,000 windows")]


def test_lanes_have_keys_of_their_own() -> None:
    assert len({lane.key for lane in ALL_LANES}) == len(ALL_LANES)
    assert {lane_key(lane) for lane in ALL_LANES} > {"cpu", "thermal", "lock", "route", "report", "app_state"}


def _power_only(told: pl.DataFrame) -> Analysis:
    covered = Coverage("power.PLSQL", "powerlog", int(at(-9e6).timestamp()) * 10**9, int(at(600).timestamp()) * 10**9)
    return Analysis(CaptureInfo("power.PLSQL"), Device(), coverage=[covered], apps=[APP], tables={"witnesses": told})


def test_weeks_of_powerlog_open_where_the_app_was_last_seen() -> None:
    old = rows({"lane": "app_state", "kind": "suspended", "app": APP, "start": at(-9e6), "end": at(-8.9e6)})
    analysis = _power_only(pl.concat([old, TOLD.filter(pl.col("app") == APP)]))
    assert opening(analysis, (at(-9e6), at(900))) == (at(-500), at(900))
    figure = timeline(analysis)
    (sentence,) = figure.layout.meta["opens"]
    assert sentence.startswith("Opens with 2026-05-04 11:51 to 12:15; all of it, 2026-01-20")
    (other,) = figure.layout.meta["elsewhere"]
    assert (other["label"], other["holds"]) == ("2026-01-20 08:00 to 2026-01-21 11:46", "1 window")
    first, last = figure.layout.xaxis.range
    assert last - first < 1_500_000
    assert figure.layout.meta["whole"][0] < first
    assert timeline(_power_only(TOLD.filter(pl.col("app") == APP))).layout.meta["opens"] == []


def test_pushes_come_into_view_although_the_app_was_last_seen_without_any() -> None:
    pushes = [
        {"lane": "push", "kind": "received", "app": APP, "start": at(one), "end": at(one)} for one in (-9e6, -8.999e6)
    ]
    states = TOLD.filter(pl.col("lane") == "app_state")
    analysis = _power_only(pl.concat([rows(*pushes), states]))
    assert opening(analysis, (at(-9e6), at(900))) == (at(-9e6), at(-8.999e6))
    meta = timeline(analysis).layout.meta
    assert [one["holds"] for one in meta["elsewhere"]] == ["2 windows"]


def test_findings_far_apart_and_equally_bad_are_all_in_view(seen: Analysis) -> None:
    remarks = [replace(seen.findings[0], severity=Severity.info, start=at(one), end=at(one)) for one in (0, 9e5, 1.7e6)]
    analysis = replace(_power_only(rows()), findings=remarks)
    assert opening(analysis, (at(0), at(1.7e6))) is None
    near = replace(analysis, findings=remarks[:2])
    assert opening(near, (at(-9e6), at(9e5))) == (at(0), at(9e5))
    worse = replace(analysis, findings=[replace(remarks[1], severity=Severity.low), remarks[0], remarks[2]])
    assert opening(worse, (at(0), at(1.7e6))) == (at(9e5 - 30), at(9e5 + 30))


def test_a_remark_on_the_whole_capture_does_not_keep_the_view_from_what_happened() -> None:
    remark = Finding("clock-set", "E04", Severity.info, None, at(-9e6), at(900), "The clock was set", "", "", (), 1.0)
    old = rows({"lane": "app_state", "kind": "suspended", "app": APP, "start": at(-9e6), "end": at(-8.9e6)})
    analysis = replace(_power_only(pl.concat([old, TOLD.filter(pl.col("app") == APP)])), findings=[remark])
    assert opening(analysis, (at(-9e6), at(900))) == (at(-500), at(900))


def test_a_worse_finding_outside_of_the_log_comes_into_view(seen: Analysis) -> None:
    span = (at(-9e6), at(900))
    assert opening(seen, span) == (at(0), at(600))
    worst = seen.findings[0]
    early = replace(worst, severity=Severity.critical, start=at(-8e6), end=at(-8e6))
    remarks = [replace(one, severity=Severity.info) for one in seen.findings[1:]]
    assert opening(replace(seen, findings=[early, *remarks]), span) == (at(-8e6 - 30), at(-8e6 + 30))
    outside = timeline(replace(seen, findings=[early, *remarks])).layout.meta["elsewhere"]
    assert any("call" in one["holds"] for one in outside)
    same = replace(early, severity=Severity.info)
    assert opening(replace(seen, findings=[same, *remarks]), span) == (at(0), at(600))


def test_a_figure_of_one_app_does_not_open_with_the_trouble_of_another(seen: Analysis) -> None:
    span = (at(-9e6), at(900))
    worse = replace(seen.findings[0], severity=Severity.critical, app="com.other", start=at(-8e6), end=at(-8e6))
    both = replace(seen, findings=[worse, *(replace(one, severity=Severity.low) for one in seen.findings)])
    assert opening(both, span) == (at(-8e6 - 30), at(-8e6 + 30))
    assert opening(both, span, APP) == (at(0), at(600))
    (first, last) = timeline(both, APP).layout.xaxis.range
    assert last - first < 700_000


def test_a_call_tells_what_others_knew_of_its_time(seen: Analysis) -> None:
    assert dict(during(seen, APP, at(60), at(260))) == {
        "state by PowerLog": "foreground",
        "route by PowerLog": "receiver, other",
        "thermal state": "moderate",
        "hangs": "severe hang",
        "CPU of the app": "at most 120 % of a core",
        "reports": "crash: FRONTBOARD 0x8badf00d",
    }
    assert during(replace(seen, tables={}), APP, at(60), at(260)) == ()


def test_section_has_contradictions_and_one_line_a_lane(seen: Analysis) -> None:
    view = witnesses_view(seen, Moments.of(seen), Limits())
    assert [item.text for item in view.contradictions] == ["the log says background, PowerLog says suspended"]
    told = {(line.title, line.who): line.told for line in view.lanes}
    assert told["CPU, by PowerLog", APP] == "1 interval: at most 120 % of a core, on average 120 %"
    assert told["State by PowerLog", APP] == "foreground 14 min 1 s, suspended 9 min 19 s"
    assert not witnesses_view(replace(seen, tables={}), Moments.of(seen), Limits())


@pytest.mark.parametrize("level", ["ids", "all"])
def test_redaction_reaches_every_word_of_other_witnesses(seen: Analysis, tmp_path: Path, level: Any) -> None:
    reports = pl.DataFrame(
        {"ref": [1], "time": [at(200)], "kind": ["crash"], "process": ["Acme"], "explanation": ["by Jane's Phone, jane.doe@example.org"]}
    )  # fmt: skip
    missing = {name: pl.lit(None, pl.Float64) for name in ("limit", "limit_window_s", "used", "window_s", "victim_bytes", "duration_s", "allowance_s")}  # fmt: skip
    texts = ("start", "bundle", "pid", "app_version", "exception", "namespace", "code", "signal", "role", "action")
    reports = reports.with_columns(**missing, **{name: pl.lit(None, pl.String) for name in texts})
    analysis = replace(seen, tables={**seen.tables, "reports": reports})
    write(analysis, tmp_path / "plain.html")
    write(analysis, tmp_path / "redacted.html", redact=level)
    assert "jane.doe@example.org" in (tmp_path / "plain.html").read_text(encoding="utf-8")
    page = (tmp_path / "redacted.html").read_text(encoding="utf-8")
    hidden = redact(analysis, level)
    figure = timeline(hidden).to_json()
    for secret in ("jane.doe@example.org", "Jane's Phone", "Jane&#39;s", "janedoe"):
        assert secret not in page
        assert secret not in figure
    if level == "all":
        assert "Jane's Car" not in figure
        own, given = hidden.tables["witnesses"]["route"].drop_nulls().to_list()
        assert own == "Receiver"
        assert given.startswith("thing-")


STATES = "PLApplicationAgent_EventForward_Application(timestamp REAL, Identifier TEXT, pid INTEGER, State INTEGER)"


def _powerlog(path: Path, tables: Mapping[str, list[tuple[Any, ...]]]) -> Path:
    with sqlite3.connect(path) as database:
        for definition, values in tables.items():
            database.execute(f"CREATE TABLE {definition}")
            for row in values:
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT INTO {definition.partition('(')[0]} VALUES ({marks})", row)  # noqa: S608
    database.close()
    return path


def synthetic_powerlog(folder: Path) -> Path:
    """A PowerLog that fits the sample sysdiagnose: 2026-01-15, device time an hour ahead of UTC."""
    noon = datetime(2026, 1, 15, 9, 0, tzinfo=UTC).timestamp()
    return _powerlog(
        folder / "powerlog_2026-01-15_10-30.PLSQL",
        {
            "PLStorageOperator_EventForward_TimeOffset(timestamp REAL, system REAL)": [(noon - 9_000, 0.0)],
            STATES: [(noon - 9_000, APP, 905, 4), (noon - 700, APP, 951, 4), (noon - 400, APP, 951, 8), (noon, APP, 951, 2)],
            "PLCoalitionAgent_EventInterval_CoalitionInterval(timestamp REAL, timestampEnd REAL, BundleId TEXT, cpu_time REAL)": [
                (noon - 900 + 300 * index, noon - 600 + 300 * index, APP, share) for index, share in enumerate((20.0, 250.0, 5.0))
            ],
            "PLXPCAgent_EventForward_ThermalLevel(timestamp REAL, pressureLevel INTEGER, thermalLevel INTEGER)": [
                (noon - 800, 0, 0), (noon - 500, 20, 3), (noon - 100, 0, 0)
            ],
            "PLSpringBoardAgent_EventForward_SBLock(timestamp REAL, Locked INTEGER)": [(noon - 720, 1), (noon - 650, 0)],
            "PLAudioAgent_EventForward_Routing(timestamp REAL, Active INTEGER, ActiveRoute TEXT, OutputCategory TEXT)": [
                (noon - 720, 0, "Speaker", "Audio/Video"), (noon - 705, 1, "Receiver", "PhoneCall"), (noon - 300, 1, "HeadphonesBT", "PhoneCall")
            ],
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def together(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    folder = tmp_path_factory.mktemp("power")
    (sample,) = samples.glob("sysdiagnose_*.tar.gz")
    with open_capture([sample, synthetic_powerlog(folder)], apps=[APP]) as capture:
        return capture.analysis


def test_a_sysdiagnose_and_a_powerlog_share_one_axis(together: Analysis, tmp_path: Path) -> None:
    titles = _titles(timeline(together))
    for wanted in (f"State by PowerLog: {APP}", "Thermal state", "Screen lock", "Audio route, by PowerLog", "Reports"):
        assert wanted in titles
    told = together.tables["witnesses"]
    assert set(told["source"].str.split("/").list.last().to_list()) >= {"powerlog_2026-01-15_10-30.PLSQL"}
    call = together.episodes["calls"].filter(pl.col("id") == "call-2").row(0, named=True)
    assert (
        dict(during(together, APP, call["start"], call["end"]))["route by PowerLog"] == "no session is active, receiver"
    )
    write(together, tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert 'id="witnesses"' in page
    assert "0xbaadca11" in page.partition('id="witnesses"')[2]


def test_the_real_powerlog_alone(real: Path) -> None:
    with open_capture(real / REAL, apps=["com.anonyome.mysudo"]) as capture:
        analysis = capture.analysis
    told = analysis.tables["witnesses"]
    states = told.filter(pl.col("lane") == "app_state")
    lengths = states.filter(pl.col("kind") == "background").select((pl.col("end") - pl.col("start")).dt.total_nanoseconds() / 1e9)  # fmt: skip
    assert lengths["end"].to_list() == pytest.approx([0.010613, 34.102134, 3.835186], abs=1e-5)
    assert states["app"].unique().to_list() == ["com.anonyome.mysudo"]
    assert {"cpu", "network", "lock", "battery", "route", "device", "shown"} <= set(told["lane"])
    assert told["start"].min() >= datetime(2021, 11, 2, 9, 59, tzinfo=UTC)
    figure = timeline(analysis)
    assert "State by PowerLog: com.anonyome.mysudo" in _titles(figure)
    assert figure.layout.meta["clock"] == "UTC-05:00"
    (sentence,) = figure.layout.meta["opens"]
    assert sentence.startswith("Opens with 2021-11-02 04:59 to 15:32;")  # the day of the pushes
    pushes = told.filter(pl.col("lane") == "push")["start"]
    first, last = figure.layout.xaxis.range
    offset = figure.layout.meta["offset_ms"]
    assert first < pushes.min().timestamp() * 1000 + offset
    assert pushes.max().timestamp() * 1000 + offset < last


def test_without_other_witnesses_nothing_is_added(empty: Analysis, tmp_path: Path) -> None:
    analysis = replace(empty, episodes=empty_episodes())
    write(analysis, tmp_path / "out.html")
    assert 'id="witnesses"' not in (tmp_path / "out.html").read_text(encoding="utf-8")


def test_the_sample_sysdiagnose_has_the_lanes_of_its_powerlog(samples: Path) -> None:
    (sample,) = samples.glob("sysdiagnose_*.tar.gz")
    with open_capture([sample], apps=[APP]) as capture:
        analysis = capture.analysis
        (power,) = (one for one in capture.coverage if one.reader == "powerlog")
    titles = _titles(timeline(analysis))
    for wanted in (f"State by PowerLog: {APP}", f"CPU, by PowerLog: {APP}", "Thermal state", "Screen lock", "Audio route, by PowerLog"):  # fmt: skip
        assert wanted in titles
    assert "Log and PowerLog differ" not in titles
    assert any(note.startswith("clock agrees with") for note in power.notes)
    glitch = analysis.episodes["glitches"].filter(pl.col("kind") == "overload").row(0, named=True)
    assert glitch["cause"] == "thermal"
    assert analysis.episodes["terminations"].filter(pl.col("app") == APP).height == 2


def test_heat_that_is_over_is_no_violation(seen: Analysis) -> None:
    made = seen.episodes["resource_events"]
    over = made.with_columns(pl.when(pl.col("kind") == "thermal").then(0.0).otherwise("value").alias("value"))
    kinds = [resource_events({"resource_events": frame}, (T0, at(900)))["look"].to_list() for frame in (made, over)]
    assert kinds == [["cpu", "thermal"], ["cpu"]]
