"""A capture without callservicesd: that there was a call is known only from the audio that CallKit activated.

Rests on: the activation lines of the healthy call (26.1; ``controlling_PID`` of mediaserverd, 14/15, with callservicesd's pid known
from its assertion).
"""

from generator.phrases import audio, calls, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_26, Expected, Story

TITLE = "Call known from its audio alone"
VARIANTS = ((IOS_26, "compact"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("call-single-witness", "info")], no_finding_above="info")
    app = story.app(812)
    session = Session(app, 0x6F6A3)
    noise.bystanders(story, 0, 60, per_second=0.4)
    story.at(4)
    launched = runningboard.launch(story, app)
    calls.keep_awake(story, app)
    audio.create(story, session)
    story.at(12)
    activated = audio.activate(story, session, by_callkit=True)
    if story.os.ios >= 17:
        calls.audio_activated(story, app, active=True)
    started = audio.start_io(story, session)
    story.at(44)
    audio.stop_io(story, session)
    deactivated = audio.deactivate(story, session, by_callkit=True)
    if story.os.ios >= 17:
        calls.audio_activated(story, app, active=False)
    calls.release(story, app)
    story.wait(4.9)
    suspended = runningboard.suspend(story, app)
    expected.row("processes", pid=812, start=launched, is_app=True)
    expected.row(
        "calls",
        start=activated,
        audio_activated=activated,
        end=deactivated,
        witness="audio_session",
        start_how="inferred",
    )
    expected.row(
        "audio_sessions",
        session_id=session.id,
        activated_by="callkit",
        start=activated,
        end=deactivated,
        io_started=started,
    )
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
