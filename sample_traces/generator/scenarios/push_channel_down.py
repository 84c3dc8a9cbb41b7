"""The device loses its connection to the push service for ninety seconds; the push that was sent meanwhile comes late.

Rests on: apsd's formats (18.2); that 17 and 26 use the same words is inferred, those of iOS 15 are not known: there the
gap goes untold.
"""

from generator import flows
from generator.phrases import network, noise
from generator.story import IOS_26, Expected, Story

TITLE = "Push channel down"
VARIANTS = ((IOS_26, "default"),)


def tell(story: Story) -> Expected:
    """Play it."""
    expected = Expected(findings=[("push-channel-down", "medium")] if story.os.ios >= 17 else [])
    app = story.app(812)
    noise.bystanders(story, 0, 140, per_second=0.2, push_channel=False)
    story.at(10)
    if story.os.ios >= 17:
        lost = network.push_channel_lost(story, 1)
        story.at(40)
        network.push_channel_lost(story, 2)
        story.at(100)
        back = network.push_channel_back(story)
        expected.row("network", app=None, kind="push_channel_down", start=lost, end=back, count=2)
    story.at(101)
    call = flows.ring(story, app)
    story.wait(3)
    flows.pick_up(story, call)
    story.wait(20)
    flows.hang_up(story, call)
    suspended = flows.let_go(story, app)
    flows.expect(expected, call)
    expected.row("suspensions", start=suspended, in_call=False)
    return expected
