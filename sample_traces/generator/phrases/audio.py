"""AVAudioSession in the app, the audio server, and audio I/O.

Seen on devices: ``Created session … with ID`` and ``Activated session`` (18/26), ``cmsSetIsActive`` (18, shortened by its
author, and as a format in 26.1), ``CMSessionMgrHandleApplicationStateChange`` with and without line number (17, 18/26),
the JSON lines of mediaserverd with ``controlling_PID`` (14/15), AURemoteIO and rtaid lines (26). ``update_running_state``
was seen on macOS 26 only, the same daemon family. Overloads were seen on Macs and simulators, not on an iPhone.
"""

from dataclasses import dataclass
from typing import Final

from generator.story import Actor, Story
from generator.values import Static

_CLIENT: Final = {"subsystem": "com.apple.coreaudio", "category": "as_client", "library": "AudioSession"}
_SERVER: Final = {"subsystem": "com.apple.coreaudio", "category": "as_server", "library": "AudioSession"}
_MEDIA: Final = {"subsystem": "com.apple.coremedia", "category": "", "library": "MediaExperience"}
_UNIT: Final = {"subsystem": "com.apple.coreaudio", "category": "aurioc", "library": "AudioToolbox"}
_HAL: Final = {"subsystem": "com.apple.coreaudio", "category": "", "library": "CoreAudio"}


@dataclass(frozen=True, slots=True)
class Session:
    """An audio session: its id joins the app's and the server's lines."""

    app: Actor
    number: int
    category: str = "PlayAndRecord"
    mode: str = "VoiceChat"
    mixable: bool = False

    @property
    def id(self) -> str:
        """The id as expectations hold it."""
        return f"{self.number:#x}"

    @property
    def name(self) -> str:
        """The audio server's name of the session."""
        return f"sid:{self.id}, {self.app.short_name}({self.app.pid}), 'prim'"


def create(story: Story, session: Session) -> int:
    """The app gets its session object; return the time."""
    if story.os.ios < 17:
        return _json(
            story,
            session,
            "create_session",
            '{"session_type":"Primary"}',
            "AudioSessionServerImp.cpp:412:Sub_CreateSession: ",
        )
    story.say(
        story.actor("media"), "%25s:%-5d %{public}s", Static("ServerSessionManager.mm"), 315,
        f'{{ "action":"create_session", "session":{{"ID":"{session.id}","name":"{session.app.short_name}({session.app.pid})"}}, '
        f'"details":{{"PID":{session.app.pid},"session_type":"Primary"}} }}', **_SERVER,
    )  # fmt: skip
    return story.say(
        session.app, "%25s:%-5d Created session %p with ID: 0x%x", Static("AVAudioSession_iOS.mm"), 1141,
        0x1_1460_09C0, session.number, **_CLIENT,
    )  # fmt: skip


def activate(story: Story, session: Session, *, by_callkit: bool) -> int:
    """The session goes active, by CallKit or by the app itself; return the time.

    Only an activation by the app prints a line in the app. mediaserverd names the process in control, which for CallKit
    is callservicesd; newer audio servers do not, there CallKit's own lines tell.
    """
    if story.os.ios < 17:
        details = f'{{"controlling_PID":{story.actor("callservicesd").pid}}}' if by_callkit else "null"
        when = _json(
            story, session, "activate", details, "AudioSessionServerImp.cpp:3223:Sub_AudioSessionSetActiveWithFlags: "
        )
    else:
        when = _going(story, session, active=True)
    if not by_callkit and story.os.ios >= 17:
        _client(story, session, "Activated")
    return when


def deactivate(story: Story, session: Session, *, by_callkit: bool) -> int:
    """The session goes inactive; return the time."""
    if story.os.ios < 17:
        details = f'{{"controlling_PID":{story.actor("callservicesd").pid}}}' if by_callkit else "null"
        return _json(
            story, session, "deactivate", details, "AudioSessionServerImp.cpp:3223:Sub_AudioSessionSetActiveWithFlags: "
        )
    when = _going(story, session, active=False)
    if not by_callkit:
        _client(story, session, "Deactivated")
    return when


def _json(story: Story, session: Session, action: str, details: str, source: str) -> int:
    app = session.app
    shown = f'"session":{{"ID":"{session.id}","PID":{app.pid},"name":"{app.short_name}"}}'
    return story.say(
        story.actor("media"),
        "%{public}s%{public}s",
        source,
        f'{{ "action":"{action}", {shown}, "details":{details} }}',
        **_SERVER,
    )


