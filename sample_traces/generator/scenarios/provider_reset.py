"""callservicesd dies in the middle of a call: CallKit resets the provider, the call is gone, and the app must clean up.

Rests on: Apple, ``providerDidReset``; RunningBoard's bookkeeping of a daemon that ended (18.2). ``providerDidReset`` itself has no
line in the log.
"""

from generator import flows
from generator.phrases import noise, runningboard
from generator.story import IOS_18, Expected, Story

TITLE = "Provider reset: callservicesd dies in a call"
VARIANTS = ((IOS_18, "default"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("crash-in-call", "critical")], no_finding_above="info")
    app = story.app(812)
    noise.bystanders(story, 0, 50, per_second=0.4)
    story.at(4)
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    story.at(38)
    call.ended = runningboard.daemon_gone(story, "com.apple.telephonyutilities.callservicesd", "callservicesd")
    expected.row("terminations", app=None, pid=130, start=call.ended, kind="crash", in_call=True)
    story.restart("callservicesd", 1201)
    story.at(45)
    flows.expect(expected, call)
    expected.episodes["calls"][0]["end_reason"] = "provider reset"
    return expected
