"""Times of which a PowerLog holds nothing: told, and no window reaches across them."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import traceview
from traceview.completeness import stretches_of
from traceview.episodes.coverage import outside
from traceview.episodes.tables import Span
from traceview_parsers.powerlog import silence
from traceview_parsers.trace import Coverage

DAY = 86_400_000_000_000


def test_silence_of_more_than_a_day_is_a_gap() -> None:
    noted = [(5 * DAY, 6 * DAY), (-3 * DAY, -3 * DAY), (0, 1), (DAY, DAY + 7), (None, 3), (2 * DAY + 7, 2 * DAY + 8)]
    assert silence.gaps(noted, 0) == ((2 * DAY + 8, 5 * DAY),)
    assert silence.gaps(noted[:1], None) == ()
    assert list(silence.told(())) == []
    (text,) = silence.told(((0, 3 * DAY), (4 * DAY, 10 * DAY)))
    assert "2 times, at most 6.0 days" in text


def test_stretches_are_what_lies_between_gaps() -> None:
    told = Coverage("a", "powerlog", 0, 10, gaps=((-5, -1), (2, 4), (7, 8), (9, 12)))
    assert stretches_of(told) == [(0, 2), (4, 7), (8, 10)]
    assert stretches_of(Coverage("a", "powerlog")) == []


def test_events_in_any_stretch_of_their_source_are_inside() -> None:
    events = pl.DataFrame({"ref": [1, 1, 1, 9], "time": [1, 5, 9, 5]}, schema={"ref": pl.UInt64, "time": pl.Int64})
    span = Span(0, 10, ((0, 5, 0, 2), (0, 5, 8, 10)))
    assert events.select(outside(span)).to_series().to_list() == [False, True, False, False]


@pytest.mark.real
def test_no_state_reaches_across_weeks_without_rows(real: Path, tmp_path: Path) -> None:
    (packed,) = (real / "powerlog").glob("*.PLSQL.gz")
    path = tmp_path / "real.PLSQL"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    with traceview.open(path) as capture:
        (told,) = capture.coverage
        states = capture.app_states
    assert len(told.gaps) == 3
    assert any("nothing was recorded for days, 3 times, at most 31.7 days" in note for note in told.notes)
    ended = states.drop_nulls("end")
    assert ended.height > 100
    assert (ended["end"] - ended["start"]).max() < timedelta(days=1)
    silent = datetime(2021, 11, 20, tzinfo=UTC)
    assert states.filter((pl.col("start") < silent) & (pl.col("end") > silent)).is_empty()
