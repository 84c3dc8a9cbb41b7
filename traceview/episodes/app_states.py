"""Foreground, background, suspended, not running: one sequence of windows per process.

About ten daemons repeat each state change within milliseconds, so claims are taken together by time. Where witnesses
disagree within such a moment, each is followed separately: one that merely lags repeats states that others told
before; one that never comes round is kept in ``contradicted_by``.
"""

from bisect import bisect_right
from typing import Final

import polars as pl
from msgspec import Struct, field

from traceview.episodes import coverage, states
from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context, Row, table

ECHO_NS: Final = NS // 2
"""Claims closer together than this may be echoes of one change (heuristic; the fan-out takes milliseconds)."""
FLICKER_NS: Final = NS // 20
"""A state this short that a single witness tells while at least `MANY` tell the next is that witness's error (heuristic)."""
MANY: Final = 3
DECIDE_NS: Final = 2 * NS
"""How long after "running" a line about visibility decides what it meant (heuristic)."""

_TOLD: Final = ("t", "ref", "claim", "witness", "inferred", "change", "role")
_ABSENCE: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(("app", "process", "state", "start_how", "end_how"), pl.String()),
    **dict.fromkeys(("start", "end"), pl.Int64()),
    "evidence": pl.List(pl.UInt64()),
}
_UNKNOWN: Final = "unknown"
_FOREVER: Final = (1 << 63) - 1
_CHANGE_KINDS: Final = ("process.suspended", "process.resumed", "app.foreground", "app.background", "process.launched")


class _Step(Struct):
    """A state that begins."""

    t: int
    state: str
    inferred: bool
    change: bool
    role: str | None
    order: int = 0
    evidence: list[int] = field(default_factory=list)
    witnesses: set[str] = field(default_factory=set)
    contradicted_by: list[int] = field(default_factory=list)


def build(context: Context) -> pl.DataFrame:
    """Return the table ``app_states``."""
    return publish(windows(context), context)


