"""Describing files of the sample sysdiagnose: tasks, jetsam priorities, log volume, the list of reports, a shutdown.

Layouts: ``taskinfo.txt``, the list of reports and ``shutdown.log`` as EC-DIGIT-CSIRC/sysdiagnose describes and quotes them; log
statistics as on a real iOS 16 archive, with a quarantine record as logd's own format strings have it; jetsam priorities
as the tool's format strings have them (no real file is public). Every value is made up and agrees with the day's story.
"""

from datetime import datetime
from typing import Final

from generator.story import LABEL, Actor

_REPORTS: Final = "/private/var/mobile/Library/Logs/CrashReporter"


def taskinfo(tasks: list[tuple[Actor, int, bool]]) -> str:
    """Return ``taskinfo.txt``.

    Args:
        tasks: Process, run time in seconds, whether it is suspended.
    """
    return f"num tasks: {len(tasks)}\n" + "".join(f"\n\n{_task(*task)}" for task in tasks)


def _task(actor: Actor, run_time: int, suspended: bool) -> str:  # noqa: FBT001  (unpacked from a list)
    app = bool(actor.bundle)
    memory = (
        f"phys_footprint bytes: {20 + actor.pid % 70}.23 MB; "
        f"phys_footprint lifetime maximum bytes: {91 + actor.pid % 70}.36 MB"
    )
    role = "TASK_BACKGROUND_APPLICATION" if app else "TASK_UNSPECIFIED (PRIO_DARWIN_ROLE_DEFAULT)"
    lines = [
        f'process: "{actor.name}" [{actor.pid}] [unique ID: {actor.pid}]',
        "architecture: arm64e",
        "suspend count: 0",
        f"virtual bytes: 389.03 GB; {memory}",
        f"run time: {run_time} s",
        "user/system time    (current threads): 1.145469 s / 0.250000 s",
        "user/system time (terminated threads): 2.225133 s / 0.000000 s",
        "requested policy",
        f"\treq role: {role}",
        "effective policy",
        f"\teff role: {role}",
        f"\teff darwin BG: {'YES' if suspended else 'NO'}",
        f"ios-application: {'YES' if app else 'NO'}",
        f"pid suspended: {'YES' if suspended else 'NO'}",
        "threads:",
    ]
    for number in range(2 if app else 1):
        thread = 0x300 + 16 * actor.pid + number
        announced = [f"\tthread ID: {thread:#x} / {thread}"] * (1 if number else 2)
        lines += [
            *announced,
            "\tuser/system time: 0.500353 s / 0.000000 s",
            "\tpolicy: POLICY_TIMESHARE",
            f"\t\ttimeshare base priority: {4 if suspended else 31}",
            f"\t\ttimeshare cur  priority: {4 if suspended else 31}",
            "\teffective policy:",
            "\t\teff thread qos: THREAD_QOS_LEGACY",
            f"\trun state: {'TH_STATE_STOPPED' if suspended else 'TH_STATE_WAITING'}",
        ]
    return "\n".join(lines) + "\n"


def jetsam_priority(rows: list[tuple[Actor, int, str, int]]) -> str:
    """Return ``jetsam_priority.csv``.

    Args:
        rows: Process, priority, name of the band, footprint in KB.
    """
    columns = "#,priority,priority_name,fds,footprint,footprint_peak,limit,root_limit_increase,dirty,PE,frozen,coalition,pid,name,flags,sample"
    lines = [
        f"{number},{priority},({band}),{10 + actor.pid % 90},{kilobytes},{2 * kilobytes},{'3495936' if actor.bundle else '-'},0,-,-,-,"
        f"{500 + actor.pid},{actor.pid},{actor.name},(---),0"
        for number, (actor, priority, band, kilobytes) in enumerate(rows)
    ]
    return "\n".join([columns, *lines]) + "\n"


def log_statistics(rotated: datetime, volumes: list[tuple[Actor, int]], quarantined: Actor) -> str:
    """Return ``logdata.statistics.0.txt``: one file was rotated, and one process was put under quarantine.

    Args:
        rotated: When, with zone.
        volumes: Process and bytes that it logged.
        quarantined: Who logged too much.
    """
    total = sum(size for _, size in volumes)
    file = "/private/var/db/diagnostics/Persist/0000000000000001.tracev3"
    stamp = f"{rotated:%Y-%m-%d %H:%M:%S%z}"
    processes = "".join(f"    - [ {size:>10}, {size / total * 100:5.1f}, {actor.path} ]\n" for actor, size in volumes)
    client = dict(volumes)[quarantined]
    return (
        "--- !logd statistics record\ntype  : File Rotate\n"
        f"file  : {file}\ntime  : {stamp}\ntotal : {total}\nprocs :\n{processes}\n"
        "--- !logd quarantine record\ntype         : Quaratine\n"
        f"file         : {file}\nclient       : {quarantined.path}\ntime         : {stamp}\n"
        f"time covered : 7200\nclient total : {client}\noverall total: {total}\n\n"
    )


def report_listing(names: list[str]) -> str:
    """Return ``summaries/crashes_and_spins.log``: reports that lay on the device."""
    return f"{LABEL}\n" + "".join(f"{_REPORTS}/{name}, {1000 + len(name)} bytes\n" for name in names)


def shutdown(ended: datetime, app: Actor) -> str:
    """Return ``shutdown.log``: one app was still there when the device went down.

    Args:
        ended: When the shutdown ended.
        app: Who was still there.
    """
    client = f"\t\tremaining client pid: {app.pid} ({app.path})\n"
    return (
        f"After 1.0s, these clients are still here:\n{client}After 2.1s, these clients are still here:\n{client}"
        f"SIGTERM: [{int(ended.timestamp())}] All buffers flushed\n"
    )
