"""The vocabulary of events: kinds, and the typed fields that a signal may extract.

Events are one wide table (`EVENT_SCHEMA`): identity of the log row, the kind, then one nullable column for each field.
A field keeps one meaning in all signals, so episodes never need to know which signal produced an event.
"""

from typing import Final

import polars as pl

KINDS: Final = frozenset(
    {
        "process.launched",
        "process.state",
        "process.suspended",
        "process.resumed",
        "process.exited",
        "process.terminated",
        "process.watchdog",  # a watchdog ran out, or was waived (active = false) because of a debugger
        "process.priority",  # role, jetsam band or CPU share that the system gives a process
        "process.identity",  # joins a pid with a bundle id or a process name, nothing else
        "app.foreground",
        "app.background",
        "app.deactivation",  # in the foreground but covered (Control Center, a call, the switcher), or no longer
        "assertion.acquired",
        "assertion.invalidated",
        "assertion.expired",
        "background_task.began",
        "background_task.ended",
        "background_task.overrun",
        "push.received",
        "push.delivered",
        "push.launched_app",
        "push.unreported",
        "push.blocked",
        "call.provider",
        "call.reported",
        "call.started",
        "call.answered",
        "call.connected",
        "call.held",
        "call.resumed",
        "call.ended",
        "call.running",  # a call runs; the witness tells neither its direction nor whether it was answered
        "call.failed",
        "call.action",
        "ptt.channel",  # Push-to-Talk: the channel (`call_id`) was joined, left, … (`action`)
        "ptt.transmission",  # Push-to-Talk: somebody begins or ends to speak (`action`)
        "audio_session.created",
        "audio_session.configured",
        "audio_session.activated",
        "audio_session.deactivated",
        "audio_session.refused",
        "audio_session.interrupted",
        "audio_session.interruption_ended",
        "audio_session.route_changed",
        "audio_session.routes_available",  # the choice of inputs or outputs changed, not yet the route
        "audio_session.client_state",
        "audio_session.stopped",
        "audio_session.not_allowed",
        "audio_io.started",
        "audio_io.stopped",
        "audio_io.overload",
        "audio_io.failed",
        "audio_io.format_changed",
        "audio_io.stalled",
        "audio_io.preempted",  # an audio thread was ready to run and did not (`duration_s`; Instruments)
        "media_services.reset",
        "resource.cpu",
        "resource.wakeups",
        "resource.memory",
        "resource.disk",
        "resource.thermal",
        "resource.power",
        "resource.low_power",  # Low Power Mode is on (`active`) or off
        "jetsam.killed",
        "network.lost",
        "network.restored",
        "network.path_changed",  # the path goes over another interface (`interface`, `previous_interface`) or its quality changed
        "network.background_session",
        "system.clock",
        "system.push_channel",
    }
)

MESSAGES: Final[frozenset[str | None]] = frozenset({"log", "trace", "user_action", None})
"""Events of ``log`` that are messages, None where a text does not tell. Activities, signposts, losses and dumps of state
have texts too, but nobody wrote them as messages."""

FIELDS: Final[dict[str, pl.DataType]] = {
    # whom the line is about (the columns process/pid of the event say who printed it)
    "bundle": pl.String(),  # app bundle id, without UUID or handle decoration
    "subject": pl.String(),  # process name the line is about (CoreAudio cuts it to 16 characters)
    "subject_pid": pl.Int64(),
    "subject_installed": pl.Boolean(),  # whether it lies where iOS installs apps, in reports that print its path
    "host_bundle": pl.String(),  # app that hosts the extension or XPC service
    "host_pid": pl.Int64(),
    # process state
    "state": pl.String(),  # as printed: running-active, running-suspended, Foreground, …
    "role": pl.String(),
    "priority": pl.Int64(),  # jetsam band, the lower the sooner it is killed; 3 background, 10 foreground, ten times that on new systems
    "visibility": pl.String(),  # Visible, NotVisible, Foreground, Background, …
    # assertions and background tasks
    "assertion_id": pl.String(),  # 31-60-286
    "assertion_name": pl.String(),
    "domain": pl.String(),  # what an assertion grants, as printed: com.apple.common FinishTaskCanSleep, FinishTask, …
    "originator": pl.String(),
    "originator_pid": pl.Int64(),
    "task_id": pl.String(),
    "task_name": pl.String(),
    # audio
    "session_id": pl.String(),  # 0x6f6a3, lower case
    "category": pl.String(),
    "mode": pl.String(),
    "options": pl.String(),
    "controlling_pid": pl.Int64(),
    "route": pl.String(),
    "previous_route": pl.String(),
    "interrupter": pl.String(),
    "device": pl.String(),
    "sample_rate_hz": pl.Float64(),
    "playing": pl.Boolean(),
    "recording": pl.Boolean(),
    # network
    "interface": pl.String(),  # en0, pdp_ip0, NonCellular, …
    "previous_interface": pl.String(),
    # calls and pushes
    "call_id": pl.String(),
    "provider": pl.String(),
    "action": pl.String(),
    "direction": pl.String(),  # incoming, outgoing
    "topic": pl.String(),
    "push_id": pl.String(),
    # causes and figures
    "reason": pl.String(),
    "error": pl.String(),  # as printed: '!pri', 561017449, …
    "code": pl.String(),  # exit or termination code as printed
    "namespace": pl.String(),
    "active": pl.Boolean(),
    "count": pl.Int64(),
    "value": pl.Float64(),
    "limit": pl.Float64(),
    "duration_s": pl.Float64(),
}

EVENT_SCHEMA: Final[dict[str, pl.DataType]] = {
    "ref": pl.UInt64(),  # row of the log (or other) table that is the evidence
    "time": pl.Datetime("ns", "UTC"),
    "kind": pl.String(),
    "signal": pl.String(),  # id of the catalogue entry, or of the table for non-log witnesses
    "confidence": pl.Float64(),  # 0 to 1, from the catalogue
    "process": pl.String(),  # who printed it
    "pid": pl.Int64(),
    "tid": pl.UInt64(),
    "sender": pl.String(),
    "subsystem": pl.String(),
    "log_category": pl.String(),
    "level": pl.String(),
    "boot_uuid": pl.String(),
    "message": pl.String(),
    **FIELDS,
}
"""Columns of the event table; ``time`` is UTC."""


def empty_events() -> pl.DataFrame:
    """Return an event table without rows."""
    return pl.DataFrame(schema=EVENT_SCHEMA)
