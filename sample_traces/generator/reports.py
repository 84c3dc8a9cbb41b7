"""Crash and CPU reports (``.ips``) that match the story.

Keys: as in real reports of iOS 14 to 17. The termination text of the push kill is that of a real iOS 17.4 report; no whole
report of that kind is public, so frames and images are left out.
"""

import json
from datetime import UTC, datetime, timedelta

from generator.images import stable_uuid
from generator.story import SECOND, ZONE, Actor, Generation, uuid_text


def stamp(time_ns: int, digits: int = 2) -> str:
    """Return local time as reports print it: ``2026-01-15 09:05:10.25 +0100``."""
    seconds, rest = divmod(time_ns, SECOND)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(ZONE)
    return f"{local:%Y-%m-%d %H:%M:%S}.{rest // 10 ** (9 - digits):0{digits}d} {local:%z}"


def _header(app: Actor, os: Generation, time_ns: int, bug_type: str, incident: str) -> str:
    head = {
        "app_name": app.name,
        "timestamp": stamp(time_ns),
        "app_version": "4.2.0",
        "slice_uuid": str(stable_uuid(app.path)),
        "build_version": "4711",
        "platform": 2,
        "bundleID": app.bundle,
        "share_with_app_devs": 0,
        "is_first_party": 0,
        "bug_type": bug_type,
        "os_version": f"iPhone OS {os.version} ({os.build})",
        "roots_installed": 0,
        "name": app.name,
        "incident_id": incident,
        "synthetic": True,
    }
    return json.dumps(head, separators=(",", ":")) + "\n"


def push_kill(app: Actor, os: Generation, launched_ns: int, killed_ns: int) -> str:
    """Return the crash report (309) of a kill with 0xbaadca11."""
    incident = uuid_text("incident push kill")
    context = "domain:10 code:0xBAADCA11 explanation:<no explanation given> reportType:CrashLog maxTerminationResistance:Interactive"
    body = {
        "synthetic": True,
        "uptime": 11_000,
        "procRole": "Background",
        "version": 2,
        "userID": 501,
        "deployVersion": 210,
        "modelCode": "iPhone18,1",
        "coalitionID": 812,
        "osVersion": {"isEmbedded": True, "train": f"iPhone OS {os.version}", "releaseType": "User", "build": os.build},
        "captureTime": stamp(killed_ns, 4),
        "incident": incident,
        "pid": app.pid,
        "cpuType": "ARM-64",
        "bug_type": "309",
        "procLaunch": stamp(launched_ns, 4),
        "procName": app.name,
        "procPath": app.path,
        "bundleInfo": {
            "CFBundleShortVersionString": "4.2.0",
            "CFBundleVersion": "4711",
            "CFBundleIdentifier": app.bundle,
        },
        "parentProc": "launchd",
        "parentPid": 1,
        "coalitionName": app.bundle,
        "exception": {
            "codes": "0x0000000000000000, 0x0000000000000000",
            "rawCodes": [0, 0],
            "type": "EXC_CRASH",
            "signal": "SIGKILL",
        },
        "termination": {
            "flags": 6,
            "code": 0xBAADCA11,
            "namespace": "FRONTBOARD",
            "reasons": [f"<RBSTerminateContext| {context}>"],
        },
        "faultingThread": 0,
        "threads": [],
        "usedImages": [],
    }
    return _header(app, os, killed_ns, "309", incident) + json.dumps(body, indent=2) + "\n"


def cpu_usage(app: Actor, os: Generation, end_ns: int) -> str:
    """Return a non-fatal CPU report (202): 90 s of CPU in 150 s."""
    incident = uuid_text("incident cpu")
    begin_ns = end_ns - round(timedelta(seconds=150.41).total_seconds() * SECOND)
    lines = {
        "Date/Time": stamp(begin_ns, 3),
        "End time": stamp(end_ns, 3),
        "OS Version": f"iPhone OS {os.version} (Build {os.build})",
        "Architecture": "arm64e",
        "Report Version": "65",
        "Incident Identifier": incident,
        "Share With Devs": "No",
        "": "",
        "Data Source": "Microstackshots",
        "Command": app.name,
        "Path": app.path,
        "Identifier": app.bundle,
        "Version": "4.2.0 (4711)",
        "Parent": "launchd [1]",
        "PID": str(app.pid),
        " ": "",
        "Event": "cpu usage",
        "Action taken": "none",
        "CPU": "90 seconds cpu time over 150 seconds (60% cpu average), exceeding limit of 50% cpu over 180 seconds",
        "CPU limit": "90s",
        "Limit duration": "180s",
        "CPU used": "90s",
        "CPU duration": "150s",
        "Duration": "150.41s",
        "Primary state": "23 samples Non-Frontmost App, Non-Suppressed",
    }
    text = "".join(f"{f'{key}:':<17} {value}\n" if key.strip() else "\n" for key, value in lines.items())
    return _header(app, os, end_ns, "202", incident) + text
