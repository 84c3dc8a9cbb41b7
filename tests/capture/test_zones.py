"""Times in texts of readers, as people read them."""

from datetime import UTC, timedelta, timezone

import pytest

from traceview.zones import read_locally

EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("set once, by +3.000 s at 2026-01-15T20:30:00Z", "set once, by +3.000 s at 2026-01-16 02:00:00"),
        ("from 2026-01-15T09:00:00Z to 2026-01-15T10:00:00Z", "from 2026-01-15 14:30:00 to 2026-01-15 15:30:00"),
        ("no time in it, Z", "no time in it, Z"),
        ("a day that is none: 2026-02-31T09:00:00Z", "a day that is none: 2026-02-31T09:00:00Z"),
        ("the calendar ends: 9999-12-31T23:00:00Z", "the calendar ends: 9999-12-31T23:00:00Z"),
    ],
)
def test_moments_of_notes_are_read_in_the_zone_of_the_capture(text: str, shown: str) -> None:
    assert read_locally(text, EAST) == shown


def test_utc_is_read_without_its_mark() -> None:
    assert read_locally("at 2026-01-15T20:30:00Z", UTC) == "at 2026-01-15 20:30:00"
