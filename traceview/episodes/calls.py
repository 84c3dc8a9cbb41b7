"""Calls: CallKit's story of each call, several at once, with or without their UUIDs.

iOS shows UUIDs and handles of calls as ``<private>`` on most captures. A line without a UUID joins the call that fits:
same app where both are known, same direction, and the order reported or started, answered, connected, held, ended.
What the audio server says about activations by callservicesd comes in through `traceview.episodes.call_audio`.
"""

from typing import Final

import polars as pl

from traceview.episodes import (
    call_audio,
    call_choice,
    call_ends,
    call_holds,
    call_neighbours,
    coverage,
    push_to_talk,
    subjects,
)
from traceview.episodes.call_choice import END_ECHO_NS, Witnesses
from traceview.episodes.call_outcomes import is_terminal, outcome_of, reason_text
from traceview.episodes.call_record import AT_ONCE, Call, by_powerlog, weak_witness
from traceview.episodes.intervals import NS
from traceview.episodes.schema import empty_table
from traceview.episodes.tables import Context, Row, table

BEGIN_NS: Final = {"incoming": 10 * NS, "outgoing": 60 * NS}
"""How long witnesses may take to tell the begin of one call: daemons and app tell an incoming call within a second, an
outgoing one again when it starts connecting (heuristic)."""
LEAST_CONFIDENCE: Final = 0.8
"""A step of a call that nothing else tells of counts from this confidence of its signal on (heuristic)."""

ENDED_REASON: Final = r"(?i)ended ?reason|ended at date .* with (?:private )?reason"
"""Lines whose number is CallKit's ended reason; "disconnected reason" numbers count otherwise."""
_TEAM_AND_BUNDLE: Final = r"^[A-Z0-9]{10}\.([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)$"
_START: Final = r"(?i)startcall"
_RINGING: Final = frozenset({"cs-ringing-timer", "heard-call-ringing"})
"""Signals that tell that the device rings, not only that the app reported a call."""
_ALL_ENDED: Final = "all calls ended"
_FORM: Final = r"^([A-Z][a-z]+ [a-z]+)"
"""How a line begins: one signal may stand for several lines about one step."""
_NO_STEP: Final = frozenset({"call.provider", "call.waiting", "call.channel"})
_HELD: Final[dict[str, pl.DataType]] = {"app": pl.String(), "start": pl.Int64(), "end": pl.Int64()}


def build(context: Context) -> pl.DataFrame:
    """Return the table ``calls``."""
    return with_holds(context)[0]


