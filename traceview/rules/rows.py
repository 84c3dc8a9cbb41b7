"""What checks share: reading episode tables, deciding whom a row is about, and building findings."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import polars as pl

from traceview.rules.quotes import marked
from traceview.rules.registry import Finding, Inputs, Severity
from traceview.rules.windows import Window

T = TypeVar("T")
Row = dict[str, Any]
"""One episode by column name; times are UTC datetimes."""
Line = tuple[datetime, int]
"""A line (`ref`) with the time at which it stands in a proof."""

SYSTEM_CALLS: Final = frozenset({"cellular", "facetime"})

CALL_DAEMONS: Final = frozenset({"callservicesd"})
AUDIO_SERVERS: Final = frozenset({"audiomxd", "mediaserverd"})
STATE_DAEMONS: Final = frozenset({"runningboardd", "assertiond", "SpringBoard"})
STATE_KINDS: Final = ("process.state", "process.suspended", "process.resumed", "app.foreground", "app.background")
TERMINATION_DAEMONS: Final = frozenset({"runningboardd", "assertiond", "SpringBoard", "launchd"})
TERMINATION_KINDS: Final = ("process.exited", "process.terminated")
SIMULATOR_PROCESSES: Final = frozenset({"CoreSimulatorBridge", "launchd_sim", "SimulatorTrampoline", "SimRenderServer"})

ANSWER_TO_AUDIO: Final = timedelta(seconds=3)
"""A session that starts within this time of an answer belongs to the call (heuristic)."""
_VARIABLE: Final = re.compile(r"0x[0-9A-Fa-f]+|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|\d+")

Predicate = Callable[[Inputs], bool]


def seen(*kinds: str, by: Iterable[str] = ()) -> Predicate:
    """Return a predicate: an event kind of `kinds` occurred (``call.`` stands for all of them) or a process of `by` spoke."""
    exact = frozenset(kinds)
    prefixes = tuple(kind for kind in kinds if kind.endswith("."))
    processes = frozenset(by)

    def holds(inputs: Inputs) -> bool:
        if exact & inputs.kinds or processes & inputs.witnesses:
            return True
        return bool(prefixes) and any(kind.startswith(prefixes) for kind in inputs.kinds)

    return holds


def every(*predicates: Predicate) -> Predicate:
    """Return a predicate: all of `predicates` hold."""
    return lambda inputs: all(predicate(inputs) for predicate in predicates)


def any_of(*predicates: Predicate) -> Predicate:
    """Return a predicate: one of `predicates` holds."""
    return lambda inputs: any(predicate(inputs) for predicate in predicates)


def has_rows(table: str, condition: pl.Expr | None = None) -> Predicate:
    """Return a predicate: `table` has a row (that meets `condition`)."""

    def holds(inputs: Inputs) -> bool:
        return not _where(inputs.episodes[table], condition).is_empty()

    return holds


def rows(inputs: Inputs, table: str, condition: pl.Expr | None = None) -> list[Row]:
    """Return the rows of `table` with a start (that meet `condition`), by start. They are shared: copy before a change."""
    if condition is None:
        return remembered(inputs, table, lambda: _read(inputs.episodes[table]))
    return _read(_where(inputs.episodes[table], condition))


def undated(inputs: Inputs, table: str) -> list[Row]:
    """Return the rows of `table` that reports without a time tell of: they have neither start nor end. Shared, as in `rows`."""
    timeless = pl.col("start").is_null() & pl.col("start_how").is_null()
    return remembered(inputs, (table, "undated"), lambda: _where(inputs.episodes[table], timeless).to_dicts())


def _where(frame: pl.DataFrame, condition: pl.Expr | None) -> pl.DataFrame:
    """Return the rows that meet `condition`; most tables of a capture are empty, and asking them costs too."""
    return frame if condition is None or frame.is_empty() else frame.filter(condition)


def _read(frame: pl.DataFrame) -> list[Row]:
    if frame.is_empty():
        return []
    return frame.filter(pl.col("start").is_not_null()).sort("start", maintain_order=True).to_dicts()


def remembered(inputs: Inputs, key: object, make: Callable[[], T]) -> T:
    """Return what `make` gives, made once for all rules of a capture."""
    if key not in inputs.memo:
        inputs.memo[key] = make()
    found: T = inputs.memo[key]
    return found


def rows_of(inputs: Inputs, table: str, row: Row) -> list[Row]:
    """Return the rows of `table` that are about the same app as `row` (`same_app`), by start. Shared, as in `rows`."""
    app, pid = row.get("app") or None, row.get("pid")
    return remembered(inputs, (table, "of", app, pid), lambda: _rows_of(inputs, table, app, pid))


def _rows_of(inputs: Inputs, table: str, app: str | None, pid: int | None) -> list[Row]:
    by_app, by_pid = remembered(inputs, (table, "by app"), lambda: _indexed(rows(inputs, table)))
    same_pid = by_pid.get(pid, [])
    if app is None:
        return same_pid
    nameless = [one for one in same_pid if not one["app"]]
    own = by_app.get(app, [])
    return sorted([*own, *nameless], key=lambda one: one["start"]) if nameless else own


def _indexed(found: list[Row]) -> tuple[dict[str, list[Row]], dict[int | None, list[Row]]]:
    by_app: dict[str, list[Row]] = {}
    by_pid: dict[int | None, list[Row]] = {}
    for row in found:
        if row["app"]:
            by_app.setdefault(row["app"], []).append(row)
        if row["pid"] is not None:
            by_pid.setdefault(row["pid"], []).append(row)
    return by_app, by_pid


def rows_app(inputs: Inputs, table: str, condition: pl.Expr) -> list[str]:
    """Return the bundle ids in the rows of `table` that meet `condition`."""
    apps: list[str] = _where(inputs.episodes[table], condition)["app"].drop_nulls().to_list()
    return apps


def is_apple(app: str | None) -> bool:
    """Whether `app` is part of iOS."""
    return app is not None and app.startswith("com.apple.")


def wanted(inputs: Inputs, row: Row) -> bool:
    """Whether a row is worth a finding: about an app that was asked for, else about any app that is not Apple's."""
    app, process = row.get("app"), row.get("process")
    if inputs.apps:
        return app in inputs.apps or process in inputs.apps or owner(app, inputs.apps) is not None
    return not is_apple(app)


