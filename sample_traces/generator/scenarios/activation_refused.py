"""With a cellular call going on, the app tries to take audio in the background and is refused: not enough priority.

Rests on: the refusal reasons of the audio server (26.1; between 17 and 26 they are not known, the client's error stands alone),
mediaserverd's ``error_code -12983`` (seen, 14/15), and the client's
``Failed to set properties, error:`` (seen with '!int' on 18.0). Error '!pri' is 561017449.
"""

from generator.phrases import audio, calls, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_18, IOS_26, Expected, Story

TITLE = "Audio activation refused for want of priority"
VARIANTS = ((IOS_26, "default"), (IOS_18, "xctrace"))


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(
        findings=[("activation-refused", "high")],
        no_finding_above="high",
        notes="The call is not the app's: that the app is suspended meanwhile is right.",
    )
    app = story.app(533)
    session = Session(app, 0x52D11)
    noise.bystanders(story, 0, 40, per_second=0.6)
    story.at(2)
    runningboard.launch(story, app, foreground=True)
    story.wait(0.4)
    audio.create(story, session)
    story.at(12)
    runningboard.to_background(story, app)
    ringing = calls.callservicesd(story, "Handling incoming call: %@", "<TUCall>")
    story.at(20)
    refused = audio.refused(story, session)
    story.wait(4)
    suspended = runningboard.suspend(story, app)
    expected.row("calls", app=None, direction="incoming", reported=ringing, outcome="unknown")
    expected.row("suspensions", start=suspended, in_call=False, end_how="capture_edge")
    expected.row(
        "audio_sessions",
        session_id=session.id,
        start=refused,
        end=refused,
        refused_error="!pri" if 17 <= story.os.ios < 26 else "-12983",
    )
    return expected