def with_holds(context: Context) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the table ``calls``, and the times on hold as far as lines tell of any: ``app``, ``start``, ``end`` (nanoseconds).

    The latter also hold those that may be another call's, which the table leaves out.
    """
    if not context.tells("call.", *call_audio.KINDS):
        return empty_table("calls"), pl.DataFrame(schema=_HELD)
    book: list[Call] = []
    witnesses = Witnesses.of(context)
    for event in _events(context).iter_rows(named=True):
        _take(book, event, witnesses)
    call_audio.attach(book, context)
    for call in book:
        _close(call, witnesses.lives.get(call.owner) if call.owner is not None else None)
    call_ends.close_rest(book, context)
    for call in book:
        call.contradicted_by = [ref for t, ref in call.ran if not call.open_at(t, END_ECHO_NS)]
    _in_order(book, context)
    owners = {
        row["owner"]: row for row in context.processes.select("owner", "app", "process", "pid").iter_rows(named=True)
    }
    far = coverage.until("calls", context)
    rows = [
        _row(call, owners.get(call.owner, {}), book[max(at - AT_ONCE, 0) : at + AT_ONCE], far)
        for at, call in enumerate(book)
    ]
    held = [
        {"app": row["app"], "start": start, "end": end}
        for call, row in zip(book, rows, strict=True)
        for start, end in call.held_until(_until(call, far))
    ]
    return table("calls", rows), pl.DataFrame(held, schema=_HELD)


def _events(context: Context) -> pl.DataFrame:
    """Call events with ``call_app``: the app by bundle, else by the provider's id (``TEAMID.bundle``)."""
    rows = context.events.filter(
        pl.col("kind").str.starts_with("call.") & ~pl.col("kind").is_in(list(_NO_STEP)) & ~push_to_talk.is_about()
    )
    by_provider = pl.col("provider").str.extract(_TEAM_AND_BUNDLE, 1)
    about_daemon = subjects.is_daemon("name") & pl.col("app").is_null()
    started = pl.col("action").str.contains(_START) & ~subjects.is_daemon() & (pl.col("kind") == "call.action")
    kind = pl.when(started).then(pl.lit("call.started")).otherwise(pl.col("kind"))
    implied = kind.replace_strict({"call.reported": "incoming", "call.started": "outgoing"}, default=None)
    ended_reason = pl.col("message").is_null() | pl.col("message").str.contains(ENDED_REASON)
    steps = rows.select(
        *("t", "ref", "signal", "process", "pid", "call_id", "provider", "action", "reason", "error", "confidence"),
        kind.alias("kind"),
        pl.when(ended_reason).then(pl.col("code")).alias("code"),
        pl.coalesce("app", by_provider).alias("call_app"),
        pl.when(~about_daemon).then(pl.col("owner")).alias("owner"),
        pl.coalesce("direction", implied).alias("direction"),
        (~subjects.is_daemon()).alias("by_app"),
        call_holds.of_others().alias("others"),
        pl.col("message").str.extract(_FORM, 1).alias("form"),
    )
    return call_ends.with_deaths(call_neighbours.add(steps, context), context)


def _take(book: list[Call], event: Row, witnesses: Witnesses) -> None:
    around = call_choice.around(book, event, witnesses)
    if event["kind"] in ("call.reported", "call.started"):
        meant = [_beginning(book, around, event)]
    elif event["reason"] == _ALL_ENDED:
        meant = _all_ended(around, event)
    else:
        meant = call_choice.meant(around, event, witnesses)
    if len(meant) > 1:
        call_ends.one_of(meant, event)
        return
    if not meant and _proves_a_call(event):
        edge = "observed" if event["kind"] == "call.running" else "capture_edge"
        meant = [Call(event["t"], edge, event["direction"], witness=weak_witness(event) or "callkit")]
        book.extend(meant)
        around.extend(meant)
    for call in meant:
        _apply(call, event, around)
    if event["others"] is not None:
        book.extend(call_holds.make_room(around, event, meant))
    if (step := call_holds.step_of(event)) is not None:
        known = call_choice.by_id(around, event)
        call_holds.follow(call_choice.fitting(around, event) if known is None else [known], event, step)


def _apply(call: Call, event: Row, around: list[Call]) -> None:
    # Of several calls any may be meant by an action that names none: it does not tell whose call this is.
    hidden = event["kind"] == "call.action" and event["call_id"] is None
    vague = hidden and len(call_choice.fitting(around, event)) > 1
    call.learn({**event, "call_app": None, "owner": None} if vague else event)
    if event["kind"] in _OF_RUNNING:
        call_ends.goes_on(call, around)
        call.ran.append((event["t"], event["ref"]))
    _STEPS[event["kind"]](call, event)
    if event["kind"] == "call.held":
        call_holds.correct(call, event, around)


def _proves_a_call(event: Row) -> bool:
    """Tell whether a call must have existed although nothing before tells of it."""
    if event["kind"] == "call.action":
        return bool(event["direction"] == "outgoing")
    if event["reason"] == _ALL_ENDED and event["service_died"] is not None:
        return False  # callservicesd says so as well when it starts again
    if event["kind"] == "call.failed":
        return is_terminal(event)
    return bool((event["confidence"] or 1.0) >= LEAST_CONFIDENCE)


