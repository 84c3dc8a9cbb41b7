"""Whose push it was, where iOS hides the app: told by what the push did, else by being the only app that it can be.

On customer devices apsd and callservicesd print ``<private>`` for the app. What remains are the kill for a push that was
not reported, and the app that was launched or woken at that moment.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final

import polars as pl

from traceview.rules.kills import kills
from traceview.rules.registry import Inputs
from traceview.rules.rows import Row, is_apple, remembered, rows, rows_app, rows_of, same_app

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
    return remembered(inputs, "users of pushes", lambda: _find_users(inputs))


def _find_users(inputs: Inputs) -> set[str]:
    named = [row["app"] for row in kills(inputs, "push_unreported")]
    named += rows_app(inputs, "pushes", VOIP) + rows_app(inputs, "calls", pl.col("kind") == "callkit")
    return _apps(named)


class _Along:
    """Rows along time."""

    def __init__(self, found: Iterable[Row], when: Callable[[Row], datetime]) -> None:
        self._rows = sorted(found, key=when)
        self._times = [when(row) for row in self._rows]

    def between(self, since: datetime, until: datetime) -> list[Row]:
        return self._rows[bisect_left(self._times, since) : bisect_right(self._times, until)]


class _Witnesses:
    """Rows that tell whose a push was: pushes that name their app, kills, launches and apps that came to run unseen."""

    def __init__(self, inputs: Inputs) -> None:
        launched = pl.col("is_app").fill_null(value=True) & pl.col("host_app").is_null() & _told("start_how")
        awake = (pl.col("state") == "background") & _told("start_how")
        deaths = (row for row in kills(inputs, "push_unreported") if row["start"] is not None)
        self.named = _Along((row for row in rows(inputs, "pushes", VOIP) if row["app"]), arrival)
        self.deaths = _Along(deaths, itemgetter("start"))
        self.launched = _Along(rows(inputs, "processes", launched), itemgetter("start"))
        self.awake = _Along(rows(inputs, "app_states", awake), itemgetter("start"))


def _witnesses(inputs: Inputs) -> _Witnesses:
    return remembered(inputs, "witnesses of pushes", lambda: _Witnesses(inputs))


def _killed(inputs: Inputs, push: Row) -> set[str]:
    """Return the apps killed within `KILL_JOIN` for a push that can be this one: no named push of theirs came between."""
    came, told = arrival(push), _witnesses(inputs)
    return _apps(
        death["app"]
        for death in told.deaths.between(came, came + KILL_JOIN)
        if not any(same_app(row, death) for row in told.named.between(came, death["start"]))
    )


def _woken(inputs: Inputs, push: Row) -> set[str]:
    """Return the apps that were launched, or came from suspension to the background, as the push came."""
    since, until, told = push["start"] - _SLACK, arrival(push) + WAKE_JOIN, _witnesses(inputs)
    awake = [row for row in told.awake.between(since, until) if not _was_visible(inputs, row)]
    return _apps(row["app"] for row in (*told.launched.between(since, until), *awake))


def _was_visible(inputs: Inputs, row: Row) -> bool:
    """Whether the row begins as its app leaves the foreground: the user did that, no push."""
    before = (state for state in rows_of(inputs, "app_states", row) if state["state"] == "foreground")
    return any(state["end"] is not None and abs(state["end"] - row["start"]) <= _SLACK for state in before)


def _told(column: str) -> pl.Expr:
    return pl.col(column) != "capture_edge"


def _apps(named: Iterable[str | None]) -> set[str]:
    return {app for app in named if app and not is_apple(app)}
