"""Whose push it was, where iOS hides the app: told by what the push did, else by being the only app that it can be.

On customer devices apsd and callservicesd print ``<private>`` for the app. What remains are the kill for a push that was
not reported, and the app that was launched or woken at that moment.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from traceview.rules.kills import kills
from traceview.rules.registry import Inputs
from traceview.rules.rows import Row, is_apple, rows, rows_app, rows_of, same_app

VOIP: Final = pl.col("voip").fill_null(value=True)
"""Pushes that are not known to be of another kind."""

KILL_JOIN: Final = timedelta(seconds=60)
"""A kill for a push that was not reported follows the push within this time (heuristic; 30 s is the longest deadline)."""

WAKE_JOIN: Final = timedelta(seconds=5)
"""A push launches or wakes its app within this time (heuristic; 0.02 to 1 s in real logs)."""

_SLACK: Final = timedelta(seconds=0.5)
"""The lines of two daemons about one moment may be out of order by this much (heuristic)."""


def identified(inputs: Inputs, push: Row) -> Row:
    """Return the push with its app, or as it is where no witness or several tell of one.

    In this order: the app that was killed for it, the only app that was launched or woken by it, the only app that this
    capture shows to use VoIP pushes.
    """
    if push["app"] or push["process"] or push["pid"] is not None:
        return push
    users = _users(inputs)
    woken = _woken(inputs, push)
    for apps in (_killed(inputs, push), woken & users if users else woken, users):
        if len(apps) == 1:
            return {**push, "app": next(iter(apps))}
        if apps:
            return push  # this witness speaks of several, and a weaker one cannot decide between them
    return push


def arrival(push: Row) -> datetime:
    """Return when the push reached the app, as far as it is told."""
    moment: datetime = push["delivered"] or push["received"] or push["start"]
    return moment


def _users(inputs: Inputs) -> set[str]:
    """Return the apps that this capture shows to use VoIP pushes: by their pushes, calls or kills."""
    named = [row["app"] for row in kills(inputs, "push_unreported")]
    named += rows_app(inputs, "pushes", VOIP) + rows_app(inputs, "calls", pl.col("kind") == "callkit")
    return _apps(named)


def _killed(inputs: Inputs, push: Row) -> set[str]:
    """Return the apps killed within `KILL_JOIN` for a push that can be this one: no named push of theirs came between."""
    came = arrival(push)
    named = [row for row in rows(inputs, "pushes", VOIP) if row["app"]]
    found = []
    for death in kills(inputs, "push_unreported"):
        if death["start"] is None:
            continue
        own = (row for row in named if same_app(row, death))
        if timedelta(0) <= death["start"] - came <= KILL_JOIN and not any(
            came <= arrival(row) <= death["start"] for row in own
        ):
            found.append(death["app"])
    return _apps(found)


def _woken(inputs: Inputs, push: Row) -> set[str]:
    """Return the apps that were launched, or came from suspension to the background, as the push came."""
    since, until = push["start"] - _SLACK, arrival(push) + WAKE_JOIN
    launched = pl.col("is_app").fill_null(value=True) & pl.col("host_app").is_null() & _told("start_how")
    began = [row for row in rows(inputs, "processes", launched) if since <= row["start"] <= until]
    awake = (pl.col("state") == "background") & _told("start_how")
    states = [row for row in rows(inputs, "app_states", awake) if since <= row["start"] <= until]
    began += [row for row in states if not _was_visible(inputs, row)]
    return _apps(row["app"] for row in began)


def _was_visible(inputs: Inputs, row: Row) -> bool:
    """Whether the row begins as its app leaves the foreground: the user did that, no push."""
    before = (state for state in rows_of(inputs, "app_states", row) if state["state"] == "foreground")
    return any(state["end"] is not None and abs(state["end"] - row["start"]) <= _SLACK for state in before)


def _told(column: str) -> pl.Expr:
    return pl.col(column) != "capture_edge"


def _apps(named: Iterable[str | None]) -> set[str]:
    return {app for app in named if app and not is_apple(app)}
