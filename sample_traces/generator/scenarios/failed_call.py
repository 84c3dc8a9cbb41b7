"""The user places a call, and it fails before the other side rings.

Rests on: CallKit's ``Provider … was notified that call with UUID … failed`` (26.1), callservicesd's ``Using call ended reason
failed`` (18/26).
"""

from generator.phrases import audio, calls, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_18, Expected, Story, uuid_text

TITLE = "Outgoing call failed"
VARIANTS = ((IOS_18, "idevicesyslog"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="A failed call alone is no finding: the network may be gone.")
    app, call = story.app(820), uuid_text(f"call {story.name}")
    noise.bystanders(story, 0, 25, per_second=0.5)
    story.at(3)
    launched = runningboard.launch(story, app, foreground=True)
    audio.create(story, Session(app, 0x7A1C2))
    story.wait(4)
    started = calls.start_outgoing(story, app, call)
    story.wait(6.4)
    failed = calls.failed(story, app, call)
    story.wait(8)
    expected.row("processes", pid=app.pid, start=launched, is_app=True)
    expected.row("calls", direction="outgoing", start=started, connected=None, ended=failed, outcome="failed")
    return expected
