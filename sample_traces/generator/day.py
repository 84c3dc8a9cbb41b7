"""One bad day of ``com.acme.voip``, for the sample sysdiagnose.

07:40 a healthy call · 08:31 the user swipes the app away · 09:05 a VoIP push is never reported, the app is killed ·
09:48 a call with audio overloads under CPU and thermal pressure · 10:02 a call in which the app is suspended ·
10:12 the app is used, and finishes a background task in time · 10:30 the sysdiagnose is taken.

Rests on the same lines as the scenarios of the same names.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from generator import flows
from generator.flows import Call
from generator.phrases import audio, calls, noise, runningboard, tasks
from generator.scenarios import push_never_reported
from generator.story import IOS_26, SECOND, ZONE, Actor, Expected, Story
from generator.values import Static

BOOT: Final = datetime(2026, 1, 15, 6, 0, 0, tzinfo=ZONE)
CAPTURE: Final = datetime(2026, 1, 15, 10, 30, 0, tzinfo=ZONE)


@dataclass(frozen=True, slots=True)
class Day:
    """The day's story, what follows from it, and the times that reports need (UTC nanoseconds)."""

    story: Story
    expected: Expected
    calls: tuple[Call, ...]
    push_launch: int
    push_kill: int
    overload: tuple[int, int]
    last_app: Actor


def clock(hours: int, minutes: int, seconds: float = 0.0) -> float:
    """Return seconds after the boot of a time of that day."""
    return (hours * 60 + minutes) * 60 + seconds - 6 * 3_600


def live() -> Day:
    """Play the day."""
    story = Story("sysdiagnose day", IOS_26, BOOT)
    expected = Expected(
        findings=[
            ("push-unreported", "critical"),
            ("io-overload", "high"),
            ("suspended-during-call", "critical"),
            ("stopped-because-suspended", "critical"),
            ("user-force-quit", "info"),
            ("cpu-near-limit", "medium"),
            ("powerlog-limited", "info"),
        ]
    )
    noise.bystanders(story, 20, clock(10, 29), per_second=0.05)
    first = _healthy(story, expected)
    launched, killed = _unreported(story, expected)
    app = story.app(951)
    second, window = _overloaded(story, expected, app)
    third = _suspended(story, expected, app)
    _used(story, expected, app)
    return Day(story, expected, (first, second, third), launched, killed, window, app)


def _healthy(story: Story, expected: Expected) -> Call:
    app = story.app(812)
    story.at(clock(7, 40))
    call = flows.ring(story, app)
    story.wait(4.2)
    flows.pick_up(story, call)
    story.wait(187)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    story.at(clock(8, 31, 12))
    killed = runningboard.terminate(
        story, app, requestor=story.service("com.apple.SpringBoard", "SpringBoard"), domain=10, code=0xDEADFA11, exit_name="frontboard",
        context="explanation:killed from app switcher\nProcessVisibility: Background\nProcessState: Suspended reportType:None maxTerminationResistance:Interactive",
    )  # fmt: skip
    flows.expect(expected, call)
    expected.row("processes", pid=812, start=call.launched, end=killed, is_app=True)
    expected.row("suspensions", pid=812, start=suspended, end=killed, in_call=False)
    expected.row("terminations", pid=812, start=killed, kind="user", code="0xdeadfa11")
    return call


def _unreported(story: Story, expected: Expected) -> tuple[int, int]:
    app = story.app(905)
    story.at(clock(9, 5, 3))
    received = calls.push(story, app)
    launched = calls.open_for_push(story, app, launch=True)
    delivered = calls.deliver(story, app)
    story.say(app, "push for an unknown account, ignored", subsystem="com.acme.voip", category="push", level="error")
    story.wait(7.0)
    calls.not_reported(story, app)
    killed = push_never_reported.kill(story, app.pid)
    expected.row("processes", pid=905, start=launched, end=killed, is_app=True)
    expected.row("pushes", received=received, delivered=delivered, outcome="unreported")
    expected.row("terminations", pid=905, start=killed, kind="push_unreported", code="0xbaadca11")
    return launched or received, killed


def _overloaded(story: Story, expected: Expected, app: Actor) -> tuple[Call, tuple[int, int]]:
    story.at(clock(9, 48, 10))
    call = flows.ring(story, app, session_number=0x7B2C1)
    story.wait(3.3)
    flows.pick_up(story, call)
    story.at(clock(9, 51, 1))
    story.say(
        story.actor("thermalmonitord"),
        "<Notice> Thermal pressure level %llu",
        20,
        subsystem="com.apple.cltm",
        category="thermalmonitor",
    )
    story.at(clock(9, 51, 34))
    times = []
    for _ in range(31):
        story.wait(story.random.choice((0.02, 0.04, 0.11, 0.3, 0.4)))
        times.append(audio.overload(story, app))
    story.say(
        story.actor("kernel"), "process %s[%d] thread %llu caught burning CPU! It used more than %d%% CPU over %u seconds",
        Static(app.name), app.pid, 91_377, 50, 180,
    )  # fmt: skip
    story.at(clock(9, 53, 20))
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("glitches", kind="overload", start=times[0], end=times[-1], count=31, in_call=True)
    expected.row("suspensions", pid=951, start=suspended, in_call=False)
    return call, (times[0], times[-1])


def _suspended(story: Story, expected: Expected, app: Actor) -> Call:
    story.at(clock(10, 2, 20))
    call = flows.ring(story, app, launch=False, session_number=0x7B2C1)
    story.wait(5.1)
    flows.pick_up(story, call)
    story.wait(42)
    calls.release(story, app)
    story.wait(0.9)
    suspended = runningboard.suspend(story, app)
    audio.stop_suspended(story, call.session)
    story.wait(25)
    calls.keep_awake(story, app)
    resumed = runningboard.resume(story, app)
    story.wait(0.4)
    call.ended = calls.end_by_remote(story, app, call.id)
    audio.deactivate(story, call.session, by_callkit=True)
    calls.audio_activated(story, app, active=False)
    flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("suspensions", pid=951, start=suspended, end=resumed, in_call=True)
    return call


def _used(story: Story, expected: Expected, app: Actor) -> None:
    story.at(clock(10, 12))
    runningboard.resume(story, app)
    foreground = runningboard.to_foreground(story, app)
    story.wait(48)
    began, assertion = tasks.begin(story, app, 1)
    background = runningboard.to_background(story, app)
    story.wait(6)
    ended = tasks.end(story, app, assertion)
    story.wait(1.2)
    suspended = runningboard.suspend(story, app)
    expected.row("app_states", state="foreground", start=foreground, end=background)
    expected.row("background_tasks", start=began, end=ended, outcome="ended")
    expected.row("suspensions", pid=951, start=suspended, in_call=False, end_how="capture_edge")


def nanoseconds(moment: datetime) -> int:
    """Return UTC nanoseconds of `moment`."""
    return int(moment.timestamp()) * SECOND
