"""A calling app without the audio background mode plays a voice mail, goes to the background, and is stopped there.

Rests on: ``… moved to … and is not allowed to play in the background`` of a real audiomxd log (iOS 18/26, printed there on the
way to ForegroundRunning: about the app's rights, not about that moment), and the stop command (17).
"""

from generator.phrases import audio, calls, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_26, Actor, Expected, Story, uuid_text
from generator.values import Static

TITLE = "Background audio without the background mode"
VARIANTS = ((IOS_26, "ndjson"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("background-audio-not-allowed", "high"), ("stopped-because-suspended", "high")])
    app = story.app(533)
    session = Session(app, 0x6FD55, category="MediaPlayback", mode="Default")
    noise.bystanders(story, 0, 60, per_second=0.5)
    story.at(2)
    runningboard.launch(story, app, foreground=True)
    story.wait(3)
    started, ended = _earlier_call(story, app)
    story.at(20)
    story.wait(0.4)
    audio.create(story, session)
    audio.application_state(story, session, "ForegroundRunning", background=False)
    activated = audio.activate(story, session, by_callkit=False)
    audio.start_io(story, session)
    story.at(36)
    runningboard.to_background(story, app)
    story.say(
        story.actor("media"), "-CMSessionMgr- %s: Client %{public}@ with pid '%d' moved to %s and is not allowed to play in the background",
        Static("CMSessionMgrHandleApplicationStateChange"), app.bundle, app.pid, Static("BackgroundRunning"),
        subsystem="com.apple.coremedia", library="MediaExperience",
    )  # fmt: skip
    story.wait(5)
    suspended = runningboard.suspend(story, app)
    audio.stop_suspended(story, session)
    expected.row("audio_sessions", session_id=session.id, activated_by="app", start=activated)
    expected.row(
        "glitches", kind="suspension_gap", start=suspended, end_how="capture_edge", in_call=False, cause="suspension"
    )
    expected.row("calls", direction="outgoing", kind="callkit", start=started, connected=None, ended=ended)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected


def _earlier_call(story: Story, app: Actor) -> tuple[int, int]:
    """A call of the user's that nobody takes: it shows that the app is one for calls. Return its begin and end."""
    call = uuid_text(f"call {story.name}")
    started = calls.start_outgoing(story, app, call)
    story.wait(0.5)
    calls.connecting(story, app, call)
    story.wait(9)
    return started, calls.end_by_user(story, app, call)
