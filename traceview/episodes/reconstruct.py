"""From the events of all witnesses to the episode tables, in the order in which they build on each other."""

import polars as pl

from traceview.episodes import (
    app_states,
    assertions,
    audio_io,
    audio_measures,
    audio_server,
    audio_sessions,
    audio_settings,
    background_runs,
    background_tasks,
    call_setup,
    calls,
    conditions,
    coverage,
    gaps_in_audio,
    glitch_causes,
    glitches,
    interruptions,
    network,
    processes,
    push_to_talk,
    pushes,
    resource_events,
    route_changes,
    suspensions,
    terminations,
    undated,
)
from traceview.episodes.identity import identify
from traceview.episodes.relate import Relations
from traceview.episodes.schema import Episodes, empty_episodes
from traceview.episodes.tables import Span

__all__ = ["Span", "reconstruct"]

_OPEN = (
    *("processes", "background_tasks", "assertions", "push_to_talk", "audio_settings", "interruptions"),
    *("conditions", "network"),
)
"""Tables with open ends that have not been cut to what their sources cover yet."""


def reconstruct(events: pl.DataFrame, span: Span) -> Episodes:
    """Reconstruct the windows that the events tell of.

    Args:
        events: `EVENT_SCHEMA`, of any sources, in any order; repeated rows count once, rows without a time not at all
            unless they are reports (`undated`).
        span: What the sources cover: the edges of the capture.

    Returns:
        All tables of `EPISODES`, each by start.
    """
    placed, reports = undated.apart(events)
    context = identify(placed, span)
    windows = app_states.windows(context)
    told_calls, on_hold = calls.with_holds(context)
    named_calls, push_table = pushes.with_calls(context, told_calls)
    io = audio_io.windows(context)
    made = empty_episodes()
    made["calls"] = coverage.clipped("calls", call_setup.with_setup(named_calls, push_table, io, context), context)
    relations = Relations(
        states=windows.select("owner", "start", "end", "state"),
        calls=made["calls"].select("app", pl.col("start", "end", "audio_activated").cast(pl.Int64)),
        io=io,
        far=span.end,
    )
    session_lines = audio_sessions.lines(context)
    resets = audio_server.resets(context)
    deaths = terminations.build(context, relations)
    made |= {
        "processes": processes.build(context),
        "app_states": app_states.publish(windows, context),
        "suspensions": suspensions.build(context, windows, relations),
        "background_tasks": background_tasks.build(context, windows, relations, deaths),
        "assertions": assertions.build(context),
        "pushes": push_table,
        "push_to_talk": push_to_talk.build(context),
        "interruptions": interruptions.build(context, relations),
        "route_changes": route_changes.build(context, relations),
        "audio_settings": audio_settings.build(context, session_lines, relations),
        "resource_events": resource_events.build(context, relations),
        "conditions": conditions.build(context, relations),
    }
    sessions = coverage.clipped(
        "audio_sessions", audio_sessions.build(session_lines, resets, context, relations), context
    )
    made["audio_sessions"] = audio_measures.complete(
        sessions, context, relations, made["audio_settings"], made["interruptions"]
    )
    silent = audio_io.silent(made["audio_sessions"], io, context)
    made["network"] = network.build(context, relations, made["calls"], made["suspensions"])
    silences = gaps_in_audio.find(context, relations, made, silent, on_hold)
    resets = audio_server.with_belated(resets, made["audio_sessions"])
    made["glitches"] = glitches.build(context, relations, glitch_causes.Facts.of(made, context), silences, resets)
    made["background_runs"] = background_runs.build(context, windows, made, silent)
    made["terminations"] = terminations.with_undated(deaths, reports)
    made["resource_events"] = resource_events.with_undated(made["resource_events"], reports)
    return made | {name: coverage.clipped(name, made[name], context) for name in _OPEN}
