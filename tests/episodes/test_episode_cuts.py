"""A capture cut in two at any instant: what the first half tells is what the whole tells of the time up to the cut.

"Up to the cut" means, for every table:

* A window that ended before the cut, and longer before it than lines may still add to what is over (`SETTLES_S`: echoes,
  verdicts, kills), stands in both with the same columns. Row numbers and evidence may differ; so may columns that by their
  meaning look ahead (`LOOKS_AHEAD`); and what the first half does not know (null, unknown) the whole may know, because a
  later line names it.
* A window of the whole that spans the cut stands in the first half too: same app, pid, begin and kind, its end open, not
  observed, or so shortly before the cut that lines may still add to it (a kill, and 0.2 s later the exit).
* The first half tells of nothing else.
"""

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from traceview.episodes.reconstruct import Span, reconstruct
from traceview.episodes.schema import EPISODES, Episodes
from traceview.signals.vocabulary import EVENT_SCHEMA

SECOND = 1_000_000_000
Row = tuple[float, str, dict[str, Any]]

SETTLES_S = {
    "processes": 7.0,  # echoes of an exit, a kill that it may have outlived
    "app_states": 2.5,  # what "running" meant
    "suspensions": 3.0,
    "background_runs": 10.0,  # a background task that is killed
    "background_tasks": 10.0,
    "assertions": 2.5,
    "pushes": 121.0,  # the report, callservicesd's verdict
    "calls": 7.0,
    "push_to_talk": 2.5,
    "audio_sessions": 7.0,
    "audio_settings": 2.5,
    "interruptions": 2.5,
    "route_changes": 0.5,
    "glitches": 16.0,  # the burst goes on; load that is told late
    "resource_events": 3.0,
    "conditions": 2.5,
    "network": 61.0,  # the path is back
    "terminations": 16.0,
}
LOOKS_AHEAD = {
    "suspensions": {"ran_after_s"},
    "interruptions": {"resumed", "resumed_after_s"},
    "glitches": {"facts_against"},  # names what is absent, of what any line of the capture shows that it could tell
}
KEYS = {
    "app_states": ["state"],
    "background_tasks": ["name"],
    "assertions": ["assertion_id", "name"],
    "pushes": ["topic"],
    "calls": ["direction"],
    "push_to_talk": ["kind"],
    "audio_sessions": ["session_id"],
    "audio_settings": ["session_id", "changed"],
    "interruptions": ["interrupter"],
    "glitches": ["kind"],
    "resource_events": ["kind"],
    "conditions": ["kind", "level"],
    "network": ["kind"],
    "terminations": ["kind"],
}
NOT_KNOWN = (None, "unknown", "not_known")
BUNDLES = {700: "com.acme.voip", 800: "com.other.app"}
NAMES = {700: "Acme", 800: "Other"}


