"""The user places a call from the app, talks for a while in the background, and hangs up.

Rests on: CallKit's and callservicesd's strings for outgoing calls (iOS 26.1, 18); state lines as in the incoming call.
"""

from generator.flows import accessory_noise
from generator.phrases import audio, calls, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_18, IOS_26, Expected, Story, uuid_text

TITLE = "Healthy outgoing call"
VARIANTS = ((IOS_26, "ndjson"), (IOS_18, "syslog"))
PRIVATE_KEPT = ("syslog",)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    app, call = story.app(820), uuid_text(f"call {story.name}")
    session = Session(app, 0x7A1C2)
    noise.bystanders(story, 0, 100, per_second=0.3)
    story.at(3)
    launched = runningboard.launch(story, app, foreground=True)
    story.wait(0.4)
    audio.create(story, session)
    story.wait(6)
    started = calls.start_outgoing(story, app, call)
    story.wait(0.04)
    activated = audio.activate(story, session, by_callkit=True)
    calls.audio_activated(story, app, active=True)
    io_started = audio.start_io(story, session)
    accessory_noise(story)
    story.wait(0.9)
    calls.connecting(story, app, call)
    story.wait(5.1)
    connected = calls.connected(story, app, call)
    story.wait(12)
    runningboard.to_background(story, app)
    story.wait(52)
    ended = calls.end_by_user(story, app, call)
    audio.stop_io(story, session)
    deactivated = audio.deactivate(story, session, by_callkit=True)
    calls.audio_activated(story, app, active=False)
    story.wait(5)
    suspended = runningboard.suspend(story, app)
    expected.row("processes", pid=app.pid, start=launched, is_app=True)
    expected.row(
        "calls", direction="outgoing", kind="callkit", start=started, connected=connected, audio_activated=activated,
        ended=ended, outcome="answered",
    )  # fmt: skip
    expected.row(
        "audio_sessions",
        session_id=session.id,
        activated_by="callkit",
        start=activated,
        end=deactivated,
        io_started=io_started,
    )
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
