"""Interruptions: whose audio was interrupted, by whom, and whether it came back."""

import re
from typing import Final

import polars as pl
from msgspec import Struct, field

from traceview.episodes.intervals import NS
from traceview.episodes.relate import Relations
from traceview.episodes.schema import empty_table
from traceview.episodes.subjects import NAME_LENGTH
from traceview.episodes.tables import Context, Row, table

ECHO_NS: Final = 2 * NS
"""The audio server, the client and callservicesd tell one interruption within this time (heuristic)."""

_NAME_AND_PID: Final = re.compile(r"([^,()]*)\((\d{1,9})\)")
_KINDS: Final = ("audio_session.interrupted", "audio_session.interruption_ended", "audio_session.activated")


class _Interruption(Struct):
    """An interruption under construction; times in UTC nanoseconds."""

    start: int
    last: int
    owner: int | None
    app: str | None
    name: str | None
    pid: int | None
    start_how: str = "observed"
    end: int | None = None
    end_how: str = "capture_edge"
    session_id: str | None = None
    interrupter: str | None = None
    reason: str | None = None
    resumed: bool = False
    resumed_at: int | None = None
    evidence: list[int] = field(default_factory=list)

    def learn(self, event: Row) -> None:
        self.last = event["t"]
        self.session_id = self.session_id or event["session_id"]
        self.interrupter = self.interrupter or event["interrupter"]
        self.reason = self.reason or event["reason"]
        self.evidence.append(event["ref"])


def build(context: Context, relations: Relations) -> pl.DataFrame:
    """Return the table ``interruptions``."""
    if not context.tells("audio_session.interrupted", "audio_session.interruption_ended"):
        return empty_table("interruptions")
    book: list[_Interruption] = []
    current: dict[int | None, _Interruption] = {}
    columns = ("t", "ref", "kind", "owner", "app", "name", "owner_pid", "session_id", "interrupter", "reason")
    for event in context.of_kind(*_KINDS).select(columns).iter_rows(named=True):
        match event["kind"]:
            case "audio_session.interrupted":
                _began(book, current, event)
            case "audio_session.interruption_ended":
                _ended(book, current, event)
            case _:
                _resumed(current, event)
    lives = dict(context.processes.select("owner", "end").iter_rows())
    names = _names(context)
    rows = [_row(interruption, lives, names) for interruption in book]
    raw = pl.DataFrame(
        [{name: row[name] for name in ("app", "start", "end")} for row in rows],
        schema={"app": pl.String, "start": pl.Int64, "end": pl.Int64},
    )
    in_call = relations.in_call(raw).to_list()
    return table("interruptions", [{**row, "in_call": told} for row, told in zip(rows, in_call, strict=True)])


def _new(book: list[_Interruption], event: Row) -> _Interruption:
    fresh = _Interruption(
        start=event["t"],
        last=event["t"],
        owner=event["owner"],
        app=event["app"],
        name=event["name"],
        pid=event["owner_pid"],
    )
    book.append(fresh)
    return fresh


def _began(book: list[_Interruption], current: dict[int | None, _Interruption], event: Row) -> None:
    known = current.get(event["owner"])
    if known is None and event["owner"] is None:
        recent = [one for one in book if event["t"] - one.last <= ECHO_NS]
        known = recent[-1] if recent else None
    if known is not None and known.end is None and event["t"] - known.last <= ECHO_NS:
        known.learn(event)
        return
    if known is not None and known.end is None:
        known.end, known.end_how = event["t"], "inferred"
    fresh = _new(book, event)
    fresh.learn(event)
    current[event["owner"]] = fresh


def _ended(book: list[_Interruption], current: dict[int | None, _Interruption], event: Row) -> None:
    known = current.get(event["owner"])
    if known is None:
        known = _new(book, event)
        known.start_how = "capture_edge"
        current[event["owner"]] = known
    elif known.end is not None and known.end_how == "observed" and event["t"] - known.end > ECHO_NS:
        return
    known.evidence.append(event["ref"])
    if known.end is None or known.end_how == "inferred":
        known.end, known.end_how = event["t"], "observed"


def _resumed(current: dict[int | None, _Interruption], event: Row) -> None:
    known = current.get(event["owner"])
    if event["owner"] is None or known is None or event["t"] <= known.start:
        return
    if not known.resumed:
        known.resumed, known.resumed_at = True, event["t"]
        known.evidence.append(event["ref"])
    if known.end is None:
        known.end, known.end_how = event["t"], "inferred"


def _names(context: Context) -> dict[int | str, list[Row]]:
    """Processes by pid and by cut name, by start."""
    found: dict[int | str, list[Row]] = {}
    for life in context.processes.select("pid", "process", "app", "start", "end").iter_rows(named=True):
        for key in (life["pid"], life["process"] and life["process"][:NAME_LENGTH]):
            if key is not None:
                found.setdefault(key, []).append(life)
    return found


def _interrupter(known: _Interruption, names: dict[int | str, list[Row]]) -> tuple[str | None, int | None]:
    """Return app and pid of the interrupter, which the server prints as ``Name(pid)``."""
    told = _NAME_AND_PID.search(known.interrupter or "")
    if told is None:
        lives = names.get((known.interrupter or "")[:NAME_LENGTH], [])
    else:
        lives = names.get(int(told.group(2)), [])
    then = [life for life in lives if life["start"] <= known.start + ECHO_NS]
    pid = int(told.group(2)) if told else (then[-1]["pid"] if then else None)
    return (then[-1]["app"] if then else None), pid


def _row(known: _Interruption, lives: dict[int, int | None], names: dict[int | str, list[Row]]) -> Row:
    left = lives.get(known.owner) if known.owner is not None else None
    if known.end is None and left is not None:
        known.end, known.end_how = max(left, known.start), "inferred"
    app, pid = _interrupter(known, names)
    told_end = known.end if known.end_how == "observed" else None
    return {
        "interrupter_app": app,
        "interrupter_pid": pid,
        "resumed_after_s": None
        if told_end is None or known.resumed_at is None
        else max(known.resumed_at - told_end, 0) / NS,
        "app": known.app,
        "process": known.name,
        "pid": known.pid,
        "start": known.start,
        "end": known.end,
        "start_how": known.start_how,
        "end_how": known.end_how,
        "evidence": known.evidence,
        "session_id": known.session_id,
        "interrupter": known.interrupter,
        "reason": known.reason,
        "resumed": known.resumed,
    }
