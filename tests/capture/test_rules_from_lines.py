"""Rules that no sample tells of, from synthetic lines in known formats through the whole chain.

The lines are rendered from the formats that the catalogue of signals knows; nothing here was captured. Each story is read
from NDJSON (typed by its format strings) and from the plain text of ``log show``.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from generator import flows
from generator.carriers import CARRIERS
from generator.flows import Call
from generator.phrases import audio, calls, runningboard
from generator.phrases.audio import Session
from generator.samples import START
from generator.story import APP_BUNDLE, IOS_18, IOS_26, ZONE, Actor, Story, uuid_text

import traceview as tv
from traceview.analysis import Analysis
from traceview.rules.registry import Finding

Tell = Callable[[Story], None]
Read = Callable[..., Analysis]


@pytest.fixture(params=["ndjson", "default"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Read:
    """Return what one carrier of a story comes to."""
    carrier = CARRIERS[request.param]

    def analysed(tell: Tell, *, private_kept: bool = False) -> Analysis:
        story = Story(tell.__name__, IOS_26, START, private_kept=private_kept)
        tell(story)
        file = tmp_path / f"{tell.__name__}{carrier.suffix}"
        carrier.write(story, file)
        day = date.fromisoformat(carrier.options["date"]) if "date" in carrier.options else None
        with tv.open(file, apps=[APP_BUNDLE], date=day, tz=ZONE) as capture:
            return capture.analysis

    return analysed


def found(analysis: Analysis, rule: str) -> list[Finding]:
    return [one for one in analysis.findings if one.rule == rule]


def picked_up(story: Story, app: Actor) -> Call:
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    return call


def stays_for_an_hour(story: Story) -> None:
    """A call ends, callservicesd lets go of the app, and it is suspended an hour later."""
    app = story.app(812)
    story.at(5)
    call = picked_up(story, app)
    story.wait(20)
    flows.hang_up(story, call)
    calls.release(story, app)
    story.wait(3600)
    runningboard.suspend(story, app)


def test_background_time_that_nothing_explains(read: Read) -> None:
    (one,) = found(read(stays_for_an_hour), "background-time-unexplained")
    assert (one.number, one.severity.name, one.app) == ("B02", "medium", APP_BUNDLE)
    assert one.measures["unexplained_s"] == pytest.approx(3600, abs=2)


def held_by_location(story: Story) -> None:
    """After a call an assertion of locationd keeps the app awake for twenty minutes."""
    app = story.app(812)
    story.at(5)
    call = picked_up(story, app)
    story.wait(20)
    originator = story.service("com.apple.locationd", "locationd")
    attributes = "<RBSLegacyAttribute| requestedReason:Location reason:Location flags:( PreventTaskSuspend )>"
    held = runningboard.acquire(
        story, app, originator, "com.apple.locationd.background", attributes, by=story.actor("locationd").pid
    )
    flows.hang_up(story, call)
    calls.release(story, app)
    story.wait(1200)
    runningboard.invalidate(story, app, originator, held)
    story.wait(2)
    runningboard.suspend(story, app)


def test_location_keeps_a_calling_app_alive(read: Read) -> None:
    analysis = read(held_by_location)
    (one,) = found(analysis, "location-keep-alive")
    assert (one.number, one.severity.name, one.app) == ("B04", "medium", APP_BUNDLE)
    assert found(analysis, "background-without-reason") == []


SCHEDULED = {"subsystem": "com.apple.BackgroundTasks", "category": "Framework", "library": "BackgroundTasks"}
DASD = {"subsystem": "com.apple.duetactivityscheduler", "category": "bgst"}


def tasks_that_expire(story: Story, times: int = 3) -> None:
    """A scheduled task is started and expires, again and again."""
    app, dasd = story.app(812), story.actor("dasd")
    story.at(5)
    runningboard.launch(story, app)
    for _ in range(times):
        story.say(dasd, "Initiating BGST: %{public}@", f"{APP_BUNDLE}.refresh", **DASD)
        story.say(app, "Starting task: %{public}@", f"{APP_BUNDLE}.refresh", **SCHEDULED)
        story.wait(31)
        story.say(dasd, "Suspending BGST: %{public}@", f"{APP_BUNDLE}.refresh", **DASD)
        story.say(app, "Expiring task: %{public}@", f"{APP_BUNDLE}.refresh", **SCHEDULED)
        story.wait(2)
        story.say(app, "Marking task %{public}@ complete with success: %d", f"{APP_BUNDLE}.refresh", 0, **SCHEDULED)
        runningboard.suspend(story, app)
        story.wait(900)
        runningboard.resume(story, app)


def two_tasks_that_expire(story: Story) -> None:
    tasks_that_expire(story, 2)


def test_scheduled_tasks_that_expire(read: Read) -> None:
    (one,) = found(read(tasks_that_expire), "scheduled-task-expires")
    assert (one.number, one.severity.name, one.app) == ("B08", "medium", APP_BUNDLE)
    assert one.measures["expiration_count"] == 3
    assert found(read(two_tasks_that_expire), "scheduled-task-expires") == []


def left_on_hold(story: Story) -> None:
    """The user holds the first call for a second one; that ends, and the first is never taken back."""
    app = story.app(812)
    story.at(5)
    first = picked_up(story, app)
    story.wait(20)
    second = Call(uuid_text("second"), app, first.session)
    calls.push(story, app)
    calls.deliver(story, app)
    calls.report_incoming(story, app, second.id)
    story.wait(4)
    calls.another(story, app, second.id)
    calls.callservicesd(story, "Holding call with identifier: %@", first.id)
    calls.hold(story, app, first.id)
    story.wait(20)
    calls.end_by_remote(story, app, second.id, last=False)
    story.wait(25)
    flows.hang_up(story, first)
    flows.let_go(story, app)


def test_a_held_call_is_left_on_hold(read: Read) -> None:
    (one,) = found(read(left_on_hold, private_kept=True), "held-call-not-resumed")
    assert (one.number, one.severity.name, one.app) == ("V07", "medium", APP_BUNDLE)
    assert abs(one.measures["stuck_s"] - 25) < 0.1
    assert "stayed on hold for 25.0 s after the other call ended, until it ended itself" in one.title


def transmission(story: Story, after: float | None) -> None:
    app, channel = story.app(840), uuid_text("channel")
    session = Session(app, 0x51C07)
    story.at(3)
    runningboard.launch(story, app, foreground=True)
    audio.create(story, session)
    calls.channel_joined(story, app, channel)
    story.wait(3)
    calls.channel_push(story, app)
    calls.channel_deliver(story, app)
    calls.transmission(story, app, channel, begins=True)
    if after is not None:
        story.wait(after)
        audio.activate(story, session, by_callkit=True)
        calls.audio_activated(story, app, active=True)
    story.wait(9)
    calls.transmission(story, app, channel, begins=False)
    calls.channel_left(story, app, channel)


def transmission_without_audio(story: Story) -> None:
    transmission(story, None)


def transmission_with_late_audio(story: Story) -> None:
    transmission(story, 7)


def transmission_with_audio(story: Story) -> None:
    transmission(story, 0.2)


def test_push_to_talk_without_audio(read: Read) -> None:
    (never,) = found(read(transmission_without_audio), "push-to-talk-without-audio")
    assert (never.number, never.severity.name, never.app) == ("V08", "high", APP_BUNDLE)
    assert "got no audio" in never.title
    (late,) = found(read(transmission_with_late_audio), "push-to-talk-without-audio")
    assert "waited 7." in late.title
    assert found(read(transmission_with_audio), "push-to-talk-without-audio") == []


HEADSET = "80:82:23:8E:0B:B4"


def headset_changes_its_profile(story: Story) -> None:
    """Callservicesd names the output by its UID: the headset as one for calls, for music, for calls."""
    app = story.app(812)
    story.at(5)
    call = picked_up(story, app)
    story.wait(10)
    for end in ("tsco", "tacl", "tsco"):
        calls.callservicesd(story, "Setting current audio output to device with UID %@", f"{HEADSET}-{end}")
        calls.callservicesd(story, "Setting current audio input to device with UID %@", "Built-In Microphone")
        story.wait(6)
    flows.hang_up(story, call)
    flows.let_go(story, app)


def test_bluetooth_changes_its_profile(read: Read) -> None:
    analysis = read(headset_changes_its_profile, private_kept=True)
    (one,) = found(analysis, "bluetooth-profile-flip")
    assert (one.number, one.severity.name, one.measures["flip_count"]) == ("G06", "medium", 2)
    assert [moved.severity.name for moved in found(analysis, "route-moved-in-call")] == ["info"]
    # On a device that hides the UIDs nobody can tell.
    assert found(read(headset_changes_its_profile), "bluetooth-profile-flip") == []


def audio_stops_in_the_call(story: Story) -> None:
    """The audio unit stops for twelve seconds of a call whose session stays active."""
    app = story.app(812)
    story.at(5)
    call = picked_up(story, app)
    story.wait(20)
    audio.stop_io(story, call.session)
    story.wait(12)
    audio.start_io(story, call.session)
    story.wait(10)
    flows.hang_up(story, call)
    flows.let_go(story, app)


def test_silence_in_a_call(read: Read) -> None:
    (one,) = found(read(audio_stops_in_the_call), "silence-in-call")
    assert (one.number, one.severity.name, one.app) == ("G09", "medium", APP_BUNDLE)
    assert one.measures["silent_s"] == pytest.approx(12, abs=0.5)


def server_tells_of_one_way(story: Story, *, heard: bool) -> None:
    app = story.app(812)
    story.at(5)
    call = flows.ring(story, app)
    story.wait(3)
    calls.answer(story, app, call.id)
    audio.activate(story, call.session, by_callkit=True)
    calls.audio_activated(story, app, active=True)
    spoken, shown = str(not heard).lower(), str(heard).lower()
    story.say(
        story.actor("media"),
        "%{public}s",
        f'{{ "action":"update_running_state", "session":{{"ID":"{call.session.id}","name":"AcmeVoIP({app.pid})"}}, '
        f'"details":{{"deviceUIDs":[],"implicit_category":"","input_running":{spoken},"output_running":{shown}}} }}',
        subsystem="com.apple.coreaudio",
        category="as_server",
        library="AudioSession",
    )
    story.wait(30)
    calls.end_by_remote(story, app, call.id)
    audio.deactivate(story, call.session, by_callkit=True)
    calls.audio_activated(story, app, active=False)
    flows.let_go(story, app)


def the_other_side_hears_nothing(story: Story) -> None:
    server_tells_of_one_way(story, heard=True)


def the_user_hears_nothing(story: Story) -> None:
    server_tells_of_one_way(story, heard=False)


@pytest.mark.parametrize(
    ("tell", "words"),
    [(the_other_side_hears_nothing, "nothing from the microphone"), (the_user_hears_nothing, "nothing to the speaker")],
)
def test_one_way_audio(read: Read, tell: Tell, words: str) -> None:
    (one,) = found(read(tell), "one-way-audio")
    assert (one.number, one.severity.name, one.app) == ("G10", "high", APP_BUNDLE)
    assert words in one.title


def the_cover_closes(story: Story) -> None:
    """The built-in microphone is muted by hardware, and callservicesd ends the call for it."""
    app = story.app(812)
    story.at(5)
    call = picked_up(story, app)
    story.wait(20)
    calls.callservicesd(
        story, "Determined that audio interruption was caused due to built in mic muted, ending all calls"
    )
    audio.stop_io(story, call.session)
    audio.deactivate(story, call.session, by_callkit=True)
    calls.audio_activated(story, app, active=False)
    calls.disconnected(story, call.id)
    flows.let_go(story, app)


def test_a_call_ends_because_the_microphone_is_muted(read: Read) -> None:
    (one,) = found(read(the_cover_closes), "one-way-audio")
    assert (one.number, one.severity.name, one.app) == ("G10", "medium", APP_BUNDLE)
    assert "built-in microphone is muted" in one.title


def test_older_wording_tells_of_silence_too(tmp_path: Path) -> None:
    story = Story("silence", IOS_18, START)
    audio_stops_in_the_call(story)
    file = tmp_path / "silence.ndjson"
    CARRIERS["ndjson"].write(story, file)
    with tv.open(file, apps=[APP_BUNDLE]) as capture:
        assert [one.number for one in found(capture.analysis, "silence-in-call")] == ["G09"]


IOS_12 = """\
Mar  3 10:00:00 iPhone assertiond[64] <Notice>: Now tracking process <BKProcess: 0x10313ee10; Acme; com.acme.voip; pid: 812; agency: Application; visibility: none; task: running; hostpid: 55>
Mar  3 10:00:02 iPhone mediaserverd(CoreMedia)[40] <Notice>: -CMSessionMgr- CMSessionMgrHandleApplicationStateChange: CMSession: Client com.acme.voip with pid '812' is now Foreground Running. Background entitlement: NO
Mar  3 10:01:00 iPhone SpringBoard[55] <Notice>: Application process state changed for com.acme.voip: <SBApplicationProcessState: 0x281a612c0; pid: 812; taskState: Running; visibility: Background>
Mar  3 10:01:00 iPhone assertiond[64] <Notice>: [Acme:812] Add assertion: <BKProcessAssertion: 0x102d49b50; "sync" (finishTask:180s); id:…AEB425907B3C>
Mar  3 10:03:55 iPhone assertiond[64] <Notice>: [Acme:812] Sending background permission expiration warning!
Mar  3 10:04:00 iPhone assertiond[64] <Notice>: [Acme:812] Forcing crash report with description: Acme:812 has active assertions beyond permitted time: <BKProcessAssertion: 0x102d49b50; "sync" (finishTask:180s); id:…AEB425907B3C> (owner: Acme:812)
Mar  3 10:04:01 iPhone assertiond[64] <Notice>: Process exited: <BKProcess: 0x10313ee10; Acme; com.acme.voip; pid: 812; agency: Application; visibility: background; task: none; hostpid: 55>
"""


def test_ios_12_kills_for_a_background_task(tmp_path: Path) -> None:
    file = tmp_path / "ios12.log"
    file.write_text(IOS_12, encoding="utf-8")
    with tv.open(file, date=date(2019, 3, 3), tz=ZONE) as capture:
        analysis = capture.analysis
    assert analysis.episodes["app_states"]["state"].to_list() == ["foreground", "background", "not_running"]
    assert [(one.number, one.severity.name) for one in found(analysis, "background-task-overrun")] == [
        ("T04", "critical")
    ]
    assert {one.app for one in analysis.findings if one.severity.name != "info"} == {APP_BUNDLE}
