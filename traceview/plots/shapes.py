"""Episodes and findings as the shapes that lanes draw.

A shape has the columns of its table plus `who` (bundle id, else process), `look` (key of the lane's looks), `begin` and
`finish` (never null: open ends lie at the edge of the shown span).
"""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from traceview.episodes.schema import TIME, Episodes
from traceview.rules.registry import Finding
from traceview.visible import visible
from traceview_parsers.trace import Coverage

Span = tuple[datetime, datetime]


def finding_ids(findings: Sequence[Finding]) -> list[str]:
    """Return one id for each finding: its fingerprint, numbered from the second with the same fingerprint on."""
    seen: dict[str, int] = {}
    ids = []
    for finding in findings:
        count = seen[finding.fingerprint] = seen.get(finding.fingerprint, 0) + 1
        ids.append(finding.fingerprint if count == 1 else f"{finding.fingerprint}-{count}")
    return ids


def finding_shapes(findings: Sequence[Finding]) -> pl.DataFrame:
    """Return the shapes of findings that have a time; `id` is that of `finding_ids`."""
    rows = [
        {
            "id": identity,
            "who": None if finding.app is None else visible(finding.app),
            "look": finding.severity.name,
            "begin": finding.start,
            "finish": finding.end or finding.start,
            "title": visible(finding.title),
            "rule": finding.rule,
        }
        for identity, finding in zip(finding_ids(findings), findings, strict=True)
        if finding.start is not None
    ]
    text = pl.String()
    columns = {"id": text, "who": text, "look": text, "begin": TIME, "finish": TIME, "title": text, "rule": text}
    return pl.DataFrame(rows, schema=columns)


def coverage_shapes(coverage: Sequence[Coverage]) -> pl.DataFrame:
    """Return the time that each source covers, where it covers any."""
    rows = [
        {
            "who": visible(item.source),
            "look": "covered",
            "begin": item.start_ns,
            "finish": item.end_ns,
            "clock": item.clock,
        }
        for item in coverage
        if item.start_ns is not None and item.end_ns is not None and item.end_ns > item.start_ns
    ]
    text = pl.String()
    return pl.DataFrame(
        rows, schema={"who": text, "look": text, "begin": TIME, "finish": TIME, "clock": text}
    ).with_columns(id=pl.lit(None, dtype=text))


def as_shapes(
    table: pl.DataFrame,
    span: Span,
    look: pl.Expr,
    *,
    begin: pl.Expr | None = None,
    finish: pl.Expr | None = None,
) -> pl.DataFrame:
    """Add the common columns; by default the window is (`start`, `end`). Rows without a time have no place."""
    first, last = (pl.lit(edge).cast(TIME) for edge in span)
    begin = pl.coalesce(begin, first) if begin is not None else pl.coalesce("start", first)
    open_end = pl.when(pl.col("end_how") == "capture_edge").then(last).otherwise(begin)
    finish = finish if finish is not None else pl.col("end")
    return table.filter(pl.col("start_how").is_not_null()).with_columns(
        who=pl.coalesce("app", "process"),
        look=look.fill_null("unknown"),
        begin=begin,
        finish=pl.max_horizontal(pl.coalesce(finish, open_end), begin),
    )


def pushes(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return pushes, from their arrival to the report of a call."""
    begin = pl.coalesce("received", "delivered", "start")
    return as_shapes(episodes["pushes"], span, pl.col("outcome"), begin=begin, finish=pl.coalesce("reported", "end"))


def app_states(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return app states, and the suspensions of apps whose states name none."""
    states = episodes["app_states"]
    known = states.filter(pl.col("state") == "suspended").select("pid").unique()
    lone = episodes["suspensions"].join(known, on="pid", how="anti", nulls_equal=True)
    return pl.concat(
        [as_shapes(states, span, pl.col("state")), as_shapes(lone, span, pl.lit("suspended"))], how="diagonal"
    )


def audio_sessions(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return activations by who asked for them."""
    refused = pl.when(pl.col("refused_error").is_not_null()).then(pl.lit("refused"))
    return as_shapes(episodes["audio_sessions"], span, refused.otherwise(pl.col("activated_by")))


def disturbances(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return interruptions and route changes."""
    interruptions = as_shapes(episodes["interruptions"], span, pl.lit("interruption"))
    routes = as_shapes(episodes["route_changes"], span, pl.lit("route"))
    return pl.concat([interruptions, routes], how="diagonal")


def glitches(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return glitches by kind."""
    return as_shapes(episodes["glitches"], span, pl.col("kind"))


def terminations(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return deaths, those by iOS together."""
    kind = pl.col("kind")
    look = pl.when(kind.is_in(["crash", "jetsam", "user"])).then(kind).otherwise(pl.lit("killed"))
    return as_shapes(episodes["terminations"], span, look)


def background_tasks(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return background tasks by outcome."""
    return as_shapes(episodes["background_tasks"], span, pl.col("outcome"))


def resource_events(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return resource violations by kind; that heat is back at nominal is none."""
    nominal = ((pl.col("kind") == "thermal") & (pl.col("value") == 0)).fill_null(value=False)
    return as_shapes(episodes["resource_events"].filter(~nominal), span, pl.col("kind"))


def push_to_talk(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return joined channels and transmissions."""
    return as_shapes(episodes["push_to_talk"], span, pl.col("kind"))


def background_runs(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return runs in the background; of a run without a holder also the longest stretch that nothing covers."""
    runs = episodes["background_runs"]
    overstayed = runs.filter(pl.col("verdict") == "overstayed", pl.col("uncovered_from").is_not_null())
    bare_end = pl.col("uncovered_from") + pl.duration(
        nanoseconds=(pl.col("longest_uncovered_s") * 1e9).round().cast(pl.Int64), time_unit="ns"
    )
    return pl.concat(
        [
            as_shapes(runs, span, pl.when(pl.col("verdict") == "overstayed").then(pl.lit("held")).otherwise("verdict")),
            as_shapes(overstayed, span, pl.col("verdict"), begin=pl.col("uncovered_from"), finish=bare_end),
        ]
    )


def network(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return losses, changes of interface and times without the push channel."""
    return as_shapes(episodes["network"], span, pl.col("kind"))


def device_conditions(episodes: Episodes, span: Span) -> pl.DataFrame:
    """Return the device's heat where it is above nominal, and Low Power Mode where it is on."""
    hot = (pl.col("kind") == "thermal") & (pl.col("value") > 0)
    saving = (pl.col("kind") == "low_power") & (pl.col("level") == "on")
    return as_shapes(episodes["conditions"].filter(hot | saving), span, pl.col("kind"))
