"""Audio sessions: who activated them, how long they were active in calls, in the background, and what stopped them.

Client (``Activated session 0x6fd55`` in the app) and server (``sid:0x6fd55, MobileJarvisNati(26683), 'prim'``) tell of
the same session under one id. Lines without an id belong to the only or latest session of their process.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from typing import Final

import polars as pl
from msgspec import Struct, field

from traceview.episodes import audio_server, call_audio, states
from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, Row, table

ECHO_NS: Final = NS
"""Client and server tell one activation or one refusal within this time (heuristic)."""
TAKE_OVER_NS: Final = 2 * NS
"""CallKit's activation of a session that has been active for longer than this is a new one (heuristic)."""
CALL_AUDIO_NS: Final = NS
"""An activation within this time of CallKit's for the same app is CallKit's, whoever prints it (heuristic)."""

_BY_RESET: Final = "media_services_reset"

_CONFIG: Final = ("category", "mode", "options")
_DESTROYED: Final = "session destroyed"
"""Reason of a line that does not tell whether the session was active."""
_KINDS: Final = (
    "audio_session.created",
    "audio_session.configured",
    "audio_session.activated",
    "audio_session.deactivated",
    "audio_session.refused",
    "audio_session.interrupted",
    "audio_session.stopped",
    "audio_session.client_state",
    "audio_session.not_allowed",
    "audio_session.route_changed",
    "audio_io.started",
)


class _Window(Struct):
    """An activation under construction; times in UTC nanoseconds."""

    start: int
    owner: int | None
    app: str | None
    name: str | None
    pid: int | None
    session_id: str | None
    config: dict[str, str | None]
    start_how: str = "observed"
    end: int | None = None
    end_how: str = "capture_edge"
    activated_by: str = "unknown"
    refused_error: str | None = None
    io_started: int | None = None
    stopped_by: str | None = None
    background_denied: int | None = None
    resumes: "_Window | None" = None
    lost: Row | None = None
    """The word of another app that the audio server ended, which may be late."""
    evidence: list[int] = field(default_factory=list)


class _Session(Struct):
    """What is known of one session (or of a process whose lines give no id)."""

    config: dict[str, str | None] = field(default_factory=dict)
    configured: list[int] = field(default_factory=list)
    active: _Window | None = None
    last: _Window | None = None
    refused: _Window | None = None


_Key = tuple[int | str | None, str | None]
"""Whose session (``who``), and which."""


def build(told: pl.DataFrame, resets: pl.DataFrame, context: Context, relations: Relations) -> pl.DataFrame:
    """Return the table ``audio_sessions``.

    Args:
        told: Lines about sessions (`lines`).
        resets: Ends of the audio server (`audio_server.resets`).
        context: Events and processes.
        relations: Calls and states.
    """
    if told.is_empty():
        return empty_table("audio_sessions")
    done: list[_Window] = []
    sessions: dict[_Key, _Session] = {}
    active: dict[_Key, _Session] = {}
    ahead = deque(resets.to_dicts())
    for event in told.iter_rows(named=True):
        while ahead and (ahead[0]["t"], ahead[0]["ref"]) <= (event["t"], event["ref"]):
            _reset(active, ahead.popleft(), done)
        key = (event["who"], event["session"])
        session = sessions.setdefault(key, _Session())
        _take(session, event, done)
        if session.active:
            active[key] = session
        else:
            active.pop(key, None)
    for reset in ahead:
        _reset(active, reset, done)
    for session in active.values():
        _lost(session, done)
    _end_with_process(done, context)
    return table("audio_sessions", _measured(done, relations))


def lines(context: Context) -> pl.DataFrame:
    """Lines about sessions with ``who`` (owner, else name), ``session`` (id, else the latest of that process), ``callkit``."""
    who = pl.coalesce(pl.col("owner").cast(pl.String()), pl.col("name"), pl.col("session_id"))
    latest = pl.col("session_id").forward_fill().over("who")
    only = pl.col("session_id").backward_fill().over("who")
    callkit = call_audio.by_callkit(context)
    return (
        context.of_kind(*_KINDS)
        .with_columns(who.alias("who"), callkit.alias("callkit"))
        .with_columns(pl.coalesce("session_id", latest, only).alias("session"))
        .filter(pl.col("who").is_not_null())
        .select(
            *("t", "ref", "kind", "who", "session", "callkit", "owner", "app", "name", "owner_pid", "state"),
            *("pid", "controlling_pid", "error", "reason", "action", "value", "route", "sample_rate_hz", *_CONFIG),
            pl.col("name").eq_missing(pl.col("process")).alias("by_name"),
        )
    )