def _all_ended(around: list[Call], event: Row) -> list[Call]:
    """All calls are over: end those still open, except the last one, which the caller ends."""
    running = [call for call in around if call.open_at(event["t"], END_ECHO_NS)]
    for call in running[:-1]:
        if call.end is None:
            call.evidence.append(event["ref"])
            call.end, call.end_how = event["t"], "inferred" if call.unclear_ends else "observed"
    return running[-1:]


def _beginning(book: list[Call], around: list[Call], event: Row) -> Call:
    """The call whose begin this line tells: known by UUID, or begun just before and not yet told by this witness."""
    known = call_choice.by_id(book[-AT_ONCE:], event)
    if known:
        return known
    told = (event["process"], event["signal"], event["form"])
    for call in reversed(around):
        recent = event["t"] - call.start <= BEGIN_NS[event["direction"]]
        fresh = call.answered is None and call.connected is None and told not in call.begun_by
        if call.fits(event) and call.open_at(event["t"]) and recent and fresh:
            return call
    call = Call(event["t"], "observed", event["direction"])
    book.append(call)
    around.append(call)
    return call


def _begun(call: Call, event: Row) -> None:
    call.begun_by.add((event["process"], event["signal"], event["form"]))
    if call.reported is None:
        call.reported = event["t"]
    if call.ringing is None and event["signal"] in _RINGING:
        call.ringing = event["t"]


def _answered(call: Call, event: Row) -> None:
    if call.answered is None and call.open_at(event["t"]):
        call.answered = event["t"]
        call.took_over.append(event["t"])


def _connected(call: Call, event: Row) -> None:
    if call.connected is None and call.open_at(event["t"]):
        call.connected = event["t"]
        if call.answered is None:
            call.took_over.append(event["t"])


def _goes_on(_call: Call, _event: Row) -> None:
    """Nothing but that there is a call."""


def _held(call: Call, event: Row) -> None:
    if call.open_at(event["t"]):
        call.hold(event["t"])


def _resumed(call: Call, event: Row) -> None:
    if call.held and call.open_at(event["t"]):
        call.unhold(event["t"])
        call.took_over.append(event["t"])


def _ended(call: Call, event: Row) -> None:
    rough = by_powerlog(event)
    if call.end is None or (call.end_is_rough and not rough):
        all_over = event["reason"] == _ALL_ENDED and bool(call.unclear_ends)
        call.end, call.end_how, call.end_is_rough = event["t"], "inferred" if all_over else "observed", rough
    if event["reason"] != _ALL_ENDED:
        call.end_reason = call.end_reason or reason_text(event["reason"], event["code"])


def _failed(call: Call, event: Row) -> None:
    """A call failed; a refused or timed-out action is only kept as evidence, the call goes on."""
    if is_terminal(event):
        call.failed = True
        _ended(call, {**event, "reason": event["reason"] or event["error"]})
    else:
        what = [event["action"] or "action", event["reason"] or event["error"] or "failed"]
        call.trouble(event["t"], ": ".join(part.strip("<>") for part in what))


def _acted(call: Call, event: Row) -> None:
    """Actions that CallKit asked the app to perform: what the user did, where no daemon says so."""
    action = (event["action"] or "").lower()
    if not event["by_app"] or not call.open_at(event["t"]):
        return
    if "answercall" in action and call.answer_action is None:
        call.answer_action = event["t"]
    elif "endcall" in action and call.end_action is None:
        call.end_action = event["t"]


_OF_RUNNING: Final = frozenset({"call.answered", "call.connected", "call.held", "call.resumed", "call.running"})
"""Steps that a call which is over cannot take."""
_STEPS: Final = {
    "call.reported": _begun,
    "call.started": _begun,
    "call.answered": _answered,
    "call.connected": _connected,
    "call.running": _goes_on,
    "call.held": _held,
    "call.resumed": _resumed,
    "call.ended": _ended,
    "call.failed": _failed,
    "call.action": _acted,
}


