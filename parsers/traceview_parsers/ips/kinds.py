"""What kind of report a file holds: by its header's ``bug_type``, else by its body, else by its name.

``bug_type`` numbers are those of Apple's own submission table (OSAnalytics). A file may carry another body than its
number or name suggests (a real ``JetsamEvent``-like file is CoreAnalytics, 211), so a body that tells its kind wins.
"""

import re
from typing import Any, Final

BY_BUG_TYPE: Final = {
    "109": "crash",
    "309": "crash",
    "298": "jetsam",
    "98": "jetsam",
    "198": "jetsam",
    "202": "cpu",
    "206": "cpu_fatal",
    "142": "wakeups",
    "145": "disk_writes",
    "185": "resource",
    "385": "resource",
    "227": "resource",
    "327": "resource",
    "207": "hang",
    "222": "hang",
    "223": "hang",
    "228": "hang",
    "310": "hang",
    "328": "hang",
    "288": "stackshot",
    "188": "stackshot",
    "509": "stackshot",
    "308": "os_fault",
    "210": "panic",
    "110": "panic",
    "409": "panic",
    "151": "force_reset",
    "115": "reset_count",
}
OTHER: Final = "other"

UNREAD: Final = {
    "120": "LowBattery",
    "159": "BasebandCrash",
    "178": "PowerLogLite",
    "191": "FaceTime",
    "199": "Modem",
    "204": "AutoBugCapture",
    "209": "WifiCrash",
    "211": "CoreAnalytics",
    "218": "MultichannelAudio",
    "220": "PowerMicroStackshots",
    "224": "RTCTransparency",
    "225": "AppStoreTransparency",
    "226": "SecurityTransparency",
    "230": "PowerLog",
    "238": "AppLaunchDiagnostics",
    "239": "HangWorkflowResponsiveness",
    "240": "AVConference",
    "278": "log-power",
    "302": "glitchyspin",
    "305": "AudioAccessory",
    "313": "SiriSearchFeedback",
}
"""Apple's names of reports of which the first line alone is read: nothing public says what stands below it.

CoreAnalytics is the exception; see `core_analytics`.
"""

SILENT: Final = {
    "hang": "the main run loop of a process that lived on",
    "launch": "a slow launch",
    "os_fault": "a fault that the process outlived",
    "stackshot": "what every process did at one moment",
    "panic": "a restart of the whole device",
    "force_reset": "a restart of the whole device by hand",
    "reset_count": "restarts of the whole device",
}
"""Kinds that tell neither of the end of a process nor of a limit that one passed, and what they tell of."""

BY_EVENT: Final = {"cpu usage": "cpu", "wakeups": "wakeups", "disk writes": "disk_writes"}
"""Kinds by the line ``Event:`` of a text report."""
BY_SUBTYPE: Final = {
    "CPU": "cpu",
    "CPU_FATAL": "cpu_fatal",
    "WAKEUPS": "wakeups",
    "MEMORY": "memory",
    "IO": "disk_writes",
    "THREADS": "resource",
    "PORTS": "resource",
}
"""Kinds by the subtype of EXC_RESOURCE (ReportCrash's own names)."""
_BY_NAME: Final = (
    (re.compile(r"\.cpu_resource_fatal-"), "cpu_fatal"),
    (re.compile(r"\.cpu_resource-"), "cpu"),
    (re.compile(r"\.wakeups_resource-"), "wakeups"),
    (re.compile(r"\.diskwrites_resource-"), "disk_writes"),
    (re.compile(r"^JetsamEvent-"), "jetsam"),
    (re.compile(r"^ExcUserFault_"), "os_fault"),
    (re.compile(r"^UIKit-runloop-"), "hang"),
    (re.compile(r"^stacks-"), "stackshot"),
    (re.compile(r"^panic-"), "panic"),
    (re.compile(r"^forceReset-"), "force_reset"),
)


def of_body(body: dict[str, Any]) -> str | None:
    """Return the kind of a JSON body where its keys tell it, else None."""
    exception = body.get("exception")
    if isinstance(exception, dict) and exception.get("type") == "EXC_RESOURCE":
        return BY_SUBTYPE.get(str(exception.get("subtype")), "resource")
    if isinstance(body.get("processes"), list) and "memoryStatus" in body:
        return "jetsam"
    if "panicString" in body:
        return "panic"
    if isinstance(body.get("processByPid"), dict) and "string" not in body:
        return "stackshot"
    return None


def of_name(name: str) -> str | None:
    """Return the kind that a file name suggests, else None."""
    return next((kind for pattern, kind in _BY_NAME if pattern.search(name)), None)
