"""The phone rings, and the user declines.

Rests on: CallKit's end action on a call that was never answered (18/26.1), callservicesd's ``Asked to disconnect call`` (18.2).
"""

from generator import flows
from generator.phrases import calls, noise
from generator.story import IOS_18, Expected, Story

TITLE = "Incoming call declined"
VARIANTS = ((IOS_18, "ndjson"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    app = story.app(812)
    noise.bystanders(story, 0, 30, per_second=0.5)
    story.at(4)
    call = flows.ring(story, app)
    story.wait(6.3)
    call.ended = calls.end_by_user(story, app, call.id)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call, outcome="declined")
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