def publish(running: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Return the table from `windows`, with the times when an app has no process."""
    seen = coverage.stretches(context, pl.col("claim").is_not_null())
    rows = [row for told in _not_running(context) if (row := _within(told, seen, context.span.end))]
    absent = pl.DataFrame(rows, schema=_ABSENCE)
    return table("app_states", pl.concat([running, absent], how="diagonal"))


def windows(context: Context) -> pl.DataFrame:
    """Return the windows of running processes: columns of the table with Int64 times, and ``owner``."""
    seen = coverage.stretches(context, pl.col("claim").is_not_null())
    return _windows(_steps(_claims(context)), context, seen)


def _claims(context: Context) -> pl.DataFrame:
    """Claims about running processes: ``owner``, ``t``, ``ref``, ``claim``, ``witness``, ``inferred``, ``change``, ``role``."""
    change = pl.col("kind").is_in(_CHANGE_KINDS) | (pl.col("process") != "runningboardd")
    claimed = pl.col("owner").is_not_null() & (pl.col("claim") != states.NOT_RUNNING)
    rows = context.events.filter(claimed).select(
        *("owner", "t", "ref", "claim", "role"),
        pl.coalesce("process", "signal").fill_null("").alias("witness"),
        states.claim_is_inferred().alias("inferred"),
        states.claims_only_hidden().alias("hidden"),
        change.fill_null(value=True).alias("change"),
    )
    life = context.processes.select("owner", began="start", ended="end")
    # "running-suspended" of a process that is never suspended ends the state before; what follows is not told.
    unmanaged = context.events.select(pl.col("owner").filter(states.not_managed())).to_series().unique()
    awake = pl.when(pl.col("owner").is_in(unmanaged.implode()) & (pl.col("claim") == states.SUSPENDED))
    rows = (
        rows.join(life, on="owner", how="left", maintain_order="left")
        .filter(pl.col("ended").is_null() | (pl.col("t") < pl.col("ended")))
        .with_columns(
            pl.max_horizontal("t", "began").alias("t"),
            awake.then(pl.lit(_UNKNOWN)).otherwise(pl.col("claim")).alias("claim"),
            awake.then(pl.lit(value=True)).otherwise(pl.col("inferred")).alias("inferred"),
        )
        .sort("owner", "t", "ref", "claim", "witness")
    )
    return _decided(rows)


def _decided(rows: pl.DataFrame) -> pl.DataFrame:
    """Settle the claims that tell half of it.

    "Active" after a suspension means what a line soon after says, else background; otherwise it is no news. "Not
    visible" (symptomsd and wifid tell it late) is no news of a suspended app. Without any line about visibility in
    the whole capture, a resumed process is "unknown": a gap, not a guess.
    """
    undecided = pl.col("claim") == states.ACTIVE
    visible = pl.col("claim").is_in([states.FOREGROUND, states.BACKGROUND])
    next_claim = pl.when(visible).then(pl.col("claim")).backward_fill().over("owner")
    next_t = pl.when(visible).then(pl.col("t")).backward_fill().over("owner")
    settled = pl.when(~undecided & ~pl.col("hidden")).then(pl.col("claim")).forward_fill().over("owner")
    was_suspended = (settled == states.SUSPENDED).fill_null(value=False)
    soon = (next_t - pl.col("t") <= DECIDE_NS).fill_null(value=False) & (was_suspended | settled.is_null())
    fallback = pl.when(visible.any().over("owner")).then(pl.lit(states.BACKGROUND)).otherwise(pl.lit(_UNKNOWN))
    meaning = (
        pl.when(pl.col("hidden") & was_suspended)
        .then(None)
        .when(~undecided)
        .then(pl.col("claim"))
        .when(soon)
        .then(next_claim)
        .when(was_suspended)
        .then(fallback)
    )
    return rows.with_columns(meaning.alias("claim"), (pl.col("inferred") | undecided).alias("inferred")).filter(
        pl.col("claim").is_not_null()
    )


def _steps(claims: pl.DataFrame) -> pl.DataFrame:
    """Reduce the claims to changes: one row per owner and begun state, still possibly repeating the state before."""
    new = (pl.col("t") - pl.col("t").shift(1).over("owner") > ECHO_NS).fill_null(value=True)
    grouped = (
        claims.with_columns(new.cum_sum().over("owner").alias("moment"))
        .group_by("owner", "moment", maintain_order=True)
        .agg(pl.col(_TOLD), pl.col("claim").n_unique().alias("claims"))
        .with_columns(pl.col("claim").list.last().shift(1).over("owner").alias("prior"))
    )
    plain = grouped.filter(pl.col("claims") == 1).select(
        "owner",
        pl.col("t").list.first(),
        pl.col("claim").list.first().alias("state"),
        pl.col("inferred").list.all().alias("inferred"),
        pl.col("change").list.any().alias("change"),
        pl.col("role").list.drop_nulls().list.first().alias("role"),
        pl.col("ref").alias("evidence"),
        pl.lit([], dtype=pl.List(pl.UInt64)).alias("contradicted_by"),
    )
    mixed = [
        {
            "owner": moment["owner"],
            **{name: getattr(step, name) for name in plain.columns if name != "owner"},
        }
        for moment in grouped.filter(pl.col("claims") > 1).iter_rows(named=True)
        for step in _untangle(moment)
    ]
    steps = pl.concat([plain, pl.DataFrame(mixed, schema=plain.schema)]) if mixed else plain
    return steps.sort("owner", "t", maintain_order=True)


def _untangle(moment: Row) -> list[_Step]:
    """Order the changes within one moment: a witness that repeats an earlier state of the moment merely lags."""
    prior = moment["prior"]
    steps = [_Step(moment["t"][0], prior, inferred=False, change=False, role=None)] if prior else []
    latest = {prior: 0} if prior else {}
    position: dict[str, int] = {}
    own_last: dict[str, tuple[str, int]] = {}
    told = zip(*(moment[name] for name in _TOLD), strict=True)
    for order, (t, ref, claim, witness, inferred, change, role) in enumerate(told):
        at = latest.get(claim, -1)
        if at < position.get(witness, 0):
            at = latest[claim] = len(steps)
            steps.append(_Step(t, claim, inferred=inferred, change=change, role=role, order=order))
        step = steps[at]
        step.evidence.append(ref)
        step.witnesses.add(witness)
        step.inferred = step.inferred and inferred
        step.role = step.role or role
        position[witness] = at
        own_last[witness] = (claim, order)
    final = steps[-1]
    final.contradicted_by = [
        moment["ref"][order] for claim, order in own_last.values() if claim != final.state and order > final.order
    ]
    return _without_flicker(steps[1:] if prior and len(steps) > 1 else steps)


def _without_flicker(steps: list[_Step]) -> list[_Step]:
    kept: list[_Step] = []
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if (
            following is not None
            and following.t - step.t < FLICKER_NS
            and len(step.witnesses) == 1
            and len(following.witnesses) >= MANY
        ):
            following.contradicted_by.extend(step.evidence)
        else:
            kept.append(step)
    return kept


def _windows(steps: pl.DataFrame, context: Context, seen: list[tuple[int, int]]) -> pl.DataFrame:
    """Join equal neighbours and close each window where the next begins, the process ends or its sources fall silent."""
    begins = [start for start, _ in seen]
    stretch = [max(bisect_right(begins, t) - 1, 0) for t in steps["t"].to_list()]
    steps = steps.with_columns(
        pl.Series("stretch", stretch, pl.Int64), pl.Series("covered", [seen[at][1] for at in stretch], pl.Int64)
    )
    changed = pl.struct("state", "stretch") != pl.struct("state", "stretch").shift(1)
    run = changed.over("owner").fill_null(value=True).cum_sum().over("owner")
    runs = (
        steps.with_columns(run.alias("run"))
        .group_by("owner", "run", maintain_order=True)
        .agg(
            pl.col("t").first().alias("start"),
            pl.col("state").first(),
            pl.col("role").drop_nulls().first(),
            pl.col("inferred").first(),
            pl.col("change").first(),
            pl.col("stretch", "covered").first(),
            pl.col("evidence", "contradicted_by").explode().drop_nulls(),
        )
    )
    life = context.processes.select(
        "owner", "app", "process", "pid", pl.col("start_how").alias("life_how"), ended="end", ended_how="end_how"
    )
    silent = (pl.col("covered") < context.span.end) & (
        pl.coalesce("next", "ended", pl.lit(_FOREVER)) > pl.col("covered")
    )
    following = pl.col("start").shift(-1).over("owner")
    guessed_next = pl.col("inferred").shift(-1).over("owner") & (pl.col("state") != states.SUSPENDED)
    first = pl.int_range(pl.len()).over("owner") == 0
    resumes = pl.col("stretch").shift(1).over("owner") != pl.col("stretch")
    mid_window = ((first & (pl.col("life_how") == "capture_edge")) | resumes) & ~pl.col("change")
    return (
        runs.join(life, on="owner", how="left", maintain_order="left")
        .with_columns(following.alias("next"))
        .with_columns(silent.alias("silent"))
        .with_columns(
            pl.when("silent")
            .then(pl.max_horizontal("covered", "start"))
            .otherwise(pl.coalesce("next", "ended"))
            .alias("end"),
            pl.when(mid_window.fill_null(value=False))
            .then(pl.lit("capture_edge"))
            .otherwise(_how(pl.col("inferred")))
            .alias("start_how"),
            pl.when("silent")
            .then(pl.lit("capture_edge"))
            .when(pl.col("next").is_not_null())
            .then(_how(guessed_next))
            .otherwise(pl.col("ended_how"))
            .alias("end_how"),
        )
        .filter((pl.col("state") != _UNKNOWN) & (pl.col("end").is_null() | (pl.col("end") > pl.col("start"))))
    )


def _how(inferred: pl.Expr) -> pl.Expr:
    return pl.when(inferred).then(pl.lit("inferred")).otherwise(pl.lit("observed"))


def _not_running(context: Context) -> list[Row]:
    """Windows in which an app has no process: before an observed launch, between processes, after the last exit.

    They have no pid. Before the first and after the last process the edge is that of the capture. An exit that the log
    does not cover (a crash report of the day before) tells nothing about the time after it.
    """
    apps = context.processes.filter(pl.col("is_app") & pl.col("app").is_not_null()).sort("app", "start", "owner")
    span = context.span
    rows: list[Row] = []
    for (app,), lives in apps.group_by("app", maintain_order=True):
        gone: Row | None = {"start": span.start, "start_how": "capture_edge", "evidence": []}
        seen_until = span.start
        for life in lives.iter_rows(named=True):
            observed = gone is not None and (gone["start_how"] != "capture_edge" or life["start_how"] == "observed")
            if gone is not None and observed and life["start"] > gone["start"]:
                edge = {"end": life["start"], "end_how": life["start_how"]}
                rows.append(
                    _absence(app, life, {**gone, **edge, "evidence": [*gone["evidence"], *life["evidence"][:1]]})
                )
            end = life["end"]
            seen_until = max(seen_until, span.end if end is None else end)
            covered = end is not None and span.start <= end <= span.end and end == seen_until
            gone = {"start": end, "start_how": life["end_how"], "evidence": life["evidence"][-1:]} if covered else None
        if gone is not None:
            last = lives.row(-1, named=True)
            rows.append(_absence(app, last, {**gone, "end": None, "end_how": "capture_edge"}))
    return rows


def _within(row: Row, seen: list[tuple[int, int]], far: int) -> Row | None:
    """Return the window as far as the stretch that holds its begin goes; None where none of it is covered."""
    first = next((stretch for stretch in seen if stretch[1] > row["start"]), None)
    if first is None:
        return row if row["start"] == far else None
    start, until = first
    if row["end"] is not None and row["end"] <= start:
        return None
    if row["start"] < start:
        row = {**row, "start": start, "start_how": "capture_edge"}
    if until < far and (row["end"] is None or row["end"] > until):
        row = {**row, "end": until, "end_how": "capture_edge"}
    return row


def _absence(app: object, life: Row, window: Row) -> Row:
    return {"app": app, "process": life["process"], "state": states.NOT_RUNNING, **window}
