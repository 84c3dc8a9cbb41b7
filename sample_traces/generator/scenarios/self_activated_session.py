"""The user answers, and the app activates the audio session itself: CallKit cannot, and never says so to the delegate.

Rests on: Apple DTS (forums 783870, 758386): an app must not activate in a CallKit call, or there is no ``didActivate`` and
audio may be one-way; ``Activated session`` of real lines. The activation state line of CallKit (26.1) is missing, which is
the evidence.
"""

from generator import flows
from generator.phrases import audio, calls, noise
from generator.story import IOS_18, IOS_26, Expected, Story

TITLE = "App activates its audio session inside a CallKit call"
VARIANTS = ((IOS_26, "pymobiledevice3"), (IOS_18, "default"))


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(
        findings=[("audio-activated-by-app-in-call", "high"), ("answer-without-audio-activation", "critical")]
    )
    app = story.app(812)
    noise.bystanders(story, 0, 70, per_second=0.5)
    story.at(5)
    call = flows.ring(story, app)
    story.wait(3.8)
    call.answered = calls.answer(story, app, call.id)
    story.wait(0.015)
    activated = audio.activate(story, call.session, by_callkit=False)
    call.io_started = audio.start_io(story, call.session)
    story.wait(31)
    call.ended = calls.end_by_remote(story, app, call.id)
    audio.stop_io(story, call.session)
    deactivated = audio.deactivate(story, call.session, by_callkit=False)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("audio_sessions", session_id=call.session.id, activated_by="app", start=activated, end=deactivated)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
