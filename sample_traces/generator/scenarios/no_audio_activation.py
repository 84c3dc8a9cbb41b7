"""The user answers, and CallKit never activates the audio: no delegate call, no IO; nobody hears anything.

Rests on: Apple DTS (forum 783870, iOS 18.4.1), and CallKit's activation lines as in the healthy call: that they are missing is the
evidence.
"""

from generator import flows
from generator.phrases import calls, noise
from generator.story import IOS_26, Expected, Story

TITLE = "Answered, and audio never activated"
VARIANTS = ((IOS_26, "ndjson"),)


def tell(story: Story) -> Expected:
    """Play it."""
    # No session is ever activated in this capture, so the lines might be missing: not critical.
    expected = Expected(findings=[("answer-without-audio-activation", "high")])
    app = story.app(812)
    noise.bystanders(story, 0, 50, per_second=0.4)
    story.at(4)
    call = flows.ring(story, app)
    story.wait(3)
    call.answered = calls.answer(story, app, call.id)
    story.wait(22)
    call.ended = calls.end_by_remote(story, app, call.id)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.episodes["calls"][0] |= {"audio_activated": None, "audio_fault": "not_activated"}
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
