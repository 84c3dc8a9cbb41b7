"""What the PowerLog of the sample sysdiagnose tells of the bad day: the app's states beside the log's, CPU, screen, heat, routes.

States, launches and calls are those of the story; what only PowerLog tells (battery, lock, CPU of five minutes) is made up to
agree with it. Units as in a real file of iPadOS 15: calls and pushes in whole seconds, CPU and run times in seconds.
"""

from typing import Final

from generator import powerlog
from generator.day import BOOT, CAPTURE, Day, clock, nanoseconds
from generator.phrases import noise
from generator.story import APP_BUNDLE, SECOND

NAME: Final = "powerlog_2026-01-15_10-28_4E1C07A2.PLSQL"
_CODES: Final = {"not_running": 1, "suspended": 2, "background": 4, "foreground": 8}
_HOUR: Final = 3_600
_WINDOW_S: Final = 300
_LATE_NS: Final = 14_000_000
"""The daemon writes down what others decide, a little later."""
_CPU_S: Final = {
    (7, 40): 9.1, (8, 30): 0.1, (9, 5): 0.6, (9, 45): 71.0, (9, 50): 96.5, (10, 0): 2.2, (10, 10): 3.1,
}  # fmt: skip
"""CPU seconds of the app by the begin of a five-minute interval (hours and minutes)."""
_LOCKED: Final = (((6, 0, 40), 1), ((8, 31, 2), 0), ((8, 31, 40), 1), ((10, 11, 52), 0), ((10, 13, 30), 1))
_PRESSURE: Final = (((6, 0, 40), 0, 0), ((9, 51, 1), 20, 4), ((9, 56, 30), 0, 0))

Row = tuple[str, int, powerlog.Row]


def pack(day: Day) -> bytes:
    """Return the file."""
    noise.apps_of_powerlog(day.story)
    rows = [*day.story.power, *_states(day), *_run_time(day), *_calls(day), *_device()]
    return powerlog.pack(day.story.os, nanoseconds(BOOT), rows)


def _at(hours: int, minutes: int, seconds: float = 0.0) -> int:
    return nanoseconds(BOOT) + round(clock(hours, minutes, seconds) * SECOND)


def _launches(day: Day) -> list[tuple[int, int]]:
    """Time and pid of each process of the app, in order."""
    first, second, _ = day.calls
    launched = (first.launched, day.push_launch, second.launched)
    return [(time or 0, pid) for time, pid in zip(launched, (first.app.pid, 905, second.app.pid), strict=True)]


def _states(day: Day) -> list[Row]:
    rows: list[Row] = []
    launches = _launches(day)
    for state in day.story.state_rows():
        time = state["start"]
        assert isinstance(time, int)  # noqa: S101  (an expected row holds anything)
        if time < launches[0][0]:
            continue  # PowerLog names no app that has not run yet
        pid = next(pid for begun, pid in reversed(launches) if begun <= time)
        code = _CODES[str(state["state"])]
        rows.append(("PLApplicationAgent_EventForward_Application", time + _LATE_NS, (APP_BUNDLE, pid, code, 0)))
    for time, pid in launches:
        rows.append(
            ("PLProcessMonitorAgent_EventForward_ProcessID", time + _LATE_NS, (pid, "AcmeVoIP", APP_BUNDLE, 500 + pid))
        )
    return rows


def _run_time(day: Day) -> list[Row]:
    """Hourly seconds in the background and on the screen, and the CPU of five minutes."""
    rows: list[Row] = []
    for hour in range(6, 10):
        begin, end = _at(hour, 0), _at(hour + 1, 0)
        spent = {"background": 0, "foreground": 0}
        for state in day.story.state_rows():
            since, until = state["start"], state["end"] or nanoseconds(CAPTURE)
            if str(state["state"]) in spent and isinstance(since, int) and isinstance(until, int):
                spent[str(state["state"])] += max(0, min(end, until) - max(begin, since))
        if any(spent.values()):
            values = (float(_HOUR), APP_BUNDLE, spent["foreground"] / SECOND, spent["background"] / SECOND)
            rows.append(("PLAppTimeService_Aggregate_AppRunTime", begin, values))
    for (hours, minutes), seconds in _CPU_S.items():
        end = powerlog.stamp(_at(hours, minutes) + _WINDOW_S * SECOND)
        rows.append(
            ("PLCoalitionAgent_EventInterval_CoalitionInterval", _at(hours, minutes), (end, APP_BUNDLE, seconds))
        )
    return rows


def _calls(day: Day) -> list[Row]:
    rows: list[Row] = []
    for call in day.calls:
        for time, status in ((call.reported, "callStart"), (call.ended or call.reported, "callStop")):
            second = time // SECOND * SECOND
            values = (APP_BUNDLE, f"ABCDE12345.{APP_BUNDLE}", status, 0)
            rows.append(("PLXPCAgent_EventForward_InCallService", second, values))
        for time, active, pid in ((call.activated, 1, call.app.pid), (call.deactivated or call.ended, 0, 0)):
            route, category = ("Receiver", "PhoneCall") if active else ("Speaker", "Audio/Video")
            rows.append(
                (
                    "PLAudioAgent_EventForward_Routing",
                    (time or call.reported) + _LATE_NS,
                    (active, pid, route, category),
                )
            )
    return rows


def _device() -> list[Row]:
    """Lock, screen, heat and battery."""
    rows: list[Row] = []
    for moment, locked in _LOCKED:
        shown = "com.apple.lock-screen" if locked else "com.apple.springboard.home-screen"
        rows.append(("PLSpringBoardAgent_EventForward_SBLock", _at(*moment), (locked,)))
        rows.append(("PLScreenStateAgent_EventForward_ScreenState", _at(*moment), (shown, 1.0)))
    rows.append(("PLScreenStateAgent_EventForward_ScreenState", _at(10, 12, 0.5), (APP_BUNDLE, 1.0)))
    rows.append(
        ("PLScreenStateAgent_EventForward_ScreenState", _at(10, 12, 48.5), ("com.apple.springboard.home-screen", 1.0))
    )
    for moment, pressure, level in _PRESSURE:
        rows.append(("PLXPCAgent_EventForward_ThermalLevel", _at(*moment), (pressure, level)))
    for number, minutes in enumerate((*range(0, 280, 20), 268)):
        rows.append(
            ("PLBatteryAgent_EventBackward_Battery", _at(6 + minutes // 60, minutes % 60), (88.0 - number, 0, 0))
        )
    return rows
