"""Push-to-Talk: the app joins a channel; a push announces a transmission, somebody speaks for eight seconds, the user leaves.

Rests on: CallKit's channel provider and callservicesd's channel pushes (26.1). The framework came with iOS 16; that 17 and 18
use the same words is inferred, iOS 15 has none.
"""

from generator.phrases import audio, calls, noise, runningboard
from generator.phrases.audio import Session
from generator.story import IOS_17, IOS_18, IOS_26, Expected, Story, uuid_text

TITLE = "Push-to-Talk: a transmission in the background"
VARIANTS = ((IOS_26, "default"),)
GENERATIONS = (IOS_17, IOS_18, IOS_26)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    app, channel = story.app(840), uuid_text("channel")
    session = Session(app, 0x51C07)
    noise.bystanders(story, 0, 70, per_second=0.4)
    story.at(3)
    runningboard.launch(story, app, foreground=True)
    audio.create(story, session)
    story.wait(4)
    joined = calls.channel_joined(story, app, channel)
    story.wait(3)
    runningboard.to_background(story, app)
    story.wait(4.7)
    slept = runningboard.suspend(story, app)
    story.at(38)
    pushed = calls.channel_push(story, app)
    woke = runningboard.resume(story, app)
    calls.channel_deliver(story, app)
    story.wait(0.2)
    started = calls.transmission(story, app, channel, begins=True)
    activated = audio.activate(story, session, by_callkit=True)
    calls.audio_activated(story, app, active=True)
    audio.start_io(story, session)
    story.wait(8.1)
    ended = calls.transmission(story, app, channel, begins=False)
    audio.stop_io(story, session)
    deactivated = audio.deactivate(story, session, by_callkit=True)
    calls.audio_activated(story, app, active=False)
    story.at(56)
    left = calls.channel_left(story, app, channel)
    calls.release(story, app)
    story.wait(4.9)
    suspended = runningboard.suspend(story, app)
    expected.row("push_to_talk", kind="channel", start=joined, end=left)
    expected.row("push_to_talk", kind="transmission", start=started, end=ended, audio_activated=activated)
    expected.row("pushes", received=pushed)
    expected.row("audio_sessions", session_id=session.id, start=activated, end=deactivated, activated_by="callkit")
    expected.row("suspensions", start=slept, end=woke)
    expected.row("suspensions", start=suspended)
    return expected
