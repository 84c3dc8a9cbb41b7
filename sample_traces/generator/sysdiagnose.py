"""The sample sysdiagnose: laid out as a real one, small, with a binary log archive inside."""

import plistlib
import tempfile
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from generator import day_power, device, reports, snapshots, tarball
from generator.archive import Archive
from generator.day import BOOT, CAPTURE, Day, live, nanoseconds
from generator.images import stable_uuid
from generator.packing import Stream
from generator.story import LABEL, SECOND, Actor, Expected, Generation, Line, Story
from generator.timesync import Clock

NAME: Final = "sysdiagnose_2026.01.15_10-30-00+0100_iPhone-OS_iPhone_23C55"
TITLE: Final = "One bad day of com.acme.voip"

_LIVE_FROM_NS: Final = nanoseconds(CAPTURE) - 18 * 60 * SECOND
_PS: Final = (
    "USER              UID   PID  PPID  %CPU %MEM PRI NI      VSZ    RSS WCHAN    TT  STAT STARTED      TIME COMMAND"
)


def build() -> tuple[bytes, Expected]:
    """Return the tarball and what is expected of it."""
    day = live()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        _log_archive(root / "system_logs.logarchive", day)
        _snapshots(root, day)
        (root / "logs" / "powerlogs").mkdir(parents=True)
        (root / "logs" / "powerlogs" / day_power.NAME).write_bytes(day_power.pack(day))
        return tarball.pack(root, NAME, CAPTURE), day.expected


def of_story(story: Story, name: str) -> bytes:
    """Return a bare sysdiagnose around one story: its log archive, the OS version, the tool's own log."""
    moment = story.start + timedelta(hours=1)
    folder = f"sysdiagnose_{moment:%Y.%m.%d_%H-%M-%S%z}_iPhone-OS_iPhone_{story.os.build}"
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        device.write_archive(story, name, root / "system_logs.logarchive")
        (root / "sysdiagnose.log").write_text(_own_log(moment, folder), encoding="utf-8")
        _system_version(root, story.os)
        return tarball.pack(root, folder, moment)


def _log_archive(folder: Path, day: Day) -> None:
    boot_ns = nanoseconds(BOOT)
    clock = Clock(stable_uuid("sysdiagnose boot"), boot_ns, minutes_west=-60)
    # logd notes the clock again and again; these records lie on the line, nobody set the clock.
    for seconds in (5, 7_200, 14_400):
        clock.syncs.append((seconds * 24_000_000, boot_ns + seconds * SECOND))
    archive = Archive(clock)
    lines = day.story.lines()
    processes = device.record(archive, [lines[0], *lines[1:]], _stream)
    kernel, launchd = (
        processes.get(actor) or archive.process(actor.path, actor.pid, uid=0)
        for actor in map(day.story.actor, ("kernel", "launchd"))
    )
    archive.simpledump(kernel, boot_ns + 200_000_000, "Darwin Kernel Version 25.2.0 (synthetic)")
    archive.simpledump(launchd, boot_ns + 900_000_000, "Doing boot task: mount-phase-2", subsystem="com.apple.launchd")
    app = processes[day.calls[1].app]
    for number, call in enumerate(day.calls, 1):
        caller = processes[call.app]
        mark = partial(
            archive.signpost, caller, name="call", signpost_id=number, subsystem="com.acme.voip", category="call"
        )
        mark(time_ns=call.reported, text="number %d", arguments=(number,), kind="begin")
        mark(time_ns=call.ended or call.reported, kind="end")
    archive.activity(app, day.calls[1].answered, "answer call", 0x5C01)
    archive.loss(app, day.calls[1].ended or day.overload[1], *day.overload, 12)
    state = plistlib.dumps({"registrations": 1, "synthetic": True}, fmt=plistlib.FMT_BINARY)
    archive.statedump(app, day.overload[0], "AcmeVoIP account", state)
    archive.write(folder)
    info = {
        "ArchiveIdentifier": "synthetic",
        "OSArchiveVersion": 5,
        "OSLoggingSupportVersion": "23C55",
        "Synthetic": True,
    }
    (folder / "Info.plist").write_bytes(plistlib.dumps(info))
    (folder / "Extra").mkdir()
    extra = {
        "shutdown.log": snapshots.shutdown(BOOT - timedelta(seconds=20), day.last_app),
        "logdata.statistics.0.txt": snapshots.log_statistics(
            CAPTURE - timedelta(minutes=40),
            [(day.story.actor("media"), 812_344), (day.story.actor("runningboardd"), 401_208), (day.last_app, 77_016)],
            day.story.actor("media"),
        ),
    }
    for name, text in extra.items():
        (folder / "Extra" / name).write_text(text, encoding="utf-8", newline="\n")


