"""The stage: a device with its processes, and a timeline of log lines on it.

A scenario walks a `Story` forward in time and lets processes say things. Lines keep their format and arguments, so that
the same story can be printed as text in any layout or written as a binary archive.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from generator.images import stable_uuid
from generator.values import Argument

ZONE: Final = timezone(timedelta(hours=1))
"""Zone of the device, as in the name of the sample sysdiagnose."""

MICROSECOND: Final = 1_000
SECOND: Final = 1_000_000_000

LABEL: Final = "Synthetic sample capture: made by sample_traces/generate.py, no device, person or call stands behind it"

_FRAMEWORKS: Final = "/System/Library/Frameworks/{0}.framework/{0}"
_PRIVATE: Final = "/System/Library/PrivateFrameworks/{0}.framework/{0}"
_PUBLIC_FRAMEWORKS: Final = frozenset(
    {"CallKit", "PushKit", "AVFAudio", "AudioToolbox", "CoreAudio", "CFNetwork", "Network", "MediaPlayer"}
)


@dataclass(frozen=True, slots=True)
class Generation:
    """An iOS release as far as its wording differs.

    Attributes:
        ios: Major version.
        version: Full version.
        build: Build.
        media_daemon: Name of the audio server.
        service: How RunningBoard names a daemon's identity.
    """

    ios: int
    version: str
    build: str
    media_daemon: str
    service: str


IOS_26: Final = Generation(26, "26.2", "23C55", "audiomxd", "osservice")
IOS_18: Final = Generation(18, "18.5", "22F76", "audiomxd", "osservice")
IOS_15: Final = Generation(15, "15.7", "19H12", "mediaserverd", "daemon")
IOS_17: Final = Generation(17, "17.6.1", "21G93", "audiomxd", "osservice")
IOS_14: Final = Generation(14, "14.8", "18H17", "mediaserverd", "daemon")


@dataclass(frozen=True, slots=True)
class Actor:
    """A process; `bundle` is set for apps."""

    name: str
    path: str
    pid: int
    uid: int = 0
    bundle: str = ""

    @property
    def short_name(self) -> str:
        """The name as CoreAudio prints it: cut to 16 characters."""
        return self.name[:16]


@dataclass(frozen=True, slots=True)
class Line:
    """One log record of the story; `time_ns` is UTC, `kept`: the device stores private arguments, `boot` counts from 0."""

    time_ns: int
    actor: Actor
    text: str
    arguments: tuple[Argument, ...] = ()
    subsystem: str = ""
    category: str = ""
    library: str = ""
    level: str = "default"
    tid: int = 0
    kept: bool = False
    boot: int = 0


def library_path(name: str) -> str:
    """Return where a system library lies; "" for the process itself."""
    if not name or name.startswith("/"):
        return name
    return (_FRAMEWORKS if name in _PUBLIC_FRAMEWORKS else _PRIVATE).format(name)


def rfc3339(time_ns: int) -> str:
    """Return UTC text with nanoseconds, as expectations hold it."""
    seconds, rest = divmod(time_ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


_DAEMONS: Final = {
    "kernel": ("/kernel", 0),
    "launchd": ("/sbin/launchd", 1),
    "runningboardd": ("/usr/libexec/runningboardd", 34),
    "SpringBoard": ("/System/Library/CoreServices/SpringBoard.app/SpringBoard", 35),
    "powerd": ("/System/Library/CoreServices/powerd.bundle/powerd", 43),
    "thermalmonitord": ("/usr/libexec/thermalmonitord", 47),
    "wifid": ("/usr/sbin/wifid", 54),
    "locationd": ("/usr/libexec/locationd", 77),
    "dasd": ("/usr/libexec/dasd", 98),
    "CommCenter": ("/System/Library/Frameworks/CoreTelephony.framework/Support/CommCenter", 101),
    "apsd": ("/System/Library/PrivateFrameworks/ApplePushService.framework/apsd", 104),
    "media": ("/usr/sbin/{}", 112),
    "callservicesd": ("/System/Library/PrivateFrameworks/TelephonyUtilities.framework/callservicesd", 130),
    "nsurlsessiond": ("/usr/libexec/nsurlsessiond", 137),
    "symptomsd": ("/usr/libexec/symptomsd", 141),
    "gamepolicyd": ("/usr/libexec/gamepolicyd", 160),
    "mDNSResponder": ("/usr/sbin/mDNSResponder", 219),
    "audioaccessoryd": ("/usr/libexec/audioaccessoryd", 243),
    "ReportCrash": ("/System/Library/CoreServices/ReportCrash", 911),
}
_USER_DAEMONS: Final = frozenset({"SpringBoard", "callservicesd", "audioaccessoryd", "media"})

APP_BUNDLE: Final = "com.acme.voip"
APP_UUID: Final = "3F2504E0-4F89-41D3-9A0C-0305E82C3301"


class Story:
    """A timeline under construction."""

    def __init__(self, name: str, generation: Generation, start: datetime, *, private_kept: bool = False) -> None:
        self.name = name
        self.os = generation
        self.start = start
        self.start_ns = int(start.timestamp()) * SECOND
        self.now_ns = self.start_ns
        self.random = random.Random(f"{name} {generation.ios}")
        self._lines: list[Line] = []
        self._cast: dict[str, Actor] = {}
        self._assertions = 5_000
        self.private_kept = private_kept
        self.held: dict[int, str] = {}
        """Assertion that callservicesd holds, by pid of the app."""
        self._states: list[tuple[int, str, str]] = []
        self.power: list[tuple[str, int, tuple[str | float | int | None, ...]]] = []
        """Rows of the PowerLog: table, time, the columns behind the stamp."""
        self.reports: dict[str, str] = {}
        """Crash and resource reports, by file name."""
        self.heat: list[tuple[int, int, str]] = []
        """What Instruments says of the thermal state: begin, end, state."""
        self.reboots: list[int] = []
        """When the device started anew (UTC nanoseconds)."""
        self.sockets_shut: list[int] = []
        """When the sockets of the app under test were shut down."""

    def actor(self, name: str) -> Actor:
        """Return the daemon `name`; ``media`` is the audio server of this release."""
        if name not in self._cast:
            path, pid = _DAEMONS[name]
            shown = self.os.media_daemon if name == "media" else name
            self._cast[name] = Actor(shown, path.format(shown), pid, 501 if name in _USER_DAEMONS else 0)
        return self._cast[name]

    def restart(self, name: str, pid: int) -> Actor:
        """Let daemon `name` run anew under `pid`."""
        old = self.actor(name)
        self._cast[name] = Actor(old.name, old.path, pid, old.uid)
        return self._cast[name]

    def app(self, pid: int, name: str = "AcmeVoIP", bundle: str = APP_BUNDLE) -> Actor:
        """Return an app process."""
        container = str(stable_uuid(bundle)).upper()
        path = f"/private/var/containers/Bundle/Application/{container}/{name}.app/{name}"
        return Actor(name, path, pid, 501, bundle)

    def identity(self, app: Actor) -> str:
        """Return RunningBoard's name of the app: ``application<…>`` to iOS 16, ``app<…(UUID)>`` later."""
        if self.os.ios < 17:
            return f"application<{app.bundle}>"
        uuid = APP_UUID if app.bundle == APP_BUNDLE else str(stable_uuid(f"launch {app.bundle}")).upper()
        return f"app<{app.bundle}({uuid})>"

    def handle(self, app: Actor) -> str:
        """Return RunningBoard's name of the process."""
        return f"[{self.identity(app)}:{app.pid}]"

    def service(self, label: str, daemon: str) -> str:
        """Return RunningBoard's name of a daemon's process."""
        return f"[{self.os.service}<{label}>:{self.actor(daemon).pid}]"

    def assertion_id(self, originator: int) -> str:
        """Return a fresh assertion id: runningboardd's pid, the originator's pid, a counter."""
        self._assertions += self.random.randint(1, 9)
        return f"{self.actor('runningboardd').pid}-{originator}-{self._assertions}"

    def at(self, seconds: float) -> int:
        """Move on to `seconds` after the start; return that time. Time never runs back."""
        self.now_ns = max(self.now_ns, self.start_ns + round(seconds * 1e6) * MICROSECOND)
        return self.now_ns

    def wait(self, seconds: float) -> int:
        """Move on by `seconds`; return the new time."""
        self.now_ns += round(seconds * 1e6) * MICROSECOND
        return self.now_ns

    def say(
        self,
        actor: Actor,
        text: str,
        *arguments: Argument,
        subsystem: str = "",
        category: str = "",
        library: str = "",
        level: str = "default",
    ) -> int:
        """Add a line a fraction of a millisecond later; return its time."""
        self.now_ns += self.random.randint(40, 700) * MICROSECOND
        return self.add(self.now_ns, actor, text, arguments, (subsystem, category, library, level))

    def add(
        self, time_ns: int, actor: Actor, text: str, arguments: Sequence[Argument], where: tuple[str, str, str, str]
    ) -> int:
        """Add a line at `time_ns`; `where` is subsystem, category, library, level."""
        tid = 0x800 + 16 * actor.pid + self.random.randint(0, 3)
        boot = sum(time_ns >= booted for booted in self.reboots)
        self._lines.append(Line(time_ns, actor, text, tuple(arguments), *where, tid, self.private_kept, boot))
        return time_ns

    def entered(self, app: Actor, state: str, time_ns: int, how: str = "observed") -> None:
        """Note that `app` came into another state; what becomes of the app under test is expected to be found.

        `how`: whether a line tells it (observed) or it follows from others (inferred).
        """
        if app.bundle == APP_BUNDLE and (not self._states or self._states[-1][1] != state):
            self._states.append((time_ns, state, how))

    def state_rows(self) -> list[dict[str, object]]:
        """Return the expected rows of ``app_states``: every state of the app under test, one after the other."""
        rows: list[dict[str, object]] = []
        for number, (time, state, _) in enumerate(self._states):
            last = number + 1 == len(self._states)
            end, _, how = (None, "", "capture_edge") if last else self._states[number + 1]
            rows.append({"state": state, "start": time, "end": end, "end_how": how})
        return rows

    def lines(self) -> list[Line]:
        """Return all lines in order of time, led by the label."""
        label = Actor("sample-generator", "/sample_traces/generate.py/sample-generator", 99_999)
        ordered = sorted(self._lines, key=lambda line: line.time_ns)
        return [Line(self.start_ns, label, LABEL, tid=0x1), *ordered]


@dataclass(slots=True)
class Expected:
    """What a careful engineer concludes from a sample.

    Attributes:
        episodes: Table → partial rows: only the columns that matter.
        findings: (rule, severity) pairs that must be there.
        no_finding_above: No other finding of the app may be worse than this.
        notes: For people.
    """

    episodes: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    findings: list[tuple[str, str]] = field(default_factory=list)
    no_finding_above: str | None = None
    notes: str = ""

    def row(self, table: str, **columns: object) -> None:
        """Expect a row; integers named like times are nanoseconds and become RFC 3339."""
        self.episodes.setdefault(table, []).append(columns)


def uuid_text(name: str) -> str:
    """Return an upper-case UUID that depends on `name` alone."""
    return str(stable_uuid(name)).upper()
