"""Which PowerLog table and column gives which of ours.

Names are those of iPadOS 15.0.2 (a real file) with what other releases are known to add (iLEAPP's validation images of
iOS 12.4 to 26). A column that a file does not have is null.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import pyarrow as pa
from msgspec import Struct, field

from traceview_parsers.powerlog import derived

Arrays = dict[str, Any]
Clock = Literal["powerlog", "wall", "assertion"]
Names = str | tuple[str, ...]


class Lookup(Struct, frozen=True):
    """Columns that come from another table of the file, joined by a key.

    Attributes:
        table: The other table.
        key: Its key column; ours of the same meaning is `our_key`.
        our_key: Our column that holds the key.
        columns: Our column to the other table's.
    """

    table: str
    key: str
    our_key: str
    columns: dict[str, str]


class Layout(Struct, frozen=True):
    """One table of ours from one table of the file.

    Attributes:
        table: Our table.
        source: The file's table, without the retention suffix of newer releases.
        columns: Our column to the file's (several: the first that exists).
        start: Column of the stamp.
        end: Column of the stamp at which the interval ends, or None.
        length: Column with the length of the interval in seconds, or None.
        clock: What the stamps are: PowerLog's own clock, wall time, or (power assertions) PowerLog's clock plus
            ``timestampActionOffset`` milliseconds, which gives wall time (seen on launches in a real file).
        derive: Computes further columns from those read.
        extra: What only `derive` needs: name, the file's column, and the type to read it as.
        lookup: Columns from another table.
        instants: Our columns that are further stamps, to the file's.
    """

    table: str
    source: str
    columns: dict[str, Names]
    start: str = "timestamp"
    end: str | None = None
    length: str | None = None
    clock: Clock = "powerlog"
    derive: Callable[[Arrays], Arrays] | None = None
    extra: dict[str, tuple[Names, Any]] = field(default_factory=dict)
    lookup: Lookup | None = None
    instants: dict[str, str] = field(default_factory=dict)

    @property
    def carried(self) -> bool:
        """Whether rows may be older than the file: forward tables keep the state that held when it began, facts their age."""
        return "_EventForward_" in self.source or "_EventNone_" in self.source


OFFSETS: Final = (
    "PLStorageOperator_EventForward_TimeOffset",
    "BackgroundProcessing_TimeOffset",
    "PPTStorageOperator_TimeOffset",
)
"""Tables that map PowerLog's clock to wall time: of ``.PLSQL``, ``.BGSQL`` and ``.EPSQL`` files."""
ACTION_OFFSET: Final = "timestampActionOffset"

