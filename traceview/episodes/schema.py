"""Columns of every episode table: the only place where they are defined.

All tables start with the same columns. Times are UTC nanoseconds; an open end is null with ``end_how`` =
``capture_edge``, or, where the sources that could have seen the end fall silent before the capture is over, the last
moment that they cover. ``*_how`` is ``observed`` (a line says so), ``inferred`` (follows from other lines) or
``capture_edge`` (the capture begins or ends inside the window: the true edge lies outside; the start is then the first
line that proves the window). ``evidence`` holds the ``ref`` of the lines that the row rests on, earliest first: at most
20, the first 12 and the last 8 where there are more.
"""

from functools import cache
from typing import Final

import polars as pl

TIME: Final = pl.Datetime("ns", "UTC")
HOW: Final = pl.String()  # observed, inferred, capture_edge

COMMON: Final[dict[str, pl.DataType]] = {
    "id": pl.String(),  # table prefix and ordinal: call-1, suspension-3
    "app": pl.String(),  # bundle id; null where no witness names it
    "process": pl.String(),  # process name; null where unknown
    "pid": pl.Int64(),
    "start": TIME,
    "end": TIME,
    "start_how": HOW,
    "end_how": HOW,
    "evidence": pl.List(pl.UInt64()),
}

_SPECIFIC: Final[dict[str, dict[str, pl.DataType]]] = {
    "processes": {
        "app_name": pl.String(),  # name for people: of the app, or of an extension with that of its host
        "boot_uuid": pl.String(),
        "launch": pl.Int64(),  # counts the processes of this app (or of this name) within its boot, from 1
        "launch_reason": pl.String(),
        "is_app": pl.Boolean(),  # an app (true), a daemon or an extension (false); null where no line tells
        "host_app": pl.String(),  # bundle id of the app that an extension or XPC service belongs to
        "exit_code": pl.String(),
    },
    "app_states": {
        "state": pl.String(),  # foreground, background, suspended, not_running
        "role": pl.String(),
        "contradicted_by": pl.List(pl.UInt64()),  # lines of other witnesses that say otherwise
    },
    "suspensions": {
        "kept_awake_by": pl.String(),  # what held the app in the background before, if known
        "grace_s": pl.Float64(),  # from background to suspension
        "ended_by": pl.String(),  # resumed, terminated, or null
        "in_call": pl.Boolean(),
        # What let go of the app last: call, audio, background_task, location, push, transfer, bluetooth, assertion
        "held_by": pl.String(),
        "held_by_name": pl.String(),  # of the task or assertion, id of the session
        "held_by_originator": pl.String(),  # who took the assertion
        "held_until": TIME,
        "ran_before_s": pl.Float64(),  # since its launch or last suspension; null where that lies before the capture
        "ran_after_s": pl.Float64(),  # how long it then had the processor: to the next suspension or exit
        "woken_by": pl.String(),  # push, call, user, background_session, audio, location, assertion; null: not told
    },
    # Stretches of an app outside the foreground and not suspended. "Should have been suspended but was not" is
    # `verdict` = overstayed.
    "background_runs": {
        # within_budget: no longer than `budget_s` without a holder; held: holders that a line names cover the rest;
        # overstayed: longer without any, though the lines of runningboardd, callservicesd and the audio server are in the
        # capture; not_known: they are not, or a call of an unknown app may be the reason
        "verdict": pl.String(),
        "holders": pl.String(),  # what held the app, longest first: call, audio session 0x6f, background task "sync"
        "budget_s": pl.Float64(),
        "call_s": pl.Float64(),  # seconds of the run that each covers; they overlap
        "audio_s": pl.Float64(),  # an active session
        "silent_audio_s": pl.Float64(),  # an active session whose IO does not run, where lines tell of IO; else null
        "background_task_s": pl.Float64(),
        "location_s": pl.Float64(),
        "assertion_s": pl.Float64(),  # any other assertion on the app
        "uncovered_s": pl.Float64(),  # nothing that a line names
        "longest_uncovered_s": pl.Float64(),
        "uncovered_from": TIME,  # where the longest one begins
        "ended_by": pl.String(),  # suspended, foreground, terminated, or null
    },
    "background_tasks": {
        "task_id": pl.String(),
        "name": pl.String(),
        "outcome": pl.String(),  # ended, overrun (iOS warned), expired (assertion timed out), killed, open
        "held_s": pl.Float64(),
        "background_held_s": pl.Float64(),  # part of held_s that the app spent outside the foreground
    },
    "assertions": {
        "assertion_id": pl.String(),
        "name": pl.String(),
        "originator": pl.String(),
        "originator_pid": pl.Int64(),
        "end_reason": pl.String(),
        "domain": pl.String(),  # what it grants, as printed: com.apple.common:FinishTaskCanSleep, FinishTask
    },
    "pushes": {
        "push_id": pl.String(),
        "topic": pl.String(),
        "voip": pl.Boolean(),
        "received": TIME,
        "launched": TIME,  # the push launched or opened the app
        "delivered": TIME,
        "reported": TIME,  # the app reported a call
        "report_latency_s": pl.Float64(),  # delivered (else received) to reported
        "outcome": pl.String(),  # reported, unreported, blocked, unknown
        "call": pl.String(),  # id in calls
    },
    "calls": {
        "call_id": pl.String(),
        "direction": pl.String(),  # incoming, outgoing
        "provider": pl.String(),
        "kind": pl.String(),  # callkit, cellular, facetime, unknown
        "reported": TIME,
        "answered": TIME,
        "audio_activated": TIME,
        "connected": TIME,
        "ended": TIME,
        "end_reason": pl.String(),
        "holds": pl.Int64(),  # null where lines tell of holds that may be those of another call, or none could tell of one
        # answered; an incoming call missed or declined; an outgoing one cancelled (the caller gave up), unanswered or
        # declined; failed; unknown
        "outcome": pl.String(),
        "witness": pl.String(),  # callkit, audio_session, powerlog, audio_routing: the strongest that names the call
        # Setup, each null where no line tells: the push, its launch of the app, the report, the ringing, the answer,
        # the audio that CallKit activates, the first IO of the app.
        "pushed": TIME,
        "launched": TIME,
        "ringing": TIME,
        "first_io": TIME,
        "push_to_launch_s": pl.Float64(),
        "launch_to_report_s": pl.Float64(),
        "push_to_report_s": pl.Float64(),
        "report_to_ring_s": pl.Float64(),
        "ring_to_answer_s": pl.Float64(),
        "report_to_answer_s": pl.Float64(),
        "answer_to_audio_s": pl.Float64(),
        "audio_to_io_s": pl.Float64(),
        "held_s": pl.Float64(),  # on hold, to the end of the call or of the capture; null as `holds`
        # when it went on hold and when it came back (or ended, or the capture did), one pair a hold; where `holds` is null,
        # those that are known
        "hold_starts": pl.List(TIME),
        "hold_ends": pl.List(TIME),
        # times that it took the place of another call of its app, which went on hold; null where its holds are not known
        "swaps": pl.Int64(),
        "other_calls": pl.Int64(),  # calls that ran or rang at the same time
        "failed_actions": pl.Int64(),  # actions that timed out or were refused
        "failed_action": pl.String(),  # the first one, as printed, with its reason
        # not_activated: answered, and CallKit never activated the audio; no_io: activated, and IO never started;
        # no_input, no_output: one-way; null: nothing is missing, or the capture cannot tell
        "audio_fault": pl.String(),
        "contradicted_by": pl.List(pl.UInt64()),  # lines that tell steps of it after its end
    },
    "push_to_talk": {
        "kind": pl.String(),  # channel (joined to left), transmission
        "channel_id": pl.String(),
        "provider": pl.String(),
        "pushed": TIME,  # the push that announced the transmission
        "audio_activated": TIME,
        "activate_s": pl.Float64(),  # transmission (or its push) to audio
        "end_reason": pl.String(),
    },
    "audio_sessions": {
        "session_id": pl.String(),
        "category": pl.String(),
        "mode": pl.String(),
        "options": pl.String(),
        "activated_by": pl.String(),  # app, callkit, unknown
        "refused_error": pl.String(),  # set: the activation was refused and the window has no length
        "in_call_s": pl.Float64(),
        "foreground_s": pl.Float64(),
        "background_s": pl.Float64(),
        "io_started": TIME,
        "stopped_by": pl.String(),  # app, callkit, system_suspended, interruption, process_exit, media_services_reset, unknown
        "background_denied": TIME,  # active while the audio server said that the app may not play in the background
        "activator": pl.String(),  # process that activated it: callservicesd, or the app's own; null: not told
        "route": pl.String(),  # the last one known
        "sample_rate_hz": pl.Float64(),  # the last one set
        "buffer_s": pl.Float64(),  # preferred IO buffer, the last one set
        "outside_call_s": pl.Float64(),
        "suspended_s": pl.Float64(),
        "io_stopped": TIME,  # the last stop
        "io_running_s": pl.Float64(),  # null where no line tells of IO
        "io_silent_s": pl.Float64(),  # active without IO; null where no line tells of IO
        "interruptions": pl.Int64(),
        "settings": pl.Int64(),  # rows of `audio_settings`
    },
    # What a session was set to, over time: a window lasts until the next change or the end of what is known
    "audio_settings": {
        "session_id": pl.String(),
        "changed": pl.String(),  # what changed at its start: category, mode, options, route, sample_rate_hz, buffer_s
        "category": pl.String(),
        "mode": pl.String(),
        "options": pl.String(),
        "route": pl.String(),
        "sample_rate_hz": pl.Float64(),
        "buffer_s": pl.Float64(),
        "active": pl.Boolean(),  # the session was active at its start
        "in_call": pl.Boolean(),
    },
    "interruptions": {
        "session_id": pl.String(),
        "interrupter": pl.String(),
        "reason": pl.String(),
        "resumed": pl.Boolean(),  # the session was active again afterwards
        "in_call": pl.Boolean(),
        "interrupter_app": pl.String(),
        "interrupter_pid": pl.Int64(),
        "resumed_after_s": pl.Float64(),  # from the end of the interruption to the session being active again
    },
    "route_changes": {
        "session_id": pl.String(),
        "route": pl.String(),
        "previous_route": pl.String(),
        "reason": pl.String(),
        "in_call": pl.Boolean(),
    },
    "glitches": {
        # overload, io_failed, io_restart, format_change, stalled, media_services_reset, silence (no IO while a session
        # is active in an answered call), suspension_gap (the app was suspended while its audio was to run)
        "kind": pl.String(),
        "count": pl.Int64(),
        "peak_per_10s": pl.Int64(),
        "device": pl.String(),
        "in_call": pl.Boolean(),
        "app_state": pl.String(),
        # cpu, thermal, preemption, route_change, interruption, suspension, memory, unknown
        "cause": pl.String(),
        "cause_confidence": pl.Float64(),
        "cause_evidence": pl.List(pl.UInt64()),
        "facts_for": pl.String(),  # what speaks for the cause, with how far from the begin
        "facts_against": pl.String(),  # what speaks for others, or shows that a fact needed for it is absent
        "against_evidence": pl.List(pl.UInt64()),
    },
    "resource_events": {
        "kind": pl.String(),  # cpu, wakeups, memory, disk, thermal, power
        "level": pl.String(),
        # CPU seconds, wake-ups or bytes within the window; a level for thermal and power
        "value": pl.Float64(),
        "limit": pl.Float64(),  # in the unit of `value`
        "fatal": pl.Boolean(),
        "in_call": pl.Boolean(),
        "app_state": pl.String(),
    },
    # Under what conditions an app (or, without app, the device) ran: a window lasts until the next one of its kind
    "conditions": {
        # role (RunningBoard's), darwin_role and cpu_priority (the kernel's), jetsam_priority, jetsam_lenient, cpu_limit,
        # memory_limit, thermal, low_power
        "kind": pl.String(),
        "level": pl.String(),  # as printed: Background, on, …
        "value": pl.Float64(),  # jetsam band; percent of a core; bytes; thermal level
        "in_call": pl.Boolean(),
    },
    "network": {
        # connection_lost (to restored, where a line tells), path_lost, handover (the path goes over another interface),
        # background_session (a transfer woke the app or could not), push_channel_down (to connected again)
        "kind": pl.String(),
        "interface": pl.String(),
        "previous_interface": pl.String(),
        "reason": pl.String(),
        "error": pl.String(),
        "count": pl.Int64(),  # lines of the burst
        "after_suspension": pl.Boolean(),  # the app was suspended then or had just come back: its sockets were gone
        "app_state": pl.String(),
        "in_call": pl.Boolean(),
        "call": pl.String(),  # id in calls
    },
    "terminations": {
        # crash, watchdog, lock_held, push_unreported, background_task, resumed_too_often, cpu, jetsam, thermal, disk,
        # resource, user (swiped away), debug (a developer's switch), launch_failed, service_owner_exited, normal_exit,
        # unknown
        "kind": pl.String(),
        "namespace": pl.String(),
        "code": pl.String(),  # lower-case hexadecimal, 0x8badf00d
        "explanation": pl.String(),
        "app_state": pl.String(),
        "in_call": pl.Boolean(),
        "memory_bytes": pl.Float64(),  # that the process held as the kernel removed it, where a line or report tells
    },
}

EPISODES: Final[dict[str, dict[str, pl.DataType]]] = {
    table: {**COMMON, **columns} for table, columns in _SPECIFIC.items()
}
"""Schema of each episode table."""

Episodes = dict[str, pl.DataFrame]
"""All episode tables by name."""


def empty_episodes() -> Episodes:
    """Return all tables without rows."""
    return {name: empty_table(name) for name in EPISODES}


def empty_table(name: str) -> pl.DataFrame:
    """Return a table without rows."""
    return _empty(name).clone()


@cache
def _empty(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema=EPISODES[name])
