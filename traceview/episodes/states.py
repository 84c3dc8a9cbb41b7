"""What a line claims about the state of an app, in four words.

Sources of the readings (``docs`` of the columns in `traceview.signals.vocabulary`):
runningboardd and its observers print ``running-active-Visible`` and the like, FrontBoard a task state and a visibility,
the audio server ``ForegroundRunning`` … ``Terminated``, PowerLog the bits of ``BKSApplicationState``.
"""

from typing import Final

import polars as pl

FOREGROUND: Final = "foreground"
BACKGROUND: Final = "background"
SUSPENDED: Final = "suspended"
NOT_RUNNING: Final = "not_running"
ACTIVE: Final = "active"
"""Runs, but the line does not say whether the user sees it."""

VISIBILITY_FALSE_FRIENDS: Final = ("gamepolicyd",)
"""Printers whose visibility is wrong: gamepolicyd prints NotVisible while all others print Visible (real iOS lines)."""

LEAST_CONFIDENCE: Final = 0.6
"""Signals below this may come from the state they tell or from an attempt (a request to open an app): no claim (heuristic)."""

LEAST_EXIT_CONFIDENCE: Final = 0.7
"""Exits below this are hints: the kernel also makes a corpse of a process that only crossed a soft memory limit and lives
on (seen in a real macOS 12 archive)."""

_FOREGROUND_ROLES: Final = ("userinteractive", "userinteractivefocal", "userinteractivenonfocal")
_BACKGROUND_ROLES: Final = ("background", "nonuserinteractive", "utility", "maintenance")
_GONE: Final = ("none", "terminated", "exited", "not running", "notrunning", "not_running")
_STATE_KINDS: Final = ("process.state", "audio_session.client_state", "app.foreground", "app.background")


def _by_visibility(visibility: pl.Expr) -> pl.Expr:
    return (
        pl.when((visibility == "visible") | visibility.str.starts_with("foreground"))
        .then(pl.lit(FOREGROUND))
        .when((visibility == "notvisible") | visibility.str.starts_with("background"))
        .then(pl.lit(BACKGROUND))
    )


def claims(events: pl.DataFrame) -> pl.Series:
    """Return what each event claims: foreground, background, active, suspended, not_running, or null for no claim."""
    visibility = (
        pl.when(pl.col("process").is_in(VISIBILITY_FALSE_FRIENDS).fill_null(value=False))
        .then(None)
        .otherwise(pl.col("visibility").str.to_lowercase())
    )
    said = events.select(
        "kind",
        "confidence",
        pl.col("state").str.to_lowercase().str.strip_chars(),
        pl.col("role").str.to_lowercase(),
        _by_visibility(visibility).alias("seen"),
    )
    # One step after the other: an expression that is used twice would be evaluated twice.
    said = said.with_columns(pl.coalesce("seen", _by_role()).alias("running"))
    return said.with_columns(_spelled().alias("spelled")).select(_claim().alias("claim")).to_series()


def _by_role() -> pl.Expr:
    role = pl.col("role")
    return (
        pl.when(role.is_in(_FOREGROUND_ROLES))
        .then(pl.lit(FOREGROUND))
        .when(role.is_in(_BACKGROUND_ROLES))
        .then(pl.lit(BACKGROUND))
        .otherwise(pl.lit(ACTIVE))
    )


def _spelled() -> pl.Expr:
    """What the printed state says."""
    state = pl.col("state")
    return (
        pl.when(state.str.contains("suspended", literal=True))
        .then(pl.lit(SUSPENDED))
        .when(state.is_in(_GONE))
        .then(pl.lit(NOT_RUNNING))
        .when(state.str.starts_with("foreground"))
        .then(pl.lit(FOREGROUND))
        .when(state.str.starts_with("background"))
        .then(pl.lit(BACKGROUND))
        .when(state.str.contains("active", literal=True) | state.str.contains("running", literal=True))
        .then(pl.col("running"))
        .when(state.is_null())
        .then(pl.col("seen"))
    )


def _claim() -> pl.Expr:
    kind, spelled, confidence = pl.col("kind"), pl.col("spelled"), pl.col("confidence")
    return (
        pl.when((confidence < LEAST_CONFIDENCE).fill_null(value=False))
        .then(None)
        .when((kind == "process.exited") & (confidence < LEAST_EXIT_CONFIDENCE).fill_null(value=False))
        .then(None)
        .when(kind.is_in(["process.exited", "jetsam.killed"]))
        .then(pl.lit(NOT_RUNNING))
        .when((kind == "process.suspended") | (kind.str.starts_with("app.") & (spelled == SUSPENDED)))
        .then(pl.lit(SUSPENDED))
        .when(kind.str.starts_with("app.") & (spelled == NOT_RUNNING))
        .then(pl.lit(NOT_RUNNING))
        .when(kind.is_in(["process.resumed", "process.launched"]))
        .then(pl.col("running"))
        .when(kind == "app.foreground")
        .then(pl.lit(FOREGROUND))
        .when(kind == "app.background")
        .then(pl.lit(BACKGROUND))
        .when(kind.is_in(_STATE_KINDS))
        .then(spelled)
    )


def claim_is_inferred() -> pl.Expr:
    """Expression over events with their ``claim``: that of visibility rests on the scheduling role alone."""
    return (
        pl.col("visibility").is_null()
        & pl.col("role").is_not_null()
        & pl.col("kind").is_in(["process.state", "process.resumed", "process.launched"])
        & pl.col("claim").is_in([FOREGROUND, BACKGROUND])
    ).fill_null(value=False)


def claims_only_hidden() -> pl.Expr:
    """Expression over events with their ``claim``: the line says that the user does not see the app, not that it runs."""
    runs = pl.col("state").str.to_lowercase().str.contains("active|running")
    hidden = (pl.col("claim") == BACKGROUND) & ~runs.fill_null(value=False) & pl.col("role").is_null()
    return hidden.fill_null(value=False)


def not_managed() -> pl.Expr:
    """Expression over events: runningboardd says that it does not suspend this process, whatever its state is called.

    Seen on real macOS 26 lines: ``Ignoring suspend because this process is not lifecycle managed``.
    """
    return (pl.col("kind") == "process.state") & (pl.col("state") == "suspend-ignored")


def is_report_of_death() -> pl.Expr:
    """Expression over events: a crash or resource report of a process that was killed.

    It is surely gone, and its report may be older than the log: its pid may long belong to another process.
    """
    return (pl.col("kind") == "process.terminated") & pl.col("signal").str.starts_with("report.")
