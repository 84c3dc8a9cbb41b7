"""Whatever the order, repetition, loss or clipping of events: what always holds."""

import random
from typing import Any

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from traceview.episodes import call_holds, coverage
from traceview.episodes.reconstruct import reconstruct
from traceview.episodes.schema import EPISODES, Episodes
from traceview.episodes.tables import EVIDENCE_CAP, Span
from traceview.signals.vocabulary import EVENT_SCHEMA, FIELDS, KINDS

SECOND = 1_000_000_000
VALUES: dict[str, list[Any]] = {
    "process": [
        "runningboardd",
        "SpringBoard",
        "callservicesd",
        "apsd",
        "audiomxd",
        "Acme",
        "gamepolicyd",
        "dasd",
        None,
    ],
    "pid": [31, 90, 700, 701, None],
    "bundle": ["com.acme.voip", "com.other", None, None],
    "subject": ["Acme", "Other", None, None],
    "subject_pid": [700, 701, None],
    "host_bundle": ["com.acme.voip", None, None, None, None],
    "host_pid": [700, None, None, None, None],
    "state": ["running-active", "running-suspended", "none", "unknown", "ForegroundRunning", "suspend-ignored", None],
    "role": ["Background", "UserInteractive", "None", None],
    "visibility": ["Visible", "NotVisible", "Foreground", "Background", None],
    "assertion_id": ["31-1-1", "31-1-2", None],
    "assertion_name": ["Shared Background Assertion 1 for x", "VoIP push", None],
    "task_id": ["1", "2", None],
    "session_id": ["0x1", "0x2", None],
    "controlling_pid": [90, 700, None],
    "call_id": ["A", "B", None, None],
    "provider": ["ABCDE12345.com.acme.voip", None],
    "action": ["CXAnswerCallAction", "CXEndCallAction", "CXStartCallAction", None, None],
    "direction": ["incoming", "outgoing", None],
    "topic": ["com.acme.voip.voip", "com.other", None],
    "push_id": ["P", None, None],
    "reason": ["2", "CallKit", "PHONE CALL", "BG Kill Demo", "client is background suspended", None, None],
    "code": ["0x8badf00d", "0xbaadca11", "0x2182bad2", "0x0", None],
    "namespace": ["2", "10", None],
    "error": ["'!pri'", None, None],
    "active": [True, False, None],
    "count": [3, None],
    "duration_s": [30.0, None],
    "signal": ["a", "b", "report.crash"],
    "confidence": [0.5, 0.9, None],
}
KIND_NAMES = sorted(KINDS)


def random_events(seed: int, size: int) -> pl.DataFrame:
    """Events within 12 minutes, many at the same moment, of a few kinds, with fields that may contradict each other."""
    rng = random.Random(seed)  # noqa: S311  (reproducible test data)
    kinds = rng.sample(KIND_NAMES, k=rng.randint(1, 20))
    step = rng.choice([0.01, 1, 7.3])
    rows = []
    for ref in range(size):
        row = {name: rng.choice(values) for name, values in VALUES.items()}
        time = None if rng.random() < 0.02 else round(step * rng.randrange(0, 100) * SECOND)
        boot = rng.choice([None, "boot-1" if time is None or time < 60 * SECOND else "boot-2"])
        rows.append({**row, "boot_uuid": boot, "ref": ref, "time": time, "kind": rng.choice(kinds), "message": None})
    raw = {name: pl.Int64() if name == "time" else dtype for name, dtype in EVENT_SCHEMA.items()}
    columns = {name: [row.get(name) for row in rows] for name in raw}
    return pl.DataFrame(columns, schema=raw).cast({"time": EVENT_SCHEMA["time"]})