def _in_order(book: list[Call], context: Context) -> None:
    """Put the evidence in the order of time: the audio server's and what only follows was added last."""
    refs = {ref for call in book for ref in call.evidence}
    told = context.events.filter(pl.col("ref").is_in(list(refs))).select("ref", "t").unique("ref", keep="first")
    times = dict(told.iter_rows())
    for call in book:
        call.evidence.sort(key=lambda ref: (times.get(ref, 0), ref))


def _close(call: Call, process_end: int | None) -> None:
    """Fill in what only follows: an answer or an end that the app was asked for, an end because the app died."""
    if call.answered is None and call.direction == "incoming":
        call.answered = call.answer_action
    if call.end is None and call.end_action is not None:
        call.end, call.end_how, call.end_reason = call.end_action, "inferred", call.end_reason or "local hangup"
    if call.end is None and process_end is not None and process_end >= call.start:
        call.end, call.end_how, call.end_reason = process_end, "inferred", call.end_reason or "process exited"
    if call.end is not None:
        if process_end is not None and 0 <= call.end - process_end <= END_ECHO_NS:
            call.end_reason = call.end_reason or "process exited"
        latest = max(t for t in (call.start, call.answered, call.connected) if t is not None)
        call.end = max(call.end, latest)


def _row(call: Call, owner: Row, around: list[Call], far: int) -> Row:
    app = call.app or owner.get("app")
    others = [other for other in around if other is not call]
    end = _until(call, far)
    beside = [other for other in others if other.start < end and call.start < _until(other, far)]
    known_until = call.holds_known_until
    held = call.held_until(end if known_until is None else min(end, known_until))
    unclear = known_until is not None or (call.witness != "callkit" and not held)
    swaps = sum(any(_gave_way(other, call, t) for other in others) for t in call.took_over)
    return {
        "app": app,
        "process": owner.get("process"),
        "pid": owner.get("pid"),
        "start": call.start,
        "end": call.end,
        "start_how": call.start_how,
        "end_how": call.end_how,
        "evidence": call.evidence,
        "call_id": call.call_id,
        "direction": call.direction,
        "provider": call.provider,
        "kind": _kind(call, app),
        "reported": call.reported,
        "answered": call.answered,
        "audio_activated": call.audio_activated,
        "connected": call.connected,
        "ended": call.end,
        "end_reason": call.end_reason,
        "holds": None if unclear else len(held),
        "outcome": outcome_of(call),
        "witness": call.witness,
        "ringing": call.ringing,
        "held_s": None if unclear else sum(over - since for since, over in held) / NS,
        "hold_starts": [since for since, _ in held],
        "hold_ends": [over for _, over in held],
        "swaps": None if any(one.holds_known_until is not None for one in (call, *beside)) else swaps,
        "other_calls": len(beside),
        "failed_actions": len(call.troubles),
        "failed_action": call.troubles[0][1] if call.troubles else None,
        "contradicted_by": call.contradicted_by,
    }


def _until(call: Call, far: int) -> int:
    """Return the end of the call, or that of what the capture tells of calls."""
    return max(far, call.start) if call.end is None else call.end


def _gave_way(other: Call, call: Call, t: int) -> bool:
    """Tell whether the other call went on hold about when this one took its place."""
    same = None in (other.app, call.app) or other.app == call.app
    return same and any(abs(start - t) <= call_holds.SWAP_NS for start, _ in other.held_windows)


def _kind(call: Call, app: str | None) -> str:
    """Which service carried the call, by its provider: Phone and FaceTime are CallKit providers of the system."""
    if call.kind:
        return call.kind
    text = " ".join(part for part in (call.provider, app) if part).lower()
    if "facetime" in text:
        return "facetime"
    if any(word in text for word in ("telephony", "com.apple.mobilephone")):
        return "cellular"
    return "callkit"
