"""Options that several commands share."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from traceview.cli import options
from traceview_parsers.errors import UsageError
from traceview_parsers.selection import to_ns


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("+02:00", timezone(timedelta(hours=2))),
        ("-0330", timezone(-timedelta(hours=3, minutes=30))),
        ("Z", UTC),
        ("utc", UTC),
        ("Europe/Berlin", ZoneInfo("Europe/Berlin")),
        (None, None),
    ],
)
def test_zones(text: str | None, zone: object) -> None:
    assert options.parse_zone(text) == zone


@pytest.mark.parametrize(
    "text", ["Mars/Olympus", "+25:00", "+01:99", "2", "", "../../etc/passwd", "/etc/passwd", "a\0b"]
)
def test_wrong_zones_are_one_clear_error(text: str) -> None:
    with pytest.raises(UsageError, match="give it as"):
        options.parse_zone(text)


def test_times_take_their_own_zone_else_the_given_one_else_utc() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    utc = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
    assert options.parse_time("2026-01-15 10:30+01:00", "--start", None) == utc
    assert options.parse_time("@1768469400", "--start", berlin) == utc
    assert options.parse_time("2026-01-15 10:30", "--start", berlin) == utc
    assert options.parse_time("2026-01-15T09:30", "--start", None) == utc
    with pytest.raises(UsageError, match="--end tomorrow"):
        options.parse_time("tomorrow", "--end", None)


def test_nanoseconds_are_exact() -> None:
    time = datetime(2106, 2, 7, 6, 28, 15, 999_999, tzinfo=UTC)
    assert to_ns(time) == 4_294_967_295_999_999_000
    with pytest.raises(UsageError, match="with its zone"):
        to_ns(datetime(2026, 1, 15))  # noqa: DTZ001  (that is the mistake)
    assert to_ns(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1000


@pytest.mark.parametrize("text", ["2026-13-01", "yesterday", ""])
def test_wrong_dates(text: str) -> None:
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        options.parse_date(text)


def test_the_version_of_the_system_is_told_where_the_capture_names_none(samples: Path) -> None:
    text, whole = "healthy-incoming-call.ios26.ndjson", next(samples.glob("sysdiagnose_*.tar.gz")).name
    for name, version in ((text, "26.2"), (whole, "26.2")):
        with options.open_inputs([samples / name], system="26.2" if name == text else "18.1") as capture:
            assert capture.trace.device.os_version == version
    for wrong in ("iOS 26", "26.2.1.4", "", "26.x"):
        with pytest.raises(UsageError, match="give it as 26"):
            options.parse_system(wrong)


def test_an_unknown_zone_of_a_capture_is_utc() -> None:
    assert options.zone_of(None) is UTC
    assert options.zone_of("Nowhere/Land") is UTC
    assert options.zone_of("+05:30") == timezone(timedelta(hours=5, minutes=30))


def test_existing_files_are_kept_unless_forced(tmp_path: Path) -> None:
    there = tmp_path / "report.html"
    there.write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        options.check_writable(there, force=False)
    options.check_writable(there, force=True)
    with pytest.raises(UsageError, match="no folder"):
        options.check_writable(tmp_path / "absent" / "report.html", force=True)


def test_what_a_terminal_would_obey_is_shown() -> None:
    assert options.visible("a\x1b[31m\n\t\u202eb\x9b\x7f") == "a␛[31m␊␉⟨U+202E⟩b⟨U+009B⟩␡"
    assert options.visible("Café 東京 📞") == "Café 東京 📞"


def test_the_count_of_rows_is_taken_away_when_all_were_read(
    samples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with options.open_inputs([samples / "push-never-reported.ios26.ndjson"]) as capture:
        assert capture.findings.height == 1
    written = capsys.readouterr().err
    assert written.startswith("\rreading… 41 relevant log rows\x1b[K\r")
    assert written.endswith("\r\x1b[K\r")
