"""A VoIP push launches the app, the call is reported in time, answered, and ends well.

Rests on: the iOS 26.1 order of callservicesd's push lines; ``controlling_PID`` of a real mediaserverd line (iOS 14/15) and
CallKit's own activation lines (26.1); the state fan-out seen on iOS 17 to 26. Suspension some seconds after the end is the
normal course ("Extending your app's background execution time").
"""

from generator import flows
from generator.phrases import noise
from generator.story import IOS_15, IOS_18, IOS_26, Expected, Story

TITLE = "Healthy incoming call"
VARIANTS = ((IOS_26, "ndjson"), (IOS_18, "default"), (IOS_15, "console"))


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(no_finding_above="info", notes="Nothing is wrong here.")
    app = story.app(812)
    noise.bystanders(story, 0, 125, per_second=0.4)
    story.at(10)
    call = flows.ring(story, app)
    story.wait(4.2)
    flows.pick_up(story, call)
    story.wait(95)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("processes", pid=812, start=call.launched, is_app=True)
    expected.row("suspensions", start=suspended, in_call=False, start_how="observed", end_how="capture_edge")
    return expected
