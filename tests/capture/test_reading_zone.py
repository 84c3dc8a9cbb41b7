"""In which zone people read a capture: the device's, else the user's, else the one that its texts were printed in."""

from datetime import UTC
from pathlib import Path

import pytest

import traceview as tv
from traceview.analysis import Analysis
from traceview.cli.options import parse_zone
from traceview.cli.text import render_analysis
from traceview.plots.clock import display_clock

PRINTED = "suspended-in-call.ios15.default.txt"
BARE = "suspended-in-call.ios26.compact.txt"


def headline(analysis: Analysis) -> str:
    return render_analysis(analysis).splitlines()[0]


@pytest.mark.parametrize(
    "name",
    [PRINTED, "healthy-incoming-call.ios26.ndjson", "user-force-quit.ios18.json", "user-force-quit.ios26.console.txt"],
)
def test_times_read_as_the_log_prints_them(samples: Path, name: str) -> None:
    with tv.open(samples / name) as capture:
        analysis = capture.analysis
    assert (analysis.capture.tz, analysis.capture.tz_how) == ("+01:00", "printed")
    assert " 09:12:30 to " in headline(analysis)
    assert "UTC+01:00" in headline(analysis)
    clock = display_clock(analysis.capture)
    assert (clock.label, clock.how) == ("UTC+01:00", "the zone in which the log was printed")


def test_a_given_zone_is_that_of_the_text_and_of_the_reader(samples: Path) -> None:
    with tv.open(samples / BARE, tz=parse_zone("Europe/Berlin")) as capture:
        analysis = capture.analysis
    assert "2026-01-15 09:12:30" in headline(analysis)
    assert "UTC+01:00" in headline(analysis)
    assert "assumed" not in headline(analysis)
    assert min(event for event in analysis.events["time"] if event is not None).astimezone(UTC).hour == 8
    assert display_clock(analysis.capture).how == "the zone given for the capture"


def test_a_zone_that_nobody_told_is_said_to_be_assumed(samples: Path) -> None:
    with tv.open(samples / BARE) as capture:
        analysis = capture.analysis
    assert "UTC (zone assumed; see --tz)" in headline(analysis)


def test_texts_of_several_zones_have_none(samples: Path, tmp_path: Path) -> None:
    text = (samples / PRINTED).read_text("utf-8")
    (tmp_path / "a.txt").write_text(text, "utf-8")
    (tmp_path / "b.txt").write_text(text.replace("+0100 ", "+0200 "), "utf-8")
    with tv.open([tmp_path / "a.txt", tmp_path / "b.txt"]) as capture:
        assert capture.trace.capture.tz is None


def test_the_zone_of_one_text_says_nothing_of_another(samples: Path) -> None:
    with tv.open([samples / PRINTED, samples / BARE]) as capture:
        bare = next(one for one in capture.coverage if one.source == BARE)
    assert "zone assumed (UTC)" in bare.clock