def app(pid: int) -> dict[str, Any]:
    bundle = BUNDLES[pid // 10 * 10]
    return {"bundle": bundle, "subject_pid": pid, "message": f"[app<{bundle}((null))>:{pid}]"}


def ui(pid: int) -> dict[str, Any]:
    """Printed by the app itself; the bundle stands for the many other witnesses that name it."""
    return {"process": NAMES[pid // 10 * 10], "pid": pid, "bundle": BUNDLES[pid // 10 * 10], "subject_pid": pid}


def server(pid: int) -> dict[str, Any]:
    return {**ui(pid), "process": "audiomxd", "pid": 80, "subject": NAMES[pid // 10 * 10], "session_id": f"0x{pid:x}"}


DAEMON = {"process": "callservicesd", "pid": 90}


def fan_out(t: float, pid: int, state: str, visibility: str) -> list[Row]:
    return [
        (
            t + at * 0.001,
            "process.state",
            {**app(pid), "process": name, "pid": None, "state": state, "visibility": visibility},
        )
        for at, name in enumerate(("dasd", "locationd", "symptomsd"))
    ]


def calls_in(t: float, pid: int) -> list[Row]:
    """Push, call, audio, hold, interruption, glitches, a path that is lost: 70 seconds of a bad day."""
    bundle, call = BUNDLES[pid // 10 * 10], {"call_id": f"{pid}-{t}"}
    return [
        (t, "push.received", {**DAEMON, "bundle": bundle, "topic": f"{bundle}.voip"}),
        (t + 0.5, "push.delivered", {**DAEMON, "bundle": bundle}),
        *fan_out(t + 0.6, pid, "running-active", "NotVisible"),
        (t + 1, "call.reported", {**ui(pid), **call, "direction": "incoming"}),
        (t + 5, "call.answered", {**DAEMON, **call}),
        (t + 5.2, "audio_session.activated", {**server(pid), "controlling_pid": 90, "category": "PlayAndRecord"}),
        (t + 5.4, "audio_io.started", ui(pid)),
        *fan_out(t + 10, pid, "running-active", "Visible"),
        *[(t + 20 + at * 0.3, "audio_io.overload", ui(pid)) for at in range(10)],
        (t + 22, "audio_session.route_changed", {**ui(pid), "reason": "OldDeviceUnavailable", "route": "Receiver"}),
        (t + 24, "network.lost", {**ui(pid), "reason": "unsatisfied_change"}),
        (t + 26, "network.restored", {**ui(pid), "interface": "pdp_ip0"}),
        (t + 30, "call.held", {**DAEMON, **call}),
        (t + 35, "call.resumed", {**DAEMON, **call}),
        (t + 40, "audio_session.interrupted", {**server(pid), "interrupter": "Phone(900)"}),
        (t + 50, "audio_session.interruption_ended", ui(pid)),
        (t + 50.5, "audio_session.activated", {**server(pid), "controlling_pid": 90}),
        (t + 60, "call.ended", {**DAEMON, **call, "reason": "remote hangup"}),
        (t + 60.1, "audio_io.stopped", ui(pid)),
        (t + 60.2, "audio_session.deactivated", {**server(pid), "controlling_pid": 90}),
    ]


def goes_away(t: float, pid: int) -> list[Row]:
    return [
        *fan_out(t, pid, "running-active", "NotVisible"),
        (t + 0.01, "process.priority", {**app(pid), "priority": 3}),
        (t + 0.1, "background_task.began", {**ui(pid), "task_id": str(t), "task_name": f"task {t}"}),
        (t + 8, "background_task.ended", {**ui(pid), "task_id": str(t)}),
        *fan_out(t + 13, pid, "running-suspended", "NotVisible"),
    ]


def comes_back(t: float, pid: int) -> list[Row]:
    return [
        *fan_out(t, pid, "running-active", "Visible"),
        (t + 0.01, "process.priority", {**app(pid), "priority": 10}),
        (t + 1, "audio_session.activated", {**ui(pid), "session_id": "0x1"}),
        (t + 9, "audio_session.deactivated", {**ui(pid), "session_id": "0x1"}),
    ]


def is_held(t: float, pid: int) -> list[Row]:
    taken = {
        **app(pid),
        "assertion_id": f"31-{pid}-{t}",
        "assertion_name": f"CLLocation {t}",
        "originator": "locationd",
    }
    return [
        *fan_out(t, pid, "running-active", "NotVisible"),
        (t + 1, "assertion.acquired", taken),
        (t + 45, "assertion.invalidated", {**app(pid), "assertion_id": f"31-{pid}-{t}"}),
        *fan_out(t + 55, pid, "running-suspended", "NotVisible"),
    ]


def gets_hot(t: float, _pid: int) -> list[Row]:
    return [
        (t, "resource.thermal", {"process": "thermalmonitord", "pid": 40, "value": 20.0, "reason": "thermal pressure"}),
        (t + 3, "resource.low_power", {"process": "powerd", "pid": 41, "active": True}),
        (t + 9, "resource.low_power", {"process": "powerd", "pid": 41, "active": False}),
        (
            t + 12,
            "resource.thermal",
            {"process": "thermalmonitord", "pid": 40, "value": 0.0, "reason": "thermal pressure"},
        ),
        (t + 13, "system.push_channel", {"process": "apsd", "pid": 42, "active": False, "error": "x"}),
        (t + 19, "system.push_channel", {"process": "apsd", "pid": 42, "active": True}),
    ]


def talks(t: float, pid: int) -> list[Row]:
    channel = {**ui(pid), "call_id": f"channel {pid}"}
    return [
        (t, "ptt.channel", {**channel, "action": "joined"}),
        (t + 3, "ptt.transmission", {**channel, "action": "transmission started"}),
        (t + 7, "ptt.transmission", {**channel, "action": "transmission ended"}),
        (t + 15, "ptt.channel", {**channel, "action": "left"}),
    ]


ACTS: dict[str, tuple[float, Callable[[float, int], list[Row]]]] = {
    "call": (62.0, calls_in),
    "away": (15.0, goes_away),
    "back": (10.0, comes_back),
    "held": (57.0, is_held),
    "hot": (20.0, gets_hot),
    "talk": (16.0, talks),
}


def dies(t: float, pid: int) -> list[Row]:
    return [
        (t, "process.terminated", {**app(pid), "code": "0x8badf00d"}),
        (t + 0.2, "process.exited", app(pid)),
    ]


def day_of(plan: list[tuple[str, float, int, bool]]) -> tuple[list[Row], float]:
    """Rows of a plan of (act, pause before it, which app, whether the app then dies), and the length of the day."""
    pids = [700, 800]
    rows: list[Row] = [
        (0.5, "process.state", {"process": "callservicesd", "pid": 90, "subject_pid": 90, "subject": "callservicesd"})
    ]
    for pid in pids:
        rows += [(1.0, "process.launched", app(pid)), (1.0, "process.identity", {**app(pid), "subject": NAMES[pid]})]
    t = 5.0
    for act, pause, which, death in plan:
        lasts, make = ACTS[act]
        t += pause
        rows += make(t, pids[which])
        t += lasts
        if death:
            rows += dies(t, pids[which])
            pids[which] += 1
            t += 30
            rows += [
                (t, "process.launched", app(pids[which])),
                (t, "process.identity", {**app(pids[which]), "subject": NAMES[pids[which] // 10 * 10]}),
            ]
    return rows, t + 5


def events_of(rows: list[Row]) -> pl.DataFrame:
    default = {"process": "runningboardd", "pid": 31}
    full = [
        {"ref": ref, "time": round(t * SECOND), "kind": kind, "signal": kind, **default, **fields}
        for ref, (t, kind, fields) in enumerate(sorted(rows, key=lambda row: row[0]))
    ]
    raw = {name: pl.Int64() if name == "time" else dtype for name, dtype in EVENT_SCHEMA.items()}
    columns = {name: [row.get(name) for row in full] for name in raw}
    return pl.DataFrame(columns, schema=raw).cast({"time": EVENT_SCHEMA["time"]})


def compared(name: str) -> list[str]:
    left_out = {"id", "evidence", "call", *LOOKS_AHEAD.get(name, ())}
    return [
        column for column, dtype in EPISODES[name].items() if column not in left_out and not isinstance(dtype, pl.List)
    ]


def rows_of(table: pl.DataFrame, columns: list[str]) -> list[tuple[Any, ...]]:
    times = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Datetime)]
    return table.with_columns(pl.col(name).cast(pl.Int64) for name in times).select(columns).rows()


def agrees(half: tuple[Any, ...], whole: tuple[Any, ...]) -> bool:
    """The whole may know what the half does not; nothing else may differ."""
    return all(mine == theirs or mine in NOT_KNOWN for mine, theirs in zip(half, whole, strict=True))


def before(limit: int) -> pl.Expr:
    return pl.col("end").is_not_null() & (pl.col("end").cast(pl.Int64) <= limit)


def is_edge() -> pl.Expr:
    return pl.col("end").is_null() | (pl.col("end_how") != "observed")


def differences(whole: Episodes, half: Episodes, cut: int) -> Iterator[str]:
    for name in EPISODES:
        limit = cut - round(SETTLES_S[name] * SECOND)
        columns = compared(name)
        over = rows_of(whole[name].filter(before(limit)), columns)
        told = rows_of(half[name].filter(before(limit)), columns)
        for row in over:
            if not any(agrees(mine, row) for mine in told):
                yield f"{name}: the half lacks {dict(zip(columns, row, strict=True))}; it has {told}"
        for row in told:
            if not any(agrees(row, theirs) for theirs in over):
                yield f"{name}: only the half has {dict(zip(columns, row, strict=True))}; the whole has {over}"
        key = ["app", "pid", "start", *KEYS.get(name, [])]
        started = pl.col("start").cast(pl.Int64) <= limit
        spans = started & (pl.col("end").is_null() | (pl.col("end").cast(pl.Int64) > cut))
        open_in_half = rows_of(half[name].filter(is_edge() | ~before(limit)), key)
        for row in rows_of(whole[name].filter(spans), key):
            if not any(agrees(mine, row) for mine in open_in_half):
                yield f"{name}: cut, the half lacks {dict(zip(key, row, strict=True))}; open: {open_in_half}"


def check_cut(plan: list[tuple[str, float, int, bool]], share: float) -> None:
    rows, length = day_of(plan)
    events = events_of(rows)
    end = round(length * SECOND)
    whole = reconstruct(events, Span(0, end))
    cut = round(share * end)
    first = events.filter(pl.col("time").cast(pl.Int64) <= cut)
    half = reconstruct(first, Span(0, cut))
    assert list(differences(whole, half, cut)) == []
    # And the other way round: the second half given with the first one, in any order, is the whole.
    second = events.filter(pl.col("time").cast(pl.Int64) > cut - SECOND)
    joined = reconstruct(pl.concat([second, first]), Span(0, end))
    assert all(joined[name].equals(table) for name, table in whole.items())


PLANS = st.lists(
    st.tuples(st.sampled_from(sorted(ACTS)), st.floats(0.0, 40.0), st.integers(0, 1), st.booleans()),
    min_size=1,
    max_size=5,
)


@settings(max_examples=8, deadline=None)
@example([("held", 6.0, 0, True), ("talk", 28.0, 0, True), ("call", 5.0, 0, True), ("talk", 24.0, 0, True)], 0.19815)
@given(PLANS, st.floats(0.0, 1.0))
def test_cut_anywhere_the_first_half_tells_what_the_whole_tells(
    plan: list[tuple[str, float, int, bool]], share: float
) -> None:
    check_cut(plan, share)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_full_day_can_be_cut(share: float) -> None:
    plan = [("call", 1.0, 0, False), ("away", 2.0, 0, False), ("held", 3.0, 1, True), ("hot", 0.0, 0, False)]
    check_cut([*plan, ("talk", 1.0, 0, False), ("call", 20.0, 0, True)], share)


def test_the_day_is_what_it_was_made_of() -> None:
    rows, length = day_of([("call", 1.0, 0, False), ("away", 2.0, 0, False), ("talk", 1.0, 0, True)])
    episodes = reconstruct(events_of(rows), Span(0, round(length * SECOND)))
    heights = {name: table.height for name, table in episodes.items()}
    assert heights["calls"] == heights["pushes"] == heights["suspensions"] == heights["interruptions"] == 1
    assert heights["push_to_talk"] == heights["audio_sessions"] == 2
    assert heights["glitches"] == heights["terminations"] == heights["background_tasks"] == 1
    assert episodes["calls"].select("outcome", "holds", "held_s").rows() == [("answered", 1, 5.0)]
    assert episodes["terminations"].select("kind", "app_state").rows() == [("watchdog", "suspended")]