def owner(app: str | None, apps: Iterable[str]) -> str | None:
    """Return the app of `apps` whose extension `app` is by its bundle id (``com.acme.voip.nse``), or None."""
    if app is None:
        return None
    return next((host for host in apps if app.startswith(host + ".")), None)


def name_of(row: Row) -> str:
    """Return whom a row is about, for a title."""
    named = row.get("app") or row.get("process")
    if named:
        return shown(named)
    return f"pid {row['pid']}" if row.get("pid") is not None else "an unidentified app"


def same_app(left: Row, right: Row) -> bool:
    """Whether two rows are about one app: by bundle id where both have one, else by pid."""
    if left.get("app") and right.get("app"):
        return bool(left["app"] == right["app"])
    return left.get("pid") is not None and left["pid"] == right.get("pid")


def window_of(inputs: Inputs, row: Row) -> Window | None:
    """Return the row's window, an open end closed by the capture's end; None where that is unknown or not after the start."""
    start, end = row["start"], row["end"] or inputs.capture_end
    return (start, end) if start is not None and end is not None and end > start else None


def windows_of(inputs: Inputs, found: Iterable[Row]) -> list[Window]:
    """Return the windows of the rows that have one."""
    return [window for row in found if (window := window_of(inputs, row)) is not None]


def calls_of(inputs: Inputs, row: Row) -> list[Row]:
    """Return the calls that may be of the row's app: its own, and those whose app no line names (``<private>``). Shared."""
    return remembered(inputs, ("calls of", row.get("app"), row.get("pid")), lambda: _calls_of(inputs, row))


def _calls_of(inputs: Inputs, row: Row) -> list[Row]:
    return [
        call
        for call in rows(inputs, "calls")
        if call["kind"] not in SYSTEM_CALLS and (call["app"] is None or row.get("app") is None or same_app(call, row))
    ]


def call_apps_by_push(inputs: Inputs) -> dict[str, str]:
    """Return by call id the app whose push brought the call, for calls that no line names."""
    pushes = inputs.episodes["pushes"].filter(pl.col("call").is_not_null() & pl.col("app").is_not_null())
    return dict(zip(pushes["call"].to_list(), pushes["app"].to_list(), strict=True))


def owned_calls(inputs: Inputs, row: Row) -> list[Row]:
    """Return the calls of the row's app: named by a line, brought by its push, or answered into its audio session.

    On customer devices callservicesd hides whose call it is. The audio session of an app that starts as the call is
    answered tells it (`ANSWER_TO_AUDIO`). Shared, as in `rows`.
    """
    return remembered(inputs, ("owned calls", row.get("app"), row.get("pid")), lambda: _owned_calls(inputs, row))


def _owned_calls(inputs: Inputs, row: Row) -> list[Row]:
    by_push = remembered(inputs, "calls by push", lambda: call_apps_by_push(inputs))
    sessions = [one["start"] for one in rows_of(inputs, "audio_sessions", row) if one["refused_error"] is None]
    return [
        call
        for call in calls_of(inputs, row)
        if same_app(call, row)
        or (call["app"] is None and row.get("app") is not None and by_push.get(str(call["id"])) == row["app"])
        or (call["app"] is None and _answered_into(sessions, call))
    ]


def _answered_into(sessions: Sequence[datetime], call: Row) -> bool:
    """Whether one of the sessions (when they began, by time) began as the call was answered."""
    picked_up = call["answered"] or call["connected"]
    if picked_up is None:
        return False
    at = bisect_left(sessions, picked_up - ANSWER_TO_AUDIO)
    return at < len(sessions) and sessions[at] <= picked_up + ANSWER_TO_AUDIO


def in_own_call(inputs: Inputs, row: Row) -> bool:
    """Whether the row lies in a call and its app is one that calls; a hidden call counts for every app in the tables."""
    return bool(row["in_call"]) and (row["app"] is None or row["app"] in call_apps(inputs))


