"""Nobody answers: after 41 s of ringing the app reports the call as unanswered.

Rests on: CallKit's ``… was asked to report that call … ended … with reason`` (26.1) with Apple's reason 3 (unanswered).
"""

from generator import flows
from generator.phrases import calls, noise
from generator.story import IOS_15, Expected, Story

TITLE = "Incoming call missed"
VARIANTS = ((IOS_15, "default"),)
_UNANSWERED = 3


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    app = story.app(812)
    noise.bystanders(story, 0, 60, per_second=0.4)
    story.at(4)
    call = flows.ring(story, app)
    story.wait(41)
    call.ended = calls.end_reported(story, app, call.id, _UNANSWERED)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call, outcome="missed")
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
