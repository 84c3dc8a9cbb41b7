"""The app goes to the background and keeps itself awake with an active playback session, for twelve minutes without a call.

Rests on: ``Activated session`` of real iOS 17/18 and 26 lines, ``cmsSetIsActive`` (iOS 18, and as a format in 26.1), Apple
DTS: an active session keeps the app awake so that background tasks do not expire; App Review 2.5.4. The audio server prints
``Background entitlement: YES``: the audio mode is declared.
"""

from generator.phrases import audio, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_18, IOS_26, Expected, Story

TITLE = "Silent audio keeps the app alive"
VARIANTS = ((IOS_26, "default"), (IOS_18, "pymobiledevice3"))


def tell(story: Story) -> Expected:
    """Play it."""
    # How mediaserverd told the category before iOS 17 is not known: without it the session may be a player's.
    expected = Expected(findings=[("session-active-without-call", "high")] if story.os.ios >= 17 else [])
    app = story.app(512)
    session = Session(app, 0x41B07, category="MediaPlayback", mode="Default", mixable=True)
    noise.bystanders(story, 0, 770, per_second=0.12)
    story.at(2)
    launched = runningboard.launch(story, app, foreground=True)
    story.wait(0.5)
    audio.create(story, session)
    story.wait(14)
    runningboard.to_background(story, app)
    story.wait(0.3)
    activated = audio.activate(story, session, by_callkit=False)
    audio.application_state(story, session, "BackgroundRunning", background=True)
    io_started = audio.start_io(story, session)
    story.wait(738)
    runningboard.to_foreground(story, app)
    audio.stop_io(story, session)
    deactivated = audio.deactivate(story, session, by_callkit=False)
    expected.row("processes", pid=app.pid, start=launched, is_app=True)
    expected.row(
        "audio_sessions", session_id=session.id, activated_by="app", **({"category": "MediaPlayback"} if story.os.ios >= 17 else {}), start=activated, end=deactivated,
        io_started=io_started, in_call_s=0.0,
    )  # fmt: skip
    return expected