def _take(session: _Session, event: Row, done: list[_Window]) -> None:
    told = {name: event[name] for name in _CONFIG if event[name] is not None}
    if told and event["kind"] != "audio_session.refused":
        session.config.update(told)
        session.configured.append(event["ref"])
        if session.active:
            session.active.config.update(told)
    match event["kind"]:
        case "audio_session.activated":
            _activated(session, event, done)
        case "audio_session.refused":
            _refused(session, event, done)
        case "audio_session.deactivated":
            _ended(session, event, "callkit" if event["callkit"] else "app", done)
        case "audio_session.interrupted":
            _ended(session, event, "interruption", done)
        case "audio_session.stopped":
            _ended(session, event, _stopper(event), done)
        case _ if session.active:
            _noted(session.active, event)


def _noted(window: _Window, event: Row) -> None:
    """Keep the first start of IO, and the first time that the server said it may not play in the background."""
    if event["kind"] == "audio_io.started" and window.io_started is None:
        window.io_started = event["t"]
        window.evidence.append(event["ref"])
    elif event["kind"] == "audio_session.not_allowed" and not (event["state"] or "").startswith("Foreground"):
        window.background_denied = window.background_denied or event["t"]
        window.evidence.append(event["ref"])


def _new(session: _Session, event: Row) -> _Window:
    return _Window(
        start=event["t"],
        owner=event["owner"],
        app=event["app"],
        name=event["name"],
        pid=event["owner_pid"],
        session_id=event["session"],
        config=dict(session.config),
        evidence=[*session.configured[-1:], event["ref"]],
    )


def _activated(session: _Session, event: Row, done: list[_Window]) -> None:
    _lost(session, done)
    window = session.active
    if window is not None and _is_taken_over(window, event):
        _ended(session, event, "callkit", done)
        window.end_how, window = "inferred", None
    if window is None:
        window = session.active = _new(session, event)
        window.resumes = session.last
        done.append(window)
    else:
        window.evidence.append(event["ref"])
    if event["callkit"]:
        window.activated_by = "callkit"
    elif window.activated_by == "unknown" and _by_itself(event):
        window.activated_by = "app"


def _is_taken_over(window: _Window, event: Row) -> bool:
    lasted = event["t"] - window.start > TAKE_OVER_NS
    return bool(event["callkit"] and window.activated_by != "callkit" and lasted)


def _resumes_callkits(window: _Window) -> bool:
    """The session comes back after an interruption of what CallKit had activated."""
    before = window.resumes
    return before is not None and before.stopped_by == "interruption" and before.activated_by == "callkit"


def _by_itself(event: Row) -> bool:
    """The app printed it, or the server names nobody else, or the app's own pid, as the one in control."""
    own = event["owner_pid"]
    controls = own is not None and own in (event["pid"], event["controlling_pid"])
    return event["by_name"] or event["reason"] == call_audio.OWN_REQUEST or controls


def _refused(session: _Session, event: Row, done: list[_Window]) -> None:
    previous = session.refused
    if previous and event["t"] - previous.start <= ECHO_NS:
        previous.evidence.append(event["ref"])
        previous.refused_error = previous.refused_error or event["error"]
        return
    window = _new(session, event)
    window.config.update({name: event[name] for name in _CONFIG if event[name] is not None})
    window.end, window.end_how = event["t"], "observed"
    window.refused_error = event["error"] or event["reason"] or "unknown"
    session.refused = window
    done.append(window)