def _going(story: Story, session: Session, *, active: bool) -> int:
    return story.say(
        story.actor("media"),
        "%{public}s %{public}s:%i '%{public}@' with [%{public}@/%{public}@] [%{public}s] [%{public}@] siriEndpointID: %{public}@ going %{public}sactive NowPlayingApp:%{public}s IsSharedAVAudioSessionInstance:%{BOOL}u",
        "-CMSessionMgr-", "cmsSetIsActive", 5522, session.name, session.category, session.mode,
        "Mixable" if session.mixable else "NonMixable", "System Music", None, "" if active else "in", "NO", 1, **_MEDIA,
    )  # fmt: skip


def _client(story: Story, session: Session, what: str) -> None:
    if story.os.ios < 26:
        story.say(
            session.app,
            "%25s:%-5d %s session 0x%x",
            Static("AVAudioSession_iOS.mm"),
            2654,
            Static(what),
            session.number,
            **_CLIENT,
        )
    else:
        line = 996 if what == "Activated" else 1072
        story.say(
            session.app,
            f"%25s:%-5d {what} session 0x%x",
            Static("AVAudioSession_iOS.mm"),
            line,
            session.number,
            **_CLIENT,
        )


def start_io(story: Story, session: Session) -> int:
    """The app's audio unit starts; return the time. The rtaid line is a healthy start, in spite of its word error."""
    if story.os.ios >= 26:
        story.say(
            session.app, "[%s:%-5d %.*s:%p] initialized with error = %d", Static("Detector.cpp"), 56, 15, Static("rtaid::Detector"), 0x10A2BCF00, 0,
            subsystem="com.apple.coreaudio", category="rtaid", library="AudioToolbox",
        )  # fmt: skip
    when = story.say(
        session.app, "%25s:%-5d Starting AURemoteIO(%p)", Static("AURemoteIO.cpp"), 1666, 0x10A549E40, **_UNIT
    )
    running(story, session, on=True)
    return when


def stop_io(story: Story, session: Session) -> int:
    """The app's audio unit stops; return the time."""
    when = story.say(
        session.app, "%25s:%-5d Stopping AURemoteIO(%p)", Static("AURemoteIO.cpp"), 1741, 0x10A549E40, **_UNIT
    )
    running(story, session, on=False)
    return when


def running(story: Story, session: Session, *, on: bool) -> None:
    """The server's view of running input and output."""
    if story.os.ios < 17:
        state = "Running" if on else "Stopped"
        _json(
            story, session, "set_play_state",
            f'{{"IsRecording":{str(on).lower()},"IsRecordingMuted":false,"active":{str(on).lower()},"modes":"Input/Output","player":"0x10cae7e00","state":"{state}","type":"Remote IO"}}',
            "AudioSessionServerImp.cpp:5108:AudioSessionSetClientPlayState_Inner: ",
        )  # fmt: skip
        return
    flag = str(on).lower()
    story.say(
        story.actor("media"), "%25s:%-5d %{public}s", Static("AVAudioSessionXPCServer.mm"), 2171,
        f'{{ "action":"update_running_state", "session":{{"ID":"{session.id}","name":"{session.app.short_name}({session.app.pid})"}}, '
        f'"details":{{"deviceUIDs":[],"implicit_category":"","input_running":{flag},"output_running":{flag}}} }}', **_SERVER,
    )  # fmt: skip


def application_state(story: Story, session: Session, state: str, *, background: bool) -> int:
    """The server follows the app's state; `background` is its entitlement to play there."""
    entitled = "YES" if background else "NO"
    if story.os.ios < 17:
        return story.say(
            story.actor("media"),
            "-CMSessionMgr- %s: Client %{public}@ with pid '%d' is now %{public}s. Background entitlement: %{public}s ActiveLongFormVideoSession: %{public}s WhitelistedLongFormVideoApp %{public}s",
            Static("CMSessionMgrHandleApplicationStateChange"), session.app.bundle, session.app.pid, state, entitled, "NO", "NO", **_MEDIA,
        )  # fmt: skip
    return story.say(
        story.actor("media"),
        "-CMSessionMgr- %s:%d Client %{public}@ with session %{public}@ [%p] with pid '%d' is now %{public}s. Background entitlement: %{public}s ActiveLongFormVideoSession: %{public}s IsLongFormVideoApp %{public}s",
        Static("CMSessionMgrHandleApplicationStateChange"), 17005, session.app.bundle, session.name, 0x5430E5880, session.app.pid,
        state, entitled, "NO", "NO", **_MEDIA,
    )  # fmt: skip