def voip_apps(inputs: Inputs) -> frozenset[str]:
    """Return apps that have VoIP pushes or calls of their own here, and those that the user asked for."""
    return remembered(inputs, "voip apps", lambda: _voip_apps(inputs))


def _voip_apps(inputs: Inputs) -> frozenset[str]:
    calls = _where(inputs.episodes["calls"], ~pl.col("kind").fill_null("").is_in(sorted(SYSTEM_CALLS)))
    return _third_party(calls, _where(inputs.episodes["pushes"], pl.col("voip"))) | inputs.apps


def call_apps(inputs: Inputs) -> frozenset[str]:
    """Return `voip_apps`, and apps with a session made for two-way audio."""
    return remembered(inputs, "call apps", lambda: _call_apps(inputs))


def _call_apps(inputs: Inputs) -> frozenset[str]:
    category = pl.col("category").str.to_lowercase().str.contains("playandrecord", literal=True)
    mode = pl.col("mode").str.to_lowercase().str.contains("chat", literal=True)
    return voip_apps(inputs) | _third_party(_where(inputs.episodes["audio_sessions"], category | mode))


def _third_party(*frames: pl.DataFrame) -> frozenset[str]:
    apps = (app for frame in frames for app in frame["app"].drop_nulls().to_list())
    return frozenset(app for app in apps if not is_apple(app))


def state_at(inputs: Inputs, row: Row, moment: datetime) -> str | None:
    """Return the state of the row's app at `moment`, or None where no line says."""
    for state in rows_of(inputs, "app_states", row):
        if state["start"] <= moment and (state["end"] is None or moment < state["end"]):
            return str(state["state"])
    return None


def shown(text: str, characters: int = 100) -> str:
    """Return a text of the capture fit for a sentence: one line, control characters replaced, cut, marked as a quote.

    Findings take the marks out again (`traceview.rules.quotes`); to compare the text with another one, do so before.
    """
    return marked(text, characters)


def at_least(row: Row) -> str:
    """Return ``at least `` for a window that the capture cuts, else nothing."""
    return "at least " if "capture_edge" in {row["start_how"], row["end_how"]} else ""


def stable(text: str | None) -> str:
    """Return a text of the capture for use in a pattern: numbers, addresses and UUIDs are the same in every capture."""
    return _VARIABLE.sub("#", text or "")[:120]


def duration(seconds: float) -> str:
    """Return a duration for people: ``0.42 s``, ``7.0 s``, ``312 s``, ``2 h 05 min``."""
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds:.0f} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60:02d} min"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 push``, ``3 pushes``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def finding(
    rule: str,
    number: str | None,
    severity: Severity,
    about: Sequence[Row],
    *,
    title: str,
    explanation: str,
    advice: str,
    confidence: float = 1.0,
    pattern: str = "",
    measures: Mapping[str, float] | None = None,
    window: Window | None = None,
    context: Sequence[Row] = (),
    lines: Sequence[Line] = (),
) -> Finding:
    """Build a finding that rests on the episodes `about` (at least one; the first names the app).

    A row without an id is none of an episode table (`measured.measured`).
    A row that is `unsure` to be an app's (`kills.deaths`) halves the confidence (heuristic) and is said to be.
    `window` overrides the window that the episodes span. Evidence is the union of the episodes' evidence, by time, with
    the first and the last line of each episode in `context` (the call around it), and further `lines` (`proofs`).
    """
    ends = [row["end"] for row in about]
    start, end = window or (
        min((row["start"] for row in about if row["start"] is not None), default=None),
        None if any(stop is None for stop in ends) else max(ends),
    )
    app = about[0].get("app") or about[0].get("process")
    doubtful = next((row for row in about if row.get("unsure")), None)
    if doubtful is not None:
        explanation += f" No line tells whether {name_of(doubtful)} is an app or a process of iOS."
        confidence *= 0.5
    if all(row["start"] is None for row in about):
        explanation += " The report prints no time, so that it is not known when this happened and in which call."
    return Finding(
        rule=rule,
        number=number,
        severity=severity,
        app=str(app) if app else None,
        start=start,
        end=end,
        title=title,
        explanation=explanation,
        advice=advice,
        evidence=_evidence(about, context, lines),
        confidence=confidence,
        episodes=tuple(dict.fromkeys(str(row["id"]) for row in (*about, *context) if row["id"] is not None)),
        pattern=pattern,
        measures=dict(measures or {}),
    )


def _evidence(about: Sequence[Row], context: Sequence[Row], more: Sequence[Line]) -> tuple[int, ...]:
    """Return the references of the episodes by time; an episode's own order stands for lines between its edges."""
    timed: list[tuple[datetime | None, int | None]] = [*more]
    timed += [(row["start"], ref) for row in about for ref in row["evidence"] or ()]
    for row in context:
        lines = row["evidence"] or ()
        timed += [(row["start"], ref) for ref in lines[:1]]
        timed += [(row["end"] or row["start"], ref) for ref in lines[-1:]]
    timed.sort(key=lambda item: (item[0] is None, item[0] or item[1]))
    return tuple(dict.fromkeys(ref for _, ref in timed if ref is not None))