def _reset(active: dict[_Key, _Session], event: Row, done: list[_Window]) -> None:
    """End the active sessions: they all go with the audio server.

    What an app tells is sure for its own sessions alone: it may tell it late, of a server that others do not know any
    more. Theirs are kept until they tell more (`_lost`).
    """
    teller = event["who"]
    for key, session in list(active.items()):
        window = session.active
        if window is None:
            continue
        old = event["t"] - window.start > audio_server.RESET_NS
        if teller is None or teller == (window.name if window.pid is None else str(window.pid)):
            if event["reason"] in audio_server.LOST or (event["reason"] in audio_server.BACK and old):
                _ended(session, event, _BY_RESET, done)
                window.end_how = "inferred" if event["reason"] == audio_server.REPLACED else "observed"
                del active[key]
        elif old and window.lost is None and event["reason"] in (*audio_server.LOST, *audio_server.BACK):
            window.lost = event


def _lost(session: _Session, done: list[_Window]) -> None:
    """End a session that went with the audio server, as another app told: it is activated again, or not heard of any more."""
    window = session.active
    if window is not None and window.lost is not None:
        event, window.lost = window.lost, None
        _ended(session, event, _BY_RESET, done)


def _stopper(event: Row) -> str:
    suspended = "suspended" in (event["reason"] or "").lower()
    return "system_suspended" if suspended else "unknown"


def _ended(session: _Session, event: Row, by: str, done: list[_Window]) -> None:
    window = session.active
    if window is not None and window.lost is not None:
        if event["t"] - window.lost["t"] <= audio_server.RESET_NS:
            _lost(session, done)  # the app cleans up after it
            window = None
        else:
            window.lost = None  # it lived on: the server had ended before it began
    if window is None:
        _after_end(session, event, by, done)
        return
    window.end, window.end_how, window.stopped_by = event["t"], "observed", by
    window.evidence.append(event["ref"])
    session.active, session.last = None, window


def _after_end(session: _Session, event: Row, by: str, done: list[_Window]) -> None:
    """A second witness of an end; or the end of a session whose activation nobody told."""
    last = session.last
    if last is not None and last.end is not None and event["t"] - last.end <= ECHO_NS:
        last.evidence.append(event["ref"])
    elif last is None and by in ("app", "callkit", "system_suspended") and event["reason"] != _DESTROYED:
        window = _new(session, event)
        window.start_how, window.end, window.end_how = "capture_edge", event["t"], "observed"
        window.stopped_by = by
        session.last = window
        done.append(window)


def _end_with_process(windows: list[_Window], context: Context) -> None:
    lives = dict(context.processes.select("owner", "end").iter_rows())
    for window in windows:
        end = lives.get(window.owner) if window.owner is not None else None
        if end is not None and (window.end is None or window.end > end):
            window.end, window.end_how = max(end, window.start), "inferred"
            window.stopped_by = window.stopped_by or "process_exit"


def _measured(windows: list[_Window], relations: Relations) -> list[Row]:
    """Rows with seconds in calls and in states, and CallKit's activations recognised by time."""
    raw = pl.DataFrame(
        [{"owner": w.owner, "app": w.app, "start": w.start, "end": w.end} for w in windows],
        schema={"owner": pl.Int64, "app": pl.String, "start": pl.Int64, "end": pl.Int64},
    )
    in_call = relations.call_seconds(raw).to_list()
    foreground = relations.seconds_in(raw, states.FOREGROUND).to_list()
    background = relations.seconds_in(raw, states.BACKGROUND).to_list()
    by_call: dict[str | None, list[int]] = defaultdict(list)
    for app, t in (
        relations.calls.select("app", "audio_activated").drop_nulls("audio_activated").sort("audio_activated").rows()
    ):
        by_call[app].append(t)
    rows = []
    for at, window in enumerate(windows):
        activated = by_call.get(window.app, [])
        since = bisect_left(activated, window.start - CALL_AUDIO_NS)
        near = since < len(activated) and activated[since] <= window.start + CALL_AUDIO_NS
        if window.activated_by == "unknown" and (near or (in_call[at] > 0 and _resumes_callkits(window))):
            window.activated_by = "callkit"
        rows.append(
            {
                "app": window.app,
                "process": window.name,
                "pid": window.pid,
                **{name: getattr(window, name) for name in _SAME},
                **window.config,
                "in_call_s": in_call[at],
                "foreground_s": foreground[at],
                "background_s": background[at],
            }
        )
    return rows


_SAME: Final = (
    "start",
    "end",
    "start_how",
    "end_how",
    "evidence",
    "session_id",
    "activated_by",
    "refused_error",
    "io_started",
    "stopped_by",
    "background_denied",
)
