"""Kills by the system that need no rule of their own: what each class means, and what to do about it."""

import re
from typing import Final

from msgspec import Struct

_NUMBER: Final = r"\d{1,9}(?:\.\d{1,9})?"
_CPU: Final = re.compile(
    rf"(?P<used>{_NUMBER}) ?s(?:econds)? cpu time over (?P<window>{_NUMBER}) seconds [^\n]{{0,60}}"
    rf"limit of (?P<limit>{_NUMBER})% cpu over (?P<limit_window>{_NUMBER}) seconds"
)
"""What a CPU report tells of the excess (seen in real reports: a .cpu_resource_fatal of iOS 15)."""
_WATCHDOG: Final = re.compile(
    rf"(?P<event>[\w-]{{1,60}}) watchdog transgression: .{{0,400}}?exhausted (?P<clock>[^\n]{{0,40}}?)time allowance of "
    rf"(?P<seconds>{_NUMBER}) seconds",
    re.DOTALL,
)
"""What FrontBoard tells of a watchdog that ran out (seen in real reports of iOS 11 to 17)."""
_LONGEST: Final = 1000
"""Characters of a text that are looked at."""


class Kill(Struct, frozen=True):
    """Wording of one class of system kill, and the rule and catalogue number it belongs to."""

    rule: str
    number: str
    verb: str
    explanation: str
    advice: str
    usual: str = ""
    """What limit is usual: said where nothing tells that of this kill."""


SYSTEM_KILLS: Final = {
    "resume_limit": Kill(
        "system-kill",
        "T13",
        "because it was resumed in the background too often",
        "iOS counts how often it has to resume a VoIP app (15 times in 300 s are reported) and terminates it beyond that. "
        "Keep-alive sockets and frequent pushes cause it.",
        "Drop keep-alive timers and VoIP sockets; rely on PushKit alone.",
    ),
    "thermal": Kill(
        "system-kill",
        "T14",
        "because the device was too hot",
        "A thermal event ended the app. Video, screen sharing and high CPU load in a call contribute.",
        "Watch ProcessInfo.thermalState and lower resolution, frame rate and processing from .serious on.",
    ),
    "disk_space": Kill(
        "system-kill",
        "T14",
        "because the device ran out of disk space",
        "iOS frees storage by terminating apps that hold purgeable files.",
        "Keep caches small and in Library/Caches.",
    ),
    "resource_overuse": Kill(
        "system-kill",
        "T14",
        "because it overused a critical system resource",
        "The app exhausted something that the whole system shares.",
        "Look for leaked ports, file descriptors, timers or threads around this time.",
    ),
    "background_session": Kill(
        "system-kill",
        "T04",
        "because a background URLSession event was not completed in time",
        "iOS woke the app for a background URLSession; its completion handler was not called in time.",
        "Call the handler of handleEventsForBackgroundURLSession in urlSessionDidFinishEvents(forBackgroundURLSession:).",
    ),
    "background_fetch": Kill(
        "system-kill",
        "T04",
        "because a background fetch was not completed in time",
        "iOS woke the app for a background fetch or a silent push; its completion handler was not called in time.",
        "Call the fetch completion handler on every path, also on errors and expiry; keep the work well below 30 s.",
    ),
    "cpu": Kill(
        "cpu-kill",
        "T08",
        "because it used too much CPU in the background",
        "iOS ends an app that exceeds its CPU limit in the background.",
        "Find the hot threads in the .cpu_resource_fatal report; stop timers, rendering and retries in the background.",
        "The limit is often 80 % over 60 s; lower values are reported.",
    ),
}


class Allowance(Struct, frozen=True):
    """What a watchdog watched, and how many seconds it gave; `of_cpu`: of CPU time, else as the clock counts."""

    event: str
    seconds: float
    of_cpu: bool

    def __str__(self) -> str:
        return f"{self.seconds:g} s" + (" of CPU time" if self.of_cpu else "")


def allowance(text: str | None) -> Allowance | None:
    """Return event and allowance from the text of a watchdog's kill, or None where it does not tell them."""
    told = _WATCHDOG.search((text or "")[:_LONGEST])
    return None if told is None else Allowance(told["event"], float(told["seconds"]), "cpu" in told["clock"].lower())


def cpu_figures(text: str | None) -> str:
    """Return `` (9 s of CPU time in 38 s, limit 15 % over 60 s)`` for a title, from the text of a CPU kill; else nothing."""
    told = _CPU.search((text or "")[:_LONGEST])
    if told is None:
        return ""
    return (
        f" ({told['used']} s of CPU time in {told['window']} s, limit {told['limit']} % over {told['limit_window']} s)"
    )
