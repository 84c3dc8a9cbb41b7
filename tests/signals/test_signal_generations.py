import pytest
from msgspec.structs import replace

from traceview.signals.catalogue import catalogue
from traceview.signals.generations import GENERATIONS, UNDATED, coverage, generations_of

OLD, MIDDLE, LATE, NEW = GENERATIONS


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("iOS 14, 15 and 26; endowments since about iOS 17.4", {MIDDLE, LATE, NEW}),
        ("iOS 12/13 and 26: intent background", {OLD, NEW}),
        ("iOS 15 to 26", {MIDDLE, LATE, NEW}),
        ("iOS 18/26", {LATE, NEW}),
        ("tvOS 18.2 build 22K160, RunningBoard; seen in a macOS 12 archive", {MIDDLE, LATE}),
        ("iOS 18.0 build 22A3354 and 26.1 build 23B85, AudioSession", {LATE, NEW}),
        ("xnu, iOS 12 to 18.4", {OLD, MIDDLE, LATE}),
        ("macOS 10.15 to 15; prewarming or recovering yes is no event", {OLD, MIDDLE, LATE}),
        ("iOS 14.2 and 14.5 device logs", {MIDDLE}),
        ("quoted from an iPhone log, 2026", {NEW}),
        ("iOS 9 crash reports", set()),
        ("WirelessRadioManagerd, build of unknown version", {UNDATED}),
    ],
)
def test_a_source_names_releases(source: str, expected: set[str]) -> None:
    signal = replace(catalogue().signals[0], source=source, since=None, until=None)
    assert generations_of(signal) == expected


def test_since_and_until_bound_the_generations() -> None:
    signal = replace(catalogue().signals[0], source="iOS 12 to 26", since="15", until="18")
    assert generations_of(signal) == {MIDDLE, LATE}


def test_every_kind_has_evidence_and_no_hole_is_new() -> None:
    table = coverage(catalogue().signals)
    assert all(any(row.values()) for row in table.values())
    holes = {kind: [name for name in GENERATIONS if not row[name]] for kind, row in table.items()}
    assert sum(map(len, holes.values())) <= HOLES
    full = {kind for kind, missing in holes.items() if not missing}
    assert {"audio_session.client_state", "jetsam.killed", "network.lost", "process.state"} <= full


HOLES = 84
"""Cells (kind, generation) without evidence when this was written: fill them, never dig new ones."""
