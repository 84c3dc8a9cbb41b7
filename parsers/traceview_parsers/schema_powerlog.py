"""Columns of the ``power_*`` tables and of ``clock_steps``, part of `schema.SCHEMAS`.

``time`` is wall time (UTC), mapped from PowerLog's own clock; ``end`` closes the interval that a row measures. Codes
whose meaning Apple does not document stay numbers.
"""

from typing import Any, Final

import pyarrow as pa

_TIME: Final = pa.timestamp("ns", tz="UTC")
_INT: Final = pa.int64()
_REAL: Final = pa.float64()
_TEXT: Final = pa.string()
_BOOL: Final = pa.bool_()


def _table(**columns: Any) -> Any:
    leading = [pa.field("ref", pa.uint64(), nullable=False), pa.field("time", _TIME)]
    return pa.schema([*leading, *(pa.field(name, kind) for name, kind in columns.items())])


POWER_SCHEMAS: Final[dict[str, Any]] = {
    # State of an app from `time` on. state: terminated, suspended, background, foreground, process_server, obscured.
    "power_app_states": _table(bundle=_TEXT, pid=_INT, state=_TEXT, state_code=_INT, reason=_INT),
    # Seconds within one bucket (an hour, mostly). A daemon that works for an app names it in on_behalf_of.
    "power_app_run_time": _table(
        end=_TIME,
        bundle=_TEXT,
        on_behalf_of=_TEXT,
        screen_on_s=_REAL,
        background_s=_REAL,
        background_audio_playing_s=_REAL,
        background_audio_now_playing_s=_REAL,
        background_location_s=_REAL,
        background_location_audio_s=_REAL,
        in_call_screen_on_s=_REAL,
        in_call_background_s=_REAL,
        plugged_in_screen_on_s=_REAL,
        plugged_in_background_s=_REAL,
        plugged_in_background_audio_playing_s=_REAL,
        plugged_in_background_audio_now_playing_s=_REAL,
        plugged_in_background_location_s=_REAL,
        plugged_in_background_location_audio_s=_REAL,
    ),
    # Route of the device from `time` on; active: at least one audio session is.
    "power_audio_routing": _table(
        active=_BOOL,
        active_pid=_INT,
        route=_TEXT,
        category=_TEXT,
        headphones_connected=_BOOL,
        headset_has_input=_BOOL,
        bluetooth_endpoint=_TEXT,
    ),
    # operation: AudioPlayback_Start, AudioPlayback_Stop.
    "power_audio_app": _table(
        process=_TEXT, pid=_INT, operation=_TEXT, assertion_id=_INT, assertion_name=_TEXT, route=_TEXT, mirroring=_INT
    ),
    "power_now_playing": _table(bundle=_TEXT, playing=_BOOL),
    # Calls that iOS shows, of any app with CallKit. status: callStart, callStop. Whole seconds.
    "power_call_service": _table(bundle=_TEXT, provider=_TEXT, status=_TEXT, subtype=_TEXT, video=_BOOL),
    # Noted in batches: one time, a whole minute, for pushes that came in the minutes before.
    "power_received_pushes": _table(
        bundle=_TEXT,
        topic=_TEXT,
        connection=_TEXT,
        priority=_INT,
        link_quality=_INT,
        dropped=_BOOL,
        filter_list=_INT,
        bytes=_INT,
    ),
    # assertion_id is runningboardd's (31-60-286) and joins the log; name, identity and the like only where taken.
    "power_assertions": _table(
        action=_INT,
        type=_INT,
        pid=_INT,
        on_behalf_of_pid=_INT,
        unique_id=_INT,
        reference_id=_INT,
        name=_TEXT,
        identity_kind=_TEXT,
        identity=_TEXT,
        host=_TEXT,
        assertion_id=_TEXT,
        label=_TEXT,
        domain=_TEXT,
    ),
    # Work of an app and its helpers within about five minutes; cpu_eqos_6_s ran at the highest quality of service (number 6
    # of xnu: user interactive). The unit of energy is not documented.
    "power_coalition": _table(
        end=_TIME,
        bundle=_TEXT,
        job=_TEXT,
        coalition=_INT,
        cpu_s=_REAL,
        cpu_billed_to_me_s=_REAL,
        cpu_billed_to_others_s=_REAL,
        cpu_eqos_6_s=_REAL,
        gpu_s=_REAL,
        energy=_REAL,
        interrupt_wakeups=_REAL,
        idle_wakeups=_REAL,
        bytes_read=_REAL,
        bytes_written=_REAL,
        tasks_started=_REAL,
        tasks_exited=_REAL,
        running_s=_REAL,
    ),
    "power_network_use": _table(
        end=_TIME,
        bundle=_TEXT,
        process=_TEXT,
        wifi_in_bytes=_INT,
        wifi_out_bytes=_INT,
        cell_in_bytes=_INT,
        cell_out_bytes=_INT,
    ),
    # What the display shows from `time` on.
    "power_screen": _table(bundle=_TEXT, role=_INT, level=_REAL, weight=_REAL, display=_INT, orientation=_INT),
    "power_lock": _table(locked=_BOOL),
    # state: 0 asleep, 1 awake (alternating in a real file); event and reason stay numbers.
    "power_sleep_wake": _table(state=_INT, event=_INT, reason=_INT, uuid=_TEXT),
    "power_process_ids": _table(pid=_INT, process=_TEXT, bundle=_TEXT, coalition=_INT),
    # namespace by number as in xnu's reasons (1 JETSAM, 15 RUNNINGBOARD); code in lower-case hexadecimal.
    "power_process_exits": _table(
        pid=_INT, process=_TEXT, bundle=_TEXT, namespace=_TEXT, namespace_code=_INT, code=_TEXT
    ),
    "power_location_clients": _table(
        end=_TIME,
        bundle=_TEXT,
        client=_TEXT,
        executable=_TEXT,
        type=_TEXT,
        in_use_level=_INT,
        accuracy_m=_REAL,
        distance_filter_m=_REAL,
    ),
    "power_thermal": _table(thermal_level=_INT, pressure_level=_INT),
    "power_modes": _table(mode=_TEXT, value=_INT),  # com.apple.system.lowpowermode: 1 on, 0 off
    "power_battery": _table(
        level=_REAL, charging=_BOOL, external_power=_BOOL, current_ma=_INT, voltage_mv=_INT, temperature_c=_REAL
    ),
    # Apps and app extensions as installed; host: the app that an extension belongs to.
    "power_apps": _table(
        bundle=_TEXT,
        name=_TEXT,
        executable=_TEXT,
        app_version=_TEXT,
        build_version=_TEXT,
        third_party=_BOOL,
        host=_TEXT,
        extension_point=_TEXT,
    ),
    # The device as PowerLog saw it at `time`; boot_time is on the same clock.
    "power_device": _table(boot_time=_TIME, os_build=_TEXT, hardware=_TEXT),
    # iOS 26: one run of a background task; what it is comes from the table of tasks.
    "power_background_tasks": _table(
        end=_TIME,
        process=_TEXT,
        pid=_INT,
        bundle=_TEXT,
        task=_TEXT,
        task_id=_TEXT,
        service=_TEXT,
        group=_TEXT,
        launch_reason=_TEXT,
        on_battery=_BOOL,
        cpu_s=_REAL,
        disk_bytes=_INT,
        disk_written_bytes=_INT,
    ),
    # Difference between PowerLog's clock and wall time from `time` on; step_s: how far the wall clock was set.
    "clock_steps": _table(offset_s=_REAL, step_s=_REAL),
}
"""Schema of each table."""