LAYOUTS: Final = (
    Layout(
        "power_app_states",
        "PLApplicationAgent_EventForward_Application",
        {"bundle": "Identifier", "pid": "pid", "state_code": "State", "reason": "Reason"},
        derive=derived.app_states,
    ),
    Layout(
        "power_app_run_time",
        "PLAppTimeService_Aggregate_AppRunTime",
        {
            "bundle": "BundleID",
            "screen_on_s": "ScreenOnTime",
            "background_s": "BackgroundTime",
            "background_audio_playing_s": "BackgroundAudioPlayingTime",
            "background_audio_now_playing_s": "BackgroundAudioNowPlayingTime",
            "background_location_s": "BackgroundLocationTime",
            "background_location_audio_s": "BackgroundLocationAudioTime",
            "in_call_screen_on_s": "InCallScreenOnTime",
            "in_call_background_s": "InCallBackgroundTime",
            "plugged_in_screen_on_s": "ScreenOnPluggedInTime",
            "plugged_in_background_s": "BackgroundPluggedInTime",
            "plugged_in_background_audio_playing_s": "BackgroundAudioPlayingTimePluggedIn",
            "plugged_in_background_audio_now_playing_s": "BackgroundAudioNowPlayingPluggedInTime",
            "plugged_in_background_location_s": "BackgroundLocationPluggedInTime",
            "plugged_in_background_location_audio_s": "BackgroundLocationAudioPluggedInTime",
        },
        length="timeInterval",
        derive=derived.app_run_time,
    ),
    Layout(
        "power_audio_routing",
        "PLAudioAgent_EventForward_Routing",
        {
            "active": "Active",
            "active_pid": "ActivePID",
            "route": "ActiveRoute",
            "category": "OutputCategory",
            "headphones_connected": "HeadphonesConnected",
            "headset_has_input": "HeadsetHasInput",
            "bluetooth_endpoint": "BTEndpointType",
        },
    ),
    Layout(
        "power_audio_app",
        "PLAudioAgent_EventPoint_AudioApp",
        {
            "process": "ApplicationName",
            "pid": "PID",
            "operation": "Operation",
            "assertion_id": "AssertionID",
            "assertion_name": "AssertionName",
            "route": "AudioRoute",
            "mirroring": "MirroringState",
        },
    ),
    Layout("power_now_playing", "PLAudioAgent_EventForward_NowPlaying", {"bundle": "BundleID", "playing": "State"}),
    Layout(
        "power_call_service",
        "PLXPCAgent_EventForward_InCallService",
        {
            "bundle": "bundleID",
            "provider": "providerIdentifier",
            "status": "status",
            "subtype": "kCallSubType",
            "video": "video",
        },
    ),
    Layout(
        "power_received_pushes",
        "PLPushAgent_EventPoint_ReceivedPush",
        {
            "bundle": "BundleID",
            "topic": "Topic",
            "connection": "ConnectionType",
            "priority": "Priority",
            "link_quality": "LinkQuality",
            "dropped": "IsDropped",
            "filter_list": "FilterList",
            "bytes": "Size",
        },
    ),
    Layout(
        "power_assertions",
        "PLPowerAssertionAgent_EventForward_Assertion",
        {
            "action": "Action",
            "type": "AssertType",
            "pid": "pid",
            "on_behalf_of_pid": "AssertionOnBehalfOfPID",
            "unique_id": "GlobalUniqueID",
            "reference_id": "GlobalUniqueIDReference",
            "name": "AssertName",
        },
        clock="assertion",
        derive=derived.assertions,
    ),
    Layout(
        "power_coalition",
        "PLCoalitionAgent_EventInterval_CoalitionInterval",
        {
            "bundle": "BundleId",
            "job": "LaunchdName",
            "coalition": "LaunchdCoalitionId",
            "cpu_s": "cpu_time",
            "cpu_billed_to_me_s": "cpu_time_billed_to_me",
            "cpu_billed_to_others_s": "cpu_time_billed_to_others",
            "cpu_eqos_6_s": "cpu_time_eqos_6",
            "gpu_s": "gpu_time",
            "energy": "energy",
            "interrupt_wakeups": "interrupt_wakeups",
            "idle_wakeups": "platform_idle_wakeups",
            "bytes_read": "bytesread",
            "bytes_written": "byteswritten",
            "tasks_started": "tasks_started",
            "tasks_exited": "tasks_exited",
            "running_s": "time_nonempty",
        },
        end="timestampEnd",
    ),
    Layout(
        "power_network_use",
        "PLProcessNetworkAgent_EventInterval_UsageDiff",
        {
            "bundle": "BundleName",
            "process": "ProcessName",
            "wifi_in_bytes": "WifiIn",
            "wifi_out_bytes": "WifiOut",
            "cell_in_bytes": "CellIn",
            "cell_out_bytes": "CellOut",
        },
        end="timestampEnd",
    ),
    Layout(
        "power_screen",
        "PLScreenStateAgent_EventForward_ScreenState",
        {
            "bundle": "bundleID",
            "role": "AppRole",
            "level": "Level",
            "weight": "ScreenWeight",
            "display": "Display",
            "orientation": "Orientation",
        },
    ),
    Layout("power_lock", "PLSpringBoardAgent_EventForward_SBLock", {"locked": "Locked"}),
    Layout(
        "power_sleep_wake",
        "PLSleepWakeAgent_EventForward_PowerState",
        {"state": "State", "event": "Event", "reason": "Reason", "uuid": "UUID"},
    ),
    Layout(
        "power_process_ids",
        "PLProcessMonitorAgent_EventForward_ProcessID",
        {"pid": "PID", "process": "ProcessName", "bundle": "BundleID", "coalition": "CoalitionID"},
    ),
    Layout(
        "power_process_exits",
        "PLApplicationAgent_EventPoint_ApplicationExitReason",
        {"pid": "pid", "bundle": "Identifier", "namespace_code": "Reason"},
        derive=derived.process_exits,
        extra={"code_number": ("Subcode", pa.int64())},
    ),
    Layout(
        "power_process_exits",
        "PLProcessMonitorAgent_EventPoint_ProcessExit",
        {"pid": ("PID", "pid"), "process": "ProcessName", "namespace_code": "ReasonNamespace"},
        derive=derived.process_exits,
        extra={"code_number": ("ReasonCode", pa.int64())},
    ),
    Layout(
        "power_location_clients",
        "PLLocationAgent_EventForward_ClientStatus",
        {
            "bundle": "BundleId",
            "client": "Client",
            "executable": "Executable",
            "type": "Type",
            "in_use_level": "InUseLevel",
            "accuracy_m": "LocationDesiredAccuracy",
            "distance_filter_m": "LocationDistanceFilter",
        },
        end="timestampEnd",
    ),
    Layout(
        "power_thermal",
        "PLXPCAgent_EventForward_ThermalLevel",
        {"thermal_level": "thermalLevel", "pressure_level": "pressureLevel"},
    ),
    Layout("power_modes", "PLDuetService_EventForward_BatterySaverMode", {"mode": "Mode", "value": "Value"}),
    Layout(
        "power_battery",
        "PLBatteryAgent_EventBackward_Battery",
        {
            "level": "Level",
            "charging": "IsCharging",
            "external_power": "ExternalConnected",
            "current_ma": "InstantAmperage",
            "voltage_mv": "Voltage",
            "temperature_c": "Temperature",
        },
    ),
    Layout(
        "power_apps",
        "PLApplicationAgent_EventNone_AllApps",
        {
            "bundle": "AppBundleId",
            "name": "AppName",
            "executable": "AppExecutable",
            "app_version": "AppBundleVersion",
            "build_version": "AppBuildVersion",
            "third_party": "AppIs3rdParty",
        },
    ),
    Layout(
        "power_apps",
        "PLApplicationAgent_EventNone_AllPlugins",
        {
            "bundle": "PluginId",
            "executable": "PluginExecutableName",
            "host": "PluginParentApp",
            "extension_point": "PluginType",
        },
    ),
    Layout(
        "time_zones",
        "PLLocaleAgent_EventForward_TimeZone",
        {"zone": "TimeZoneName", "utc_offset_s": "SecondsFromGMT", "dst": "TimeZoneIsInDST"},
    ),
    Layout(
        "power_device",
        "PLConfigAgent_EventNone_Config",
        {"os_build": "Build", "hardware": "Device"},
        instants={"boot_time": "DeviceBootTime"},
    ),
    Layout(
        "power_background_tasks",
        "BackgroundProcessing_TaskInstanceData",
        {
            "process": "ProcessName",
            "pid": "PID",
            "task_id": "TaskID",
            "on_battery": "StartedOnBattery",
            "disk_bytes": "DiskIOConsumed",
            "disk_written_bytes": "DiskIOWrites",
        },
        start="StartDate",
        end="EndDate",
        clock="wall",
        derive=derived.background_tasks,
        extra={"cpu_ms": ("CPUTimeConsumed", pa.float64())},
        lookup=Lookup(
            "BackgroundProcessing_TaskMetadata",
            "TaskID",
            "task_id",
            {
                "bundle": "BundleID",
                "task": "Name",
                "service": "ServiceName",
                "group": "GroupName",
                "launch_reason": "LaunchReason",
            },
        ),
    ),
)
"""All tables that are read."""

CLOCK_TABLE: Final = "clock_steps"
