"""From the events of all witnesses to the episode tables, in the order in which they build on each other."""

import polars as pl

from traceview.episodes import (
    app_states,
    assertions,
    audio_io,
    audio_measures,
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
from traceview.episodes.schema import EPISODES, Episodes, empty_episodes
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
    call_table, push_table = pushes.with_calls(context, told_calls)
    call_table = coverage.clipped("calls", call_setup.with_setup(call_table, push_table, context), context)
    relations = Relations(
        states=windows.select("owner", "start", "end", "state"),
        calls=call_table.select("app", pl.col("start", "end", "audio_activated").cast(pl.Int64)),
        far=span.end,
    )
    deaths = terminations.build(context, relations)
    suspended = suspensions.build(context, windows, relations)
    interrupted = interruptions.build(context, relations)
    rerouted = route_changes.build(context, relations)
    settings = audio_settings.build(context, audio_sessions.lines(context), relations)
    sessions = coverage.clipped("audio_sessions", audio_sessions.build(context, relations), context)
    sessions = audio_measures.complete(sessions, context, relations, settings, interrupted)
    tasks = background_tasks.build(context, windows, relations, deaths)
    held_by = {"calls": call_table, "audio_sessions": sessions, "background_tasks": tasks}
    held_by["assertions"] = assertions.build(context)
    resources = resource_events.build(context)
    under = conditions.build(context, relations)
    facts = glitch_causes.Facts(
        suspended,
        interrupted,
        rerouted,
        resources,
        under,
        context.of_kind("audio_io.preempted"),
        frozenset(context.events["kind"].unique().to_list()),
    )
    silences = gaps_in_audio.find(context, held_by | {"interruptions": interrupted, "suspensions": suspended}, on_hold)
    empty = empty_episodes()
    built = {
        "processes": processes.build(context),
        "app_states": app_states.publish(windows, context),
        "suspensions": suspended,
        "background_runs": background_runs.build(context, windows, held_by, audio_io.silent(sessions, context)),
        "background_tasks": tasks,
        "assertions": held_by["assertions"],
        "pushes": push_table,
        "calls": call_table,
        "push_to_talk": push_to_talk.build(context),
        "audio_sessions": sessions,
        "audio_settings": settings,
        "interruptions": interrupted,
        "route_changes": rerouted,
        "glitches": glitches.build(context, relations, facts, silences),
        "conditions": under,
        "network": network.build(context, relations, call_table, suspended),
        "resource_events": resource_events.with_undated(resources, reports),
        "terminations": terminations.with_undated(deaths, reports),
    }
    for name in _OPEN:
        built[name] = coverage.clipped(name, built[name], context)
    return {name: built.get(name, empty[name]) for name in EPISODES}
