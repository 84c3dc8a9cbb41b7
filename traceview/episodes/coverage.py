"""What the sources of a capture cover, so that nothing is claimed for times that none of them could see.

A source covers a stretch of time; it can see a kind of fact if it tells one such fact anywhere. An app state that only
PowerLog tells is known as far as PowerLog goes, however long the log goes on.
"""

from typing import Final

import polars as pl

from traceview.episodes.intervals import NS
from traceview.episodes.tables import Context, Span

JOIN_NS: Final = 10 * NS
"""Sources that follow each other this closely leave no hole: rotated files begin with the next line (heuristic)."""

_FAMILIES: Final[dict[str, tuple[str, ...]]] = {
    "processes": ("",),
    "background_tasks": ("background_task.", "assertion."),
    "assertions": ("assertion.",),
    "calls": ("call.", "audio_session."),
    "push_to_talk": ("ptt.", "call."),
    "audio_sessions": ("audio_session.",),
    "audio_settings": ("audio_session.",),
    "interruptions": ("audio_session.",),
    "conditions": ("process.", "resource."),
    "network": ("network.", "system."),
}
"""Kinds of event (by prefix) that tell the end of a window of each table with open ends; app states see to it themselves."""


def outside(span: Span) -> pl.Expr:
    """Expression over events: their time lies outside of what their own source says to cover (PowerLog's left-overs)."""
    t = pl.col("time").cast(pl.Int64)
    covered: dict[tuple[int, int], list[pl.Expr]] = {}
    for first, last, start, end in span.sources:
        covered.setdefault((first, last), []).append(t.is_between(start, end))
    parts = [pl.col("ref").is_between(*refs) & ~pl.any_horizontal(told) for refs, told in covered.items()]
    return pl.any_horizontal(pl.lit(value=False), *parts).fill_null(value=False)


def stretches(context: Context, telling: pl.Expr) -> list[tuple[int, int]]:
    """Return the stretches (begin and end, in time order) of the sources that tell any such event, of all if none does.

    Args:
        context: Events and span.
        telling: Condition over the events.
    """
    span = context.span
    if not span.sources:
        return [(span.start, span.end)]
    covered = [(start, end) for *_, start, end in span.sources]
    if len(covered) > 1:
        refs = context.events.select(pl.col("ref").filter(telling)).to_series()
        known = [(start, end) for first, last, start, end in span.sources if refs.is_between(first, last).any()]
        covered = known or covered
    return stretches_of(covered)


def stretches_of(covered: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return what sources cover (nanoseconds) without overlaps: those that follow each other closely are one stretch."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(covered):
        if joined and start <= joined[-1][1] + JOIN_NS:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def until(name: str, context: Context) -> int:
    """Return the last moment (nanoseconds) at which a source could have told the end of a window of this table."""
    if all(end >= context.span.end for *_, end in context.span.sources):
        return context.span.end
    kind = pl.any_horizontal(pl.col("kind").str.starts_with(prefix) for prefix in _FAMILIES[name])
    return min(stretches(context, kind)[-1][1], context.span.end)


def clipped(name: str, table: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Return a published table whose open windows end where the sources that could have seen their end fall silent."""
    far = until(name, context)
    if far >= context.span.end:
        return table
    edge = pl.max_horizontal(pl.lit(far).cast(table.schema["start"]), "start")
    return table.with_columns(pl.when(pl.col("start").is_not_null()).then(pl.coalesce("end", edge)).alias("end"))