def stop_suspended(story: Story, session: Session) -> int:
    """The server stops the session of a suspended app; return the time. Seen on iOS 17."""
    return story.say(
        story.actor("media"),
        "-CMSessionMgr- %s: Sending stop command to %{public}@ with pid '%d' because client is background suspended and there is no AirPlay video session for it",
        Static("CMSessionMgrHandleApplicationStateChange"), session.app.bundle, session.app.pid, **_MEDIA,
    )  # fmt: skip


def interrupt(story: Story, victim: Session, by: str, *, phone_call: bool) -> int | None:
    """Another session interrupts; return the time. Format of iOS 26.1; how older releases said it is not known: None."""
    if story.os.ios < 26:
        return None
    return story.say(
        story.actor("media"),
        "%{public}s %{public}s:%i '%{public}@'[%p] with priority [%d] and category '%{public}@' INTERRUPTING '%{public}@'[%p] with priority [%d] and category '%{public}@'%{public}s.",
        "-CMSessionMgr-", "cmsInterruptSession", 6120, by, 0x5430E1100, 20, "PhoneCall", victim.name, 0x5430E5880, 10,
        victim.category, " (PHONE CALL)" if phone_call else "", **_MEDIA,
    )  # fmt: skip


def refused(story: Story, session: Session) -> int:
    """The server refuses an activation for want of priority, and the app is told; return the time of the refusal.

    Known are the server's words before iOS 17 (seen, 14/15) and in 26.1, and the client's since 18.0.
    """
    if story.os.ios < 17:
        return story.say(
            story.actor("media"), "%{public}s%{public}s", "AudioSessionServerImp.cpp:285:TranslateCMSessionErrorCode: ",
            '{ "action":"cm_session_begin_interruption", "error":"translating CM session error", '
            f'"session":{{"ID":"{session.id}","PID":{session.app.pid},"name":"{session.app.short_name}"}}, '
            '"details":{"calling_line":3196,"error_code":-12983,"error_string":"Insufficient priority"} }',
            level="error", **_SERVER,
        )  # fmt: skip
    if story.os.ios < 26:
        return _refused_client(story, session)
    when = story.say(
        story.actor("media"), "-CMSessionMgr- %s: Skipping begin interruption for %{public}@ because of insufficient priority.",
        Static("cmsBeginInterruptionGuts"), session.name, **_MEDIA,
    )  # fmt: skip
    _refused_client(story, session)
    return when


def _refused_client(story: Story, session: Session) -> int:
    return story.say(
        session.app, "%25s:%-5d Failed to set properties, error: %s", Static("AVAudioSessionClient_Common.mm"), 574, Static("'!pri'"),
        level="error", **_CLIENT,
    )  # fmt: skip


def route_changed(story: Story, session: Session, reason: str) -> int:
    """The app is told of another route; return the time. Seen on 14/15 (without the session's id) and on 26."""
    name = Static(f"AVAudioSessionRouteChangeReason{reason}")
    if story.os.ios < 17:
        return story.say(
            session.app, "%25s:%-5d Posting AVAudioSessionRouteChangeNotification. Reason: %s", Static("AVAudioSession_iOS.mm"), 303,
            name, **_CLIENT,
        )  # fmt: skip
    return story.say(
        session.app, "%25s:%-5d Session 0x%x posting AVAudioSessionRouteChangeNotification. Reason: %s",
        Static("SessionCore_iOS_NotificationHandlers.mm"), 475, session.number, name, **_CLIENT,
    )  # fmt: skip


def webrtc(story: Story, app: Actor, text: str, *arguments: int) -> int:
    """A line of the WebRTC library that the app carries, as its source has it."""
    library = app.path.rpartition("/")[0] + "/Frameworks/WebRTC.framework/WebRTC"
    return story.say(app, text, *arguments, library=library)


def overload(story: Story, app: Actor) -> int:
    """One skipped I/O cycle; return the time."""
    return story.say(
        app, "%25s:%-5d HALC_ProxyIOContext::IOWorkLoop: skipping cycle due to overload", Static("HALC_ProxyIOContext.cpp"), 1623,
        level="error", **_HAL,
    )  # fmt: skip