def _stream(line: Line) -> Stream:
    if line.time_ns >= _LIVE_FROM_NS:
        return "live"
    return "special" if line.level in ("error", "fault") else "persist"


def _snapshots(root: Path, day: Day) -> None:
    app = day.last_app
    texts = {
        "README.txt": f"{LABEL}\n",
        "sysdiagnose.log": _own_log(CAPTURE, NAME),
        "remotectl_dumpstate.txt": _remotectl(),
        "ps.txt": _ps(day),
        "taskinfo.txt": snapshots.taskinfo(
            [(actor, _run_time(actor, day), bool(actor.bundle)) for actor in _running(day)]
        ),
        "jetsam_priority.csv": snapshots.jetsam_priority(
            [
                (actor, 0 if actor.bundle else 180, "Idle" if actor.bundle else "Important", 9_000 + 40 * actor.pid)
                for actor in _running(day)
            ]
        ),
        "summaries/crashes_and_spins.log": snapshots.report_listing(
            [
                "AcmeVoIP-2026-01-15-090510.ips",
                "AcmeVoIP.cpu_resource-2026-01-15-095139.ips",
                "Retired/AcmeVoIP-2026-01-12-181500.ips",
            ]
        ),
        "crashes_and_spins/AcmeVoIP-2026-01-15-090510.ips": reports.push_kill(
            day.story.app(905), day.story.os, day.push_launch, day.push_kill
        ),
        "crashes_and_spins/AcmeVoIP.cpu_resource-2026-01-15-095139.ips": reports.cpu_usage(
            app, day.story.os, day.overload[1]
        ),
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8", newline="\n")
    _system_version(root, day.story.os)


def _system_version(root: Path, os: Generation) -> None:
    version = {
        "ProductName": "iPhone OS",
        "ProductVersion": os.version,
        "ProductBuildVersion": os.build,
        "Synthetic": True,
    }
    (root / "logs" / "SystemVersion").mkdir(parents=True)
    (root / "logs" / "SystemVersion" / "SystemVersion.plist").write_bytes(plistlib.dumps(version))


def _own_log(moment: datetime, name: str) -> str:
    """Return ``sysdiagnose.log``."""
    texts = (
        ("000000", LABEL),
        (
            "104233",
            f"Starting sysdiagnose: /var/mobile/Library/Logs/CrashReporter/DiagnosticLogs/sysdiagnose/IN_PROGRESS_{name}",
        ),
        ("904411", "Executing container 'log archive'"),
    )
    return "".join(f"{moment:%Y-%m-%d %H:%M:%S}.{fraction}{moment:%z} {text}\n" for fraction, text in texts)


def _remotectl() -> str:
    properties = {
        "SerialNumber": "SYNTHETIC00",
        "UniqueDeviceID": "00008150-000000000000002E",
        "OSVersion": "26.2",
        "BuildVersion": "23C55",
        "ProductType": "iPhone18,1",
        "HWModel": "V53AP",
        "DeviceClass": "iPhone",
        "HumanReadableProductVersionString": "26.2",
    }
    lines = "".join(f"\t\t{key} => {value}\n" for key, value in properties.items())
    return f"Local device\n\tUUID: {stable_uuid('device')}\n\tMessaging Protocol Version: 5\n\tProperties: {{\n{lines}\t}}\n"


def _running(day: Day) -> list[Actor]:
    names = ("launchd", "runningboardd", "SpringBoard", "apsd", "media", "callservicesd", "locationd", "dasd")
    return sorted([*(day.story.actor(name) for name in names), day.last_app], key=lambda actor: actor.pid)


def _run_time(actor: Actor, day: Day) -> int:
    """Return for how many seconds a process has run at the capture: daemons since the boot, the app since its launch."""
    launched = day.calls[1].launched if actor.bundle else None
    return (nanoseconds(CAPTURE) - (launched or nanoseconds(BOOT))) // SECOND


def _ps(day: Day) -> str:
    out = [_PS]
    for actor in _running(day):
        user = "mobile" if actor.uid else "root"
        started, state = ("6:00AM", "Ss") if not actor.bundle else ("9:48AM", "T")
        parent = 0 if actor.pid == 1 else 1
        out.append(
            f"{user:<17} {actor.uid:>3} {actor.pid:>5} {parent:>5}   0.0  0.{actor.pid % 9} {31:>3}  0 {407_000_000 + actor.pid:>8} {9_000 + actor.pid:>6} -         ??  {state:<4} {started:<7} {'0:04.10':>9} {actor.path}"
        )
    return "\n".join(out) + "\n"