def check(episodes: Episodes, events: pl.DataFrame) -> None:
    refs = set(events["ref"].to_list())
    assert list(episodes) == list(EPISODES)
    for name, table in episodes.items():
        assert dict(table.schema) == EPISODES[name], name
        assert table["id"].n_unique() == table.height
        table = undated_rows_have_no_edges(name, table)  # noqa: PLW2901  (the rest is about rows with a place in time)
        assert table["start"].is_sorted()
        assert not (table["end"] < table["start"]).fill_null(value=False).any(), name
        assert set(table["start_how"]) | set(table["end_how"]) <= {"observed", "inferred", "capture_edge"}
        assert (table["end_how"].filter(table["end"].is_null()) == "capture_edge").all(), name
        for column, dtype in table.schema.items():
            if dtype == pl.List(pl.UInt64()):
                assert set(table[column].explode().drop_nulls()) <= refs, (name, column)
                assert (table[column].list.len().max() or 0) <= EVIDENCE_CAP
        if name != "processes":
            assert (table["evidence"].list.len() > 0).all(), name
    for name in ("app_states", "suspensions", "background_runs"):
        no_overlap(episodes[name])
    for call in episodes["calls"].iter_rows(named=True):
        held = [edge for window in call_holds.windows(call) for edge in window]
        assert held == sorted(held)
        assert not held or (call["start"] <= held[0] and (call["end"] is None or held[-1] <= call["end"]))
        taken = [t for t in (call["answered"], call["connected"]) if t is not None]
        assert all(call["start"] <= t and (call["end"] is None or t <= call["end"]) for t in taken)
    no_overlap(episodes["conditions"], "kind")
    no_overlap(episodes["audio_settings"], "session_id")


def undated_rows_have_no_edges(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """Only reports without a time have no place; the rows that have one are returned."""
    undated = table.filter(pl.col("start").is_null())
    assert undated.is_empty() or name in ("terminations", "resource_events")
    assert undated.select("end", "start_how", "end_how").null_count().sum_horizontal().sum() == 3 * undated.height
    return table.filter(pl.col("start").is_not_null())


def no_overlap(table: pl.DataFrame, *kinds: str) -> None:
    """Windows of one process never overlap. The same pid may come again: then as another process, after the first."""
    far = pl.lit(10**18).cast(pl.Datetime("ns", "UTC"))
    who = ["app", "process", "pid", *kinds]
    rows = table.with_columns(pl.col("end").fill_null(far)).sort(*who, "start", "end")
    clash = pl.col("start") < pl.col("end").shift(1).over(who)
    assert rows.filter(clash.fill_null(value=False)).is_empty()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 80))
@example(2571, 38)
def test_any_events_in_any_order(seed: int, size: int) -> None:
    any_order(seed, size)


def any_order(seed: int, size: int) -> None:
    events = random_events(seed, size)
    span = Span.of(events)
    episodes = reconstruct(events, span)
    check(episodes, events)
    rng = random.Random(seed)  # noqa: S311  (reproducible test data)
    order = list(range(events.height)) + [rng.randrange(events.height) for _ in range(min(5, events.height))]
    rng.shuffle(order)
    again = reconstruct(events[order], span)
    assert all(again[name].equals(table) for name, table in episodes.items())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 700), st.integers(0, 700), st.integers(0, 300))
def test_no_state_outside_of_what_the_sources_cover(seed: int, size: int, begin: int, again: int, lasts: int) -> None:
    events = random_events(seed, size)
    half = size // 2
    sources = ((0, half, begin, begin + lasts), (half + 1, size, again, again + lasts))
    told = tuple((first, last, start * SECOND, end * SECOND) for first, last, start, end in sources)
    span = Span(min(begin, again) * SECOND, (max(begin, again) + lasts) * SECOND, told)
    episodes = reconstruct(events, span)
    check(episodes, events)
    covered = coverage.stretches_of([(start, end) for _, _, start, end in told])
    for start, end in episodes["app_states"].select(pl.col("start", "end").cast(pl.Int64)).rows():
        until = span.end if end is None else end
        assert any(first <= start and until <= last for first, last in covered), (start, end, covered)


def test_fields_of_the_generator_exist() -> None:
    assert set(VALUES) - set(EVENT_SCHEMA) == set()
    assert {"bundle", "subject_pid"} <= set(FIELDS)
